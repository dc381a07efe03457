"""A corpus in chunks, and what of it the gates have let through so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.records import LIBRARY_WRITER, Record
from exempla.screening.crew import Chunk, Crew, Mask, Task
from exempla.screening.reading import Reading

FEWEST = 200
"""Records of a chunk that a gate sees, at least, if there are so many: half of the smallest share that `tics` looks for
is five of them."""
CHUNK = 500
"""Records of a chunk in memory."""
Places = NDArray[np.int64]


class Facts(NamedTuple):
    """What is kept in memory about each record."""

    id: str
    corpus: str
    score: float
    library: bool
    chat: bool
    recipe: str
    principle: str
    words: int


def facts_of(reading: Reading) -> Facts:
    """The facts of one record."""
    record = reading.record
    return Facts(
        id=record.id,
        corpus=record.corpus,
        score=reading.score,
        library=record.lineage.writer == LIBRARY_WRITER,
        chat=bool(record.messages),
        recipe=record.lineage.recipe,
        principle=record.principle,
        words=len(reading.taught.hashes),
    )


class MemoryChunk:
    """Records that are in memory, with all that gates made of them."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._readings = [Reading(record) for record in records]

    def __len__(self) -> int:
        return len(self._readings)

    def readings(self) -> Sequence[Reading]:
        """All of them, in order."""
        return self._readings

    def reading(self, place: int) -> Reading:
        """One of them."""
        return self._readings[place]

    def keep(self, readings: Sequence[Reading]) -> None:
        """They are kept in the readings themselves."""


class JoinedChunk:
    """Several chunks that are read as one."""

    def __init__(self, parts: Sequence[Chunk]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def readings(self) -> Sequence[Reading]:
        """All of them, in order."""
        return [reading for part in self._parts for reading in part.readings()]

    def reading(self, place: int) -> Reading:
        """One of them."""
        return self.readings()[place]

    def keep(self, readings: Sequence[Reading]) -> None:
        """Its parts keep theirs."""


def in_chunks(records: Sequence[Record]) -> list[MemoryChunk]:
    """Chunks of about the same size; none if there are no records."""
    ends = np.linspace(0, len(records), -(-len(records) // CHUNK) + 1).astype(int).tolist()
    return [MemoryChunk(records[start:end]) for start, end in pairwise(ends)]


class Corpus:
    """Chunks, the facts of their records, and which of these are still in."""

    def __init__(self, chunks: Sequence[Chunk], crew: Crew) -> None:
        self.chunks = chunks
        self.crew = crew
        self.starts = np.cumsum([0, *map(len, chunks)])
        self.kept: Mask = np.ones(int(self.starts[-1]), dtype=np.bool_)
        self.facts: list[Facts] = []

    def __len__(self) -> int:
        return len(self.kept)

    def reading(self, place: int) -> Reading:
        """The record at a place of the whole corpus."""
        chunk = int(np.searchsorted(self.starts, place, side="right")) - 1
        return self.chunks[chunk].reading(place - int(self.starts[chunk]))

    @cached_property
    def standing(self) -> NDArray[np.int64]:
        """Rank of each place: 0 is the one that is kept rather than any other that says the same.

        The better judged first, then texts of the library, then by id, so that the order of records does not matter.
        """
        judged = self.judged.tolist()
        order = sorted(range(len(self.facts)), key=lambda place: (judged[place], self.facts[place].id))
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return ranks

    @cached_property
    def judged(self) -> NDArray[np.int64]:
        """By place, how well it is judged: 0 is the best; the same number for those between which only ids decide."""
        worth = [(-facts.score, not facts.library) for facts in self.facts]
        numbers = {one: number for number, one in enumerate(sorted(set(worth)))}
        return np.array([numbers[one] for one in worth], dtype=np.int64)


class View:
    """The part of a corpus that a gate sees: records that earlier gates let through."""

    def __init__(self, corpus: Corpus, gate: str, seen: Mask) -> None:
        self._corpus = corpus
        self._gate = gate
        self._seen = seen
        self.places: Places = np.flatnonzero(seen)

    def each(self, observe: Callable[..., Any], *extra: Any) -> list[Any]:
        """What a function makes of the records of each chunk that are seen: `observe(readings, known, *extra)`.

        Chunk by chunk in the order of `places`; a chunk of which nothing is seen is left out, and one of which little
        is seen is joined with the next.
        """
        tasks = [Task(observe, self._gate, chunk, mask, extra) for chunk, mask in self._seen_chunks]
        return list(self._corpus.crew.results(tasks))

    @cached_property
    def _seen_chunks(self) -> list[tuple[Chunk, Mask]]:
        """Chunks with what is seen of each; those of which little is seen are joined with the ones after them.

        What is frequent among a handful of records is mostly chance, and would have to be counted in all of them.
        """
        found: list[tuple[list[Chunk], list[Mask]]] = []
        starts = self._corpus.starts
        for chunk, start, end in zip(self._corpus.chunks, starts[:-1], starts[1:], strict=True):
            mask = self._seen[start:end]
            if not mask.any():
                continue
            if found and sum(int(seen.sum()) for seen in found[-1][1]) < FEWEST:
                found[-1][0].append(chunk)
                found[-1][1].append(mask)
            else:
                found.append(([chunk], [mask]))
        if len(found) > 1 and sum(int(seen.sum()) for seen in found[-1][1]) < FEWEST:
            chunks, masks = found.pop()
            found[-1][0].extend(chunks)
            found[-1][1].extend(masks)
        return [
            (chunks[0] if len(chunks) == 1 else JoinedChunk(chunks), np.concatenate(masks)) for chunks, masks in found
        ]

    def only(self, places: Places) -> View:
        """A view of some of the places."""
        seen = np.zeros(len(self._seen), dtype=np.bool_)
        seen[places] = True
        return View(self._corpus, self._gate, seen)

    def mean_words(self) -> float:
        """Words of a record, in the mean."""
        return float(np.mean([self._corpus.facts[place].words for place in self.places]))

    def chunks(self) -> int:
        """In how many parts `each` reads what is seen."""
        return len(self._seen_chunks)

    def reading(self, place: int) -> Reading:
        """The record at a place."""
        return self._corpus.reading(int(place))

    def name(self, place: int) -> str:
        """The record's id."""
        return self._corpus.facts[int(place)].id

    def groups(self, key: Callable[[Facts], Any]) -> NDArray[np.int64]:
        """A number for each of `places`, the same for those whose facts have the same key."""
        numbers: dict[Any, int] = {}
        facts = self._corpus.facts
        return np.array([numbers.setdefault(key(facts[place]), len(numbers)) for place in self.places], dtype=np.int64)

    def best_first(self) -> Places:
        """The places, the one to be kept rather than any other first."""
        return self.places[np.argsort(self._corpus.standing[self.places])]

    def ranks(self, places: Places) -> NDArray[np.int64]:
        """Rank of each place; the lowest is the best."""
        return self._corpus.standing[places]

    def judged(self, places: Places) -> NDArray[np.int64]:
        """How well each place is judged; the lowest is the best, and many may be alike."""
        return self._corpus.judged[places]
