"""All answers of an open folder, found by what they are. Only what lists need is held; an answer is read from its file.

A folder that is still being written is read on from where reading stopped.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.verdicts import AnyAnswer, JudgeFolder, Verdict, answer_sha256, can_be_judged, current, judge_folders
from exempla.viewing.answering.cells import Cell, cells
from exempla.viewing.opened import Opened

FRESH = 1.0
"""Seconds for which files are not looked at again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer in lists."""

    cell: Cell
    id: str
    token: str
    """Stands for it in addresses: it tells neither arm nor setting."""
    place: tuple[int, int]
    """Begin and length of its line, in bytes."""
    text: str
    """SHA-256 of what verdicts and labels are about."""
    judgeable: bool
    facts: dict[str, str]
    """What it is found by, such as `family` and `form`."""


@dataclass
class _Read:
    """What is known of one cell."""

    cell: Cell
    seen: int = 0
    """Bytes of answers that were read."""
    stamp: tuple[int, int] = (0, 0)
    entries: dict[str, Entry] = field(default_factory=dict)
    verdicts: dict[str, tuple[tuple[int, int], dict[str, dict[str, str]]]] = field(default_factory=dict)
    """By folder of a judge: state of its file, and by answer and reading the level, or the state of one not scored."""
    judges: dict[str, str] = field(default_factory=dict)
    """Name of each judge, by folder."""

    def forget(self) -> None:
        """Have the answers read from the beginning."""
        self.seen, self.stamp = 0, (0, 0)
        self.entries.clear()


class Index:
    """The answers of an open folder."""

    def __init__(self, opened: Opened, key: bytes) -> None:
        self._opened = opened
        self._key = key
        self._cells: dict[Path, _Read] = {}
        self._by_token: dict[str, Entry] = {}
        self._looked = float("-inf")
        self._lock = threading.RLock()

    def entries(self) -> list[Entry]:
        """All of them, cell by cell, in order of their ids.

        Raises:
            UserError: naming file and line of a row that cannot be read.
        """
        with self._lock:
            self._look()
            return [entry for read in self._cells.values() for _, entry in sorted(read.entries.items())]

    def entry(self, token: str) -> Entry | None:
        """The answer that a token stands for. Raises UserError like `entries`."""
        with self._lock:
            self._look()
            return self._by_token.get(token)

    def judges(self) -> list[str]:
        """Names of all judges."""
        with self._lock:
            self._look()
            return sorted({name for read in self._cells.values() for name in read.judges.values()})

    def levels(self, entry: Entry) -> dict[str, dict[str, str]]:
        """By judge and reading: the level, or `unparsable`, `failed` or `refused`."""
        with self._lock:
            read = self._cells.get(entry.cell.measured.root, _Read(entry.cell))
            return {
                read.judges[folder]: levels[entry.id]
                for folder, (_, levels) in sorted(read.verdicts.items())
                if entry.id in levels
            }

    def read(self, entry: Entry) -> AnyAnswer:
        """The answer itself.

        Raises:
            UserError: its file has changed so that it is not there any more.
            FileNotFoundError: the file is gone, because its cell is measured anew.
        """
        kind = entry.cell.kind
        path = entry.cell.measured.answers
        try:
            with path.open("rb") as stream:
                stream.seek(entry.place[0])
                line = stream.read(entry.place[1])
        except FileNotFoundError:
            self._forget(entry.cell)
            raise
        try:
            answer = kind.model_validate_json(line) if kind else None
        except ValidationError:
            answer = None
        if answer is None or answer.id != entry.id:
            self._forget(entry.cell)
            raise UserError(f"{path}: was written anew; load the page again")
        return answer

    def _forget(self, cell: Cell) -> None:
        """Have the answers of a cell read from the beginning."""
        with self._lock:
            if cell.measured.root in self._cells:
                self._cells[cell.measured.root].forget()

    def verdicts(self, entry: Entry, answer: AnyAnswer) -> Iterator[tuple[str, Verdict]]:
        """Every judge's verdicts about an answer, with the judge's name."""
        read = self._cells.get(entry.cell.measured.root, _Read(entry.cell))
        for folder in judge_folders(entry.cell.measured.verdicts):
            rows = (row for row in folder.rows() if row.answer == entry.id)
            for verdict in current(rows, {entry.id: answer}):
                yield read.judges.get(folder.root.name, verdict.judge), verdict

    def _look(self) -> None:
        """Read what is new. The lock is held."""
        if time.monotonic() - self._looked < FRESH:
            return
        found = cells(self._opened)
        for gone in set(self._cells) - {cell.measured.root for cell in found}:
            del self._cells[gone]
        for cell in found:
            read = self._cells.setdefault(cell.measured.root, _Read(cell))
            if self._read_answers(read):
                read.verdicts.clear()  # which of them are current has to be found out again
            _read_verdicts(read)
        self._by_token = {entry.token: entry for read in self._cells.values() for entry in read.entries.values()}
        self._looked = time.monotonic()

    def _read_answers(self, read: _Read) -> bool:
        """Read what is new in a cell's answers; whether anything was."""
        path, kind = read.cell.measured.answers, read.cell.kind
        if kind is None or not path.is_file():
            known = bool(read.entries)
            read.forget()  # it is measured anew
            return known
        stamp = _stamp(path)
        if stamp == read.stamp:
            return False
        if stamp[0] < read.seen or stamp[0] == read.stamp[0]:  # written anew, not written on
            read.forget()
        begin = read.seen
        with path.open("rb") as stream:
            stream.seek(read.seen)
            for line in stream:
                if not line.endswith(b"\n"):  # it is being written
                    break
                if line.strip():
                    try:
                        answer = kind.model_validate_json(line)
                    except ValidationError as error:
                        read.forget()
                        if begin:  # it was written anew, and is longer than before
                            return self._read_answers(read)
                        problem = error.errors(include_url=False)[0]["msg"]
                        raise UserError(f"{path}: {problem}: {line[:60]!r}") from error
                    read.entries[answer.id] = self._entry(read.cell, answer, (read.seen, len(line)))
                read.seen += len(line)
        read.stamp = stamp
        return True

    def _entry(self, cell: Cell, answer: AnyAnswer, place: tuple[int, int]) -> Entry:
        where = f"{cell.measured.root.relative_to(self._opened.folder)}\n{answer.id}"
        agent = isinstance(answer, AgentAnswer)
        return Entry(
            cell=cell,
            id=answer.id,
            token=hmac.new(self._key, where.encode(), hashlib.sha256).hexdigest()[:20],
            place=place,
            text=answer_sha256(answer),
            judgeable=bool(cell.readings) and can_be_judged(answer),
            facts=_facts(cell, answer) | ({} if agent else {"task": cell.task}),
        )


