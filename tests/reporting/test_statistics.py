import numpy as np
import pytest
from scipy import stats

from exempla.intervals import wilson
from exempla.reporting import statistics as s
from exempla.reporting.resampling import Seeds, freedom_of


def test_wilson_against_published_values() -> None:
    # Newcombe (1998), table I: 81/263 and 0/20, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_holm_against_a_worked_example() -> None:
    assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_item_a_family_gives_the_ordinary_t_interval() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, (1, 40))
    drawn = s.resample(s.design([str(n) for n in range(40)]), draws=20_000)
    found = s.mean_interval(values, drawn)
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values[0]))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)
    assert found.p == pytest.approx(stats.ttest_1samp(values[0], 0).pvalue, rel=0.15, abs=1e-6)


def test_an_arm_against_itself_shows_nothing() -> None:
    values = (np.random.default_rng(1).random((3, 60)) < 0.4).astype(float)
    drawn = s.resample(s.design([str(n // 10) for n in range(60)]))
    assert s.difference(values, values, drawn)[:3] == (0.0, 0.0, 0.0)
    found = s.reduction(values, values, drawn)
    assert found.value == 1.0 and 0.8 < found.low < 1 < found.high < 1.25 and found.p == 1.0
    assert s.difference(values, values, drawn).p == 1.0


def test_reduction_is_reference_over_arm_and_survives_zero() -> None:
    drawn = s.resample(s.design([str(n // 10) for n in range(60)]))
    reference, arm = np.zeros((1, 60)), np.zeros((1, 60))
    reference[0, ::2] = 1
    arm[0, ::4] = 1
    assert s.reduction(reference, arm, drawn).value == pytest.approx(30.5 / 15.5)
    assert np.isfinite(s.reduction(reference, np.zeros((1, 60)), drawn).high)


def test_intervals_never_collapse() -> None:
    drawn = s.resample(s.design([str(n // 10) for n in range(60)]))
    never, seldom, often = np.zeros((1, 60)), np.zeros((1, 60)), np.zeros((1, 60))
    seldom[0, 7], often[0, ::2] = 1, 1
    rate = s.rate_interval(never, drawn)
    assert (rate.value, rate.low) == (0.0, 0.0) and rate.high == pytest.approx(wilson(0, 6)[1])
    assert s.rate_interval(np.tile(never, (3, 1)), drawn) == pytest.approx(rate, nan_ok=True)  # seeds are no more items
    assert s.rate_interval(1 - never, drawn).low == pytest.approx(wilson(6, 6)[0])
    alike = s.rate_interval(often, drawn)  # half of each family: no spread between them
    assert alike.low < 0.5 - 0.01 and alike.high > 0.5 + 0.01
    for arm in (never, seldom):
        found = s.reduction(often, arm, drawn)
        assert found.low < found.value / 2 and found.high > found.value * 2
    assert s.difference(often, often, drawn, floor=1 / 60).high > 1 / 60


@pytest.mark.parametrize("seeds", [1, 3])
def test_half_an_outcome_of_the_rarer_arm_is_added_to_the_spread_of_a_reduction(seeds: int) -> None:
    """To the spread of the difference of outcomes over rates, which is the reduction's own to the first order."""
    drawn = s.resample(s.design([str(n // 10) for n in range(60)]))
    rng, outcomes = np.random.default_rng(seeds), 60 * seeds
    first, second = ((rng.permutation(outcomes) < seeds * bad).reshape(seeds, 60) * 1.0 for bad in (20, 10))
    often, seldom = ((seeds * bad + 0.5) / (outcomes + 1) for bad in (20, 10))
    found = s.reduction(first, second, drawn)
    assert found.value == pytest.approx(often / seldom)
    shown = s.difference(first / often, second / seldom, drawn).error
    assert found.error == pytest.approx(np.hypot(shown, 0.5 / outcomes / seldom), rel=1e-9)


def test_an_untrained_arm_is_compared_at_every_seed() -> None:
    drawn = s.resample(s.design([str(n // 10) for n in range(60)]))
    rng = np.random.default_rng(0)
    once, thrice = rng.random((1, 60)), rng.random((3, 60))
    assert s.difference(once, thrice, drawn).value == pytest.approx(float(once.mean() - thrice.mean()))


def test_double_difference_takes_the_common_shift_away() -> None:
    rng = np.random.default_rng(5)
    reference = rng.normal(size=(1, 60))
    treated = np.arange(60) % 3 > 0
    drawn = s.resample(s.design([str(n // 10) for n in range(60)]))
    moved = reference - 1.0 - 0.5 * treated
    found = s.double_difference(moved, reference, drawn, treated, ~treated)
    assert found.value == pytest.approx(-0.5)


def plain(values: np.ndarray, drawn: s.Resampled, chosen: np.ndarray) -> tuple[float, float]:
    """Mean and error of values of which none is missing, by the shortest formulas: weights of items, and two means."""
    weights = drawn.times[:, drawn.family] * chosen
    draws = weights @ values.mean(axis=0) / weights.sum(axis=1)
    families = drawn.families
    error = np.sqrt(draws.var() * families / (families - 1) + s.seed_variance(values[:, chosen]))
    return float(values[:, chosen].mean()), float(error)


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_where_nothing_is_missing_figures_are_those_of_plain_means(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    drawn, chosen = s.resample(s.design([str(n // 12) for n in range(72)])), np.arange(72) % 4 > 0
    first, second = rng.normal(size=(2, seeds, 72)) + 0.3 * rng.normal(size=(2, seeds, 1))
    weighed = (first - second) * 72 * (chosen / chosen.sum() - ~chosen / (~chosen).sum())
    for found, wanted in (
        (s.mean_interval(first, drawn, chosen), plain(first, drawn, chosen)),
        (s.difference(first, second, drawn, chosen), plain(first - second, drawn, chosen)),
        (s.double_difference(first, second, drawn, chosen, ~chosen), plain(weighed, drawn, np.ones(72, dtype=bool))),
    ):
        assert (found.value, found.error) == pytest.approx(wanted, rel=1e-12, abs=1e-12)
        reach = stats.t.ppf(0.975, found.freedom) * found.error
        assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach), rel=1e-12)
        assert found.p == pytest.approx(2 * stats.t.sf(abs(found.value) / found.error, found.freedom), rel=1e-12)


def test_freedom_is_that_of_families_unless_seeds_have_a_part() -> None:
    assert freedom_of(1.0, 6, Seeds()) == 5
    assert freedom_of(1.0, 6, Seeds(0.0, 0.2, 3)) == 5
    assert freedom_of(1.0, 24, Seeds(1.0, 1.1, 5)) == pytest.approx(4 / (1 / 23 + 1.21 / 4))
    assert freedom_of(1e-9, 24, Seeds(1.0, 1.0, 5)) == pytest.approx(4)  # all from seeds
    assert freedom_of(1e-9, 24, Seeds(1.0, 1.0, 2)) == 2
    assert freedom_of(1e-9, 2, Seeds(1.0, 1.0, 5)) == 1


def test_equivalence_needs_certainty_and_not_only_a_small_difference() -> None:
    drawn = s.resample(s.design([str(n // 10) for n in range(120)]))
    rng = np.random.default_rng(4)
    ground, noise = rng.normal(size=(1, 120)), rng.normal(size=(2, 1, 120))
    near = s.equivalence(ground + 0.1 * noise[0], ground + 0.1 * noise[1], drawn, 0.2)
    assert near.equivalent and near.p < 0.05 and -0.2 < near.low < near.value < near.high < 0.2
    whole = s.difference(ground + 0.1 * noise[0], ground + 0.1 * noise[1], drawn)
    quantiles = stats.t.ppf(0.95, whole.freedom) / stats.t.ppf(0.975, whole.freedom)
    assert near.high - near.value == pytest.approx((whole.high - whole.value) * quantiles)  # 90% and not 95%
    unsure = s.equivalence(ground + 2 * noise[0], ground + 2 * noise[1], drawn, 0.2)
    assert not unsure.equivalent and unsure.high - unsure.low > 0.4
    away = s.equivalence(ground + 1, ground, drawn, 0.2)
    assert not away.equivalent and away.p == 1.0
    never = np.zeros((1, 120))
    assert s.equivalence(never, never, drawn, 0.05).p == 0.0
    assert s.equivalence(never, never, drawn, 0.05, floor=1 / 120).p > 1e-6
    with pytest.raises(ValueError, match="margin"):
        s.equivalence(never, never, drawn, 0.0)


def test_seed_variance_is_zero_without_seed_effects_and_right_with_them() -> None:
    rng = np.random.default_rng(2)
    estimates = [s.seed_variance(rng.normal(size=(4, 50)) + rng.normal(0, 0.5, (4, 1))) for _ in range(2000)]
    assert np.mean(estimates) == pytest.approx(0.25 / 4, rel=0.1)
    assert np.mean([s.seed_variance(rng.normal(size=(4, 50))) for _ in range(2000)]) < 0.003
    assert s.seed_variance(rng.normal(size=(1, 50))) == 0.0


def test_detectable_effect() -> None:
    expected = 2.0 * (stats.t.ppf(0.975, 5) + stats.t.ppf(0.8, 5))
    assert s.detectable(2.0, 6) == pytest.approx(expected)


def test_seeds_without_an_effect_of_their_own_differ_by_chance_as_often_as_they_should() -> None:
    """A/A: the same arm twice, noise by item alone, so every finding is a false one."""
    rng = np.random.default_rng(9)
    layout = s.design([str(n // 10) for n in range(60)])
    ground, found = rng.normal(0, 3, 60), 0
    for study in range(1000):
        first, second = ground + rng.normal(0, 1, (2, 1, 60))
        gap = s.difference(first, second, s.resample(layout, draws=400, seed=study))
        found += gap.low > 0 or gap.high < 0
    assert 0.03 <= found / 1000 <= 0.07
