"""Intervals of plain proportions, for all stages."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""Quantile of the normal distribution that a 95% interval reaches to on both sides."""


def wilson(successes: float, count: int) -> tuple[float, float]:
    """Wilson's 95% score interval of a proportion of independent trials (1927); 0 to 1 without any trial."""
    if count == 0:
        return 0.0, 1.0
    rate, spread = successes / count, Z * Z / count
    centre = (rate + spread / 2) / (1 + spread)
    reach = Z * sqrt(rate * (1 - rate) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, min(rate, centre - reach)), min(1.0, max(rate, centre + reach))
