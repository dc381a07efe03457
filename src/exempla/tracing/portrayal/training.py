"""From labelled passages to a classifier: one ridge regression for each label, made probabilities on left-out parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.tracing.portrayal.features import Matrix, Scale, Scaler, Seen, learn_scale, see_all
from exempla.tracing.portrayal.fitting import FREE, Line, Vector, best_threshold, fit, fit_line
from exempla.tracing.portrayal.labelled import Labelled, Ordinary, ordinary, passages
from exempla.tracing.portrayal.taxonomy import ABOUT, CHOICES, TROPE, taxonomy

ORDINARY_WEIGHT = 0.3
"""Of an ordinary passage's loss beside a labelled one's: its label is that of its corpus, and may be wrong for it."""
HALF = 0.5


class Trained(NamedTuple):
    """A classifier before it is written down."""

    scale: Scale
    weights: Matrix
    """Shape (labels, width)."""
    offsets: Vector
    lines: tuple[Line, ...]
    thresholds: Vector


class Set(NamedTuple):
    """Passages with their features, and in which part each is."""

    labelled: tuple[Labelled, ...]
    ordinary: tuple[Ordinary, ...]
    seen: list[Seen]
    """Labelled ones first."""
    parts: NDArray[np.int64]
    """The author's number, or an ordinary passage's part."""
    truth: dict[str, NDArray[np.bool_]]
    used: dict[str, NDArray[np.bool_]]
    """Which passages tell of a label: all labelled ones of the genre, ordinary ones too of being about AI, and of
    all other labels the labelled passages that are about AI."""

    @property
    def authors(self) -> list[str]:
        """In the order of their numbers."""
        return sorted({one.author for one in self.labelled})


def read_set() -> Set:
    """Everything that ships to train and test on. About 2 seconds."""
    labelled = passages()
    authors = sorted({one.author for one in labelled})
    plain = ordinary(len(authors))
    seen = see_all([one.text for one in labelled] + [one.text for one in plain])
    rest = np.zeros(len(plain), dtype=bool)
    about = np.array([one.about_ai for one in labelled])
    truth, used = {}, {}
    for label in taxonomy().labels():
        truth[label] = np.concatenate([np.array([one.has(label) for one in labelled]), rest])
        everywhere = label.startswith("genre.")
        used[label] = np.concatenate([np.ones(len(labelled), dtype=bool) if everywhere else about, rest])
    truth[ABOUT] = np.array([one.about_ai for one in labelled] + [one.about_ai for one in plain])
    used[ABOUT] = np.ones(len(seen), dtype=bool)
    parts = np.array([authors.index(one.author) for one in labelled] + [one.part for one in plain])
    return Set(labelled, plain, seen, parts, truth, used)


def train(everything: Set, parts: Sequence[int]) -> Trained:
    """A classifier from some parts. Each of them in turn is left out to learn what its scores are worth."""
    chosen = np.isin(everything.parts, parts)
    weights, offsets, scale = _weights(everything, chosen)
    scores = np.full((len(taxonomy().labels()), len(chosen)), np.nan)
    for part in parts:
        own = everything.parts == part
        inner_weights, inner_offsets, inner_scale = _weights(everything, chosen & ~own)
        rows = _rows(everything, inner_scale, own)
        scores[:, own] = inner_weights @ rows.T + inner_offsets[:, None]
    lines = []
    told: list[tuple[Vector, NDArray[np.bool_]]] = []
    for number, label in enumerate(taxonomy().labels()):
        used = everything.used[label] & chosen
        truth = everything.truth[label][used]
        lines.append(fit_line(scores[number, used], truth))
        if _is_trope(label):
            told.append((lines[-1].probability(scores[number, used]), truth))
    # Tropes are rare, and at one half most of them would never be said. One threshold for all of them, because each has
    # some thirty passages: thresholds of their own did worse on authors left out.
    rare = best_threshold(np.concatenate([one for one, _ in told]), np.concatenate([one for _, one in told]))
    thresholds = np.array([rare if _is_trope(label) else HALF for label in taxonomy().labels()])
    return Trained(scale, weights, offsets, tuple(lines), thresholds)


def _is_trope(label: str) -> bool:
    return label.startswith(f"{TROPE}.")


def chances(trained: Trained, everything: Set, own: NDArray[np.bool_]) -> Vector:
    """The probability of each label, shape (labels, passages), with choices brought to a sum of 1."""
    rows = _rows(everything, trained.scale, own)
    return probabilities(trained.weights @ rows.T + trained.offsets[:, None], trained.lines)


def probabilities(scores: Vector, lines: Sequence[Line]) -> Vector:
    """Scores as probabilities, shape (labels, passages); those of a choice's levels have the sum 1."""
    found = np.stack([line.probability(row) for line, row in zip(lines, scores, strict=True)])
    labels = taxonomy().labels()
    for name in CHOICES:
        own = [place for place, label in enumerate(labels) if label.startswith(f"{name}.")]
        found[own] /= found[own].sum(axis=0) + 1e-12
    return found


def _weights(everything: Set, chosen: NDArray[np.bool_]) -> tuple[Matrix, Vector, Scale]:
    count = len(everything.labelled)
    scale = learn_scale([one for one, use in zip(everything.seen[:count], chosen[:count], strict=True) if use])
    places = np.flatnonzero(chosen)
    rows = _rows(everything, scale, chosen).astype(np.float64)
    kernel = rows @ rows.T + FREE
    loss = np.where(places < count, 1.0, ORDINARY_WEIGHT)
    weights, offsets = [], []
    for label in taxonomy().labels():
        used = everything.used[label][places]
        own = np.flatnonzero(used)
        dual = fit(kernel[np.ix_(own, own)], everything.truth[label][places][own], loss[own])
        weights.append(rows[own].T @ dual)
        offsets.append(FREE * dual.sum())
    return np.array(weights, dtype=np.float32), np.array(offsets), scale


def _rows(everything: Set, scale: Scale, own: NDArray[np.bool_]) -> Matrix:
    return Scaler(scale).rows([one for one, use in zip(everything.seen, own, strict=True) if use])
