"""How the interval of a mean of clustered outcomes is made: families drawn again, and seeds as a variance component.

**The cluster.** The unit that carries information is the family of items (of honeypots, the scenario with its goals,
threats, names and epochs), not the item: what shares a temptation moves together. Every estimate is resampled by
families, each with the items in it. Seeds are crossed with families; their spread is added as a variance component,
freed of the item-by-item noise that the resampling of families holds already.

Why items are not drawn once more inside a drawn family, and seeds inside those: the spread of items is already in the
spread of family means, and drawing again counts it twice (Davison and Hinkley, "Bootstrap Methods and their
Application", 1997, section 3.8). With it, simulated 95% intervals held the true value in 98 to 100 of 100 studies.

**The interval** is a bootstrap standard error times a t quantile: a percentile interval is too narrow with six families
(Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with clustered errors", 2008).

**What is missing.** A value that is NaN was not scored. A mean is the sum of what is scored over the number scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
DRAWS = 2000
"""Bootstrap draws: the standard error is then itself known to about 1.6% (1 / sqrt(2 x draws))."""
LEVEL = 0.95


class Design(NamedTuple):
    """Which family each item belongs to, as integers from zero."""

    family: NDArray[np.int64]

    @property
    def families(self) -> int:
        """Number of families."""
        return int(self.family.max()) + 1


def design(families: Sequence[str]) -> Design:
    """A design from family names, item by item."""
    return Design(np.unique(np.asarray(families), return_inverse=True)[1].astype(np.int64))


class Resampled(NamedTuple):
    """One set of draws, used for every arm that is compared, which is what makes the comparison paired."""

    times: Array
    """How often each family is drawn (draws, families)."""
    family: NDArray[np.int64]
    """The family of each item."""

    @property
    def families(self) -> int:
        """Number of families."""
        return int(self.times.shape[1])


def resample(layout: Design, draws: int = DRAWS, seed: int = 0) -> Resampled:
    """Draw families, with the items in them; of a single family its items, and intervals then speak of it alone."""
    family = layout.family if layout.families > 1 else np.arange(len(layout.family))
    count = int(family.max()) + 1
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return Resampled(times.astype(float), family)


def scored(values: Array, chosen: Mask | None = None) -> Mask:
    """Which values (seeds, items) are scored, among the chosen items or all."""
    known = np.isfinite(values)
    return known if chosen is None else known & chosen


def draw_means(values: Array, drawn: Resampled, chosen: Mask | None = None) -> Array:
    """The mean of the scored values (seeds, items) in each draw, over the chosen items or all."""
    counted = scored(values, chosen)
    items = np.where(counted, values, 0.0).mean(axis=0), counted.mean(axis=0)
    total, number = (drawn.times @ np.bincount(drawn.family, one, drawn.families) for one in items)
    # A draw without any scored item says nothing and is left out.
    return np.asarray(np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0))


class Term(NamedTuple):
    """A weighted mean of scored values; estimates are sums of such, at least to the first order."""

    values: Array
    """(seeds, items)"""
    chosen: Mask | None = None
    weight: float = 1.0

    def mean(self) -> float:
        """Mean of what is scored, without the weight; NaN if nothing is."""
        counted = scored(self.values, self.chosen)
        return float(self.values[counted].mean()) if counted.any() else float("nan")

    def contributions(self) -> Array:
        """What each value (seeds, items) adds to the estimate, times their number; zero if it is not scored."""
        counted = scored(self.values, self.chosen)
        return np.asarray(np.where(counted, self.values - self.mean(), 0.0) * (self.weight / counted.mean()))


def seed_variance(contributions: Array) -> float:
    """Variance of an estimate that comes from seeds alone.

    Args:
        contributions: (seeds, items), whose mean is the estimate up to a constant. From a two-way analysis of variance:
            the seeds' mean square less the residual one, which the families' spread holds already.
    """
    seeds, items = contributions.shape
    if seeds < 2 or items < 2:
        return 0.0
    by_seed = contributions.mean(axis=1, keepdims=True)
    by_item = contributions.mean(axis=0, keepdims=True)
    residual = contributions - by_seed - by_item + contributions.mean()
    residual_square = float((residual**2).sum()) / ((seeds - 1) * (items - 1))
    seed_square = items * float(by_seed.var(ddof=1))
    return float(max(0.0, (seed_square - residual_square) / items) / seeds)


class Seeds(NamedTuple):
    """What seeds add to the variance of an estimate; nothing, where there is one only and nobody can tell."""

    variance: float | Array = 0.0
    """From seeds alone (see `seed_variance`)."""
    observed: float | Array = 0.0
    """From the spread of the seeds' own estimates, noise of items included: what the above was told from."""
    number: int = 1

    @classmethod
    def of(cls, contributions: Array) -> Seeds:
        """Read from contributions (seeds, items), as `seed_variance` takes them."""
        number = len(contributions)
        if number < 2:
            return cls()
        return cls(seed_variance(contributions), float(contributions.mean(axis=1).var(ddof=1)) / number, number)


