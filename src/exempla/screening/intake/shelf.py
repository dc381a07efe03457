"""A corpus on disk while it is screened: chunks of records as JSON Lines, and beside each what its words are.

So that a million records need not be in memory, are read by several processes, and are cut into words and searched for
capitals once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exempla.records import Record
from exempla.screening.capitals import WRITTEN, Written
from exempla.screening.intake.rows import Taken
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes

RECORDS = 500
"""Of a chunk, at most."""
BYTES = 2 << 20
"""Of a chunk, about, unless one record is larger."""


class Kept(NamedTuple):
    """What a first reader made of a record."""

    hashes: Hashes
    capitals: bytes
    """As JSON: word to the place in `WRITTEN` of how it stands."""


class DiskChunk:
    """One chunk; a few words to hand to another process."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self._count = count

    def __len__(self) -> int:
        return self._count

    def readings(self) -> Sequence[Reading]:
        """All of them, in order; a record is parsed when a gate asks for it."""
        kept = _kept(self.path, _lines)
        return [_Shelved(partial(_parsed, line), kept(n)) for n, line in enumerate(_lines(self.path))]

    def reading(self, place: int) -> Reading:
        """One of them."""
        return _Shelved(lambda: _parsed(_recent(self.path)[place]), _kept(self.path, _recent)(place))

    def taken(self) -> Iterator[Taken]:
        """The records with what else their rows had."""
        return map(_parsed, _lines(self.path))

    def keep(self, readings: Sequence[Reading]) -> None:
        """Keep the numbers of the words and the words with capitals, so that later gates need not find them again."""
        numbers = [reading.whole.hashes for reading in readings]
        ends = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
        np.save(self.path.with_suffix(".ends.npy"), ends)
        np.save(self.path.with_suffix(".words.npy"), np.concatenate([np.empty(0, dtype=np.uint64), *numbers]))
        lines = [
            json.dumps({word: 2 * stands.inside + stands.alone for word, stands in reading.capitals.items()})
            for reading in readings
        ]
        self.path.with_suffix(".capitals.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


class _Shelved(Reading):
    """A record that is parsed when it is needed."""

    def __init__(self, load: Callable[[], Taken], kept: Kept | None) -> None:
        self._load = load
        self._kept = kept
        super().__init__(self._loaded, kept.hashes if kept else None)

    @cached_property
    def capitals(self) -> dict[str, Written]:
        """The capitalised words of what is taught that may be names; found by the first reader of the chunk."""
        if self._kept is None:
            return super().capitals
        return {word: WRITTEN[place] for word, place in json.loads(self._kept.capitals).items()}

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


def _kept(path: Path, lines: Callable[[Path], list[bytes]]) -> Callable[[int], Kept | None]:
    """What a first reader has kept of a record of a chunk, by its place; None before there was one."""
    found = path.with_suffix(".capitals.jsonl")
    if not found.exists():
        return lambda place: None
    capitals = lines(found)
    ends = np.load(path.with_suffix(".ends.npy"))
    words: Hashes = np.load(path.with_suffix(".words.npy"), mmap_mode="r")
    return lambda place: Kept(words[ends[place] : ends[place + 1]], capitals[place])
