"""The measure stage: one unit for each cell and each way of measuring; answers are appended as they come."""

from __future__ import annotations

from exempla.files import append_lines, fingerprint, mend_torn_tail, read_lines
from exempla.instruments import asked
from exempla.measuring.honeypots import stage as honeypots
from exempla.measuring.honeypots.selection import chosen_scenarios
from exempla.measuring.questions import stage as capability
from exempla.models.identity import identity
from exempla.progress import Reporter
from exempla.records import Answer
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study
from exempla.unit import Unit

MEASURING_VERSION = 3
"""Raised when a change of the code changes likelihoods; answers given before are then asked for again."""


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """For each arm and seed: likelihoods of items, what it does in honeypots, what it is still capable of.

    Raises:
        UserError: a scenario or family of the honeypots is unknown.
    """
    asked_for = study.measuring
    if asked_for.honeypots:
        chosen_scenarios(asked_for.honeypots)  # raises if one is unknown
    found: list[Unit] = []
    for cell in study.cells():
        found += [_likelihoods(study, folder, cell)] if asked_for.instruments else []
        found += [honeypots.unit(study, folder, cell, asked_for.honeypots)] if asked_for.honeypots else []
        found += [capability.unit(study, folder, cell)] if asked_for.capability else []
    return found


def _likelihoods(study: Study, folder: RunFolder, cell: Cell) -> Unit:
    def inputs() -> str:
        # `auto` adds nothing: answers given before there was a choice are still those of `auto`.
        chosen = [] if study.measuring.number_format == "auto" else [study.measuring.number_format]
        weights = folder.weights(cell)
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

    from exempla.measuring.likelihood import answer_items, can_pack
    from exempla.models.subject import load_subject

    path = folder.answers(cell)
    mend_torn_tail(path)
    items = asked(study, cell)
    answered = {answer.item for answer in read_lines(path, Answer)} if path.exists() else set()
    reporter.begin(f"measure {cell.name}", total=len(items), done=len(answered))
    dtype = torch.float32 if study.measuring.number_format == "float32" else None
    subject = load_subject(study.subject, folder.checkpoint(cell) if cell.arm.mix else None, dtype)
    if not can_pack(subject, items):
        reporter.say(
            f"note: {study.subject} cannot tell apart items that are laid in one row, so each continuation is run "
            "alone, which takes two to three times as long"
        )
    for answer in answer_items(subject, items, answered):
        append_lines(path, [answer])
        reporter.advance(1, answer.instrument)
