"""Outcomes that are not scored (NaN) leave the figures of the others as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from exempla.reporting import statistics as s

FAMILIES, ITEMS = 6, 8
LAYOUT = s.Design(np.repeat(np.arange(FAMILIES), ITEMS))
DRAWN = s.resample(LAYOUT, draws=500)
ALL = np.ones(FAMILIES * ITEMS, dtype=bool)
CONTROL = np.arange(FAMILIES * ITEMS) % 4 == 0


def outcomes(seeds: int, rate: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((seeds, FAMILIES * ITEMS)) < rate).astype(float)


def all_of(first: np.ndarray, second: np.ndarray, drawn: s.Resampled, chosen: np.ndarray) -> list[s.Interval]:
    return [
        s.mean_interval(first, drawn, chosen),
        s.rate_interval(first, drawn, chosen),
        s.difference(first, second, drawn, chosen),
        s.reduction(first, second, drawn, chosen),
        s.double_difference(first, second, drawn, chosen & ~CONTROL[: len(chosen)], chosen & CONTROL[: len(chosen)]),
    ]


@pytest.mark.parametrize("seeds", [1, 3])
def test_items_that_are_never_scored_are_as_if_they_were_not_chosen(seeds: int) -> None:
    first, second = outcomes(seeds, 0.5), outcomes(seeds, 0.3, 1)
    chosen = np.random.default_rng(2).random(FAMILIES * ITEMS) < 0.7
    lost = [np.where(chosen, values, np.nan) for values in (first, second)]
    for with_nan, without in zip(
        all_of(lost[0], lost[1], DRAWN, ALL), all_of(first, second, DRAWN, chosen), strict=True
    ):
        assert with_nan == pytest.approx(without, rel=1e-12)


def test_a_rate_is_what_is_scored_over_the_number_scored() -> None:
    values = outcomes(3, 0.4)
    values[0, :20] = values[1, 5:7] = np.nan
    kept = values[np.isfinite(values)]
    assert s.rate_interval(values, DRAWN).value == s.mean_interval(values, DRAWN).value == pytest.approx(kept.mean())
    other = outcomes(3, 0.3, 1)
    assert s.difference(values, other, DRAWN).value == pytest.approx(kept.mean() - other.mean())
    ratio = (kept.sum() + 0.5) / (kept.size + 1) / ((other.sum() + 0.5) / (other.size + 1))
    assert s.reduction(values, other, DRAWN).value == pytest.approx(ratio)


def test_draws_are_ratios_of_sums() -> None:
    """Against the plain definition: list the outcomes of the families drawn, and take their mean."""
    values = outcomes(2, 0.4)
    values[0, 3:13] = np.nan
    found = s.draw_means(values, DRAWN)
    for draw in range(0, 500, 50):
        families = np.repeat(np.arange(FAMILIES), DRAWN.times[draw].astype(int))
        assert found[draw] == pytest.approx(
            np.nanmean(np.concatenate([values[:, family == LAYOUT.family] for family in families], axis=1))
        )


@pytest.mark.parametrize("in_both", [True, False])
def test_a_family_without_scores_in_one_arm_is_left_out_of_both(in_both: bool) -> None:
    first, second = outcomes(3, 0.5), outcomes(3, 0.3, 1)
    gone = LAYOUT.family == 2
    first[:, gone] = np.nan
    if in_both:
        second[:, gone] = np.nan
    rest = s.resample(s.Design(np.repeat(np.arange(FAMILIES - 1), ITEMS)), draws=20_000)
    drawn = s.resample(LAYOUT, draws=20_000)
    for found, wanted in zip(
        all_of(first, second, drawn, ALL)[2:],
        all_of(first[:, ~gone], second[:, ~gone], rest, ALL[~gone])[2:],
        strict=True,
    ):
        assert found.value == pytest.approx(wanted.value, rel=1e-12)
        assert found.freedom <= FAMILIES - 2
        assert found.error == pytest.approx(wanted.error, rel=0.06)


def test_a_seed_without_scores_is_left_out_of_both_arms() -> None:
    first, second = outcomes(4, 0.5), outcomes(4, 0.3, 1)
    first[2] = np.nan
    for found, wanted in zip(
        all_of(first, second, DRAWN, ALL)[2:],
        all_of(np.delete(first, 2, 0), np.delete(second, 2, 0), DRAWN, ALL)[2:],
        strict=True,
    ):
        assert found == pytest.approx(wanted, rel=1e-12)


def test_an_untrained_arm_with_missing_outcomes_is_compared_at_every_seed() -> None:
    once, thrice = outcomes(1, 0.5), outcomes(3, 0.3, 1)
    once[0, :5] = np.nan
    assert s.difference(once, thrice, DRAWN).value == pytest.approx(np.nanmean(once) - thrice.mean())


def test_seed_variance_is_right_where_outcomes_are_missing() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(1000):
        values = rng.normal(size=(4, 48)) + rng.normal(0, 0.5, (4, 1))
        values[rng.random(values.shape) < 0.2] = np.nan
        counted = np.isfinite(values)
        moved = np.where(counted, values - values[counted].mean(), 0) / counted.mean()
        found.append(s.seed_variance(moved))
    assert np.mean(found) == pytest.approx(0.25 / 4, rel=0.1)


def test_how_much_a_seed_misses_is_no_difference_between_seeds() -> None:
    """Whatever the level of the values: adding a constant to all moves the mean, and nothing else."""
    values = np.random.default_rng(3).normal(size=(3, FAMILIES * ITEMS))
    values[0, ::2] = values[1, :9] = np.nan
    low, high = s.mean_interval(values, DRAWN), s.mean_interval(values + 100, DRAWN)
    assert high.value == pytest.approx(low.value + 100) and high.error == pytest.approx(low.error, rel=1e-6)


def test_nothing_scored_says_nothing() -> None:
    nothing = np.full((3, FAMILIES * ITEMS), np.nan)
    rate = s.rate_interval(nothing, DRAWN)
    assert np.isnan(rate.value) and (rate.low, rate.high) == (0.0, 1.0)
    for found in all_of(nothing, outcomes(3, 0.3), DRAWN, ALL)[2:]:
        assert np.isnan(found.value) and found.p == 1.0 and found.error == np.inf and found.high == np.inf
    assert not s.equivalence(nothing, nothing, DRAWN, 0.5).equivalent


def test_one_family_left_holds_every_value_and_one_family_from_the_start_draws_its_items() -> None:
    first, second = outcomes(2, 0.6), outcomes(2, 0.2, 1)
    first[:, LAYOUT.family > 0] = np.nan
    found = s.reduction(first, second, DRAWN)
    assert (found.low, found.high, found.p) == (0.0, np.inf, 1.0) and found.value > 1
    alone = s.resample(s.Design(np.zeros(FAMILIES * ITEMS, dtype=np.int64)))
    by_item = s.resample(s.Design(np.arange(FAMILIES * ITEMS)))
    assert s.difference(outcomes(2, 0.6), second, alone) == s.difference(outcomes(2, 0.6), second, by_item)


@settings(max_examples=100, deadline=None)
@given(
    arrays(float, (2, 2, FAMILIES * ITEMS), elements=st.sampled_from([0.0, 0.5, 1.0, np.nan])),
    st.lists(st.integers(0, FAMILIES - 1), max_size=FAMILIES),
)
def test_whatever_is_missing_intervals_hold_their_estimate_and_p_is_a_chance(both: np.ndarray, gone: list[int]) -> None:
    both[0][:, np.isin(LAYOUT.family, gone)] = np.nan
    for found in all_of(both[0], both[1], DRAWN, ALL):
        assert np.isnan(found.value) or found.low <= found.value <= found.high
        assert np.isnan(found.p) or 0 <= found.p <= 1
