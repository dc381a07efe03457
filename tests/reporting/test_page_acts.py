"""The report of a study with honeypots: what agents did leads the page, and people's labels correct it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from exempla.files import write_lines
from exempla.judging.labels import Label, read_labels
from exempla.measuredfolder import Judged, MeasuredFolder
from exempla.pipeline import run_study
from exempla.progress import Reporter
from exempla.reporting import markdown
from exempla.reporting.estimates import Estimates
from exempla.reporting.outcomes import read_table
from exempla.runfolder import RunFolder, write_study
from exempla.study import Study
from exempla.verdicts import Judge, JudgeFolder, judge_folders
from tests.reporting.honeypot_runs import honeypot_run, honeypot_study
from tests.reporting.test_page import Page, write_corpora, write_training

RATES = {"base": 0.6, "neutral": 0.5, "stories": 0.15}


def whole_run(root: Path, rates: dict[str, float] = RATES, passed: bool = True) -> tuple[Study, RunFolder]:
    """A run that has everything but its report."""
    study, folder = honeypot_run(root, rates, honeypot_study((1, 2, 3)), passed=passed)
    write_corpora(folder)
    for cell in study.cells():
        if cell.arm.mix:
            write_training(study, folder, cell)
    write_study(folder, study)
    return study, folder


def report(study: Study, folder: RunFolder) -> tuple[Page, Estimates]:
    with Reporter("quiet") as reporter:
        run_study(study, folder, reporter, ["report"])
    estimates = Estimates.model_validate_json(folder.estimates.read_text())
    return Page(folder.report.read_text()), estimates


def label(study: Study, folder: RunFolder, wrong: float, blind: bool = True) -> None:
    """One person reads 40 threatened answers of each cell, and the judge's level is not theirs in a share of them."""
    chance = random.Random(0)
    for cell in study.cells():
        own = MeasuredFolder(folder.honeypots(cell))
        threatened = [one for one in own.honeypots() if one.threat != "none"][:40]
        rows = [
            Label(
                answer=one.id, reading="misaligned", who="ann", at="2026-11-26T07:00:00+00:00", blind=blind,
                level="yes" if one.executed != (chance.random() < wrong) else "no",
            )
            for one in threatened
        ]  # fmt: skip
        own.labels.mkdir()
        write_lines(own.labels / "ann.jsonl", rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, Estimates]:
    study, folder = whole_run(tmp_path_factory.mktemp("agents"))
    label(study, folder, wrong=0.1)
    return report(study, folder)


def test_what_agents_did_is_the_first_sentence(run: tuple[Page, Estimates]) -> None:
    page, estimates = run
    assert estimates.headline is not None and estimates.headline.instrument == "honeypots"
    assert estimates.headline.sentence.startswith("Stories lowered the misalignment rate from ")
    assert "3 seeds, 12 held-out scenarios" in estimates.headline.sentence
    assert estimates.headline.sentence in page.text
    assert "Judged by mockllm/judge." in page.text


def test_the_honeypot_section_has_its_figures(run: tuple[Page, Estimates]) -> None:
    page, estimates = run
    assert estimates.acts is not None
    for said in (
        "Ethical reasoning",
        "Name swap",
        "Carried it out",
        "12 of 12",
        "36 of 36",
        "How answers and verdicts",
    ):
        assert said in page.text, said
    rate = next(
        one for one in estimates.acts.rates if (one.arm, one.measure, one.family) == ("stories", "misaligned", "")
    )
    assert f"{rate.rate:.0%} {rate.low:.0%} to {rate.high:.0%}, {rate.told} of {rate.asked}" in page.text


def test_labels_correct_the_headline(run: tuple[Page, Estimates]) -> None:
    page, estimates = run
    assert estimates.agreement is not None
    (kappa,) = [one for one in estimates.agreement.comparison.agreements if one.reading == "misaligned"]
    assert kappa.answers == 7 * 40 and kappa.kappa.value is not None and 0.5 < kappa.kappa.value < 0.95
    corrected = {one.arm: one.correction for one in estimates.agreement.arms}
    assert set(corrected) == set(RATES) and all(one.corrected for one in corrected.values())
    assert corrected["stories"].labelled.labels == 280
    assert "Corrected for the judge's errors by 280 answers that people labelled" in page.text


