"""How many texts runs of tokens stand in, and how surprising that is after what a reference has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exempla.screening.scan.strands import Places
from exempla.screening.words import Hashes

RATIO = 4.0
"""How much oftener than it ought to a pattern must stand."""
BUCKETS = np.uint64((1 << 24) - 1)
"""Bits of a run's number by which runs are parted roughly and fast."""
MOST_TEXTS = 1 << 12
"""Texts that can be counted."""
_TEXTS = np.uint64(MOST_TEXTS - 1)
_SHAPE_OF_PRIOR = 2.0  # of the gamma distribution of rates: most are between a quarter and twice its mean

Frequent = tuple[Hashes, Places, NDArray[np.int64]]
"""Runs of one length: number, a place where it stands, and texts that have it."""


def frequent(
    hashes: Hashes, active: NDArray[np.bool_], text: NDArray[np.int32], fewest: int
) -> tuple[Frequent, NDArray[np.bool_]]:
    """Runs in at least so many texts: number, one place and texts of each; and at which places one begins."""
    places = np.flatnonzero(active).astype(np.int32)
    buckets = (hashes[places] & BUCKETS).astype(np.int32)
    places = places[np.bincount(buckets)[buckets] >= fewest] if len(places) else places
    # The text's number takes the place of some bits of the run's, so that one quick sort orders by both.
    keys = (hashes[places] & ~_TEXTS) | text[places].astype(np.uint64)
    order = np.argsort(keys)
    keys, places = keys[order], places[order]
    other_text = np.ones(len(keys), dtype=np.bool_)
    other_text[1:] = keys[1:] != keys[:-1]
    keys &= ~_TEXTS
    other_run = np.ones(len(keys), dtype=np.bool_)
    other_run[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(other_run)
    texts = np.add.reduceat(other_text, starts, dtype=np.int64) if len(starts) else starts
    many = texts >= fewest
    still = np.zeros(len(hashes), dtype=np.bool_)
    still[places[np.repeat(many, np.diff(np.append(starts, len(places))))]] = True
    chosen = places[starts[many]].astype(np.int64)
    return (hashes[chosen], chosen, texts[many]), still


def counted(hashes: Hashes) -> tuple[Hashes, NDArray[np.int64]]:
    """The different numbers, in order, and how often each stands."""
    numbers, counts = np.unique(hashes, return_counts=True)
    return numbers, counts.astype(np.int64)


def counts_of(known: tuple[Hashes, NDArray[np.int64]], hashes: Hashes) -> NDArray[np.float64]:
    """How often each of some numbers stands."""
    numbers, counts = known
    if not len(numbers):
        return np.zeros(len(hashes))
    at = np.minimum(np.searchsorted(numbers, hashes), len(numbers) - 1)
    return np.where(numbers[at] == hashes, counts[at], 0).astype(np.float64)


def surprise_of(
    records: NDArray[np.int64],
    chances: NDArray[np.float64],
    there: NDArray[np.float64],
    chances_there: NDArray[np.float64],
    rate: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Nats: minus the logarithm of a bound on the chance of so many records or more; -1 if it is not far oftener.

    The rate has a gamma prior with the mean `rate`; what the reference has makes it a posterior, and the number of
    records is negative binomial then, for which this is Chernoff's bound.
    """
    shape = there + _SHAPE_OF_PRIOR
    posterior = shape / (chances_there + _SHAPE_OF_PRIOR / rate)
    # A prior far below what the reference has would draw the rate down, however often a run stands there.
    expected = np.maximum(posterior, there / np.maximum(chances_there, 1.0)) * chances
    many = records.astype(np.float64)
    nats = many * np.log(many / expected) - (many + shape) * np.log((many + shape) / (expected + shape))
    return np.where(many >= RATIO * expected, nats, -1.0)
