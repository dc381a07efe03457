"""What a comparison of two arms can find, told before it is run, from its size and two assumptions.

The error of a rate of clustered outcomes is that of independent ones times the square root of the design effect,
1 + (outcomes a cluster - 1) x correlation (Kish, "Survey Sampling", 1965, section 5.4). Two arms that meet the same
scenarios share a part of what a scenario does, and that part cancels. That gives the error in closed form; how often
an interval of that error is clear of one also depends on how well the study will know its own error, families and seeds
being few, and is averaged over simulated variances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import brentq

from exempla.reporting.resampling import LEVEL, Array, Seeds, freedom_of

STUDIES = 2000
"""Simulated variances; the power is then known to half a point."""


class Plan(NamedTuple):
    """The size of a comparison, and what is assumed about its outcomes."""

    clusters: int
    """Families of items, or scenarios."""
    samples: int
    """Scored outcomes in each cluster, by arm and seed."""
    seeds: int
    rate: float
    """Rate of the reference arm, above 0 and below 1."""
    correlation: float
    """Of two outcomes of one arm in one cluster: 0 if clusters are all alike, 1 if all outcomes of a cluster are."""
    shared: float = 0.0
    """The part of that correlation which is also found between the two arms; 0 is the careful assumption."""
    seed_spread: float = 0.0
    """Standard deviation, from seed to seed, of the logarithm of an arm's rate."""

    @property
    def outcomes(self) -> int:
        """Outcomes of an arm."""
        return self.clusters * self.samples * self.seeds


def design_effect(plan: Plan) -> float:
    """How many times larger clusters make the variance of a rate."""
    return 1 + (plan.samples * plan.seeds - 1) * plan.correlation


def planned_error(plan: Plan, reduction: float) -> float:
    """Standard error of the logarithm of a reduction, by the delta method."""
    return float(np.sqrt(_from_clusters(plan, reduction) + _from_seeds(plan)))


def power(plan: Plan, reduction: float) -> float:
    """Chance that the 95% interval of a true reduction lies above one, as `statistics.reduction` makes it."""
    clusters, seeds = _from_clusters(plan, reduction), _from_seeds(plan)
    rng = np.random.default_rng(0)  # the same draws for each reduction, so that power moves smoothly with it
    spread = clusters * _found_over_true(plan.clusters - 1, rng)
    found = Seeds(np.zeros(STUDIES), np.zeros(STUDIES), 1)
    if plan.seeds > 1:
        noise = _of_outcomes(plan, reduction)
        observed = (seeds + noise) * _found_over_true(plan.seeds - 1, rng)
        found = Seeds(np.maximum(0.0, observed - noise), observed, plan.seeds)
    reach = special.stdtrit(freedom_of(spread, plan.clusters, found), (1 + LEVEL) / 2)
    reach = reach * np.sqrt(spread + found.variance)
    return float(special.ndtr((np.log(reduction) - reach) / np.sqrt(clusters + seeds)).mean())


def minimal_reduction(plan: Plan, wanted: float = 0.8) -> float:
    """The smallest true reduction that is found with the power wanted; infinite if the plan can find none.

    A reduction is looked for up to the one that leaves the arm half an outcome, since fewer cannot be told apart.
    """
    largest = 2 * plan.rate * plan.outcomes
    if largest <= 1:
        return float("inf")
    steps = np.geomspace(1, largest, 60)  # power falls again where an arm has next to no outcomes
    found = next((n for n, step in enumerate(steps) if power(plan, float(step)) >= wanted), None)
    if not found:
        return float("inf")
    return float(brentq(lambda reduction: power(plan, reduction) - wanted, steps[found - 1], steps[found]))


def _odds(plan: Plan, reduction: float) -> tuple[float, float]:
    """Variance of the log rate of a single outcome, in the reference and in the arm."""
    arm = plan.rate / reduction
    return (1 - plan.rate) / plan.rate, (1 - arm) / arm


def _from_clusters(plan: Plan, reduction: float) -> float:
    """Variance of the log reduction without that of seeds: of either log rate, less twice what both arms share."""
    reference, arm = _odds(plan, reduction)
    alone = (reference + arm) * design_effect(plan) / plan.outcomes
    together = plan.shared * plan.correlation * float(np.sqrt(reference * arm)) / plan.clusters
    return float(alone - 2 * together)


def _of_outcomes(plan: Plan, reduction: float) -> float:
    """The part of it that would be there if clusters were all alike, which also makes seeds differ."""
    return sum(_odds(plan, reduction)) * (1 - plan.correlation) / plan.outcomes


def _from_seeds(plan: Plan) -> float:
    return 2 * plan.seed_spread**2 / plan.seeds


def _found_over_true(freedom: int, rng: np.random.Generator) -> Array:
    """A variance that is told from few values, over the true one."""
    return np.asarray(rng.chisquare(max(1, freedom), STUDIES) / max(1, freedom))
