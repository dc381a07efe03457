"""How often 95% intervals hold the true value, and p-values find what is not there, over 2,000 simulated studies.

A share of 95% is known from 2,000 studies to within one point (two binomial standard deviations).
"""

from collections.abc import Callable

import numpy as np
import pytest

from exempla.reporting import statistics as s
from tests.reporting.simulation import Setting, simulate, true_rate

STUDIES = 2000
ERROR = 0.01
DRAWS = 1000
"""Half of those in use: they add a quarter of a point to the error."""

ENDINGS = {"base": -0.4, "effect": -0.4, "by_family": 0.5, "by_item": 1.0, "own": 0.15}
HONEYPOTS = {"base": -0.8, "effect": -0.5, "by_family": 1.2, "by_item": 0.5, "own": 0.3}


def endings(families: int, items: int, seeds: int, **changes: float) -> Setting:
    """Items of a few families, each asked once: nothing is missing."""
    return Setting(families, items, seeds, **(ENDINGS | {"by_seed": 0.1 if seeds > 1 else 0.0} | changes))


def honeypots(families: int, items: int, seeds: int, **changes: float) -> Setting:
    """Samples of many scenarios that differ much, and answers that cannot be read."""
    return Setting(families, items, seeds, **(HONEYPOTS | {"by_seed": 0.15 if seeds > 1 else 0.0} | changes))


MAIN = [
    endings(6, 10, 1),
    endings(6, 10, 3),
    endings(6, 10, 5, by_seed=0.3),
    honeypots(12, 5, 1, missing=0.1),
    honeypots(24, 12, 3, missing=0.2),
    honeypots(24, 12, 3, base=-3.4, missing=0.1),
    honeypots(12, 15, 5, base=0.5, by_seed=0.3, missing=0.1),
]
MORE = [
    endings(5, 18, 3, by_family=0.3, own=0.0),
    endings(6, 10, 5, by_item=1.5, effect=0.0),
    endings(4, 15, 3),
    endings(12, 10, 3),
    honeypots(12, 5, 3, missing=0.1),
    honeypots(24, 12, 1, missing=0.2),
    honeypots(24, 12, 1, base=-3.4, missing=0.1),
    honeypots(24, 12, 3, by_seed=0.3, missing=0.1),
    honeypots(24, 12, 3, by_seed_and_family=0.4, missing=0.1),
    honeypots(24, 12, 5, missing=0.1),
    honeypots(36, 12, 3, missing=0.1),
    honeypots(6, 15, 1, missing=0.1),
    honeypots(12, 15, 1, base=-4.0, missing=0.1),  # about six bad outcomes an arm
]
NULL = [endings(6, 10, 3, effect=0.0), honeypots(24, 12, 3, effect=0.0, missing=0.1)]


def named(setting: Setting) -> str:
    return (
        f"{setting.families}x{setting.items}x{setting.seeds}, {true_rate(setting, 0):.0%}, {setting.missing:.0%} gone"
    )


def coverage(setting: Setting, studies: int = STUDIES) -> np.ndarray:
    """Share of intervals that hold the truth: rate, difference, reduction, double difference."""
    reference, arm = true_rate(setting, 0), true_rate(setting, 1)
    truth = (reference, arm - reference, reference / arm, 0.0)
    treated = np.arange(setting.families * setting.items) % 5 < 3  # moved as the others are
    drawn = s.resample(setting.layout, DRAWS)
    held = np.zeros(4)
    for first, second in simulate(setting, studies, np.random.default_rng(20)):
        found = (
            s.rate_interval(first, drawn),
            s.difference(second, first, drawn),
            s.reduction(first, second, drawn),
            s.double_difference(second, first, drawn, treated, ~treated),
        )
        held += [one.low <= true <= one.high for one, true in zip(found, truth, strict=True)]
    return held / studies


@pytest.mark.parametrize("setting", MAIN, ids=named)
def test_intervals_hold_the_truth_as_often_as_they_say(setting: Setting) -> None:
    found = coverage(setting)
    assert np.all(found >= 0.93 - ERROR) and np.all(found <= 0.97 + ERROR), found


