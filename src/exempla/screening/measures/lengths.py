"""How long the texts of a corpus are: a curve, and the quantiles that say it in a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exempla.records import Frozen

BINS = 30
_QUANTILES = (("5%", 0.05), ("25%", 0.25), ("50%", 0.5), ("75%", 0.75), ("95%", 0.95))


class Histogram(Frozen):
    """Counts between edges; there is one edge more than there are counts, or none at all."""

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class Lengths(Frozen):
    """Words of a record (of what the loss is taken on)."""

    shortest: int = 0
    longest: int = 0
    mean: float = 0.0
    quantiles: dict[str, float] = {}
    """By percentile; empty if there are no records."""
    histogram: Histogram = Histogram()
    """At most 30 bins, equally wide on a logarithmic scale; an empty text is counted with those of one word."""


def lengths(words: NDArray[np.int64]) -> Lengths:
    """Measure the numbers of words of some records."""
    if not len(words):
        return Lengths()
    at_least_one = np.maximum(words, 1)
    low, high = int(at_least_one.min()), int(at_least_one.max()) + 1
    edges = np.unique(np.round(np.geomspace(low, high, BINS + 1)).astype(np.int64))
    counts, _ = np.histogram(at_least_one, bins=edges)
    return Lengths(
        shortest=int(words.min()),
        longest=int(words.max()),
        mean=round(float(words.mean()), 1),
        quantiles={name: round(float(np.quantile(words, share)), 1) for name, share in _QUANTILES},
        histogram=Histogram(edges=tuple(edges.astype(float).tolist()), counts=tuple(counts.tolist())),
    )
