import numpy as np
import pytest

from exempla.reporting import statistics as s
from exempla.reporting.power import Plan, design_effect, minimal_reduction, planned_error, power

STUDIES = 1000


def beta_binomial(plan: Plan, rates: tuple[float, ...], studies: int, rng: np.random.Generator) -> np.ndarray:
    """Outcomes (studies, arms, seeds, items) with exactly the plan's correlation and nothing shared by arms."""
    size = 1 / plan.correlation - 1
    chances = np.stack(
        [rng.beta(rate * size, (1 - rate) * size, (studies, 1, plan.clusters, 1)) for rate in rates], axis=1
    )
    shape = (studies, len(rates), plan.seeds, plan.clusters, plan.samples)
    return (rng.random(shape) < chances).astype(float).reshape(*shape[:3], -1)


def share_found(plan: Plan, outcomes: np.ndarray) -> float:
    drawn = s.resample(s.Design(np.repeat(np.arange(plan.clusters), plan.samples)))
    return float(np.mean([s.reduction(first, second, drawn).low > 1 for first, second in outcomes]))


@pytest.mark.parametrize(
    "plan",
    [
        Plan(24, 12, 1, 0.35, 0.1),
        Plan(24, 12, 2, 0.35, 0.1),
        Plan(24, 12, 3, 0.35, 0.1),
        Plan(36, 8, 1, 0.5, 0.2),
        Plan(12, 15, 3, 0.6, 0.05),
    ],
    ids=lambda plan: f"{plan.clusters}x{plan.samples}x{plan.seeds}",
)
def test_the_smallest_reduction_is_found_as_often_as_promised(plan: Plan) -> None:
    """80%, give or take 5 points: 2.5 are the binomial error of the studies, the others that of the delta method."""
    smallest = minimal_reduction(plan)
    outcomes = beta_binomial(plan, (plan.rate, plan.rate / smallest), STUDIES, np.random.default_rng(6))
    assert share_found(plan, outcomes) == pytest.approx(0.8, abs=0.05)


def test_the_planned_error_is_that_of_simulated_reductions() -> None:
    plan = Plan(24, 12, 3, 0.35, 0.1)
    outcomes = beta_binomial(plan, (0.35, 0.25), STUDIES, np.random.default_rng(7)).mean(axis=(2, 3))
    assert planned_error(plan, 0.35 / 0.25) == pytest.approx(np.log(outcomes[:, 0] / outcomes[:, 1]).std(), rel=0.08)


def test_the_spread_of_seeds_counts() -> None:
    """Rates that move from seed to seed by 15%, with as much of it in the plan."""
    plan = Plan(24, 12, 3, 0.35, 0.1, seed_spread=0.15)
    smallest = minimal_reduction(plan)
    rng = np.random.default_rng(9)
    moved = np.exp(rng.normal(0, 0.15, (STUDIES, 2, 3, 1, 1)))
    size = 1 / plan.correlation - 1
    rates = plan.rate / np.array([1, smallest])[:, None, None, None]
    chances = rng.beta(rates * size, (1 - rates) * size, (STUDIES, 2, 1, 24, 1)) * moved
    outcomes = (rng.random((STUDIES, 2, 3, 24, 12)) < chances).astype(float).reshape(STUDIES, 2, 3, -1)
    assert share_found(plan, outcomes) == pytest.approx(0.8, abs=0.05)


def test_what_arms_share_cancels() -> None:
    """Both arms draw from the same chances of a cluster: an error as if outcomes were independent within clusters."""
    plan = Plan(24, 12, 1, 0.35, 0.3, shared=1.0)
    rng = np.random.default_rng(8)
    chances = rng.beta(0.35 * (1 / 0.3 - 1), 0.65 * (1 / 0.3 - 1), (4000, 1, 24, 1))
    rates = (rng.random((4000, 2, 24, 12)) < chances).mean(axis=(2, 3))
    assert planned_error(plan, 1.0) == pytest.approx(np.log(rates[:, 0] / rates[:, 1]).std(), rel=0.1)
    assert design_effect(plan) == pytest.approx(1 + 11 * 0.3)


def test_more_of_anything_finds_smaller_reductions_and_more_uncertainty_larger_ones() -> None:
    plan = Plan(24, 12, 3, 0.35, 0.1)
    found = minimal_reduction(plan)
    assert power(plan, found) == pytest.approx(0.8, abs=1e-6)
    for better in (plan._replace(clusters=36), plan._replace(samples=20), plan._replace(rate=0.5)):
        assert 1 < minimal_reduction(better) < found
    for worse in (plan._replace(correlation=0.3), plan._replace(seed_spread=0.1), plan._replace(seeds=1)):
        assert minimal_reduction(worse) > found
    assert minimal_reduction(plan._replace(shared=0.8)) < found < minimal_reduction(plan, 0.9)


def test_a_study_that_can_find_nothing_says_so() -> None:
    assert minimal_reduction(Plan(6, 2, 1, 0.05, 0.3)) == np.inf
    assert minimal_reduction(Plan(2, 1, 1, 0.2, 0.0)) == np.inf


def test_detectable_reduction_after_a_study() -> None:
    assert s.detectable_reduction(0.1, 24) == pytest.approx(np.exp(s.detectable(0.1, 24)))
    # About what the plan says before it, when the error is the planned one.
    plan = Plan(36, 20, 1, 0.5, 0.02)
    smallest = minimal_reduction(plan)
    assert s.detectable_reduction(planned_error(plan, smallest), 36) == pytest.approx(smallest, rel=0.01)
