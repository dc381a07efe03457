"""An arm against itself (A/A): how often the 95% intervals of this run find a difference where there is none.

Seeds of one arm differ by chance and by training alone. If single seeds are found to differ more often than 5% of the
time, the spread of seeds is more than the noise of items, and no comparison that rests on one seed is to be believed.
Where every arm has one seed, random halves of its items are compared instead; that tells whether intervals hold on data
like these (few families, rare outcomes), and nothing of seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.reporting.resampling import LEVEL, Array, Interval, Mask, Resampled, quantile, scored
from exempla.reporting.statistics import difference, double_difference

SPLITS = 200
"""Random halvings over all arms: 5% of them are then 10, and chance alone gives 5 to 16."""
CHANCE_DRAWS = 4000
"""Simulated arms, for what chance gives: its quantiles are then known to within one comparison."""


class SelfCheck(NamedTuple):
    """Comparisons of arms with themselves, and in how many the 95% interval excluded no difference."""

    of: Literal["seeds", "halves"]
    comparisons: int
    excluded: int
    expected: float
    """5% of the comparisons."""
    low: int
    high: int
    """What 95 of 100 runs without any difference give."""

    @property
    def as_expected(self) -> bool:
        """Whether no more were found than chance explains."""
        return self.excluded <= self.high


def self_check(arms: Sequence[Array], drawn: Resampled, chosen: Mask | None = None) -> SelfCheck:
    """Compare each arm with itself: all pairs of its seeds, or halves of its items where no arm has two seeds.

    Args:
        arms: values (seeds, items) of each arm, NaN where nothing is scored.
        drawn: draws of the families of these items.
    """
    counts = [int(scored(arm, chosen).any(axis=1).sum()) for arm in arms]
    rng = np.random.default_rng(0)
    if max(counts, default=0) > 1:
        found = [gap for arm in arms for gap in _seeds_apart(arm, drawn, chosen)]
        by_chance = sum((_chance(seeds, drawn.families, rng) for seeds in counts if seeds > 1), np.zeros(1, int))
    else:
        found = [gap for arm in arms for gap in _halves_apart(arm, drawn, chosen, -(-SPLITS // len(arms)), rng)]
        by_chance = rng.binomial(len(found), 1 - LEVEL, CHANCE_DRAWS)
    low, high = np.quantile(by_chance, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), method="inverted_cdf")
    return SelfCheck(
        of="seeds" if max(counts, default=0) > 1 else "halves",
        comparisons=len(found),
        excluded=sum(gap.low > 0 or gap.high < 0 for gap in found),
        expected=(1 - LEVEL) * len(found),
        low=int(low),
        high=int(high),
    )


def _seeds_apart(arm: Array, drawn: Resampled, chosen: Mask | None) -> Iterator[Interval]:
    rows = arm[scored(arm, chosen).any(axis=1)]
    for one, other in combinations(range(len(rows)), 2):
        yield difference(rows[one : one + 1], rows[other : other + 1], drawn, chosen)


def _halves_apart(
    arm: Array, drawn: Resampled, chosen: Mask | None, splits: int, rng: np.random.Generator
) -> Iterator[Interval]:
    usable: Mask = np.asarray(scored(arm, chosen).any(axis=0))
    if usable.sum() < 2:
        return
    for _ in range(splits):
        # Within each family, items in a random order go to either half by turns, starting at a random one.
        order = np.lexsort((rng.random(len(usable)), drawn.family))
        order = order[usable[order]]
        half: Mask = np.zeros(len(usable), dtype=bool)
        half[order[rng.integers(2) :: 2]] = True
        yield double_difference(arm, np.zeros_like(arm), drawn, half & usable, usable & ~half)


def _chance(seeds: int, families: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How many pairs of seeds without any difference are told apart, in each of many simulated arms.

    Pairs that share a seed are told apart together, so that the number varies more than a binomial one.
    """
    means = rng.normal(size=(CHANCE_DRAWS, seeds, families))
    one, other = np.array(list(combinations(range(seeds), 2))).T
    gaps = means[:, one] - means[:, other]
    reach = quantile((1 + LEVEL) / 2, max(1, families - 1)) * gaps.std(axis=2, ddof=1) / np.sqrt(families)
    return np.asarray((abs(gaps.mean(axis=2)) > reach).sum(axis=1))
