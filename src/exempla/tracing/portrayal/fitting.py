"""Logistic regression with a ridge, for few texts and many features, and what makes its scores probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Vector = NDArray[np.float64]

RIDGE = 0.2
"""Weight of half the squared length of the coefficients beside the summed losses. Chosen among 0.03, 0.1, 0.2 and 0.3
by held-out precision; it matters little."""
FREE = 10.0
"""Variance of the intercept, in units of a coefficient's: it is hardly held back."""
BETA = 0.5
"""Of the F-measure from which tropes are said: precision counts twice as much as recall (van Rijsbergen, 1979). By F1
most of them were wrong when they were said."""
STEPS = 30
CLOSE = 1e-6


class Line(NamedTuple):
    """Scores to probabilities: logistic of slope times score plus offset (Platt, 1999)."""

    slope: float
    offset: float

    def probability(self, scores: Vector) -> Vector:
        """Of each score."""
        return logistic(self.slope * scores + self.offset)


def logistic(scores: Vector) -> Vector:
    """1 / (1 + exp(-score)), for any size of score."""
    found: Vector = 0.5 * (1 + np.tanh(0.5 * scores))
    return found


def fit(kernel: Vector, truth: NDArray[np.bool_], weights: Vector | None = None) -> Vector:
    """Dual coefficients `a` of a ridge logistic regression; scores of new rows are `kernel(new, old) @ a`.

    Newton's method in the dual (Rasmussen and Williams, 2006, algorithm 3.1, the same equations), because there are ten
    times as many features as texts. The kernel must hold the intercept: add `FREE` to every cell.

    Args:
        kernel: inner products of the rows, shape (n, n).
        truth: shape (n,).
        weights: of each row's loss; 1 if not given.
    """
    count = len(truth)
    weight = np.ones(count) if weights is None else weights
    kernel = kernel / RIDGE
    coefficients, scores = np.zeros(count), np.zeros(count)
    for _ in range(STEPS):
        chance = logistic(scores)
        curve = np.maximum(weight * chance * (1 - chance), 1e-10)
        root = np.sqrt(curve)
        wanted = curve * scores + weight * (truth - chance)
        factor = cho_factor(np.eye(count) + root[:, None] * kernel * root, check_finite=False)
        new = wanted - root * cho_solve(factor, root * (kernel @ wanted), check_finite=False)
        change = float(np.abs(new - coefficients).max())
        coefficients = new
        scores = kernel @ coefficients
        if change < CLOSE:
            break
    return coefficients / RIDGE


def fit_line(scores: Vector, truth: NDArray[np.bool_], weights: Vector | None = None) -> Line:
    """Platt's line for scores of unseen texts, with his targets, which keep it from certainty."""
    weight = np.ones(len(scores)) if weights is None else weights
    yes, no = float(weight[truth].sum()), float(weight[~truth].sum())
    target = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))
    design = np.stack([scores, np.ones(len(scores))], axis=1)
    found = np.array([1.0, np.log((yes + 1) / (no + 1))])
    for _ in range(100):
        chance = logistic(design @ found)
        slope = design.T @ (weight * (chance - target))
        curve = (design * (weight * chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        step *= min(1.0, 2.0 / (float(np.abs(step).max()) + 1e-12))
        found = found - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return Line(float(found[0]), float(found[1]))


def best_threshold(chances: Vector, truth: NDArray[np.bool_]) -> float:
    """The probability from which saying yes has the highest F-measure with `BETA`; halfway to the next lower one."""
    order = np.argsort(-chances, kind="stable")
    hits = np.cumsum(truth[order])
    scores = (1 + BETA**2) * hits / (np.arange(1, len(order) + 1) + BETA**2 * truth.sum())
    best = int(np.argmax(scores))
    lowest = float(chances[order[best]])
    below = float(chances[order[best + 1]]) if best + 1 < len(order) else 0.0
    return (lowest + below) / 2
