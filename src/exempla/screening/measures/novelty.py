"""How much of a text no other one says: runs of words that stand in one record alone, and how the vocabulary grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.records import Frozen
from exempla.screening.words import Hashes, run_hashes

LENGTHS = (1, 2, 3, 4, 5)
"""Words of a run."""
LEAST_NOVEL = 20
RANKED = 5
"""Words of the runs by which records are ranked: shorter ones are shared by records with nothing else in common."""
ENOUGH = 8
"""Counted runs that a record needs to be ranked; of fewer the share would be chance."""
MOST_RUNS = 600_000
"""Runs of one length that are counted at most, about: 12 bytes each. Sets the modulus."""
POINTS = 24


class RunNovelty(Frozen):
    """Novelty in runs of one length."""

    words: int
    """Of a run."""
    records: int
    """Records that had a counted run."""
    mean: float | None
    """Mean over these records of the share of their different runs that no other measured record has."""


class LeastNovel(Frozen):
    """A record that says much of what others say."""

    id: str
    share: float
    """Of its counted runs of five words, those that no other measured record has."""
    counted: int


class Novelty(Frozen):
    """N-gram novelty. Of all runs, those whose hash is 0 modulo `modulus` are counted, the same in every record, which
    leaves the shares unbiased and the memory small. Shares depend on how many records are compared."""

    records: int = 0
    modulus: int = 1
    runs: tuple[RunNovelty, ...] = ()
    least: tuple[LeastNovel, ...] = ()
    """The 20 least novel, the least first; only records that share something."""


class GrowthPoint(Frozen):
    """How many different words there were after some words had been read."""

    words: int
    different: int
    """Estimated from every `modulus`-th one of them."""


class Runs(NamedTuple):
    """Counted runs of one length, each once a record: two arrays of the same length."""

    hashes: Hashes
    records: NDArray[np.int32]
    """Number of the record."""


def modulus_for(words: int) -> int:
    """The smallest power of two that leaves about 600,000 runs or fewer of so many words: 64 for 23 million."""
    modulus = 1
    while words > MOST_RUNS * modulus:
        modulus *= 2
    return modulus


def counted_runs(texts: Sequence[Hashes], modulus: int) -> list[Runs]:
    """The counted runs of some records, by length; each text is one number a word."""
    mask = np.uint64(modulus - 1)
    found: list[Runs] = []
    for length in LENGTHS:
        kept = []
        for numbers in texts:
            hashes = run_hashes(numbers, length)
            kept.append(np.unique(hashes[(hashes & mask) == 0]))
        records = np.repeat(np.arange(len(texts), dtype=np.int32), [len(hashes) for hashes in kept])
        found.append(Runs(np.concatenate([np.empty(0, dtype=np.uint64), *kept]), records))
    return found


def novelty(runs: Sequence[Runs], ids: Sequence[str], modulus: int) -> Novelty:
    """Measure the counted runs of all records, by length; `ids` are the records' in the order of their numbers."""
    rows: list[RunNovelty] = []
    least: tuple[LeastNovel, ...] = ()
    for length, (hashes, records) in zip(LENGTHS, runs, strict=True):
        _, place, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        alone = counts[place.reshape(-1)] == 1
        counted = np.bincount(records, minlength=len(ids))
        novel = np.bincount(records[alone], minlength=len(ids))
        some = counted > 0
        shares = novel[some] / counted[some]
        rows.append(
            RunNovelty(
                words=length,
                records=int(some.sum()),
                mean=round(float(shares.mean()), 5) if some.any() else None,
            )
        )
        if length == RANKED:
            least = _least(novel, counted, ids)
    return Novelty(records=len(ids), modulus=modulus, runs=tuple(rows), least=least)


def _least(novel: NDArray[np.int64], counted: NDArray[np.int64], ids: Sequence[str]) -> tuple[LeastNovel, ...]:
    ranked = [
        LeastNovel(id=ids[place], share=round(float(novel[place] / counted[place]), 4), counted=int(counted[place]))
        for place in np.flatnonzero((counted >= ENOUGH) & (novel < counted)).tolist()
    ]
    return tuple(sorted(ranked, key=lambda row: (row.share, row.id))[:LEAST_NOVEL])


def growth(words: Runs, lengths: NDArray[np.int64], modulus: int) -> tuple[GrowthPoint, ...]:
    """Different words after 1/24, 2/24, ... of the records, in the order of their numbers.

    Args:
        words: the counted runs of one word.
        lengths: words of each record, shape (records,).
        modulus: by which words were counted.
    """
    if not len(lengths) or not lengths.sum():
        return ()
    read = np.cumsum(lengths)
    order = np.lexsort((words.records, words.hashes))
    hashes, records = words.hashes[order], words.records[order]
    first = np.ones(len(hashes), dtype=np.bool_)
    first[1:] = hashes[1:] != hashes[:-1]
    different = np.cumsum(np.bincount(records[first], minlength=len(lengths))) * modulus
    ends = np.unique(np.ceil(np.linspace(0, len(lengths), POINTS + 1)[1:]).astype(np.int64)) - 1
    return tuple(GrowthPoint(words=int(read[end]), different=int(different[end])) for end in ends.tolist())
