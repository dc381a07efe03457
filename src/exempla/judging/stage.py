"""The judge stage: one unit a cell, whose verdicts lie with its answers to honeypots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exempla.errors import UserError
from exempla.files import file_sha256, fingerprint, write_atomically
from exempla.measuredfolder import Judged, MeasuredFolder
from exempla.models.identity import full_name
from exempla.models.request import Connection
from exempla.progress import Reporter
from exempla.runfolder import RunFolder
from exempla.study import Cell, Honeypots, Judging, Study
from exempla.unit import Unit
from exempla.verdicts import MOST_UNSCORED, NAMES, RULES, Judge

if TYPE_CHECKING:
    from exempla.judging.command import Result

TASK = "honeypots"


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit for each arm and seed whose agents are judged; none without honeypots."""
    settings = study.measuring.honeypots
    return [_unit(study.judging, settings, folder, cell) for cell in study.cells()] if settings else []


def _unit(judging: Judging, settings: Honeypots, folder: RunFolder, cell: Cell) -> Unit:
    own = MeasuredFolder(folder.honeypots(cell))

    def inputs() -> str:
        if folder.done("measure", f"{TASK}/{cell.name}") is None:
            raise FileNotFoundError(2, "missing", str(own.answers))
        return fingerprint(file_sha256(own.answers), judge_of(judging))

    return Unit(
        stage="judge",
        name=cell.name,
        fingerprint=inputs,
        work=lambda reporter: _judge(judging, settings, own.root, reporter),
        outputs=(own.judged,),
    )


def judge_of(judging: Judging) -> Judge:
    """The judge of a study, as its folder of verdicts says."""
    # Who asks a model loads Inspect, which takes a second; so it is loaded where a model judges.
    if (connection := _connection(judging)) is not None:
        from exempla.judging import by_model

        return by_model.judge_of(connection, TASK)
    from exempla.judging import by_rules

    return by_rules.judge_of(TASK)


def _connection(judging: Judging) -> Connection | None:
    if judging.judge == RULES:
        return None
    return Connection(model=full_name(judging.judge), base_url=judging.base_url, in_flight=judging.in_flight)


def _see_to(result: Result, answers: int, root: Path, reporter: Reporter) -> None:
    """A server that is down must not pass for a judge. A few failures are counted beside the rates and stop nothing.

    Raises:
        UserError: so many verdicts failed that rates would be off.
    """
    failed = sum(result.problems.values())
    if not failed:
        return
    said = ", ".join(f"{count} {problem}" for problem, count in result.problems.items())
    if failed > MOST_UNSCORED * answers * len(NAMES):
        raise UserError(f"{root}: verdicts failed ({said}); run the same command again to have only these read")
    again = f"`exempla judge answers {root}` asks for them again"
    reporter.say(f"note: judge {root.name}: {failed} verdicts failed ({said}); {again}", event="note")


def _judge(judging: Judging, settings: Honeypots, root: Path, reporter: Reporter) -> None:
    from exempla.judging.command import judge_answers, sorted_out  # loads Inspect

    folder, judge = MeasuredFolder(root), judge_of(judging)
    answers, left_out = sorted_out(folder)
    if answers:
        result = judge_answers(root, _connection(judging), (), settings.own, reporter)
        _see_to(result, len(answers), root, reporter)
    else:
        told = ", ".join(f"{count} {state}" for state, count in left_out.items()) or "nothing was asked"
        reporter.say(f"judge {root.name}: no answer can be judged ({told})", event="note")
    found = Judged(judge=judge.name, folder=judge.folder, answers=len(answers), left_out=dict(left_out))
    write_atomically(folder.judged, found.model_dump_json(indent=2) + "\n")
