"""The index of a folder's records: Parquet in the viewer's own folder, made part by part, added to when files change.

Each part is one step: take the lock, read on from where the stored state ends, write a part, store the state. So what a
killed viewer has made is used by the next one, and two viewers of one folder share the work.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from exempla.files import disk_errors, write_atomically, write_through
from exempla.pages.showing import visible
from exempla.records import Frozen
from exempla.viewing.opened import Opened
from exempla.viewing.stories.arrow import table
from exempla.viewing.stories.entry import Entry
from exempla.viewing.stories.files import Pass, Seen, grew, look, name_in, same, whole_lines
from exempla.viewing.stories.sources import entry_of, plan_files, plans, sources

VERSION = 2
"""Raised when the columns or their meaning change; indices of before are then made anew."""
GROUP_CHARACTERS = 1 << 20
GROUP_ROWS = 2048
"""A row group holds at most so much: one record is read without unpacking many others."""
MOST_ADDED = 32
"""After so many additions these are put into one part."""
FACTS = (
    ("place", pa.int64()), ("id", pa.string()), ("corpus", pa.string()), ("recipe", pa.string()),
    ("principle", pa.string()), ("genre", pa.string()), ("fate", pa.string()), ("gate", pa.string()),
    ("title", pa.string()), ("opening", pa.string()), ("words", pa.int32()), ("score", pa.float32()),
)  # fmt: skip
"""What the list and its filters need; small enough to be held in memory."""
SCHEMA = pa.schema([*FACTS, ("lower", pa.string()), ("told", pa.string())])
"""`lower`: title and text as they are shown, in lower case, for searching. `told`: JSON of `sources.entry_of`."""


class State(Frozen):
    """What the index holds."""

    version: int = VERSION
    records: int = 0
    parts: tuple[str, ...] = ()
    """Files of the index, in order."""
    files: dict[str, Seen] = {}
    """By path in the folder."""
    share: float = 0.0
    """Of the bytes of the files, what was read."""
    whole: bool = False
    """Whether all files were read to their ends."""
    made: int = 0
    """So many of the parts stay as they are; those after them are additions."""


class News(NamedTuple):
    """What has happened to the folder since the index was made."""

    records: int
    """Lines that were added."""
    rewritten: bool
    """Whether files were replaced, so that records may be others now."""


class Index:
    """The index of an open folder. Several viewers may have the folder open: they take turns at writing."""

    def __init__(self, opened: Opened, own: Path) -> None:
        self._opened = opened
        self._folder = own / "stories"
        self._state_file = self._folder / "index.json"
        self._known: tuple[tuple[str, ...], set[str]] = ((), set())
        """Ids in the parts that are named."""
        self._plans: tuple[list[Seen | None], dict[str, dict[str, Any]]] = ([], {})
        self.state = State()

    @property
    def parts(self) -> list[Path]:
        """The Parquet files, in order."""
        return self._parts(self.state)

    def news(self) -> News:
        """What has happened since, besides what is still to be read."""
        return self._news(self.state)

    def step(self, most: int) -> None:
        """Bring the index nearer to the folder, by about `most` bytes of records; `state` tells how far it is then.

        Raises:
            UserError: a file cannot be read, or the disk is full; the index is as it was.
        """
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self._folder / "lock"):
                state = self._stored()  # another viewer may have been here
                news = self._news(state)
                if news.rewritten or not self._intact(state):
                    state = State()
                if news.records and state.whole and len(state.parts) - state.made >= MOST_ADDED:
                    state = self._joined(state)
                if news.records or not state.whole:
                    state = self._write(state, most)
                    self._clear(state)
                self.state = state
        if state.whole:
            self._known, self._plans = ((), set()), ([], {})

    def _parts(self, state: State) -> list[Path]:
        return [self._folder / Path(name).name for name in state.parts]

    def _news(self, state: State) -> News:
        added, rewritten = 0, False
        every = sources(self._opened)
        names = [name_in(self._opened, source) for source in every]
        # While the index is made, the files from the last one on that was begun are not missed: they come yet.
        last = max((place for place, name in enumerate(names) if name in state.files), default=-1)
        begun = every if state.whole else every[: last + 1]
        for source, name in zip(begun, names, strict=False):
            seen, now = state.files.get(name), look(source.path)
            if now is None or (seen and same(seen, now)):
                rewritten |= now is None and seen is not None
            elif seen and grew(source, seen, now):
                added += whole_lines(source.path, seen.read) if seen.ended else 0
            else:
                rewritten = True
        return News(added, rewritten)

    def _stored(self) -> State:
        try:
            state = State.model_validate_json(self._state_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return State()
        return state if state.version == VERSION else State()

    def _intact(self, state: State) -> bool:
        return bool(state.parts) and all(path.is_file() for path in self._parts(state))

    def _clear(self, state: State) -> None:
        """Remove what no state speaks of any more, and what a killed viewer left half written."""
        for path in (*self._folder.glob("part-*.parquet"), *self._folder.glob(".part-*.tmp")):
            if path.name not in state.parts:
                path.unlink(missing_ok=True)

    def _write(self, state: State, most: int) -> State:
        """Write one part with what a state has not read yet, up to `most` bytes; gives what the index holds then."""
        reading, known, count = Pass(self._opened, state.files, most), self._ids(state), state.records
        with self._part() as (name, writer):
            for group in _groups(self._entries(reading, known)):
                rows = [entry.row(count + place, key) for place, (key, entry) in enumerate(group)]
                writer.write_table(table(rows, SCHEMA), row_group_size=len(rows))
                count += len(rows)
        made = State(
            records=count,
            parts=(*state.parts, name),
            files=reading.files,
            share=reading.share,
            whole=reading.whole,
            made=state.made or (len(state.parts) + 1 if reading.whole else 0),
        )
        write_atomically(self._state_file, made.model_dump_json())
        self._known = made.parts, known
        return made

    def _joined(self, state: State) -> State:
        """The same with its additions in one part, which is stored with the next one."""
        with self._part() as (name, writer):
            for part in self._parts(state)[state.made :]:
                with pq.ParquetFile(part) as file:
                    for group in range(file.num_row_groups):
                        writer.write_table(file.read_row_group(group))
        return state.model_copy(update={"parts": (*state.parts[: state.made], name), "made": state.made + 1})

    @contextlib.contextmanager
    def _part(self) -> Iterator[tuple[str, pq.ParquetWriter]]:
        """A new part under a name of its own."""
        name = f"part-{secrets.token_hex(8)}.parquet"
        with (
            write_through(self._folder / name) as temporary,
            pq.ParquetWriter(
                temporary, SCHEMA, compression="lz4", use_dictionary=False, write_statistics=["place"]
            ) as writer,
        ):
            yield name, writer

    def _ids(self, state: State) -> set[str]:
        """The ids in the parts of a state."""
        parts, known = self._known
        if parts == state.parts:
            return set(known)  # a copy, because a step may fail
        found: set[str] = set()
        for part in self._parts(state):
            found |= set(pq.read_table(part, columns=["id"])["id"].to_pylist())
        return found

    def _entries(self, reading: Pass, known: set[str]) -> Iterator[tuple[str, Entry]]:
        """Entries that were not read yet, each with a key of its own, which is added to those that are known."""
        told = self._told_plans()
        again: Counter[str] = Counter()
        for source, row in reading.rows():
            entry = Entry(entry_of(source, row, told))
            key = visible(entry.id)  # what no column can hold stands in no address either
            if key in known:
                if source.fate == "waiting" or source.rejected:
                    continue  # the gates have told of it already
                while key in known:  # somebody else's rows may share an id
                    again[entry.id] += 1
                    key = f"{visible(entry.id)}~{again[entry.id] + 1}"
            known.add(key)
            yield key, entry

    def _told_plans(self) -> dict[str, dict[str, Any]]:
        """The plans of the folder, read again only where their files have changed."""
        now = [look(path) for path in plan_files(self._opened)]
        if now != self._plans[0]:
            self._plans = now, plans(self._opened)
        return self._plans[1]


def _groups(entries: Iterator[tuple[str, Entry]]) -> Iterator[list[tuple[str, Entry]]]:
    group: list[tuple[str, Entry]] = []
    size = 0
    for key, entry in entries:
        group.append((key, entry))
        size += len(entry.whole_text)
        if size >= GROUP_CHARACTERS or len(group) >= GROUP_ROWS:
            yield group
            group, size = [], 0
    if group:
        yield group
