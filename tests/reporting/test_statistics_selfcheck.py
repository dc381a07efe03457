import numpy as np
import pytest

from exempla.reporting import statistics as s
from exempla.reporting.selfcheck import SelfCheck, self_check

LAYOUT = s.Design(np.repeat(np.arange(12), 8))
DRAWN = s.resample(LAYOUT)


def arms(rng: np.random.Generator, seeds: int, by_seed: float = 0.0, count: int = 3) -> list[np.ndarray]:
    ground = rng.normal(0, 3, 96)
    return [ground + by_seed * rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, 96)) for _ in range(count)]


def checks(studies: int, seeds: int, by_seed: float = 0.0) -> list[SelfCheck]:
    rng = np.random.default_rng(3)
    return [self_check(arms(rng, seeds, by_seed), DRAWN) for _ in range(studies)]


@pytest.mark.parametrize("seeds", [2, 4])
def test_seeds_without_a_difference_are_told_apart_as_often_as_chance_says(seeds: int) -> None:
    found = checks(400 // seeds, seeds)
    pairs = seeds * (seeds - 1) // 2 * 3
    assert all(one.of == "seeds" and one.comparisons == pairs for one in found)
    assert found[0].expected == pytest.approx(0.05 * pairs)
    assert 0.035 <= np.mean([one.excluded / pairs for one in found]) <= 0.065
    # No more than 2.5% lie above the range, and 2 standard deviations of so many studies.
    assert np.mean([not one.as_expected for one in found]) <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / len(found))
    assert np.mean([one.excluded < one.low for one in found]) <= 0.05


def test_seeds_that_differ_are_noticed() -> None:
    found = checks(40, 4, by_seed=0.6)
    assert np.mean([one.as_expected for one in found]) < 0.1


def test_of_one_seed_random_halves_are_compared() -> None:
    found = checks(30, 1)
    assert all(one.of == "halves" and one.comparisons == 201 for one in found)
    assert all(4 <= one.low <= 5 and 16 <= one.high <= 17 for one in found)  # of 201 at 5%
    assert 0.035 <= np.mean([one.excluded / 201 for one in found]) <= 0.065


def test_halves_of_rare_outcomes() -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((1, 96)) < 0.1).astype(float)
    values[0, :10] = np.nan
    assert self_check([values], DRAWN).excluded <= 20


def test_seeds_with_nothing_scored_are_not_compared() -> None:
    found = arms(np.random.default_rng(0), 3)
    found[0][1] = np.nan
    assert self_check(found, DRAWN).comparisons == 1 + 3 + 3
    nothing = [np.full((2, 96), np.nan)]
    assert self_check(nothing, DRAWN)[1:3] == (0, 0) and self_check([], DRAWN)[1:3] == (0, 0)


def test_only_chosen_items_count() -> None:
    rng = np.random.default_rng(5)
    chosen = LAYOUT.family < 6
    ground = rng.normal(size=96)
    moved = np.stack([ground, ground + np.where(chosen, rng.normal(0, 0.1, 96), 5.0)])
    assert self_check([moved], DRAWN, chosen).excluded == 0 and self_check([moved], DRAWN, ~chosen).excluded == 1
