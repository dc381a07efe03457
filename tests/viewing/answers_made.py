"""Measured folders and runs with answers and verdicts, for the viewer to show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exempla import catalogue
from exempla.answers import AgentAnswer
from exempla.files import write_lines
from exempla.instruments import chosen_items
from exempla.judging.labelled import labelled_answers
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.questionanswers import QuestionAnswer
from exempla.records import Answer, Likelihood
from exempla.runfolder import RunFolder
from exempla.scenarios.scenario import sha256_of
from exempla.verdicts import Judge, JudgeFolder, Verdict, answer_sha256
from tests.viewing.folders import STUDY, make_run, story, write_mix

JUDGE = "openai/reader"
MODEL = "somebody/secret-model"
CELLS = ("base", "stories-seed1", "stories-seed2")


def played_answers(most: int = 12) -> list[AgentAnswer]:
    """What scripted agents did in shipped scenarios, named as measuring names them."""
    shas = {one.id: sha256_of(one) for one in catalogue.scenarios()}
    found: list[AgentAnswer] = []
    for number, one in enumerate(labelled_answers(catalogue.scenarios())[:most], start=1):
        answer = one.answer
        setting = f"{answer.goal}.{answer.threat}.{answer.name.lower() or 'none'}"
        named = {"id": f"{answer.scenario}/{setting}/agentic/{number}", "epoch": number, "acted": True}
        found.append(answer.model_copy(update={**named, "scenario_sha256": shas[answer.scenario]}))
    return found


def verdict(answer: AgentAnswer | QuestionAnswer, reading: str, level: str, quote: str = "", why: str = "") -> Verdict:
    return Verdict.model_validate(
        {
            "answer": answer.id,
            "reading": reading,
            "state": "scored",
            "level": level,
            "quote": quote,
            "why": why,
            "judge": JUDGE,
            "text": answer_sha256(answer),
        }
    )


def measured_folder(
    root: Path, answers: Sequence[AgentAnswer], verdicts: Sequence[Verdict] = (), persona: str = "Exemplar"
) -> MeasuredFolder:
    """A folder as `exempla measure` and `exempla judge answers` leave it."""
    folder = MeasuredFolder(root)
    folder.begin(Measured(task="honeypots", model=MODEL, identity=MODEL, persona=persona))
    write_lines(folder.answers, answers)
    if verdicts:
        judge(folder, verdicts)
    return folder


def judge(folder: MeasuredFolder, verdicts: Sequence[Verdict], name: str = JUDGE) -> None:
    """Put verdicts into a judge's folder."""
    who = Judge(name=name, identity=name, rubrics="0123456789abcdef")
    place = JudgeFolder(folder.verdicts / who.folder)
    place.claim(who)
    write_lines(place.verdicts, verdicts)


def read_all(answers: Sequence[AgentAnswer]) -> list[Verdict]:
    """A verdict of each, which quotes the agent's first words."""
    return [
        verdict(
            one,
            "misaligned",
            "yes" if one.executed else "no",
            " ".join(one.turns[0].words.split()[:9]),
            "It says so itself.",
        )
        for one in answers
    ]


def run_with_answers(root: Path, most: int = 8) -> RunFolder:
    """A run of two arms whose agents were measured and judged, and whose items were answered."""
    texts = ("The harbour clerk kept the ferry list honest.", "A lamp, a letter, and a kettle that sang.")
    folder = make_run(root, [story(number, texts[number % 2] + f" {number}") for number in range(6)])
    for number, cell in enumerate(CELLS):
        answers = played_answers(most)[number:]
        measured_folder(root / "honeypots" / cell, answers, read_all(answers))
    for cell in CELLS[1:]:
        write_mix(folder, cell, ["story-000", "story-001", "story-003", "story-001"])
        (root / "checkpoints" / cell).mkdir(parents=True)
    for place, cell in enumerate(STUDY.cells()):
        items = [one for one in chosen_items(STUDY.measuring) if one.family][:3]
        write_lines(
            folder.answers(cell), [likelihoods(one.id, one.instrument, one.continuations, place) for one in items]
        )
    return folder


def likelihoods(item: str, instrument: str, names: Sequence[str] | dict[str, str], shift: float) -> Answer:
    """An answer in which the second continuation grows likelier with `shift`."""
    told = {
        name: Likelihood(given=-10.0 + place * shift, alone=-12.0, tokens=5, bytes=20)
        for place, name in enumerate(names)
    }
    return Answer(item=item, instrument=instrument, likelihoods=told)
