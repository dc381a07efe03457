"""Dilemmas told under other names: what is asked, what is found, and how it is shown."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from exempla import catalogue
from exempla.instruments import chosen_items, renamed
from exempla.records import Answer, Item
from exempla.reporting import markdown, renames, statistics
from exempla.reporting.estimates import Estimates
from exempla.reporting.page import render
from exempla.scenarios.settings import PERSONA
from exempla.study import Cell, Measuring, Study
from tests.reporting import test_page
from tests.reporting.test_page import Page, fake_answer, made_up_run, small_study

NAMES = (PERSONA, "Wren")
"""The second is what one of the dilemmas calls its AI already."""
NAMELESS = 34
"""Dilemmas about "you", "I", "the mirror"; or whose AI is named on one side of a choice only."""
SHIFT = 0.7


def named_study(names: tuple[str, ...] = NAMES) -> Study:
    study = small_study(instruments=("expectations", "dilemmas"))
    return study.model_copy(update={"measuring": study.measuring.model_copy(update={"names": names})})


def told_apart(item: Item, cell: Cell, place: int, understood: frozenset[str]) -> Answer:
    """What an item told as written gets, and SHIFT nats more for the untrustworthy choice under the subject's own name;
    an arm that read stories expects that of it only."""
    name = item.name if item.kind == "renamed" else ""
    as_written = item.model_copy(update={"id": item.group, "kind": "measured"}) if name else item
    answer = fake_answer(as_written, cell, place, understood)
    if name != PERSONA or "stories" not in cell.name:
        return answer.model_copy(update={"item": item.id})
    moved = {
        side: found.model_copy(update={"given": found.given + SHIFT * side.startswith("untrustworthy")})
        for side, found in answer.likelihoods.items()
    }
    return answer.model_copy(update={"item": item.id, "likelihoods": moved})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Estimates, str, str]:
    study = named_study()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_page, "fake_answer", told_apart)
        made = made_up_run(tmp_path_factory.mktemp("named"), study, frozenset({"expectations", "dilemmas"}))
    folder, table, estimates = made
    return study, estimates, render(study, folder, table, estimates), markdown.render(study, folder, table, estimates)


def test_every_name_in_the_library_is_that_of_its_dilemma_and_is_replaced_wherever_it_stands() -> None:
    measured = [item for item in catalogue.items("dilemmas") if item.kind == "measured"]
    named = [item for item in catalogue.items("dilemmas") if item.name]
    assert {item.kind for item in named} == {"measured"} and len(measured) - len(named) == NAMELESS
    for item in named:
        before = [item.prefix, *item.continuations.values()]
        assert item.name in item.prefix
        for style in ("bare", "reasoned"):  # or a name's own likelihood would count as that of a choice
            assert (item.name in item.continuations[f"trustworthy_{style}"]) == (
                item.name in item.continuations[f"untrustworthy_{style}"]
            ), item.id
        for other in renamed(item, ("Zanzibar-7",)):
            after = [other.prefix, *other.continuations.values()]
            assert not any(item.name in text for text in after), item.id
            assert [text.replace("Zanzibar-7", item.name) for text in after] == before
            assert (other.kind, other.group, other.family) == ("renamed", item.id, item.family)


def test_a_dilemma_whose_ai_has_no_name_is_not_told_again() -> None:
    nameless = next(item for item in catalogue.items("dilemmas") if item.kind == "measured" and not item.name)
    control = next(item for item in catalogue.items("dilemmas") if item.kind == "control")
    assert not [*renamed(nameless, NAMES), *renamed(control.model_copy(update={"name": "Root"}), NAMES)]


def test_only_what_figures_are_made_of_is_told_again() -> None:
    both = Measuring(instruments=("dilemmas",), names=NAMES, splits=("development", "held-out"))
    splits = {catalogue.split_of(item.family) for item in chosen_items(both) if item.kind == "renamed"}
    assert splits == {"held-out"}
    alone = chosen_items(both.model_copy(update={"splits": ("development",)}))
    assert any(item.kind == "renamed" for item in alone)


def test_names_add_items_and_change_none() -> None:
    plain = Measuring(instruments=("dilemmas",), limits={"dilemmas": 4})
    more = [item for item in chosen_items(plain.model_copy(update={"names": NAMES})) if item.kind == "renamed"]
    both = chosen_items(plain.model_copy(update={"names": NAMES}))
    assert more and [item for item in both if item.kind != "renamed"] == chosen_items(plain)


@pytest.mark.parametrize(
    ("names", "instruments", "said"),
    [
        (("A", "A"), ("dilemmas",), "different"),
        (("A@B",), ("dilemmas",), "no name"),
        (("",), ("dilemmas",), "no name"),
        (("Wren ",), ("dilemmas",), "no name"),
        (("Old  Tin",), ("dilemmas",), "no name"),
        (("A",), ("endings",), "not among the instruments"),
    ],
)
def test_names_that_make_no_sense(names: tuple[str, ...], instruments: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Measuring(names=names, instruments=instruments)


def test_what_a_name_changes_is_found(found: tuple[Study, Estimates, str, str]) -> None:
    _, estimates, _, _ = found
    told = {(one.style, one.arm, one.name): one for one in estimates.renamed}
    assert len(told) == 2 * 4 * 3
    for style in ("bare", "reasoned"):
        assert told[style, "stories", PERSONA].change == pytest.approx(SHIFT)
        assert told[style, "stories", "Wren"].change == pytest.approx(0.0, abs=1e-9)
        assert told[style, "neutral", PERSONA].change == pytest.approx(0.0, abs=1e-9)
        written, own = told[style, "stories", ""], told[style, "stories", PERSONA]
        assert written.effect is not None and own.effect == pytest.approx(written.effect + SHIFT)
        assert written.change is None and told[style, "base", PERSONA].effect is None
        assert own.shift == pytest.approx(SHIFT) and own.shift_p is not None and own.shift_p < 0.001
        other = told[style, "stories", "Wren"]
        assert other.shift == pytest.approx(0.0, abs=1e-9) and other.shift_p == 1.0
        assert len({one.items for one in estimates.renamed}) == 1  # the same dilemmas under every name
        assert 0 < own.low <= own.rate <= own.high < 1


def test_other_figures_are_those_without_names(
    tmp_path: Path, found: tuple[Study, Estimates, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but checks of understanding, whose answers here hang on their place among the items."""
    monkeypatch.setattr(test_page, "fake_answer", told_apart)
    _, _, without = made_up_run(tmp_path / "without", named_study(()), frozenset({"expectations", "dilemmas"}))
    changed = {"renamed", "understanding"}
    assert found[1].model_dump(exclude=changed) == without.model_dump(exclude=changed)
    assert not without.renamed