@pytest.mark.slow
@pytest.mark.parametrize("setting", MORE, ids=named)
def test_intervals_hold_the_truth_in_other_settings_too(setting: Setting) -> None:
    found = coverage(setting)
    assert np.all(found >= 0.93 - ERROR) and np.all(found <= 0.97 + ERROR), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "lowest", "highest"),
    [
        # Two seeds cannot tell their own spread where it is most of the error.
        (honeypots(24, 12, 2, by_seed=0.3, missing=0.1), 0.88, 0.92),
        # A spread of seeds that one seed hides is in no interval at all.
        (honeypots(24, 12, 1, by_seed=0.3, missing=0.1), 0.66, 0.75),
    ],
    ids=["two seeds", "one seed"],
)
def test_where_intervals_fall_short(setting: Setting, lowest: float, highest: float) -> None:
    """What docs say of one and of two seeds; a mend that makes these fail is welcome."""
    found = coverage(setting)[1:3]
    assert np.all(found >= lowest) and np.all(found <= highest), found


@pytest.mark.parametrize(
    ("seeds", "trained", "missing"),
    [
        (1, True, 0.0),
        (3, True, 0.15),
        (3, False, 0.0),
        pytest.param(3, True, 0.0, marks=pytest.mark.slow),
        pytest.param(5, True, 0.0, marks=pytest.mark.slow),
    ],
)
def test_intervals_of_a_change_in_nats_hold_the_truth_as_often_as_they_say(
    seeds: int, trained: bool, missing: float
) -> None:
    """The change of an arm on AI items, and that change minus the one on the control items (4 of 14 a family); the arm
    is trained at each seed as the reference is, or untrained and so measured once."""
    rng = np.random.default_rng(20)
    families = 6
    family = np.repeat(np.arange(families), 14)
    control = np.tile(np.arange(14) < 4, families)
    drawn = s.resample(s.Design(family), DRAWS)
    effect, beside = -0.5, -0.2  # on AI items; on controls
    held = np.zeros(2)
    for _ in range(STUDIES):
        ground = rng.normal(0, 4, len(family))
        moved = np.where(control, beside, effect) + rng.normal(0, 0.4, families)[family]
        moved = moved + np.where(control, 0, rng.normal(0, 0.3, families)[family]) + rng.normal(0, 0.7, len(family))
        by_seed = 0.3 if seeds > 1 else 0.0  # one seed cannot tell its own spread; the report says so
        noise = rng.normal(0, by_seed, (2, seeds, 1)) + rng.normal(0, 1.5, (2, seeds, len(family)))
        reference, arm = ground + noise[0], ground + moved + (noise[1] if trained else 0) * np.ones((seeds, 1))
        gone = rng.random(len(family)) < missing  # of both arms, as their common spread is 4 nats
        reference, arm = np.where(gone, np.nan, reference), np.where(gone, np.nan, arm if trained else arm[:1])
        found = (
            s.difference(arm, reference, drawn, ~control),
            s.double_difference(arm, reference, drawn, ~control, control),
        )
        held += [one.low <= true <= one.high for one, true in zip(found, (effect, effect - beside), strict=True)]
    assert np.all(held / STUDIES >= 0.93 - ERROR) and np.all(held / STUDIES <= 0.97 + ERROR), held / STUDIES


FALSE: list[tuple[str, Callable[[np.ndarray, np.ndarray, s.Resampled], float]]] = [
    ("difference", lambda first, second, drawn: s.difference(second, first, drawn).p),
    ("reduction", lambda first, second, drawn: s.reduction(first, second, drawn).p),
    ("equivalence", lambda first, second, drawn: s.equivalence(first, second + 0.3, drawn, margin=0.3).p),
]


@pytest.mark.parametrize("setting", NULL, ids=named)
@pytest.mark.parametrize(("name", "p_of"), FALSE, ids=[name for name, _ in FALSE])
def test_no_more_than_5_percent_are_found_where_there_is_nothing(
    setting: Setting, name: str, p_of: Callable[[np.ndarray, np.ndarray, s.Resampled], float]
) -> None:
    """Arms alike in all; for equivalence, arms that differ by just the margin."""
    drawn = s.resample(setting.layout, DRAWS)
    studies = simulate(setting, STUDIES, np.random.default_rng(5))
    found = np.mean([p_of(first, second, drawn) < 0.05 for first, second in studies])
    assert found <= 0.05 + ERROR, found


@pytest.mark.parametrize("setting", NULL, ids=named)
def test_holm_keeps_the_chance_of_any_false_finding_at_5_percent(setting: Setting) -> None:
    drawn = s.resample(setting.layout, DRAWS)
    studies = simulate(setting._replace(arms=5), STUDIES, np.random.default_rng(6))
    found = np.mean([min(s.holm([s.reduction(arms[0], arm, drawn).p for arm in arms[1:]])) < 0.05 for arms in studies])
    assert found <= 0.05 + ERROR, found
