"""Intervals of plain proportions, for all stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""Quantile of the normal distribution that a 95% interval reaches to on both sides."""


def wilson(successes: float, count: float) -> tuple[float, float]:
    """Wilson's 95% score interval of a proportion of independent trials (1927); 0 to 1 without any trial."""
    if count == 0:
        return 0.0, 1.0
    rate, spread = successes / count, Z * Z / count
    centre = (rate + spread / 2) / (1 + spread)
    reach = Z * sqrt(rate * (1 - rate) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, min(rate, centre - reach)), min(1.0, max(rate, centre + reach))


def clustered(clusters: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """A 95% interval of a proportion whose trials come in clusters, such as the settings of a scenario.

    Wilson's interval with the effective number of trials (see `effective_trials`).

    Args:
        clusters: successes and trials of each.
    """
    trials = sum(count for _, count in clusters)
    if not trials:
        return 0.0, 1.0
    effective = effective_trials(clusters)
    return wilson(sum(one for one, _ in clusters) / trials * effective, effective)


def effective_trials(clusters: Sequence[tuple[float, int]]) -> float:
    """How many independent trials would tell as much of a proportion as these, which come in clusters.

    Their number divided by the design effect, never less than the number of clusters and never more than that of the
    trials (Korn and Graubard, 1998, who do so with Clopper and Pearson's interval). Without any spread between clusters
    to go by (all or none succeeded), each cluster counts once; so does a single one.

    Args:
        clusters: successes and trials of each; one trial at least.
    """
    used = [(successes, count) for successes, count in clusters if count]
    trials, successes = sum(count for _, count in used), sum(one for one, _ in used)
    rate, number = successes / trials, len(used)
    if number < 2 or rate in (0.0, 1.0):
        return number
    # Variance of a ratio of sums over clusters, each with its own number of trials (Cochran, 1977, 2.46).
    variance = number / (number - 1) * sum((one - rate * count) ** 2 for one, count in used) / trials**2
    effective = rate * (1 - rate) / variance if variance > 0 else float(trials)
    from scipy.stats import t as student  # 0.7 s to load

    # Few clusters tell their own spread badly: Student's quantile in place of the normal one, as they do.
    effective *= (Z / float(student.ppf(0.975, number - 1))) ** 2
    return min(float(trials), max(float(number), effective))


DRAWS = 2000
"""Of a bootstrap: the ends of an interval are then themselves known to about 0.3% of its level (a binomial error)."""
SEED = 20260508


def bootstrap(values: Sequence[float]) -> tuple[float, float] | None:
    """A 95% percentile interval of a mean, by resampling its values.

    None where they show no spread to go by, because all are equal: an interval without width would look like certainty.
    """
    if len(set(values)) < 2:
        return None
    import numpy as np

    draw = np.random.default_rng(SEED)
    own = np.asarray(values, dtype=float)
    means = own[draw.integers(0, len(own), (DRAWS, len(own)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def paired_difference(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, float]:
    """A 95% interval of the difference of two proportions of the same items, second less first.

    Bonett and Price (2012), "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data": one is added to the count of items that went either way, so that no difference at all is no certainty.
    """
    count = len(first)
    up = (sum(b and not a for a, b in zip(first, second, strict=True)) + 1) / (count + 2)
    down = (sum(a and not b for a, b in zip(first, second, strict=True)) + 1) / (count + 2)
    reach = Z * sqrt((up + down - (up - down) ** 2) / (count + 2))
    return max(-1.0, up - down - reach), min(1.0, up - down + reach)


class Share(NamedTuple):
    """A proportion with its interval."""

    total: float
    """The sum of the values: of hits, their number."""
    of: int
    rate: float | None
    """None if there is nothing to take a share of."""
    low: float
    high: float
    clusters: int


def share(values: Iterable[tuple[str, float]]) -> Share:
    """The mean of values from 0 to 1, each with the cluster that it is of, and its interval (see `clustered`)."""
    clusters: dict[str, list[float]] = {}
    for cluster, value in values:
        clusters.setdefault(cluster, []).append(value)
    total, of = sum(map(sum, clusters.values())), sum(map(len, clusters.values()))
    low, high = clustered([(sum(one), len(one)) for one in clusters.values()])
    return Share(total, of, total / of if of else None, low, high, len(clusters))
