"""The measure stage: one unit a cell; answers are appended item by item."""

from __future__ import annotations

from exempla.files import append_lines, fingerprint, mend_torn_tail, read_lines
from exempla.instruments import asked
from exempla.models.identity import identity
from exempla.progress import Reporter
from exempla.records import Answer
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study
from exempla.unit import Unit

MEASURING_VERSION = 1
"""Raised when a change of the code changes likelihoods; answers given before are then asked for again."""


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit for each arm and seed."""
    return [_unit(study, folder, cell) for cell in study.cells()]


def _unit(study: Study, folder: RunFolder, cell: Cell) -> Unit:
    def inputs() -> str:
        trained = folder.done("train", cell.name)
        if cell.arm.mix and trained is None:
            raise FileNotFoundError(2, "missing", str(folder.checkpoint(cell)))
        weights = trained.fingerprint if trained else ""
        # `auto` adds nothing: answers given before there was a choice are still those of `auto`.
        chosen = [] if study.measuring.number_format == "auto" else [study.measuring.number_format]
        return fingerprint(MEASURING_VERSION, identity(study.subject), weights, asked(study, cell), *chosen)

    return Unit(
        stage="measure",
        name=cell.name,
        fingerprint=inputs,
        work=lambda reporter: _measure(study, folder, cell, reporter),
        outputs=(folder.answers(cell),),
    )


def _measure(study: Study, folder: RunFolder, cell: Cell, reporter: Reporter) -> None:
    # Heavy libraries are loaded only when there is something to measure.
    import torch

    from exempla.measuring.likelihood import answer_items
    from exempla.models.subject import load_subject

    path = folder.answers(cell)
    mend_torn_tail(path)
    items = asked(study, cell)
    answered = {answer.item for answer in read_lines(path, Answer)} if path.exists() else set()
    reporter.begin(f"measure {cell.name}", total=len(items), done=len(answered))
    dtype = torch.float32 if study.measuring.number_format == "float32" else None
    subject = load_subject(study.subject, folder.checkpoint(cell) if cell.arm.mix else None, dtype)
    for answer in answer_items(subject, items, answered):
        append_lines(path, [answer])
        reporter.advance(1, answer.instrument)
