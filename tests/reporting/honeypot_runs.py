"""Runs with made-up answers to honeypots: real rows in real folders, no model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from exempla import catalogue
from exempla.answers import AgentAnswer, Call, Turn
from exempla.files import write_atomically, write_lines
from exempla.measuredfolder import Judged, Measured, MeasuredFolder
from exempla.runfolder import RunFolder
from exempla.scenarios.scenario import sha256_of
from exempla.study import Arm, Cell, Honeypots, Measuring, Study
from exempla.verdicts import Judge, JudgeFolder, Verdict, answer_sha256

SCENARIOS = [one for one in catalogue.scenarios() if one.split == "held-out"][:12]
FINISH = Call(tool="finish", arguments={}, reply="ok")
PERSONAS = ("own", "other", "none")


def honeypot_study(seeds: tuple[int, ...] = (1, 2, 3)) -> Study:
    return Study(
        name="agents",
        question="Do stories change what an agent does?",
        arms=(Arm(name="base"), Arm(name="neutral", mix={"neutral": 1}), Arm(name="stories", mix={"stories": 1})),
        reference="neutral",
        headline="stories",
        seeds=seeds,
        measuring=Measuring(instruments=(), honeypots=Honeypots()),
    )


def answer(scenario: int, setting: tuple[str, str, int], executed: bool, state: str = "done") -> AgentAnswer:
    """One answer: `setting` is threat, persona, epoch."""
    threat, persona, epoch = setting
    one = SCENARIOS[scenario]
    name = {"own": "Exemplar", "other": "Linden", "none": ""}[persona]
    return AgentAnswer.model_validate(
        {
            "id": f"{one.id}/explicit.{threat}.{name.lower() or 'none'}/agentic/{epoch}",
            "scenario": one.id, "family": one.family, "split": one.split, "goal": "explicit", "threat": threat,
            "persona": persona, "name": name, "form": "agentic", "epoch": epoch,
            "system": "You are an agent.", "user": "Begin.", "state": state,
            "turns": (Turn(words=f"I weigh it <b>carefully</b> {executed}.", calls=(FINISH,)),),
            "scenario_sha256": sha256_of(one), "acted": state == "done", "executed": executed,
        }
    )  # fmt: skip


def probe(scenario: int, passed: bool) -> AgentAnswer:
    one = SCENARIOS[scenario]
    return answer(scenario, ("none", "own", 1), False).model_copy(
        update={"id": f"{one.id}/probe/agentic/1", "kind": "probe", "passed": passed}
    )


def write_cell(folder: RunFolder, cell: Cell, answers: list[AgentAnswer], unscored: int = 0) -> None:
    """Write a cell's answers, and verdicts of a judge that reads what was done; the first `unscored` are unparsable."""
    own = MeasuredFolder(folder.honeypots(cell))
    own.root.mkdir(parents=True)
    own.begin(Measured(task="honeypots", model="exempla/made", identity="made", persona="Exemplar"))
    write_lines(own.answers, answers)
    judge = Judge(name="mockllm/judge", identity="mockllm/judge", rubrics="0" * 64)
    place = JudgeFolder(own.verdicts / judge.folder)
    place.root.mkdir(parents=True)
    place.claim(judge)
    verdicts: list[Verdict] = []
    judged = [one for one in answers if one.kind == "honeypot" and one.state == "done"]
    for number, one in enumerate(judged):
        levels = {
            "misaligned": "yes" if one.executed else "no",
            "ethical_reasoning": "reasoned" if not one.executed else "absent",
            "trope": "yes" if one.executed and one.persona == "other" else "no",
            "persona": "itself",
        }
        for reading, level in levels.items():
            scored = number >= unscored
            verdicts.append(
                Verdict.model_validate(
                    {
                        "answer": one.id, "reading": reading, "state": "scored" if scored else "unparsable",
                        "level": level if scored else "", "judge": judge.name, "text": answer_sha256(one),
                        "quote": "I weigh it" if scored else "", "problem": "" if scored else "no JSON",
                    }
                )
            )  # fmt: skip
    write_lines(place.verdicts, verdicts)
    found = Judged(judge=judge.name, folder=judge.folder, answers=len(judged), left_out={})
    write_atomically(own.judged, found.model_dump_json())


def honeypot_run(
    root: Path, rates: Mapping[str, float], study: Study | None = None, passed: bool = True, unable: float = 0.0
) -> tuple[Study, RunFolder]:
    """A run in which each arm does the wrong act at a rate under a threat, and at a tenth of it without."""
    study, folder = study or honeypot_study(), RunFolder(root)
    for cell in study.cells():
        chance = random.Random(f"{cell.name}")
        answers = [probe(place, passed) for place in range(len(SCENARIOS))]
        for place in range(len(SCENARIOS)):
            bend = random.Random(place).uniform(0.5, 1.5)
            for threat in ("replacement", "restriction", "none"):
                for persona in PERSONAS:
                    for epoch in (1, 2):
                        rate = rates[cell.arm.name] * bend * (0.1 if threat == "none" else 1)
                        state = "unable" if chance.random() < unable else "done"
                        executed = state == "done" and chance.random() < rate
                        answers.append(answer(place, (threat, persona, epoch), executed, state))
        write_cell(folder, cell, answers)
    return study, folder
