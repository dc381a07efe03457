"""How near texts of a corpus lie to each other, measured on vectors of a sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exempla import embedding
from exempla.embedding import Vectors
from exempla.records import Frozen
from exempla.screening.measures.lengths import Histogram

MOST = 2000
"""Texts whose vectors are compared: all pairs of them are 4 million, which takes a tenth of a second."""
PAIRS = 10
BINS = 25
_LETTERS = 40
"""Letters of a word that are embedded: nothing longer is a word, and a megabyte of it takes a second to part."""


class Pair(Frozen):
    """Two records that lie close together."""

    first: str
    """Id."""
    second: str
    distance: float
    """Cosine distance: 0 for the same direction, 1 for nothing in common."""


class Nearness(Frozen):
    """Variety by static vectors (exempla.embedding): what texts are about more than how they are put."""

    records: int = 0
    """Records compared."""
    vendi: float = 0.0
    """How many clearly different texts there seem to be, from 1 to `most_vendi`."""
    most_vendi: int = 0
    """The number of records, or of dimensions (256) if there are more records."""
    quantiles: dict[str, float] = {}
    """Of the cosine distance of a record to the one nearest to it, by percentile; empty for fewer than two."""
    distances: Histogram = Histogram()
    closest: tuple[Pair, ...] = ()
    """The 10 closest pairs of all, the closest first."""


def vectors_of(texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (texts, 256); any text can be embedded, also one that is no valid Unicode."""
    return embedding.embed([_plain(text) for text in texts])


def nearness(vectors: Vectors, ids: Sequence[str]) -> Nearness:
    """Measure unit vectors of shape (records, dimensions), given in an order that does not depend on the corpus."""
    records = len(vectors)
    if records < 2:
        vendi = embedding.vendi(vectors)
        return Nearness(records=records, vendi=vendi, most_vendi=records)
    far = np.clip(1.0 - vectors @ vectors.T, 0.0, 2.0)
    np.fill_diagonal(far, np.inf)
    nearest = far.min(axis=1)
    counts, edges = np.histogram(np.minimum(nearest, 1.0), bins=BINS, range=(0.0, 1.0))
    return Nearness(
        records=records,
        vendi=round(embedding.vendi(vectors), 2),
        most_vendi=min(vectors.shape),
        quantiles={
            name: round(float(np.quantile(nearest, share)), 4)
            for name, share in (("5%", 0.05), ("25%", 0.25), ("50%", 0.5), ("75%", 0.75), ("95%", 0.95))
        },
        distances=Histogram(edges=tuple(np.round(edges, 4).tolist()), counts=tuple(counts.tolist())),
        closest=_closest(far, ids),
    )


def _closest(far: Vectors, ids: Sequence[str]) -> tuple[Pair, ...]:
    rows, columns = np.triu_indices(len(far), k=1)
    distances = far[rows, columns]
    few = min(PAIRS, len(distances))
    # All that are as close as the last one, so that which of them come first is settled by their ids.
    limit = np.partition(distances, few - 1)[few - 1]
    found = np.flatnonzero(distances <= limit)[: 100 * PAIRS]
    pairs = []
    for place in found.tolist():
        first, second = sorted((ids[rows[place]], ids[columns[place]]))
        pairs.append(Pair(first=first, second=second, distance=round(float(distances[place]), 4)))
    return tuple(sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second))[:PAIRS])


def _plain(text: str) -> str:
    """The words that count, as Unicode that the tokenizer takes."""
    passages = embedding.passages(text).split()
    return " ".join(word[:_LETTERS] for word in passages).encode("utf-8", "replace").decode("utf-8")
