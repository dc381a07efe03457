"""What was noted of all chunks, put together as it comes in, so that a corpus of any length takes bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exempla.embedding import DIMENSIONS, Vectors
from exempla.screening.measures.novelty import LENGTHS, Runs
from exempla.screening.measures.observed import BUCKETS, WINDOWS, Capital, Numbers, Observed

MOST_CAPITALS = 300_000
"""Capitalised words that are remembered; beyond it those of a single record are forgotten, so that noise cannot fill
the memory. 20,000 stories have about 30,000."""
MOST_WRITERS = 10_000
"""Writers that are counted apart."""


@dataclass(frozen=True)
class Gathered:
    """Of a whole corpus. Records are in the order of their ids' hashes, which does not depend on that of the corpus."""

    writers: Counter[str]
    kept_writers: Counter[str]
    characters: int
    runs: list[Runs]
    """By length; records are numbered."""
    type_token: NDArray[np.float64]
    """Shape (measured, windows)."""
    openings: list[tuple[str, ...]]
    endings: list[tuple[str, ...]]
    capitals: dict[str, Capital]
    having: NDArray[np.int64]
    """Records that have a word of a bucket, shape (buckets,)."""
    vectors: Vectors
    """Shape (compared, dimensions)."""


def gather(chunks: Iterable[Observed]) -> Gathered:
    """Put together what was noted of chunks, in whatever order."""
    writers: Counter[str] = Counter()
    kept_writers: Counter[str] = Counter()
    characters = 0
    capitals: dict[str, Capital] = {}
    having = np.zeros(BUCKETS, dtype=np.int64)
    parts: list[Observed] = []
    for chunk in chunks:
        for counted, more in ((writers, chunk.writers), (kept_writers, chunk.kept_writers)):
            _count(counted, more)
        characters += chunk.characters
        _add(capitals, chunk.capitals)
        having[chunk.buckets] += chunk.having
        if len(chunk.measured):
            # What has been added up is let go of; numbers of single records are kept.
            parts.append(chunk._replace(capitals={}, buckets=chunk.buckets[:0], having=chunk.having[:0]))
    measured = _joined([part.measured for part in parts])
    order = np.argsort(measured, kind="stable")
    compared = _joined([part.compared for part in parts])
    vectors = np.concatenate([np.empty((0, DIMENSIONS), dtype=np.float32), *(part.vectors for part in parts)])
    openings = [words for part in parts for words in part.openings]
    endings = [words for part in parts for words in part.endings]
    return Gathered(
        writers=writers,
        kept_writers=kept_writers,
        characters=characters,
        runs=_numbered(parts, order),
        type_token=np.concatenate([np.empty((0, len(WINDOWS))), *(part.type_token for part in parts)])[order],
        openings=[openings[place] for place in order],
        endings=[endings[place] for place in order],
        capitals=capitals,
        having=having,
        vectors=vectors[np.argsort(compared, kind="stable")],
    )


def _joined(parts: list[Numbers]) -> Numbers:
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def _numbered(parts: list[Observed], order: NDArray[np.int64]) -> list[Runs]:
    """The runs of all chunks, with records numbered in the given order."""
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    starts = np.cumsum([0, *(len(part.measured) for part in parts)])
    found = []
    for place in range(len(LENGTHS)):
        hashes = _joined([part.runs[place].hashes for part in parts])
        records = [part.runs[place].records + start for part, start in zip(parts, starts, strict=False)]
        found.append(Runs(hashes, rank[np.concatenate([np.empty(0, dtype=np.int64), *records])]))
    return found


def _count(counted: Counter[str], more: Counter[str]) -> None:
    for writer, records in more.items():
        if writer in counted or len(counted) < MOST_WRITERS:
            counted[writer] += records


def _add(capitals: dict[str, Capital], more: dict[str, Capital]) -> None:
    for word, new in more.items():
        old = capitals.get(word)
        capitals[word] = new if old is None else Capital(*(one + two for one, two in zip(old, new, strict=True)))
    if len(capitals) > MOST_CAPITALS:
        for word in [word for word, count in capitals.items() if count.capital == 1]:
            del capitals[word]
