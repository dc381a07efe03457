"""The index of a folder's records: Parquet in the viewer's own folder, made anew or added to when files change."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from exempla.files import write_atomically, write_through
from exempla.pages.showing import visible
from exempla.records import Frozen
from exempla.viewing.opened import Opened
from exempla.viewing.stories.entry import Entry
from exempla.viewing.stories.sources import Source, entry_of, lines_from, parquet_rows, plans, sources

VERSION = 1
"""Raised when the columns or their meaning change; indices of before are then made anew."""
GROUP_CHARACTERS = 1 << 20
GROUP_ROWS = 2048
"""A row group holds at most so much: one record is read without unpacking many others."""
MOST_PARTS = 32
"""More than so many additions are made one again."""
TAIL = 4096
"""Bytes that tell whether a file that grew still begins with what was read of it."""
FACTS = (
    ("place", pa.int64()), ("id", pa.string()), ("corpus", pa.string()), ("recipe", pa.string()),
    ("principle", pa.string()), ("genre", pa.string()), ("fate", pa.string()), ("gate", pa.string()),
    ("title", pa.string()), ("opening", pa.string()), ("words", pa.int32()), ("score", pa.float32()),
)  # fmt: skip
"""What the list and its filters need; small enough to be held in memory."""
SCHEMA = pa.schema([*FACTS, ("lower", pa.string()), ("told", pa.string())])
"""`lower`: title and text as they are shown, in lower case, for searching. `told`: JSON of `sources.entry_of`."""


class Seen(Frozen):
    """A file as it was when it was read."""

    size: int
    changed: int
    """Time of its last change, in nanoseconds."""
    inode: int
    read: int = 0
    """Bytes of whole lines that were read, of a file that grows."""
    tail: str = ""
    """SHA-256 of the last of these bytes."""


class State(Frozen):
    """What the index holds."""

    version: int = VERSION
    records: int = 0
    parts: tuple[str, ...] = ()
    """Files of the index, in order."""
    files: dict[str, Seen] = {}
    """By path in the folder."""


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
        self.state = State()

    @property
    def parts(self) -> list[Path]:
        """The Parquet files, in order."""
        return self._parts(self.state)

    def news(self) -> News:
        """What an update would find, without making it."""
        return self._news(self.state)

    def update(self, progress: Callable[[int], None] = lambda count: None) -> bool:
        """Bring the index up to date with the folder; `progress` is told how many records were read.

        Returns:
            Whether anything changed.

        Raises:
            UserError: a file cannot be read; the index is as it was.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._folder / "lock"):
            state = self._stored()  # another viewer may have been here
            news, whole = self._news(state), self._whole(state)
            if news != News(0, False) or not whole:
                add = whole and not news.rewritten and len(state.parts) < MOST_PARTS
                state = self._write(state if add else State(), progress)
                self._clear(state)
            changed, self.state = state != self.state, state
        return changed

    def _parts(self, state: State) -> list[Path]:
        return [self._folder / Path(name).name for name in state.parts]

    def _news(self, state: State) -> News:
        added, rewritten = 0, False
        for source in sources(self._opened):
            seen = state.files.get(self._name(source))
            now = _seen(source.path)
            if now is None or (seen and _same(seen, now)):
                rewritten |= now is None and seen is not None
            elif seen and _grew(source, seen, now):
                added += _whole_lines(source.path, seen.read)
            else:
                rewritten = True
        return News(added, rewritten)

    def _stored(self) -> State:
        try:
            state = State.model_validate_json(self._state_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return State()
        return state if state.version == VERSION else State()

    def _whole(self, state: State) -> bool:
        return bool(state.parts) and all(path.is_file() for path in self._parts(state))

    def _clear(self, state: State) -> None:
        """Remove what no state speaks of any more, and what a killed viewer left half written."""
        for path in (*self._folder.glob("part-*.parquet"), *self._folder.glob(".part-*.tmp")):
            if path.name not in state.parts:
                path.unlink(missing_ok=True)

    def _write(self, state: State, progress: Callable[[int], None]) -> State:
        """Write one part with all that a state has not read yet; gives what the index holds then."""
        known: set[str] = set()
        for part in self._parts(state):
            known |= set(pq.read_table(part, columns=["id"])["id"].to_pylist())
        files, count = dict(state.files), state.records
        name = f"part-{secrets.token_hex(8)}.parquet"
        with (
            write_through(self._folder / name) as temporary,
            pq.ParquetWriter(
                temporary, SCHEMA, compression="lz4", use_dictionary=False, write_statistics=["place"]
            ) as writer,
        ):
            for group in _groups(self._entries(known, files)):
                rows = [entry.row(count + place, key) for place, (key, entry) in enumerate(group)]
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA), row_group_size=len(rows))
                count += len(rows)
                progress(count)
        made = State(records=count, parts=(*state.parts, name), files=files)
        write_atomically(self._state_file, made.model_dump_json())
        return made

    def _entries(self, known: set[str], files: dict[str, Seen]) -> Iterator[tuple[str, Entry]]:
        """Entries that were not read yet, each with a key of its own; notes in `files` what was read."""
        told = plans(self._opened)
        again: Counter[str] = Counter()
        for source in sources(self._opened):
            for row in self._rows(source, files):
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

    def _rows(self, source: Source, files: dict[str, Seen]) -> Iterator[dict[str, Any]]:
        now = _seen(source.path)
        name = self._name(source)
        if now is None:
            files.pop(name, None)
            return
        before = files.get(name)
        if not source.grows:
            if before is None or not _same(before, now):
                yield from parquet_rows(source)
            files[name] = now
            return
        read = before.read if before else 0
        for line in lines_from(source.path, read):
            read = line.end
            yield line.row
        files[name] = now.model_copy(update={"read": read, "tail": _tail(source.path, read)})

    def _name(self, source: Source) -> str:
        return source.path.relative_to(self._opened.folder).as_posix()


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


def _seen(path: Path) -> Seen | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return Seen(size=status.st_size, changed=status.st_mtime_ns, inode=status.st_ino)


def _same(one: Seen, other: Seen) -> bool:
    return (one.size, one.changed, one.inode) == (other.size, other.changed, other.inode)


def _grew(source: Source, seen: Seen, now: Seen) -> bool:
    """Whether a file is the one that was read, with more at its end."""
    return (
        source.grows
        and now.inode == seen.inode
        and now.size >= seen.read
        and _tail(source.path, seen.read) == seen.tail
    )


def _tail(path: Path, end: int) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, end - TAIL))
        return hashlib.sha256(stream.read(min(end, TAIL))).hexdigest()


def _whole_lines(path: Path, start: int) -> int:
    count = 0
    with path.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(1 << 20):
            count += block.count(b"\n")
    return count
