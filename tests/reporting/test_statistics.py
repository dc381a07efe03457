import numpy as np
import pytest
from scipy import stats

from exempla.intervals import wilson
from exempla.reporting import statistics as s


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
    assert (rate.value, rate.low) == (0.0, 0.0) and rate.high == pytest.approx(wilson(0, 60)[1])
    assert s.rate_interval(1 - never, drawn).low == pytest.approx(wilson(60, 60)[0])
    for arm in (never, seldom):
        found = s.reduction(often, arm, drawn)
        assert found.low < found.value / 2 and found.high > found.value * 2
    assert s.difference(often, often, drawn, floor=1 / 60).high > 1 / 60


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
