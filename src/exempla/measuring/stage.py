"""The measure stage: one unit a cell; answers are appended item by item."""

from __future__ import annotations

from exempla import catalogue
from exempla.files import append_lines, file_sha256, fingerprint, mend_torn_tail, read_lines
from exempla.progress import Reporter
from exempla.records import Answer, Item
from exempla.runfolder import RunFolder
from exempla.study import Cell, Measuring, Study
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


def asked(study: Study, cell: Cell) -> list[Item]:
    """The items put to a cell.

    Checks of understanding are about the subject, so they are put to the untrained one where the study has it, and
    otherwise to every arm.
    """
    checks = not cell.arm.mix or all(arm.mix for arm in study.arms)
    return [item for item in chosen_items(study.measuring) if checks or item.kind in ("measured", "control")]


def chosen_items(measuring: Measuring) -> list[Item]:
    """The items of a study's instruments and splits, at most `limit` of each family and kind."""
    chosen: list[Item] = []
    for instrument in measuring.instruments:
        limit = measuring.limits.get(instrument)
        count: dict[tuple[str, str], int] = {}
        for item in catalogue.items(instrument):
            if item.family and catalogue.split_of(item.family) not in measuring.splits:
                continue
            place = (item.family, item.kind)
            count[place] = count.get(place, 0) + 1
            # Checks have no family; a limit must not leave too few of them to judge understanding by.
            if limit is None or count[place] <= (limit if item.family else 6 * limit):
                chosen.append(item)
    return chosen


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


def item_hashes(measuring: Measuring) -> dict[str, str]:
    """SHA-256 of the item files in use."""
    return {
        f"{instrument}/{name}": file_sha256(catalogue.LIBRARY / instrument / name)
        for instrument in measuring.instruments
        for name in ("items.jsonl", "checks.jsonl")
    }
