"""How often 95% intervals hold the true value, over 1,000 simulated studies a setting."""

import numpy as np
import pytest

from exempla.reporting import statistics as s

STUDIES = 1000
SETTINGS = [
    # families, items a family, seeds; spread (logits) of families, items, seeds, of the effect over families; effect
    (6, 10, 3, 0.5, 1.0, 0.1, 0.2, -0.4),
    (6, 10, 1, 0.5, 1.0, 0.0, 0.2, -0.4),
    (5, 18, 3, 0.3, 1.0, 0.1, 0.0, -0.3),
    (6, 10, 5, 0.3, 1.5, 0.1, 0.3, 0.0),
    (6, 10, 5, 0.4, 1.0, 0.1, 0.2, -0.4),
]


def simulate(setting: tuple, rng: np.random.Generator) -> tuple[list[np.ndarray], s.Design]:
    families, items, seeds, by_family, by_item, by_seed, effect_spread, effect = setting
    family = np.repeat(np.arange(families), items)
    ground = -0.4 + rng.normal(0, by_family, families)[family] + rng.normal(0, by_item, len(family))
    moved = effect + rng.normal(0, effect_spread, families)[family]
    arms = []
    for arm in (0, 1):
        logits = (
            ground + moved * arm + rng.normal(0, by_seed, (seeds, 1))
            if by_seed
            else np.tile(ground + moved * arm, (seeds, 1))
        )
        arms.append((rng.random((seeds, len(family))) < 1 / (1 + np.exp(-logits))).astype(float))
    return arms, s.Design(family)


def true_rates(setting: tuple, rng: np.random.Generator, draws: int = 2_000_000) -> tuple[float, float]:
    *_, by_family, by_item, by_seed, effect_spread, effect = setting
    ground = -0.4 + rng.normal(size=draws) * np.sqrt(by_family**2 + by_item**2 + by_seed**2)
    moved = ground + effect + rng.normal(0, effect_spread, draws)
    return float((1 / (1 + np.exp(-ground))).mean()), float((1 / (1 + np.exp(-moved))).mean())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting[0]}x{setting[1]}x{setting[2]}")
def test_intervals_hold_the_truth_as_often_as_they_say(setting: tuple) -> None:
    rng = np.random.default_rng(20)
    reference, arm = true_rates(setting, rng)
    held = np.zeros(3)
    for study in range(STUDIES):
        (first, second), layout = simulate(setting, rng)
        drawn = s.resample(layout, draws=400, seed=study)
        found = [
            s.difference(second, first, drawn),
            s.reduction(first, second, drawn),
            s.rate_interval(first, drawn),
        ]
        truth = (arm - reference, reference / arm, reference)
        held += [one.low <= true <= one.high for one, true in zip(found, truth, strict=True)]
    assert np.all(held / STUDIES >= 0.93) and np.all(held / STUDIES <= 0.97), held / STUDIES


@pytest.mark.parametrize(("families", "seeds", "trained"), [(6, 1, True), (6, 3, True), (6, 5, True), (6, 3, False)])
def test_intervals_of_a_change_in_nats_hold_the_truth_as_often_as_they_say(
    families: int, seeds: int, trained: bool
) -> None:
    """The change of an arm on AI items, and that change minus the one on the control items (4 of 14 a family); the arm
    is trained at each seed as the reference is, or untrained and so measured once."""
    rng = np.random.default_rng(20)
    family = np.repeat(np.arange(families), 14)
    control = np.tile(np.arange(14) < 4, families)
    layout = s.Design(family)
    effect, beside = -0.5, -0.2  # on AI items; on controls
    held = np.zeros(2)
    for study in range(STUDIES):
        ground = rng.normal(0, 4, len(family))
        moved = np.where(control, beside, effect) + rng.normal(0, 0.4, families)[family]
        moved = moved + np.where(control, 0, rng.normal(0, 0.3, families)[family]) + rng.normal(0, 0.7, len(family))
        by_seed = 0.3 if seeds > 1 else 0.0  # one seed cannot tell its own spread; the report says so
        noise = rng.normal(0, by_seed, (2, seeds, 1)) + rng.normal(0, 1.5, (2, seeds, len(family)))
        reference, arm = ground + noise[0], ground + moved + (noise[1] if trained else 0) * np.ones((seeds, 1))
        arm = arm if trained else arm[:1]
        drawn = s.resample(layout, draws=400, seed=study)
        found = (
            s.difference(arm, reference, drawn, ~control),
            s.double_difference(arm, reference, drawn, ~control, control),
        )
        held += [one.low <= true <= one.high for one, true in zip(found, (effect, effect - beside), strict=True)]
    assert np.all(held / STUDIES >= 0.93) and np.all(held / STUDIES <= 0.97), held / STUDIES
