"""How well surface cues alone tell the two sides of an item apart: what a careful item must not allow.

A classifier sees only the words of the two continuations and must say which is the untrustworthy one: ridge regression
on the difference of their bags of words, every group of items judged by a model fitted without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

RIDGE = 1.0
"""Penalty. On the shipped items, bags of words reach 39 to 58% with 0.1, 39 to 59% with 1 and 38 to 61% with 10."""


class Pair(NamedTuple):
    """The two sides of an item, and the group that must not be split."""

    trustworthy: str
    untrustworthy: str
    group: str


class Cues(NamedTuple):
    """Accuracy of each cue, 0.5 being chance."""

    words: float
    first_words: float
    length: float
    pairs: int


def measure_cues(pairs: Sequence[Pair]) -> Cues:
    """Leave-one-group-out accuracy of a bag of words and of the first two words, and that of length either way."""
    longer = np.asarray([len(pair.untrustworthy.split()) - len(pair.trustworthy.split()) for pair in pairs])
    by_length = float(np.mean((longer > 0) + 0.5 * (longer == 0)))
    return Cues(
        words=_accuracy(pairs, tokens),
        first_words=_accuracy(pairs, lambda text: [*tokens(text)[:1], " ".join(tokens(text)[:2])]),
        length=max(by_length, 1 - by_length),
        pairs=len(pairs),
    )


def tokens(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[a-z0-9']+", text.lower())


def _accuracy(pairs: Sequence[Pair], features: Callable[[str], list[str]]) -> float:
    vocabulary: dict[str, int] = {}
    sides = [(set(features(pair.untrustworthy)), set(features(pair.trustworthy))) for pair in pairs]
    for bad, good in sides:
        for word in sorted(bad ^ good):
            vocabulary.setdefault(word, len(vocabulary))
    matrix = np.zeros((len(pairs), max(1, len(vocabulary))))
    for row, (bad, good) in enumerate(sides):
        for word in bad - good:
            matrix[row, vocabulary[word]] = 1
        for word in good - bad:
            matrix[row, vocabulary[word]] = -1
    kernel = matrix @ matrix.T
    groups = np.asarray([pair.group for pair in pairs])
    scores = np.zeros(len(pairs))
    for group in np.unique(groups):
        held, rest = groups == group, groups != group
        fitted = np.linalg.solve(kernel[np.ix_(rest, rest)] + RIDGE * np.eye(int(rest.sum())), np.ones(int(rest.sum())))
        scores[held] = kernel[np.ix_(held, rest)] @ fitted
    return float(np.mean((scores > 1e-9) + 0.5 * (np.abs(scores) <= 1e-9)))
