"""Agreement over a whole run: the verdicts and labels of all cells together, as no cell alone has labels enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from exempla.agreements import ArmCorrected, RunAgreement
from exempla.answers import AgentAnswer
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

VERSION = 1
"""Raised when a change of the code changes figures."""
Judges = dict[str, tuple[Judge, list[Verdict]]]


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit, if two at least have read answers of this run; it takes seconds and asks no model."""
    if not study.measuring.honeypots:
        return []
    cells = [(cell, MeasuredFolder(folder.honeypots(cell))) for cell in study.cells()]
    verdicts = [place.verdicts for _, own in cells for place in judge_folders(own.verdicts)]
    labels = [path for _, own in cells for path in label_files(own.labels)]
    if len({path.parent.name for path in verdicts}) + bool(labels) < 2:
        return []
    answers = [own.answers for _, own in cells if own.answers.exists()]
    return [
        Unit(
            stage="report",
            name="agreement",
            fingerprint=lambda: fingerprint(VERSION, [file_sha256(path) for path in (*answers, *verdicts, *labels)]),
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
    for cell, own in cells:
        here = {one.id: one for one in own.honeypots()}
        answers |= {_key(cell, name): one for name, one in here.items()}
        arms |= dict.fromkeys((_key(cell, name) for name in here), cell.arm.name)
        for place in judge_folders(own.verdicts):
            found = [one.model_copy(update={"answer": _key(cell, one.answer)}) for one in current(place.rows(), here)]
            judges.setdefault(place.root.name, (place.read_judge(), []))[1].extend(found)
        for path in label_files(own.labels):
            rows = [one.model_copy(update={"answer": _key(cell, one.answer)}) for one in read_labels(path)]
            labelled.append((path, rows))
        reporter.advance(1, cell.name)
    asked = readings()
    found_all = RunAgreement(
        comparison=compare(
            answers, [(judge, name, verdicts) for name, (judge, verdicts) in judges.items()], labelled, asked
        ),
        arms=tuple(_corrected(answers, arms, judges, labelled, asked)),
    )
    write_atomically(folder.agreement, found_all.model_dump_json(indent=2) + "\n")


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
    for reading in asked:
        labels = majority(_people(answers, labelled, reading.name)) if reading.names == YES_OR_NO else {}
        if not labels:
            continue
        for judge, verdicts in judges.values():
            levels = {
                one.answer: one.level for one in verdicts if one.reading == reading.name and one.state == "scored"
            }
            for form in FORMS:
                read = {key: level for key, level in levels.items() if _threatened(answers[key], form)}
                known = validation(read, {key: label for key, label in labels.items() if key in read})
                for arm in dict.fromkeys(arms.values()):
                    own = [level for key, level in read.items() if arms[key] == arm]
                    if own:
                        yield ArmCorrected(
                            arm=arm, judge=judge.name, reading=reading.name, form=form,
                            correction=correct(sum(level == "yes" for level in own), len(own), known),
                        )  # fmt: skip


def _people(
    answers: Mapping[str, AnyAnswer], labelled: Sequence[tuple[Path, Sequence[Label]]], reading: str
) -> list[dict[str, str]]:
    """Each person's levels by answer, of answers as they are now."""
    people: dict[str, dict[str, str]] = {}
    for _, rows in labelled:
        for one in rows:
            answer = answers.get(one.answer)
            if one.reading == reading and answer and one.text in ("", answer_sha256(answer)):
                people.setdefault(one.who, {})[one.answer] = one.level
    return list(people.values())


def _threatened(answer: AnyAnswer, form: str) -> bool:
    return isinstance(answer, AgentAnswer) and answer.form == form and answer.threat != "none"