def _facts(cell: Cell, answer: AnyAnswer) -> dict[str, str]:
    told = {"arm": cell.arm, "seed": cell.seed, "state": answer.state, "kind": answer.kind}
    if not isinstance(answer, AgentAnswer):
        right = {True: "right", False: "wrong", None: "not told"}[answer.right]
        return told | {"question": answer.question, "principle": answer.principle, "right": right}
    return told | {
        "family": answer.family,
        "scenario": answer.scenario,
        "goal": answer.goal,
        "threat": answer.threat,
        "name": {"own": "its own name", "none": "no name"}.get(answer.persona, answer.name),
        "form": answer.form,
        "executed": "" if answer.kind == "probe" else "yes" if answer.executed else "no",
    }


def _read_verdicts(read: _Read) -> None:
    """Read a cell's verdicts where a file is new or was replaced."""
    folders = {folder.root.name: folder for folder in judge_folders(read.cell.measured.verdicts)}
    for gone in set(read.verdicts) - set(folders):
        del read.verdicts[gone]
    for name, folder in folders.items():
        stamp = _stamp(folder.verdicts)
        if name not in read.verdicts or read.verdicts[name][0] != stamp:
            read.verdicts[name] = stamp, _levels(folder, read)
    called = {name: folder.read_judge().name for name, folder in folders.items() if name not in read.judges}
    for name, judge in called.items():
        # Two judges of one name differ in their rubrics, and go by their folders.
        read.judges[name] = name if judge in read.judges.values() else judge


def _levels(folder: JudgeFolder, read: _Read) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in folder.rows():
        entry = read.entries.get(row.answer)
        if entry is not None and row.text == entry.text:
            found.setdefault(row.answer, {})[row.reading] = row.level or row.state
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of change."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns
