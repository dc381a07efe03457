"""Markdown and cards of a study with honeypots: what is told of judges, and what is told at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exempla.agreements import ArmCorrected, Correction, Share, Validation
from exempla.pages.wording import percent
from exempla.reporting import markdown
from exempla.reporting.cards import write_cards
from exempla.reporting.cards.told import Results, Wishes
from exempla.reporting.estimates import Estimates
from exempla.reporting.markdown.judges import published
from exempla.reporting.outcomes import Table, read_table
from exempla.reporting.page.capability import signed_points
from exempla.runfolder import RunFolder
from exempla.study import Study
from tests.reporting.test_markdown import parsed
from tests.reporting.test_page_acts import label, report, whole_run

PATH = "exempla//home/alice/models/judge"


class Told:
    """A run with honeypots and labels, and what is made of it."""

    def __init__(self, root: Path) -> None:
        self.study: Study
        self.folder: RunFolder
        self.study, self.folder = whole_run(root / "run")
        label(self.study, self.folder, wrong=0.1)
        self.estimates: Estimates = report(self.study, self.folder)[1]
        self.table: Table = read_table(self.study, self.folder)
        self.out = root / "cards"

    def text(self, estimates: Estimates) -> str:
        return markdown.render(self.study, self.folder, self.table, estimates)

    def cards(self, estimates: Estimates) -> Iterator[str]:
        paths = write_cards(self.study, self.folder, self.out, Results(self.table, estimates), {}, Wishes())
        return (path.read_text() for path in paths)

    def changed(self, agreement: dict[str, Any] | None = None, **acts: Any) -> Estimates:
        """The estimates with some fields of acts and agreement changed."""
        assert self.estimates.acts and self.estimates.agreement
        return self.estimates.model_copy(
            update={
                "acts": self.estimates.acts.model_copy(update=acts),
                "agreement": self.estimates.agreement.model_copy(update=agreement or {}),
            }
        )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("told"))


def corrected(**changes: str) -> ArmCorrected:
    """A correction that no run of this file has: 77%, by a judge of its own."""
    share = Share(value=0.77, low=0.7, high=0.8)
    known = Validation(positives=30, true_positives=29, negatives=30, true_negatives=29)
    correction = Correction(positives=7, scored=10, uncorrected=share, corrected=share, labelled=known)
    names = {"arm": "base", "judge": "other", "folder": "f", "reading": "misaligned", "form": "agentic"} | changes
    return ArmCorrected.model_validate(names | {"correction": correction})


def test_where_a_judge_lies_is_told_nowhere(told: Told) -> None:
    assert told.estimates.agreement
    arms = tuple(one.model_copy(update={"judge": PATH}) for one in told.estimates.agreement.arms)
    estimates = told.changed({"arms": arms}, judges=(PATH,))
    texts = [told.text(estimates), *told.cards(estimates)]
    assert len(texts) == 8
    for text in texts:
        assert "alice" not in text and "exempla/" not in text
        assert "Judged by judge." in text and "one judge's reading (judge)" in text


def test_judges_get_names_that_tell_them_apart(told: Told) -> None:
    assert told.estimates.agreement
    found = told.estimates.agreement.comparison
    readers = (PATH, "exempla--home-alice-models-judge~0a1b2c3d", "exempla--home-bob-x~0a1b2c3d", "ann")
    pair = found.agreements[0].model_copy(update={"first": PATH, "second": "ann"})
    comparison = found.model_copy(
        update={"judges": readers[:3], "people": ("ann",), "agreements": (pair,), "corrected": ()}
    )
    arms = (corrected(judge=PATH), corrected(judge="~/judge"), corrected(judge="/models/rules"))
    estimates = told.changed({"arms": arms, "comparison": comparison}, judges=(PATH, "rules", "exempla/embedded"))
    shown = published(estimates)
    assert shown.acts and shown.agreement
    assert shown.acts.judges == ("judge", "rules", "embedded")
    assert [one.judge for one in shown.agreement.arms] == ["judge", "judge-2", "rules-2"]
    assert shown.agreement.comparison.judges == ("judge", "judge~0a1b2c3d", "judge~0a1b2c3d-2")
    alone = published(told.changed(judges=("/models/rules",))).acts
    assert alone and alone.judges == ("rules-2",)  # or it would pass for a reading by rules
    (first,) = shown.agreement.comparison.agreements
    assert (first.first, first.second) == ("judge", "ann")


def test_every_name_of_a_judge_is_changed(told: Told) -> None:
    was = told.estimates.model_dump_json()
    assert '"mockllm/judge"' in was
    moved = Estimates.model_validate_json(was.replace('"mockllm/judge"', f'"{PATH}"'))
    shown = published(moved).model_dump_json()
    assert "alice" not in shown
    assert shown == was.replace('"mockllm/judge"', '"judge"')


def test_corrections_are_of_wrong_decisions_by_the_studys_own_judge(told: Told) -> None:
    assert told.estimates.acts and told.estimates.agreement
    own = told.estimates.acts.folders[0]
    others = (
        corrected(),
        corrected(folder=own, reading="trope"),
        corrected(folder=own, form="text"),
    )
    text = told.text(told.changed({"arms": (*told.estimates.agreement.arms, *others)}))
    shown = []
    for one in told.estimates.agreement.arms:
        assert one.correction.corrected
        share = one.correction.corrected
        shown.append(f"{one.arm} {percent(share.value)} ({percent(share.low)} to {percent(share.high)})")
    line = "Corrected for its errors by people's labels (decided for the wrong act; agents with tools): "
    assert len(shown) == 3 and f"\n{line}{', '.join(shown)}.\n" in text
    assert "77% (70% to 80%)" not in text and "Not corrected" not in text


def test_why_nothing_is_corrected_is_said(told: Told) -> None:
    assert told.estimates.agreement
    none = {"corrected": None, "why_not": "12 labels; 50 are needed"}
    arms = tuple(
        one.model_copy(update={"correction": one.correction.model_copy(update=none)})
        for one in told.estimates.agreement.arms
    )
    text = told.text(told.changed({"arms": arms}))
    assert "Not corrected for its errors (agents with tools): 12 labels; 50 are needed.\n" in text
    unlabelled = told.text(told.changed({"arms": (corrected(),)}))
    assert "Not corrected for its errors (agents with tools): no person has labelled these answers" in unlabelled
    assert "Corrected for" not in text + unlabelled


def test_what_changed_beyond_the_control_stands_in_the_table(told: Told) -> None:
    assert told.estimates.acts
    effects = {one.arm: one for one in told.estimates.acts.effects if one.measure == "misaligned"}
    text = told.text(told.estimates)
    for arm in ("base", "stories"):
        found = effects[arm]
        ends = found.beyond_control, found.beyond_control_low, found.beyond_control_high
        value, low, high = (signed_points(end) for end in ends if end is not None)
        assert f") | {value} ({low} to {high}) | " in text
    rows = [line for line in text.splitlines() if line.endswith(" of 36 |")]
    assert len(rows) == 2 and {row.count("|") for row in rows} == {9}
    assert "| carried out | reduction | beyond control | Holm p | probes |\n|---|---|---|---|---|---|---|---|\n" in text
    without = tuple(one.model_copy(update={"beyond_control": None}) for one in told.estimates.acts.effects)
    (row,) = re.findall(r"(?m)^\| \*\*stories\*\* .* 36 of 36 \|$", told.text(told.changed(effects=without)))
    assert "x) | – | " in row


def test_nothing_is_told_of_likelihoods_that_nobody_asked_for(told: Told) -> None:
    text = told.text(told.estimates)
    tokens = parsed(text)
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == [
        "Honeypots", "Agents with tools", "Capability", "Doses", "What each arm read", "Kept and dropped", "Limits",
        "How to repeat it",
    ]  # fmt: skip
    assert "likelihood" not in text and "No instrument" not in text
    assert "An arm against itself (A/A): " in text and "pairs of seeds differ by more than their interval" in text
    assert not re.search(r"(?m)^[^|\n].*\S {2}", text)  # outside of a table, whose cells may be empty