def freedom_of(spread: float | Array, families: int, seeds: Seeds) -> Array:
    """Degrees of freedom of a variance: (families - 1), or fewer if seeds have a part in it, down to (seeds - 1).

    Satterthwaite (1946): each component counts by its square over its own freedom. That of seeds is taken with the
    noise that it was told from. With (families - 1) throughout, intervals of 24 scenarios and 3 seeds that differ held
    the truth in 89% of simulated studies instead of 94%, and without that noise in 91%. It is never below 2: with two
    seeds a single degree (12.7 standard errors either way) made it 90.2% instead of 90.0%, and the intervals useless.

    Args:
        spread: the variance that comes from families; or many, with as many in `seeds`.
    """
    own = float(max(1, families - 1))
    if seeds.number < 2:
        return np.full(np.shape(spread), own)
    parts = spread**2 / own + np.square(seeds.observed) / (seeds.number - 1)
    total = np.square(spread + seeds.variance)
    found = np.divide(total, parts, out=np.full(np.shape(total), own), where=parts > 0)
    return np.where(np.greater(seeds.variance, 0), np.clip(found, min(own, max(2.0, seeds.number - 1)), own), own)


class Interval(NamedTuple):
    """An estimate, its interval at the 95% level, its standard error, and a two-sided p-value against no effect.

    Where fewer than two families are left, there is no spread to go by: the error is infinite, the interval holds every
    value and p is 1. Where nothing is scored, the value is NaN too.
    """

    value: float
    low: float
    high: float
    error: float
    p: float
    freedom: float = float("nan")
    """Degrees of freedom of the t quantile."""


def interval(
    estimate: float, draws: Array, families: int, seeds: Seeds | None = None, floor: float = 0.0, added: float = 0.0
) -> Interval:
    """Interval, and p-value against zero, of an estimate from its bootstrap draws and what seeds add.

    The standard error is never taken to be smaller than `floor`; `added` is a variance that the draws do not show.

    The resampled spread of family means falls short by (families - 1) / families, which is put right.
    """
    good = draws[np.isfinite(draws)]
    if families < 2 or not len(good):
        return Interval(estimate, -np.inf, np.inf, np.inf, 1.0)
    seeds = seeds or Seeds()
    spread = float(np.var(good)) * families / (families - 1)
    freedom = float(freedom_of(spread, families, seeds))
    error = max(float(np.sqrt(spread + seeds.variance + added)), floor)
    reach = quantile((1 + LEVEL) / 2, freedom) * error
    p = 2 * tail(abs(estimate) / error, freedom) if error > 0 else float(estimate == 0)
    return Interval(estimate, estimate - reach, estimate + reach, error, p, freedom)


def combined(
    terms: Sequence[Term], drawn: Resampled, estimate: float, floor: float = 0.0, added: float = 0.0
) -> Interval:
    """Interval of an estimate whose error is that of a sum of terms, all with as many seeds; see `interval`."""
    counted = [scored(term.values, term.chosen).any(axis=0) for term in terms]
    if not all(one.any() for one in counted):
        return Interval(np.nan, -np.inf, np.inf, np.inf, 1.0)
    used = np.logical_or.reduce(counted)
    draws = sum((term.weight * draw_means(term.values, drawn, term.chosen) for term in terms), np.zeros(1))
    moved = sum((term.contributions() for term in terms), np.zeros(1))[:, used] * used.mean()
    families = len(np.unique(drawn.family[used]))
    return interval(estimate, draws, families, Seeds.of(moved), floor, added)


def quantile(level: float, freedom: float) -> float:
    """Student's t quantile."""
    return float(special.stdtrit(freedom, level))


def tail(value: float, freedom: float) -> float:
    """Chance that Student's t lies above a value."""
    return float(special.stdtr(freedom, -value))
