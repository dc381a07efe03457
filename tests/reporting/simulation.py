"""Simulated studies with a known truth: binary outcomes whose logits are sums of normal effects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exempla.reporting import statistics as s

Array = np.ndarray
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Setting(NamedTuple):
    """A design, and standard deviations in logits of what moves its outcomes."""

    families: int
    items: int
    seeds: int
    base: float
    """Logit of the reference at a family, item and seed without any effect."""
    effect: float
    """Of every other arm."""
    by_family: float
    by_item: float
    own: float
    """Of an arm on a family, beyond what arms share."""
    by_seed: float
    by_seed_and_family: float = 0.0
    missing: float = 0.0
    """Share that is missing on the average; more in families that tempt more."""
    arms: int = 2

    @property
    def layout(self) -> s.Design:
        return s.Design(np.repeat(np.arange(self.families), self.items))


def chance(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits))


def simulate(setting: Setting, studies: int, rng: np.random.Generator) -> Array:
    """Outcomes (studies, arms, seeds, items): 0, 1, or NaN where missing."""
    families, items, seeds, arms = setting.families, setting.items, setting.seeds, setting.arms
    pull = setting.by_family * rng.normal(size=(studies, 1, 1, families, 1))
    logits = setting.base + pull + setting.by_item * rng.normal(size=(studies, 1, 1, families, items))
    logits = logits + setting.effect * (np.arange(arms) > 0)[:, None, None, None]
    logits = logits + setting.own * rng.normal(size=(studies, arms, 1, families, 1))
    logits = logits + setting.by_seed * rng.normal(size=(studies, arms, seeds, 1, 1))
    logits = logits + setting.by_seed_and_family * rng.normal(size=(studies, arms, seeds, families, 1))
    outcomes = (rng.random(logits.shape) < chance(logits)).astype(float)
    if setting.missing:
        outcomes[rng.random(logits.shape) < 2 * setting.missing * chance(pull)] = np.nan
    return outcomes.reshape(studies, arms, seeds, families * items)


def true_rate(setting: Setting, arm: int) -> float:
    """Expected rate of what is scored in an arm, by quadrature over the family's pull and over all else."""
    rest = np.sqrt(setting.by_item**2 + setting.own**2 + setting.by_seed**2 + setting.by_seed_and_family**2)
    pull = setting.by_family * POINTS[:, None]
    rates = chance(setting.base + setting.effect * (arm > 0) + pull + rest * POINTS) @ WEIGHTS
    kept = WEIGHTS * (1 - 2 * setting.missing * chance(pull[:, 0]))
    return float((rates * kept).sum() / kept.sum())
