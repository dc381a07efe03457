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
