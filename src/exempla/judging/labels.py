"""Labels: how people read answers, from CSV or JSON Lines with `answer`, `reading`, `level` and perhaps `who`.

MEASURED/labels/WHO.jsonl     what one person labelled in the viewer, a row for each time; the last of a key counts
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import append_lines, disk_errors, mend_torn_tail, read_objects
from exempla.judging.reading import readings
from exempla.records import Frozen
from exempla.verdicts import EVERY, ReadingName

COLUMNS = ("answer", "reading", "level")
MORE = ("who", "at", "note", "blind", "text")
"""Columns that may be left out."""
FOLDER = "labels"
"""Where the viewer keeps labels: of answers in the measured folder, of stories in the run or corpus."""
PATIENCE = 10.0
"""Seconds to wait for another process that writes the same person's labels; one row takes milliseconds."""
LINES = (".jsonl", ".ndjson")
DELIMITERS = ",;\t"
"""Spreadsheets write any of them, by the country they are used in."""


class Label(Frozen):
    """What a person reads in one answer."""

    answer: str
    reading: ReadingName
    level: str
    """Empty in a row that takes back what was labelled before."""
    who: str
    at: str = ""
    """When, UTC, ISO 8601. Of two rows that have it, the later one in the file counts."""
    note: str = ""
    blind: bool | None = None
    """Whether arm, seed, model and verdicts were hidden while it was labelled; None where nobody knows."""
    text: str = ""
    """SHA-256 of the answer as it was labelled, as verdicts have it; of an answer that has changed since, the label
    says nothing. Empty where nobody knows."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Of what it is a label, and whose."""
        return (self.who, self.answer, self.reading)


def label_files(folder: Path) -> list[Path]:
    """The files in which the viewer keeps people's labels of answers (`MEASURED/labels`), by name; none that holds no
    label. A line that a killed process left half written is cut off.

    Raises:
        UserError: a file cannot be written, or naming file and line of a row that cannot be read.
    """
    found = sorted(path for path in folder.glob("*.jsonl") if path.is_file())
    for path in found:
        with _held(path):
            mend_torn_tail(path)
    return [path for path in found if standing_labels(path)]


def keep_row(path: Path, row: Frozen) -> None:
    """Append a row to a person's file of labels; it is on the disk when this returns.

    A line that a killed process left half written is cut off first. Two processes may keep rows of one person.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _held(path):
            mend_torn_tail(path)
            append_lines(path, [row])
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); the label was not kept") from error


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a person's file of labels."""
    try:
        with disk_errors(path), filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE):
            yield
    except filelock.Timeout as error:
        raise UserError(f"{path}: another process has held it for {PATIENCE:.0f} s; try again") from error


def read_labels(path: Path) -> list[Label]:
    """The labels of a file. Whoever is not named in it goes by the file's name.

    Raises:
        UserError: naming file and line: something is missing or unknown, one person labels one answer twice without
            telling when, or there are no labels.
    """
    if found := standing_labels(path):
        return found
    raise UserError(f"{path}: holds no labels")


def standing_labels(path: Path, torn: bool = False) -> list[Label]:
    """The labels of a file that stand: of `last_labels`, those that were not taken back. Arguments and errors are the
    same."""
    return [label for label in last_labels(path, torn) if label.level]


def last_labels(path: Path, torn: bool = False) -> list[Label]:
    """The last row of each key, those with an empty level that take a label back included.

    Args:
        path: of the file.
        torn: whether a last line without its end, as a killed writer leaves it, is passed over.

    Raises:
        UserError: like `read_labels`, but for a file without labels.
    """
    rows = read_objects(path, torn) if path.suffix.lower() in LINES else _table(path)
    found: dict[tuple[str, str, str], tuple[int, Label]] = {}
    for number, row in rows:
        label = _label(row, f"{path}:{number}", path.stem)
        before, earlier = found.pop(label.key, (0, label))
        if before and not (label.at and earlier.at):
            raise UserError(
                f"{path}:{number}: {label.who} labels {label.reading} of {label.answer} in line {before} already"
            )
        found[label.key] = number, label
    return [label for _, label in found.values()]


def _label(row: Mapping[str, Any], place: str, otherwise: str) -> Label:
    values = {name: str(value).strip() for name, value in row.items() if value is not None}
    if more := sorted(set(values) - {*COLUMNS, *MORE}):
        raise UserError(f"{place}: unknown column {more[0]!r}; there are {', '.join((*COLUMNS, *MORE))}")
    taken_back = bool(values.get("at")) and values.get("level") == ""
    for name in COLUMNS:
        if not values.get(name) and not (name == "level" and taken_back):
            raise UserError(f"{place}: no {name}")
    try:
        name = catalogue.require("reading", values["reading"], EVERY)
        reading = readings([name])[0]
        level = "" if taken_back else catalogue.require("level", values["level"].casefold(), reading.names)
        blind = values.get("blind", "").casefold()
        if blind:
            catalogue.require("value of blind", blind, ("true", "false"))
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
    return Label(
        answer=values["answer"],
        reading=reading.name,
        level=level,
        who=values.get("who") or otherwise,
        at=values.get("at", ""),
        note=values.get("note", ""),
        blind=blind == "true" if blind else None,
        text=values.get("text", ""),
    )


def _table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by its heading, each with the line that it begins in."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a UTF-8 text file; save it as CSV in UTF-8") from error
    heading = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=heading.count)
    stream = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    begins = 1
    try:
        for values in stream:
            number, begins = begins, stream.line_num + 1
            if not any(value.strip() for value in values):
                continue
            if not names:
                names = [value.strip().lower() for value in values]
                if missing := [name for name in COLUMNS if name not in names]:
                    raise UserError(
                        f"{path}:{number}: the heading lacks {missing[0]!r}; write answer,reading,level,who"
                    )
            elif len(values) != len(names):
                raise UserError(f"{path}:{number}: {len(values)} values under {len(names)} headings; quote commas")
            else:
                yield number, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}:{stream.line_num}: not valid CSV ({error})") from error
