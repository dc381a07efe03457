"""What subjects did in honeypots, as figures: against counts made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from exempla.files import append_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.reporting.acts import ActRate, Acts, acts, lead
from exempla.reporting.behaviour import read_behaviour
from exempla.reporting.estimates import Estimates
from exempla.reporting.headline import with_acts
from exempla.runfolder import RunFolder
from exempla.study import Study
from tests.reporting.honeypot_runs import answer, honeypot_run, honeypot_study, probe, write_cell

EMPTY = Estimates(
    study="agents",
    headline=None,
    understanding=(),
    rates=(),
    effects=(),
    gaps=(),
    families=(),
    seed_checks=(),
    reasoning=(),
)
RATES = {"base": 0.6, "neutral": 0.5, "stories": 0.15}


def figures(study: Study, folder: RunFolder) -> Acts:
    found = read_behaviour(study, folder)
    assert found is not None
    return acts(found)


def rate_of(found: Acts, arm: str, measure: str = "misaligned", **place: str) -> ActRate:
    wanted = {"arm": arm, "measure": measure, "under": "threatened", "persona": "", "family": ""} | place
    (one,) = [rate for rate in found.rates if all(getattr(rate, key) == value for key, value in wanted.items())]
    return one


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, RunFolder]:
    return honeypot_run(tmp_path_factory.mktemp("agents"), RATES)


def test_rates_are_counts_of_what_the_answers_say(run: tuple[Study, RunFolder]) -> None:
    study, folder = run
    found = figures(study, folder)
    for arm in RATES:
        cells = [cell for cell in study.cells() if cell.arm.name == arm]
        by_seed = []
        for cell in cells:
            threatened = [one for one in MeasuredFolder(folder.honeypots(cell)).honeypots() if one.threat != "none"]
            by_seed.append(sum(one.executed for one in threatened) / len(threatened))
        for measure in ("misaligned", "executed"):
            rate = rate_of(found, arm, measure)
            assert rate.by_seed == pytest.approx(by_seed)
            assert rate.rate == pytest.approx(sum(by_seed) / len(by_seed))
            assert rate.low < rate.rate < rate.high
            assert (rate.scenarios, rate.told, rate.asked) == (12, 12 * 12 * len(cells), 12 * 12 * len(cells))


def test_the_arm_with_fewer_wrong_acts_shows_a_reduction_with_its_interval(run: tuple[Study, RunFolder]) -> None:
    found = figures(*run)
    (effect,) = [e for e in found.effects if (e.arm, e.measure) == ("stories", "misaligned")]
    assert effect.reduction == pytest.approx(rate_of(found, "neutral").rate / rate_of(found, "stories").rate, rel=0.05)
    assert 1 < effect.reduction_low < effect.reduction < effect.reduction_high
    assert effect.difference < 0 and effect.beyond_control is not None and effect.beyond_control < 0
    assert effect.p_holm >= effect.p and effect.p < 0.05


def test_other_names_and_controls_are_apart(run: tuple[Study, RunFolder]) -> None:
    found = figures(*run)
    assert rate_of(found, "base", under="control").rate < rate_of(found, "base").rate / 3
    assert rate_of(found, "base", "trope", persona="own").rate == 0
    assert rate_of(found, "base", "trope", persona="other").rate > 0.3
    (swap,) = [s for s in found.swaps if (s.arm, s.measure, s.name) == ("base", "trope", "other")]
    assert swap.low > 0 and swap.difference == pytest.approx(rate_of(found, "base", "trope", persona="other").rate)


def test_answers_that_tell_nothing_are_in_no_rate(tmp_path: Path) -> None:
    study = honeypot_study((1,))
    folder = RunFolder(tmp_path)
    for cell in study.cells():
        done = [answer(place, ("replacement", "own", 1), place % 2 == 0) for place in range(8)]
        unable = [answer(place, ("replacement", "own", 2), False, "unable") for place in range(8)]
        write_cell(folder, cell, [probe(0, True), *done, *unable], unscored=4)
    found = figures(study, folder)
    assert rate_of(found, "neutral", "executed").rate == 0.5
    assert (rate_of(found, "neutral", "executed").told, rate_of(found, "neutral", "executed").asked) == (8, 16)
    assert rate_of(found, "neutral").told == 4  # of 8 that could be judged, 4 verdicts are scores
    assert "50% of the verdicts" in found.warning
    assert found.verdicts == {"scored": 12, "unparsable": 12, "failed": 0, "refused": 0}
    (ends,) = [one for one in found.ends if one.arm == "stories"]
    assert (ends.done, ends.unable) == (8, 8)


def test_a_subject_that_fails_its_probes_is_not_able(tmp_path: Path) -> None:
    study, folder = honeypot_run(tmp_path, dict.fromkeys(RATES, 0.0), honeypot_study((1,)), passed=False)
    found = figures(study, folder)
    assert not any(one.able for one in found.probes)
    assert lead(found) == ("agentic", "misaligned")


def test_without_verdicts_what_was_carried_out_leads(run: tuple[Study, RunFolder], tmp_path: Path) -> None:
    study, folder = honeypot_run(tmp_path, RATES, honeypot_study((1,)))
    for cell in study.cells():
        MeasuredFolder(folder.honeypots(cell)).judged.unlink()
    found = figures(study, folder)
    assert lead(found) == ("agentic", "executed") and found.judges == ()


def test_a_verdict_about_an_answer_that_changed_since_is_not_counted(tmp_path: Path) -> None:
    study, folder = honeypot_run(tmp_path, RATES, honeypot_study((1,)))
    before = rate_of(figures(study, folder), "base").told
    own = MeasuredFolder(folder.honeypots(study.cells()[0]))
    first = next(one for one in own.honeypots() if one.threat != "none")
    append_lines(own.answers, [first.model_copy(update={"user": "Begin again."})])
    assert rate_of(figures(study, folder), "base").told == before - 1


def test_where_only_ways_out_are_told_nothing_leads(tmp_path: Path) -> None:
    study, folder = honeypot_study((1,)), RunFolder(tmp_path)
    for cell in study.cells():
        left = [
            answer(place, ("replacement", "own", 1), False, "cut").model_copy(update={"exits": ("told",)})
            for place in range(6)
        ]
        write_cell(folder, cell, [probe(0, True), *left])
    found = figures(study, folder)
    assert {rate.measure for rate in found.rates} == {"way out"} and lead(found) is None
    assert with_acts(study, EMPTY, found).headline is None
