"""The files of a folder as they were when they were read, and how they are read on, a little at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from exempla.records import Frozen
from exempla.viewing.opened import Opened
from exempla.viewing.stories.sources import Source, lines_from, parquet_rows, sources

TAIL = 4096
"""Bytes that tell whether a file that grew still begins with what was read of it."""


class Seen(Frozen):
    """A file as it was when it was read."""

    size: int
    changed: int
    """Time of its last change, in nanoseconds."""
    inode: int
    read: int = 0
    """What was read of it: bytes of whole lines of one that grows, or else rows."""
    tail: str = ""
    """SHA-256 of the last of these bytes."""
    ended: bool = True
    """Whether it was read to its end."""


class Piece(NamedTuple):
    """A row, and where its file is read to with it."""

    row: dict[str, Any]
    read: int
    size: int
    """Bytes of this row; of a table, in the mean."""
    share: float
    """Of the file that is read."""


class Pass:
    """One reading of a folder's files, from where an earlier one left them until enough is read."""

    def __init__(self, opened: Opened, files: Mapping[str, Seen], most: int) -> None:
        self._opened = opened
        self._left = most
        self.files = dict(files)
        """By path in the folder; up to date when `rows` has ended."""
        self.share = 0.0
        """Of the bytes of all files, what is read when `rows` has ended."""
        self.whole = False
        """Whether all files are read to their ends then."""

    def rows(self) -> Iterator[tuple[Source, dict[str, Any]]]:
        """Rows that were not read yet, file by file, in order.

        Raises:
            UserError: a file cannot be read.
        """
        every, done = sources(self._opened), 0.0
        for source in every:
            name, now = name_in(self._opened, source), look(source.path)
            if now is None:
                self.files.pop(name, None)
                continue
            read, share = (before.read, 1.0) if (before := self.files.get(name)) else (0, 1.0)
            if source.grows or before is None or not before.ended or not same(before, now):
                for piece in _pieces(source, now, read):
                    yield source, piece.row
                    read, share = piece.read, piece.share
                    self._left -= piece.size
                    if self._left <= 0:
                        break
            ended = self._left > 0
            last = tail(source.path, read) if source.grows else ""
            self.files[name] = now.model_copy(update={"read": read, "tail": last, "ended": ended})
            done += now.size * share
            if not ended:
                self.share = min(1.0, done / max(1, sum(one.size for path in every if (one := look(path.path)))))
                return
        self.share, self.whole = 1.0, True


def _pieces(source: Source, now: Seen, read: int) -> Iterator[Piece]:
    if not source.grows:
        for told in parquet_rows(source, read):
            yield Piece(told.row, told.number, told.size, told.number / told.of)
        return
    for line in lines_from(source.path, read):
        yield Piece(line.row, line.end, line.end - read, line.end / max(line.end, now.size))
        read = line.end


def name_in(opened: Opened, source: Source) -> str:
    """Path of a file in the folder."""
    return source.path.relative_to(opened.folder).as_posix()


def look(path: Path) -> Seen | None:
    """A file as it is now; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Seen(size=status.st_size, changed=status.st_mtime_ns, inode=status.st_ino)


def same(one: Seen, other: Seen) -> bool:
    """Whether nothing has changed."""
    return (one.size, one.changed, one.inode) == (other.size, other.changed, other.inode)


def grew(source: Source, seen: Seen, now: Seen) -> bool:
    """Whether a file is the one that was read, with more at its end."""
    return (
        source.grows and now.inode == seen.inode and now.size >= seen.read and tail(source.path, seen.read) == seen.tail
    )


def tail(path: Path, end: int) -> str:
    """SHA-256 of what stands before a byte of a file."""
    with path.open("rb") as stream:
        stream.seek(max(0, end - TAIL))
        return hashlib.sha256(stream.read(min(end, TAIL))).hexdigest()


def whole_lines(path: Path, start: int) -> int:
    """Lines with an end, from a byte of a file on."""
    count = 0
    with path.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(1 << 20):
            count += block.count(b"\n")
    return count
