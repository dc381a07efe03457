"""What `exempla judge` does: judge the answers of a folder, compare judges with each other and with people."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from exempla import catalogue
from exempla.agreements import Agreement, Comparison
from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import disk_errors, write_atomically, write_lines
from exempla.judging import by_model, by_rules
from exempla.judging.agreement import agreement
from exempla.judging.comparing import compare
from exempla.judging.gaps import Gap, gap
from exempla.judging.labelled import labelled_answers
from exempla.judging.labels import Label, label_files, read_labels
from exempla.judging.rates import ReadingRates, of_agents, rates, within_threatened
from exempla.judging.reading import Reading, readings_of
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.progress import Reporter
from exempla.questionanswers import QuestionAnswer
from exempla.records import Frozen
from exempla.runfolder import hold, open_folder
from exempla.scenarios.scenario import Scenario, read_scenario, sha256_of
from exempla.verdicts import (
    NAMES,
    OF_QUESTIONS,
    STATES,
    TEST,
    AnyAnswer,
    Judge,
    JudgeFolder,
    Verdict,
    can_be_judged,
    current,
    judge_folders,
)

Part = Literal["easy", "hard", "all"]
LABELS = "labels"
"""Who labels the shipped answers, in tables."""


class Result(Frozen):
    """What came of judging."""

    judge: str
    folder: str
    answers: int
    """That were judged."""
    left_out: dict[str, int]
    """Answers without behaviour to judge, by their state."""
    rates: tuple[ReadingRates, ...]
    """Of agents' answers by form, threatened ones and controls apart."""
    requests: int
    problems: dict[str, int]
    """Why answers failed without a reply, as `http 503`, and how many."""
    kinds: tuple[ReadingRates, ...] = ()
    """Of answers to questions: by kind, as `constitution_answer, recall`. Of threatened agents: by family and by name,
    for `misaligned`."""
    gap: Gap | None = None
    """Of you_or_it: by this judge's levels."""


class Tested(Frozen):
    """How a judge reads the shipped answers, against their labels."""

    reading: str
    difficulty: Part
    answers: int
    states: dict[str, int]
    """Verdicts by state."""
    agreement: Agreement
    """Of the scored ones."""


def judge_answers(
    root: Path, connection: Connection | None, names: Sequence[str], own: Sequence[Path], reporter: Reporter
) -> Result:
    """Judge the answers of a folder; what was judged before is not asked again.

    Args:
        root: the folder that holds `answers.jsonl`.
        connection: the model that judges, or None to judge by rules.
        names: of the readings; all that the answers have if none is given.
        own: folders of scenarios that do not ship.
        reporter: told of progress.

    Raises:
        UserError: there is nothing to judge, a scenario is unknown, or the model cannot be asked. Replies are kept.
    """
    folder = MeasuredFolder(root)
    task = task_of(folder)
    asked = readings_of(task, names)
    if connection is None and task == "you_or_it":
        raise UserError("rules cannot tell whether an opinion is in line; have a model judge, with --model")
    answers, left_out = judgeable(folder)
    agents = {key: one for key, one in answers.items() if isinstance(one, AgentAnswer)}
    scenarios = scenarios_of(agents.values(), own)
    about = folder.read_about()
    persona = (about.persona,) if about else ()
    judge = by_rules.judge_of(task) if connection is None else by_model.judge_of(connection, task)
    place = JudgeFolder(folder.verdicts / judge.folder)
    with disk_errors(place.root), hold(open_folder(place.root)):
        place.claim(judge)
        if connection is None:
            judged = by_model.Judged(_by_rules(answers.values(), asked, scenarios, persona))
        else:
            judged = _asked(connection, place, (list(answers.values()), asked, scenarios), persona, reporter)
        kept = place.replace(judged.verdicts, answers)
    wanted = {reading.name for reading in asked}
    chosen = [one for one in kept if one.reading in wanted]
    return Result(
        judge=judge.name,
        folder=str(place.root),
        answers=len(answers),
        left_out=dict(left_out),
        rates=of_agents(agents, chosen) if agents else rates(chosen),
        requests=judged.requests,
        problems=dict(judged.problems),
        kinds=within_threatened(agents, chosen) if agents else _by_kind(answers, kept),
        gap=gap(asked[0], folder.rows(QuestionAnswer), kept) if task == "you_or_it" else None,
    )


