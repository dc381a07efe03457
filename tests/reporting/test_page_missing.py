"""A study with parts missing still gives a page, and the page says what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from exempla.files import write_atomically, write_lines
from exempla.records import MixAccount
from exempla.reporting.capability import Ability
from exempla.reporting.estimates import Estimates
from exempla.reporting.page import render
from exempla.runfolder import RunFolder
from exempla.study import Arm, Measuring, Study, Training, Writing
from tests.reporting.test_page import Page, made_up_run, small_study

ENDINGS = Measuring(instruments=("endings",), limits={"endings": 2})
BOTH = frozenset({"endings", "dilemmas", "expectations"})


def study(**changes: object) -> Study:
    made = small_study(seeds=(1,)).model_copy(update={"measuring": ENDINGS, "writing": None} | changes)
    return Study.model_validate(made.model_dump())


def page_of(root: Path, made: Study, *, change: Callable[[RunFolder], None] | None = None) -> Page:
    folder, table, estimates = made_up_run(root, made, BOTH)
    if change:
        change(folder)
    source = render(made, folder, table, estimates)
    assert source.encode()  # nothing that cannot be written to a file
    return whole(source)


def whole(source: str) -> Page:
    """The page, after what holds for any."""
    page = Page(source)
    assert page.open == [] and page.tags.count("h1") == 1 and page.handlers == []
    ids = {address for address in page.addresses if address.startswith("#")}
    assert ids and all(f'id="{address[1:]}"' in source for address in ids), "a link leads nowhere"
    assert not re.search(r"[>(] *(None|nan|NaN|inf)\b", source)
    return page


def nothing_kept(folder: RunFolder) -> None:
    write_lines(folder.kept, [])
    write_lines(folder.dropped, [])
    for path in (folder.root / "mixes").glob("*.json"):
        account = MixAccount.model_validate_json(path.read_text())
        write_atomically(path, account.model_copy(update={"ids": (), "passes": {}, "records": {}}).model_dump_json())


def no_curves(folder: RunFolder) -> None:
    for path in (folder.root / "curves").glob("*.json"):
        write_atomically(path, "[]")


def test_one_seed(tmp_path: Path) -> None:
    page = page_of(tmp_path, study())
    assert "One seed: how far another would move this is unknown." in page.text
    assert "No arm was trained with two seeds" in page.text
    assert "small dots are seeds; dashed" not in page.text


def test_nothing_kept(tmp_path: Path) -> None:
    page = page_of(tmp_path, study(), change=nothing_kept)
    assert "No record came to the gates." in page.text and "No arm of this study read stories." in page.text
    assert "#stories" in page.addresses and "it was trained on" not in page.text


def test_no_curves_and_no_manifest(tmp_path: Path) -> None:
    def change(folder: RunFolder) -> None:
        no_curves(folder)
        folder.manifest.unlink()

    page = page_of(tmp_path, study(), change=change)
    assert "This run has no manifest." in page.text and "Loss by update" not in page.text


def test_nothing_held_out(tmp_path: Path) -> None:
    page = page_of(tmp_path, study(measuring=ENDINGS.model_copy(update={"splits": ("development",)})))
    assert "Only development families were measured, and a headline is made of held-out ones" in page.text
    assert "development endings, by arm" in page.text  # the chart says of what it is


def test_nothing_understood(tmp_path: Path) -> None:
    made = study()
    folder, table, estimates = made_up_run(tmp_path, made, frozenset())
    page = whole(render(made, folder, table, estimates))
    assert "The subject understood no instrument of this study (endings)" in page.text
    assert "It does not follow endings, which are not read." in page.text
    assert "so there is nothing to find" in page.text and "published: another model" not in page.text


def test_no_arm_is_trained(tmp_path: Path) -> None:
    page = page_of(tmp_path, study(arms=(Arm(name="base"), Arm(name="again")), reference="base", headline="again"))
    assert "No arm was trained." in page.text and "No arm of this study read stories." in page.text
    assert "which is not trained, and nothing else." in page.text


def test_one_arm_alone(tmp_path: Path) -> None:
    page = page_of(tmp_path, study(arms=(Arm(name="base"),), reference="base", headline="base"))
    assert "There is no arm beside the reference, so nothing can be compared." in page.text
    assert "nothing to compare it with" in page.text


def test_no_item_at_all(tmp_path: Path) -> None:
    page = page_of(tmp_path, study(measuring=Measuring(instruments=(), capability=True)))
    assert "No instrument of this study is read by likelihood" in page.text
    assert "No item was measured, so there are no rates." in page.text


def test_no_dose_no_capability_no_reasoning(tmp_path: Path) -> None:
    arms = (Arm(name="base"), Arm(name="stories", mix={"stories": 1}))
    page = page_of(tmp_path, study(arms=arms))
    assert "No two arms of this study read the same mix" in page.text
    assert "Capability was not measured in this study" in page.text
    assert "Dilemmas were not measured" in page.text


def test_a_dose_is_drawn(tmp_path: Path) -> None:
    arms = (Arm(name="base"), Arm(name="a", mix={"stories": 2}), Arm(name="b", mix={"stories": 1}, tokens=8192))
    page = page_of(tmp_path, study(arms=arms, headline="a", seeds=(1, 2)))
    assert "The arms a and b read the same mix for different numbers of tokens." in page.text


def test_capability_is_told(tmp_path: Path) -> None:
    made = study()
    folder, table, estimates = made_up_run(tmp_path, made, BOTH)
    common = {"kind": "all questions", "unit": "", "before": "base", "of": 80, "seeds": 1}
    before = Ability(
        arm="base", value=0.26, low=0.18, high=0.37, change=None, change_low=None, change_high=None, **common
    )
    after = before.model_copy(update={"arm": "stories", "change": -0.04, "change_low": -0.1, "change_high": 0.02})
    found = estimates.model_copy(update={"capability": (before, after)})
    page = whole(render(made, folder, table, found))
    assert "−4 points" in page.text and "−10 points to +2 points" in page.text


# Without shrinking, which would draw hundreds of pages.
@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_any_study_gives_a_page(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    draw = data.draw
    mixes = st.sampled_from([{}, {"stories": 1}, {"stories": 1, "neutral": 2}, {"refusals": 1}, {"written": 1}])
    arms = tuple(
        Arm(name=f"arm{n}", mix=draw(mixes), tokens=draw(st.sampled_from([None, 512, 4096])))
        for n in range(draw(st.integers(1, 4)))
    )
    instruments = draw(st.lists(st.sampled_from(["endings", "expectations", "dilemmas"]), unique=True))
    made = Study(
        name="any",
        question="?",
        writing=draw(st.sampled_from([None, Writing(n=3)])),
        arms=arms,
        reference=draw(st.sampled_from(arms)).name,
        headline=draw(st.sampled_from(arms)).name,
        seeds=draw(st.sampled_from([(1,), (3, 1)])),
        training=Training(tokens=1024),
        measuring=Measuring(
            instruments=tuple(instruments),
            capability=not instruments,
            splits=draw(st.sampled_from([("held-out",), ("development",), ("development", "held-out")])),
            limits=dict.fromkeys(instruments, draw(st.integers(1, 2))),
        ),
    )
    understood = frozenset(draw(st.sets(st.sampled_from(["endings", "expectations", "dilemmas"]))))
    folder, table, estimates = made_up_run(tmp_path_factory.mktemp("any"), made, understood)
    for change in draw(st.sets(st.sampled_from([nothing_kept, no_curves]))):
        change(folder)
    page = whole(render(made, folder, table, estimates))
    assert Estimates.model_validate_json(estimates.model_dump_json()) == estimates
    assert estimates.headline is None or estimates.headline.sentence in page.text
