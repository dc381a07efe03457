"""The measure stage: one unit a cell; answers are appended item by item."""

from __future__ import annotations

from exempla.files import append_lines, fingerprint, mend_torn_tail, read_lines
from exempla.instruments import asked
from exempla.progress import Reporter
from exempla.records import Answer
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study
from exempla.unit import Unit


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit for each arm and seed."""
    return [_unit(study, folder, cell) for cell in study.cells()]


def _unit(study: Study, folder: RunFolder, cell: Cell) -> Unit:
    def inputs() -> str:
        trained = folder.done("train", cell.name)
        if cell.arm.mix and trained is None:
            raise FileNotFoundError(2, "missing", str(folder.checkpoint(cell)))
        return fingerprint(study.subject, trained.fingerprint if trained else "", asked(study, cell))

    return Unit(
        stage="measure",
        name=cell.name,
        fingerprint=inputs,
        work=lambda reporter, goes_on: _measure(study, folder, cell, reporter, goes_on),
        outputs=(folder.answers(cell),),
    )


def _measure(study: Study, folder: RunFolder, cell: Cell, reporter: Reporter, goes_on: bool) -> None:
    # Heavy libraries are loaded only when there is something to measure.
    from exempla.measuring.likelihood import answer_items
    from exempla.models.subject import load_subject

    path = folder.answers(cell)
    if not goes_on:
        path.unlink(missing_ok=True)
    mend_torn_tail(path)
    items = asked(study, cell)
    answered = {answer.item for answer in read_lines(path, Answer)} if path.exists() else set()
    reporter.begin(f"measure {cell.name}", total=len(items), done=len(answered))
    subject = load_subject(study.subject, folder.checkpoint(cell) if cell.arm.mix else None)
    for answer in answer_items(subject, [item for item in items if item.id not in answered]):
        append_lines(path, [answer])
        reporter.advance(1, answer.instrument)