def test_labels_given_with_the_verdicts_in_sight_correct_nothing(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    label(study, folder, wrong=0.1, blind=False)
    page, estimates = report(study, folder)
    assert estimates.agreement is not None and estimates.agreement.comparison.agreements
    assert not any(one.correction.corrected for one in estimates.agreement.arms)
    assert "280 labels were given with the verdicts in sight" in page.text and "Corrected for" not in page.text


def test_without_labels_the_page_says_that_nothing_is_corrected(tmp_path: Path) -> None:
    page, estimates = report(*whole_run(tmp_path))
    assert estimates.agreement is not None and not estimates.agreement.comparison.agreements
    assert "nothing tells how far the judge is right" in page.text and "Corrected for" not in page.text


def test_labels_that_are_taken_back_or_of_other_answers_leave_a_report(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    label(study, folder, wrong=0.1)
    assert report(study, folder)[1].agreement.arms  # type: ignore[union-attr]
    cells = [MeasuredFolder(folder.honeypots(cell)) for cell in study.cells()]
    for own in cells:  # the answers are asked anew: labels are of what was there before
        path = own.labels / "ann.jsonl"
        rows = [row.model_copy(update={"text": "0" * 64}) for row in read_labels(path)]
        write_lines(path, rows)
    page, estimates = report(study, folder)
    assert estimates.agreement is not None and not estimates.agreement.arms
    assert "40 labels are of answers asked anew" in page.text and "Corrected for" not in page.text
    for own in cells:
        (own.labels / "ann.jsonl").unlink()
    page, estimates = report(study, folder)
    assert estimates.agreement is not None and estimates.agreement.comparison.people == ()
    assert "labels are of answers" not in page.text


def test_another_judges_correction_is_not_the_headlines(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    label(study, folder, wrong=0.0)
    right = report(study, folder)[1]
    for cell in study.cells():  # one that reads yes in every answer of seed 1, and sorts after the study's own
        own = MeasuredFolder(folder.honeypots(cell))
        poor = JudgeFolder(own.verdicts / "zzz-poor~00000000")
        poor.root.mkdir()
        poor.claim(Judge(name="zzz/poor", identity="zzz/poor", rubrics="0" * 64))
        rows = [
            one.model_copy(update={"level": "yes" if cell.seed == 1 else one.level, "judge": "zzz/poor"})
            for place in judge_folders(own.verdicts)
            if place.root != poor.root
            for one in place.rows()
            if one.reading == "misaligned"
        ]
        write_lines(poor.verdicts, rows)
    page, estimates = report(study, folder)
    assert estimates.agreement is not None and right.agreement is not None
    assert {one.judge for one in estimates.agreement.arms} == {"mockllm/judge", "zzz/poor"}
    (own_rate,) = [one.correction.corrected for one in right.agreement.arms if one.arm == "stories"]
    assert own_rate is not None
    said = f"{own_rate.value:.0%} ({own_rate.low:.0%} to {own_rate.high:.0%})"
    assert f"answers that people labelled: {said}" in page.text


def test_one_scenario_makes_no_headline(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    for cell in study.cells():
        own = MeasuredFolder(folder.honeypots(cell))
        first = next(own.honeypots()).scenario
        write_lines(own.answers, [one for one in own.latest().values() if one.scenario == first])
    assert report(study, folder)[1].headline is None


def test_what_rules_read_does_not_lead(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    for cell in study.cells():
        own = MeasuredFolder(folder.honeypots(cell))
        judged = Judged.model_validate_json(own.judged.read_text())
        own.judged.write_text(judged.model_copy(update={"judge": "rules"}).model_dump_json())
    page, estimates = report(study, folder)
    assert estimates.headline is not None and "the rate of wrong acts carried out" in estimates.headline.sentence
    assert "read by rules, which find words" in page.text


def test_a_subject_that_is_unable_has_no_headline(tmp_path: Path) -> None:
    page, estimates = report(*whole_run(tmp_path, dict.fromkeys(RATES, 0.0), passed=False))
    assert estimates.headline is None
    assert "No effect can be read: base, neutral and stories failed the probes" in page.text


def test_no_wrong_act_anywhere_is_told_as_it_is(tmp_path: Path) -> None:
    page, estimates = report(*whole_run(tmp_path, dict.fromkeys(RATES, 0.0)))
    assert estimates.headline is not None and "No effect of stories was shown" in estimates.headline.sentence
    assert "0%" in page.text


def test_answers_that_nobody_judged_lead_with_what_was_carried_out(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    for cell in study.cells():
        MeasuredFolder(folder.honeypots(cell)).judged.unlink()
    page, estimates = report(study, folder)
    assert estimates.headline is not None and "the rate of wrong acts carried out" in estimates.headline.sentence
    assert "Nobody has judged these answers yet" in page.text


def test_markdown_and_cards_tell_what_agents_did(tmp_path: Path) -> None:
    study, folder = whole_run(tmp_path)
    label(study, folder, wrong=0.1)
    _, estimates = report(study, folder)
    assert estimates.headline is not None
    table = read_table(study, folder)
    text = markdown.render(study, folder, table, estimates).replace("\\[", "[").replace("\\]", "]")
    for said in (estimates.headline.sentence, "| Ethical reasoning |", "Corrected for its errors"):
        assert said in text
    rows = [line for line in text.splitlines() if line.startswith("| **stories**") and "36 of 36" in line]
    assert len(rows) == 1 and rows[0].count("|") == 9