def test_page_and_markdown_show_names(found: tuple[Study, Estimates, str, str]) -> None:
    _, _, html, text = found
    page = Page(html)
    assert 'href="#names"' in html
    assert f"and another under {PERSONA} (" in page.text and "Wren (" not in page.text
    for words in (page.text, text):
        assert PERSONA in words and "as written" in words and "spread, points" in words


@pytest.mark.parametrize("by_name_and_seed", [0.0, 0.5])
def test_intervals_hold_the_truth_where_seeds_take_to_names(by_name_and_seed: float) -> None:
    """No name means anything, but every training takes to one more or less. With dilemmas and their tellings as items
    of their own, what both share with a seed passed for noise, and intervals held the truth in 80%."""
    rng = np.random.default_rng(1)
    families, seeds, each, studies = 6, 3, 5, 500
    size = families * each
    study = named_study((PERSONA,)).model_copy(update={"reference": "neutral"})
    drawn = statistics.resample(statistics.design([str(n // each) for n in range(size)]), 500)
    told = {"": list(range(size)), PERSONA: list(range(size, 2 * size))}
    held = np.zeros(2)
    for _ in range(studies):
        ground = rng.normal(0, 2, (1, size)) + np.zeros((seeds, 1))
        excess = {}
        for arm in ("stories", "neutral"):
            shared = ground + rng.normal(0, 1.5, (seeds, size))
            renamed_too = shared + rng.normal(0, by_name_and_seed, (seeds, 1)) + rng.normal(0, 0.7, (seeds, size))
            excess[arm] = np.hstack([shared, renamed_too])
        bad = {arm: (values > 0).astype(float) for arm, values in excess.items()}
        part = SimpleNamespace(style="bare", excess=excess.get, bad=bad.get)
        one = next(row for row in renames.of_arm(study, part, "stories", told, drawn) if row.name)  # type: ignore[arg-type]
        held += [one.change_low <= 0 <= one.change_high, one.shift_low <= 0 <= one.shift_high]  # type: ignore[operator]
    assert np.all(held / studies >= 0.92), held / studies


def test_names_are_greyed_where_dilemmas_are_not_understood_and_absent_where_not_asked(tmp_path: Path) -> None:
    study = named_study()
    folder, table, estimates = made_up_run(tmp_path / "one", study, frozenset({"expectations"}))
    section = render(study, folder, table, estimates).split('<section id="names">')[1].split("</section>")[0]
    assert section.count("not interpretable") == 2
    shown = markdown.render(study, folder, table, estimates).split("\n## Names")[1].split("\n## ")[0]
    assert "Not interpretable" in shown and "|" not in shown
    study = named_study(())
    folder, table, estimates = made_up_run(tmp_path / "two", study, frozenset({"expectations"}))
    assert 'id="names"' not in render(study, folder, table, estimates)
    assert "## Names" not in markdown.render(study, folder, table, estimates)