def _by_kind(answers: Mapping[str, AnyAnswer], verdicts: Sequence[Verdict]) -> tuple[ReadingRates, ...]:
    kinds = {key: one.kind for key, one in answers.items() if isinstance(one, QuestionAnswer)}
    return tuple(
        found.model_copy(update={"reading": f"{found.reading}, {kind}"})
        for kind in dict.fromkeys(kinds.values())
        for found in rates(one for one in verdicts if kinds.get(one.answer) == kind)
    )


def task_of(folder: MeasuredFolder) -> str:
    """The task whose answers a folder holds; empty if it does not say.

    Raises:
        UserError: its answers are nothing that is judged.
    """
    about = folder.read_about()
    task = about.task if about else ""
    if task == "capability":
        raise UserError(f"{folder.root}: holds answers that code tells right from wrong; there is nothing to judge")
    if task not in ("", "honeypots", TEST, *OF_QUESTIONS):
        raise UserError(f"{folder.root}: holds answers of {task}, which `exempla judge` does not read")
    return task


def _by_rules(
    answers: Iterable[AnyAnswer], asked: Sequence[Reading], scenarios: Mapping[str, Scenario], names: tuple[str, ...]
) -> list[Verdict]:
    agents, others = list[AgentAnswer](), list[QuestionAnswer]()
    for one in answers:
        if isinstance(one, AgentAnswer):
            agents.append(one)
        else:
            others.append(one)
    return [*by_rules.judge(agents, asked, scenarios, names), *by_rules.judge_questions(others, names)]


def _asked(
    connection: Connection,
    place: JudgeFolder,
    what: tuple[Sequence[AnyAnswer], Sequence[Reading], Mapping[str, Scenario]],
    names: tuple[str, ...],
    reporter: Reporter,
) -> by_model.Judged:
    answers, asked, scenarios = what
    questions = {name: scenario.decided.question for name, scenario in scenarios.items()}
    reporter.begin("judging", total=len(answers) * len(asked))

    async def hear() -> by_model.Judged:
        judging = by_model.Judging(open_speaker(connection), place.replies, names)
        return await by_model.judge(answers, asked, questions, judging, reporter.advance)

    try:
        return asyncio.run(hear())
    finally:
        reporter.end()


def judgeable(folder: MeasuredFolder) -> tuple[dict[str, AnyAnswer], Counter[str]]:
    """The answers of a folder that can be judged, by id in order, and how many others there are by state.

    Raises:
        UserError: there are none.
    """
    if not folder.answers.is_file():
        raise UserError(f"{folder.root}: holds no answers.jsonl; give the folder that `exempla measure` printed")
    found, left_out = sorted_out(folder)
    if not found:
        states = ", ".join(f"{count} {state}" for state, count in left_out.items()) or "nothing was asked"
        raise UserError(f"{folder.root}: holds no answer that can be judged ({states})")
    return found, left_out


def sorted_out(folder: MeasuredFolder) -> tuple[dict[str, AnyAnswer], Counter[str]]:
    """Like `judgeable`, where there may be none."""
    found: dict[str, AnyAnswer] = {}
    left_out: Counter[str] = Counter()
    every: Iterable[AnyAnswer] = folder.honeypots()
    if task_of(folder) in OF_QUESTIONS:
        every = (answer for _, answer in sorted(folder.rows(QuestionAnswer).items()))
    for answer in every:
        if can_be_judged(answer):
            found[answer.id] = answer
        else:
            left_out[answer.state] += 1
    return found, left_out


