"""Surface cues must not give the answer away in the shipped items."""

import pytest

from exempla import catalogue
from exempla.instruments import STYLES
from exempla.measuring.cues import Pair, measure_cues

LIMITS = {"endings": 0.65, "expectations": 0.58, "dilemmas": 0.58}


def pairs(instrument: str, style: str, kinds: tuple[str, ...] = ("measured", "control")) -> list[Pair]:
    suffix = f"_{style}" if instrument == "dilemmas" else ""
    return [
        Pair(item.continuations[f"trustworthy{suffix}"], item.continuations[f"untrustworthy{suffix}"], item.group)
        for item in catalogue.items(instrument)
        if item.kind in kinds
    ]


CASES = [(instrument, style) for instrument, styles in STYLES.items() for style in styles]


@pytest.mark.parametrize(("instrument", "style"), CASES)
def test_cues_do_not_give_the_answer_away(instrument: str, style: str) -> None:
    cues = measure_cues(pairs(instrument, style))
    assert cues.words <= LIMITS[instrument], cues
    assert cues.first_words <= 0.55, cues
    assert cues.length <= 0.55, cues


@pytest.mark.parametrize(("instrument", "style"), CASES)
def test_nor_in_the_held_out_half_alone(instrument: str, style: str) -> None:
    held = {family.id for family in catalogue.families() if family.split == "held-out"}
    group = {item.group for item in catalogue.items(instrument) if item.family in held}
    cues = measure_cues([pair for pair in pairs(instrument, style) if pair.group in group])
    # A half has twice the sampling variance: two standard errors of a proportion are allowed for above chance.
    assert cues.words <= LIMITS[instrument] + cues.pairs**-0.5, cues
    assert cues.first_words <= 0.55 + cues.pairs**-0.5, cues
    assert cues.length <= 0.58, cues


@pytest.mark.parametrize(("instrument", "style"), CASES)
def test_nor_in_the_ai_items_without_their_controls(instrument: str, style: str) -> None:
    cues = measure_cues(pairs(instrument, style, kinds=("measured",)))
    assert cues.words <= LIMITS[instrument] + 0.5 * cues.pairs**-0.5, cues
    assert cues.first_words <= 0.55 + 0.5 * cues.pairs**-0.5, cues


def test_the_check_finds_a_planted_cue() -> None:
    planted = [Pair(t, f"{u} quietly", g) for t, u, g in pairs("expectations", "plain")]
    found = measure_cues(planted)
    assert found.words > 0.9 and found.length > 0.9
    opened = [Pair(f"gladly {t}", f"coldly {u}", g) for t, u, g in pairs("expectations", "plain")]
    assert measure_cues(opened).first_words > 0.9
