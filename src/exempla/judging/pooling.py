"""Agreement over a whole run: the verdicts and labels of all cells together, as no cell alone has labels enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from exempla.agreements import ArmCorrected, Comparison, RunAgreement
from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import file_sha256, fingerprint, write_atomically
from exempla.judging.comparing import YES_OR_NO, compare, majority
from exempla.judging.correcting import correct, validation
from exempla.judging.labels import Label, label_files, read_labels
from exempla.judging.reading import Reading, readings
from exempla.measuredfolder import MeasuredFolder
from exempla.progress import Reporter
from exempla.runfolder import RunFolder
from exempla.scenarios.settings import FORMS
from exempla.study import Cell, Study
from exempla.unit import Unit
from exempla.verdicts import AnyAnswer, Judge, Verdict, answer_sha256, current, judge_folders

VERSION = 2
"""Raised when a change of the code changes figures."""
Judges = dict[str, tuple[Judge, list[Verdict]]]


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit of a study with honeypots; it takes seconds and asks no model."""
    if not study.measuring.honeypots:
        return []
    cells = [(cell, MeasuredFolder(folder.honeypots(cell))) for cell in study.cells()]

    def inputs() -> str:
        paths = [own.answers for _, own in cells if own.answers.exists()]
        paths += [place.verdicts for _, own in cells for place in judge_folders(own.verdicts)]
        paths += [path for _, own in cells for path in label_files(own.labels)]
        return fingerprint(VERSION, {str(path.relative_to(folder.root)): file_sha256(path) for path in paths})

    return [
        Unit(
            stage="report",
            name="agreement",
            fingerprint=inputs,
            work=lambda reporter: _agree(folder, cells, reporter),
            outputs=(folder.agreement,),
        )
    ]


def _agree(folder: RunFolder, cells: Sequence[tuple[Cell, MeasuredFolder]], reporter: Reporter) -> None:
    reporter.begin("report agreement", total=len(cells))
    answers: dict[str, AnyAnswer] = {}
    arms: dict[str, str] = {}
    judges: Judges = {}
    labelled: list[tuple[Path, list[Label]]] = []
    notes: list[str] = []
    for cell, own in cells:
        here = {one.id: one for one in own.honeypots()} if own.answers.exists() else {}
        answers |= {_key(cell, name): one for name, one in here.items()}
        arms |= dict.fromkeys((_key(cell, name) for name in here), cell.arm.name)
        for place in judge_folders(own.verdicts):
            found = [one.model_copy(update={"answer": _key(cell, one.answer)}) for one in current(place.rows(), here)]
            judges.setdefault(place.root.name, (place.read_judge(), []))[1].extend(found)
        for path in label_files(own.labels):
            rows = [one.model_copy(update={"answer": _key(cell, one.answer)}) for one in read_labels(path)]
            still = [one for one in rows if one.answer in answers and _is_of(one, answers[one.answer])]
            if len(still) < len(rows):
                notes.append(
                    f"{cell.name}, {path.stem}: {len(rows) - len(still)} labels are of answers asked anew since"
                )
            if still:
                labelled.append((path, still))
        reporter.advance(1, cell.name)
    found_all = RunAgreement(
        comparison=_compared(answers, judges, labelled, notes),
        arms=tuple(_corrected(answers, arms, judges, labelled, readings())),
    )
    write_atomically(folder.agreement, found_all.model_dump_json(indent=2) + "\n")


def _compared(
    answers: Mapping[str, AnyAnswer], judges: Judges, labelled: Sequence[tuple[Path, list[Label]]], notes: list[str]
) -> Comparison:
    """What comparing finds; where no two have read the same answers, that alone."""
    told = [(judge, name, verdicts) for name, (judge, verdicts) in judges.items()]
    try:
        found = compare(answers, told, labelled, readings())
    except UserError as error:
        names = tuple(sorted({judge.name for judge, _, _ in told}))
        people = tuple(sorted({one.who for _, rows in labelled for one in rows}))
        why = () if len(names) + len(people) < 2 else (str(error),)
        return Comparison(judges=names, people=people, agreements=(), together=(), corrected=(), notes=(*notes, *why))
    return found.model_copy(update={"notes": (*notes, *found.notes)})


def _is_of(label: Label, answer: AnyAnswer) -> bool:
    return label.text in ("", answer_sha256(answer))


def _key(cell: Cell, answer: str) -> str:
    """The same sample is asked of every cell."""
    return f"{cell.name}:{answer}"


def _corrected(
    answers: Mapping[str, AnyAnswer],
    arms: Mapping[str, str],
    judges: Judges,
    labelled: Sequence[tuple[Path, Sequence[Label]]],
    asked: Sequence[Reading],
) -> Iterator[ArmCorrected]:
    """Each arm's rate, by what the labels of all arms tell of the judge in threatened answers of that form."""
    scenarios = {key: one.scenario for key, one in answers.items() if isinstance(one, AgentAnswer)}
    for reading in asked:
        labels = majority(_people(answers, labelled, reading.name)) if reading.names == YES_OR_NO else {}
        if not labels:
            continue
        for folder, (judge, verdicts) in judges.items():
            levels = {
                one.answer: one.level for one in verdicts if one.reading == reading.name and one.state == "scored"
            }
            for form in FORMS:
                read = {key: level for key, level in levels.items() if _threatened(answers[key], form)}
                known = validation(read, {key: label for key, label in labels.items() if key in read})
                for arm in dict.fromkeys(arms.values()):
                    own = {key: level for key, level in read.items() if arms[key] == arm}
                    if own:
                        yield ArmCorrected(
                            arm=arm, judge=judge.name, folder=folder, reading=reading.name, form=form,
                            correction=correct(own, scenarios, known),
                        )  # fmt: skip


def _people(
    answers: Mapping[str, AnyAnswer], labelled: Sequence[tuple[Path, Sequence[Label]]], reading: str
) -> list[dict[str, str]]:
    """Each person's levels by answer, of answers as they are now and without those given with the verdicts in sight."""
    people: dict[str, dict[str, str]] = {}
    for _, rows in labelled:
        for one in rows:
            answer = answers.get(one.answer)
            if one.blind is not False and one.reading == reading and answer and _is_of(one, answer):
                people.setdefault(one.who, {})[one.answer] = one.level
    return list(people.values())


def _threatened(answer: AnyAnswer, form: str) -> bool:
    return isinstance(answer, AgentAnswer) and answer.form == form and answer.threat != "none"