def scenarios_of(answers: Iterable[AgentAnswer], own: Sequence[Path]) -> dict[str, Scenario]:
    """The scenarios of answers, by id: those that ship, and those in the given folders, which go first.

    Raises:
        UserError: a scenario is unknown, is not the one that was measured, or cannot be read.
    """
    given = {one.id: one for one in map(read_scenario, own)}
    known = {one.id: one for one in catalogue.scenarios()} | given
    measured: dict[str, set[str]] = {}
    for answer in answers:
        measured.setdefault(answer.scenario, set()).add(answer.scenario_sha256)
    for name in sorted(measured):
        if name not in known:
            raise UserError(f"scenario {name!r} does not ship; give its folder with --scenario")
        if measured[name] - {"", sha256_of(known[name])}:  # answers of earlier versions do not say
            whose = "given with --scenario" if name in given else "that ships"
            raise UserError(
                f"scenario {name!r} {whose} is not the one that was measured; give that one's folder with --scenario "
                "PATH"
            )
    return {name: known[name] for name in sorted(measured)}


def compare_judges(root: Path, labels: Sequence[Path], names: Sequence[str]) -> Comparison:
    """Compare all judges of a folder with each other and with labels, and keep it in `verdicts/agreement.json`.

    Args:
        root: the folder that holds `answers.jsonl`. What people labelled in it in the viewer is read as well.
        labels: files with more labels.
        names: of the readings; all that the answers have if none is given.

    Raises:
        UserError: there are fewer than two who read the same answers, or labels cannot be read.
    """
    folder = MeasuredFolder(root)
    asked = readings_of(task_of(folder), names)
    answers, _ = judgeable(folder)
    judges: list[tuple[Judge, str, list[Verdict]]] = []
    for place in judge_folders(folder.verdicts):
        judges.append((place.read_judge(), place.root.name, list(current(place.rows(), answers))))
    given = {path.resolve() for path in labels}
    own = [path for path in label_files(folder.labels) if path.resolve() not in given]
    found = compare(answers, judges, [(path, read_labels(path)) for path in (*labels, *own)], asked)
    with disk_errors(folder.verdicts):
        text = json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False)
        write_atomically(folder.verdicts / "agreement.json", text + "\n")
    return found


def judge_shipped(
    out: Path, connection: Connection | None, names: Sequence[str], reporter: Reporter
) -> tuple[Result, list[Tested]]:
    """Judge the answers that ship with labels, in a folder like any other, and compare.

    Raises:
        UserError: the folder holds something else, or like `judge_answers`.
    """
    shipped = labelled_answers(catalogue.scenarios())
    folder = MeasuredFolder(open_folder(out))
    with disk_errors(out), hold(out):
        folder.begin(Measured(task=TEST, model="scripted", identity="scripted"))
        write_lines(folder.answers, [one.answer for one in shipped])
        rows = [
            Label(answer=one.answer.id, reading=name, level=one.reads[name], who=LABELS)
            for one in shipped
            for name in NAMES
        ]
        write_lines(out / "labels.jsonl", rows)
    chosen_readings = readings_of(TEST, names)
    result = judge_answers(out, connection, names, (), reporter)
    answers, _ = judgeable(folder)
    verdicts = list(current(JudgeFolder(Path(result.folder)).rows(), answers))
    tested: list[Tested] = []
    difficulties: tuple[Part, ...] = ("easy", "hard", "all")
    for reading in chosen_readings:
        for difficulty in difficulties:
            chosen = {
                one.answer.id: one.reads[reading.name] for one in shipped if difficulty in (one.difficulty, "all")
            }
            own = [one for one in verdicts if one.reading == reading.name and one.answer in chosen]
            if own:
                tested.append(_tested(reading, difficulty, chosen, own, result.judge))
    return result, tested


def _tested(
    reading: Reading, difficulty: Part, labels: Mapping[str, str], verdicts: Sequence[Verdict], judge: str
) -> Tested:
    states = Counter(one.state for one in verdicts)
    read = {one.answer: one.level for one in verdicts if one.state == "scored"}
    return Tested(
        reading=reading.name,
        difficulty=difficulty,
        answers=len(labels),
        states={state: states[state] for state in STATES},
        agreement=agreement(reading.name, reading.names, reading.ordered, (judge, read), (LABELS, labels)),
    )
