"""Figures by family against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from exempla.instruments import Outcome
from exempla.reporting.families import family_effects, family_rates
from exempla.reporting.outcomes import Part
from exempla.study import Arm, Study

EXCESS = {
    "base": {1: [1.0, 2.0, -1.0, 0.5, 3.0]},
    "stories": {1: [0.0, 1.5, -1.5, -0.5, 2.0], 2: [0.2, 1.1, -1.1, -0.7, 2.2]},
}


def part(groups: tuple[str, ...] = ("", "", "", "", "")) -> Part:
    items = tuple("abcde")
    cells = {
        arm: {
            seed: {
                item: Outcome(
                    item=item, instrument="endings", style="plain", kind="measured", family="leverage",
                    excess={"corrected": value},
                )
                for item, value in zip(items, values, strict=True)
            }
            for seed, values in seeds.items()
        }
        for arm, seeds in EXCESS.items()
    }  # fmt: skip
    families = ("leverage", "leverage", "leverage", "leverage", "copying")
    return Part("endings", "plain", items, ("measured",) * 5, families, groups, ("",) * 5, cells)


STUDY = Study(
    name="made", question="?", arms=(Arm(name="base"), Arm(name="stories", mix={"stories": 1})), reference="base",
    headline="stories", seeds=(1, 2),
)  # fmt: skip


def test_effect_is_paired_by_item_and_its_interval_is_of_items() -> None:
    one, alone = family_effects(STUDY, part())
    moved = np.array(EXCESS["stories"][1]) - np.array(EXCESS["base"][1])
    moved = (moved + np.array(EXCESS["stories"][2]) - np.array(EXCESS["base"][1]))[:4] / 2
    assert (one.family, one.arm, one.groups) == ("leverage", "stories", 4)
    assert one.nats == pytest.approx(moved.mean())
    assert one.low is not None and one.high is not None
    # The seeds hardly differ, so that the interval is the t interval of the items' means.
    reach = stats.t.ppf(0.975, 3) * moved.std(ddof=1) / 2
    assert (one.high - one.low) / 2 == pytest.approx(reach, rel=0.06)
    assert (alone.family, alone.groups, alone.low, alone.high) == ("copying", 1, None, None)


def test_items_that_share_wording_count_once() -> None:
    one, _ = family_effects(STUDY, part(("g", "g", "g", "", "")))
    assert one.groups == 2
    # Groups of unlike size do not change the estimate, which is over items.
    assert one.nats == pytest.approx(next(family_effects(STUDY, part())).nats)


def test_rates_have_their_denominator() -> None:
    rates = {rate.family: rate for rate in family_rates(part(), "stories")}
    assert (rates["leverage"].rate, rates["leverage"].outcomes) == (3.5 / 8, 8)  # a tie counts half
    assert (rates["copying"].rate, rates["copying"].outcomes) == (1.0, 2)
