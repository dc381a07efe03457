"""A corpus on disk while it is screened: chunks of records as JSON Lines, and beside each the numbers of its words.

So that a million records need not be in memory, are read by several processes, and are cut into words once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exempla.records import Record
from exempla.screening.intake.rows import Taken
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes

RECORDS = 500
"""Of a chunk, at most."""
BYTES = 2 << 20
"""Of a chunk, about, unless one record is larger."""


class DiskChunk:
    """One chunk; a few words to hand to another process."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self._count = count

    def __len__(self) -> int:
        return self._count

    def readings(self) -> Sequence[Reading]:
        """All of them, in order; a record is parsed when a gate asks for it."""
        lines = _lines(self.path)
        found = _words(self.path)
        return [
            _Shelved(partial(_parsed, line), found[1][found[0][n] : found[0][n + 1]] if found else None)
            for n, line in enumerate(lines)
        ]

    def reading(self, place: int) -> Reading:
        """One of them."""
        found = _words(self.path)
        hashes = found[1][found[0][place] : found[0][place + 1]] if found else None
        return _Shelved(lambda: _parsed(_recent(self.path)[place]), hashes)

    def taken(self) -> Iterator[Taken]:
        """The records with what else their rows had."""
        return map(_parsed, _lines(self.path))

    def keep_words(self, readings: Sequence[Reading]) -> None:
        """Keep the numbers of the words, so that later gates need not make them again."""
        numbers = [reading.whole.hashes for reading in readings]
        ends = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
        np.save(self.path.with_suffix(".ends.npy"), ends)
        np.save(self.path.with_suffix(".words.npy"), np.concatenate([np.empty(0, dtype=np.uint64), *numbers]))


class _Shelved(Reading):
    """A record that is parsed when it is needed."""

    def __init__(self, load: Callable[[], Taken], hashes: Hashes | None) -> None:
        self._load = load
        super().__init__(self._loaded, hashes)

    def _loaded(self) -> Record:
        taken = self._load()
        if taken.score is not None:
            self.score = taken.score
        return taken.record


def fill(folder: Path, records: Iterable[Taken]) -> list[DiskChunk]:
    """Put records on a shelf in the order in which they come."""
    _recent.cache_clear()  # of an earlier corpus in the same folder
    chunks: list[DiskChunk] = []
    lines: list[bytes] = []
    size = 0

    def put() -> None:
        path = folder / f"chunk-{len(chunks):06d}.jsonl"
        path.write_bytes(b"".join(lines))
        chunks.append(DiskChunk(path, len(lines)))

    for taken in records:
        line = taken.model_dump_json().encode() + b"\n"
        if lines and (len(lines) >= RECORDS or size + len(line) > BYTES):
            put()
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        put()
    return chunks


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().removesuffix(b"\n").split(b"\n")


@lru_cache(maxsize=8)
def _recent(path: Path) -> list[bytes]:
    return _lines(path)


def _parsed(line: bytes) -> Taken:
    return Taken.model_validate_json(line)


def _words(path: Path) -> tuple[NDArray[np.int64], Hashes] | None:
    """Ends and numbers of the words of a chunk, once a first reader has kept them."""
    kept = path.with_suffix(".words.npy")
    if not kept.exists():
        return None
    return np.load(path.with_suffix(".ends.npy")), np.load(kept, mmap_mode="r")
