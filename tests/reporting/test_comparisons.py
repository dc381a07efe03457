"""Arms that are compared with another one than the reference: figures, sentences, and where these stand."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from exempla.reporting import markdown, statistics
from exempla.reporting.page import render
from exempla.study import Study
from tests.reporting.test_page import Page, made_up_run, small_study

PAIRS = (("stories", "neutral"), ("stories-dose", "stories"))


def compared_study(pairs: tuple[tuple[str, str], ...] = PAIRS) -> Study:
    return small_study().model_copy(update={"comparisons": pairs})


def test_a_comparison_is_what_it_would_be_with_the_other_arm_as_reference(tmp_path: Path) -> None:
    study = compared_study()
    folder, table, estimates = made_up_run(tmp_path, study, frozenset({"endings"}))
    assert [(one.arm, one.reference) for one in estimates.compared] == [*PAIRS]
    swapped = study.model_copy(update={"reference": "neutral", "comparisons": ()})
    _, _, other = made_up_run(tmp_path / "swapped", swapped, frozenset({"endings"}))
    effect = next(
        one for one in other.effects if (one.instrument, one.style, one.arm) == ("endings", "plain", "stories")
    )
    first, second = estimates.compared
    assert (first.reduction, first.low, first.high) == pytest.approx(
        (effect.reduction, effect.reduction_low, effect.reduction_high)
    )
    assert other.headline is not None and first.sentence == other.headline.sentence and not other.compared
    held = table.part("endings", "plain", held_out=True)
    measured = np.asarray([kind == "measured" for kind in held.kinds])
    drawn = statistics.resample(statistics.design(held.families))
    right = statistics.reduction(held.bad("stories"), held.bad("stories-dose"), drawn, measured)
    assert (second.reduction, second.p) == pytest.approx((right.value, right.p))
    assert [first.p_holm, second.p_holm] == statistics.holm([first.p, second.p])
    words = Page(render(study, folder, table, estimates)).text, markdown.render(study, folder, table, estimates)
    for text in words:
        plain = " ".join(text.replace("\\", "").split())  # Markdown escapes brackets
        for one in estimates.compared:
            assert one.sentence[:-1] in plain
    assert "Also asked" in words[0]


def test_nothing_is_said_without_comparisons_or_without_a_headline(tmp_path: Path) -> None:
    for name, pairs, understood in (("none", (), {"endings"}), ("no headline", PAIRS, set())):
        study = compared_study(pairs)
        folder, table, estimates = made_up_run(tmp_path / name, study, frozenset(understood))
        assert not estimates.compared
        assert "Also asked" not in render(study, folder, table, estimates)


@pytest.mark.parametrize("pair", [("stories", "stories"), ("stories", "storys"), ("storys", "base")])
def test_a_comparison_is_of_two_arms_of_the_study(pair: tuple[str, str]) -> None:
    with pytest.raises(ValidationError, match="are not two arms"):
        Study.model_validate(small_study().model_dump() | {"comparisons": (pair,)})
