"""What a subject read, record by record, as pieces no longer than a block of its training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.files import read_lines
from exempla.models.encoding import IGNORED, encode
from exempla.records import MixAccount, Record
from exempla.runfolder import RunFolder
from exempla.study import Cell


@dataclass(frozen=True)
class Reading:
    """A record that was read, and how often."""

    record: Record
    times: int


@dataclass(frozen=True)
class Piece:
    """A stretch of a record; texts longer than a block were read in several."""

    reading: int
    """Place of the record among the readings."""
    ids: tuple[int, ...]
    labels: tuple[int, ...]


def readings(folder: RunFolder, cell: Cell) -> list[Reading]:
    """The records of a cell's mix, in the order in which each was first read.

    Raises:
        UserError: the cell was not trained, or what it read is no longer in the run.
    """
    if not cell.arm.mix:
        raise UserError(f"arm {cell.arm.name!r} is the subject as it comes; it was trained on nothing")
    path = folder.mix(cell)
    if not path.exists() or folder.done("train", cell.name) is None:
        raise UserError(f"{folder.root}: {cell.name} is not trained in this run; go on with `exempla run`")
    try:
        account = MixAccount.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise UserError(f"{path}: damaged, or of another version of exempla; run the study again") from error
    kept = {record.id: record for record in read_lines(folder.kept, Record) if record.corpus in cell.arm.mix}
    times = Counter(account.ids)
    lost = [name for name in times if name not in kept]
    if lost:
        raise UserError(
            f"{folder.kept}: no longer holds {lost[0]}, which {cell.name} was trained on; run the study again"
        )
    return [Reading(kept[name], count) for name, count in times.items()]


def pieces(found: Sequence[Reading], tokenizer: Any, block: int) -> list[Piece]:
    """All records as pieces of at most `block` tokens; those without a token that the loss is taken on are left out."""
    cut: list[Piece] = []
    for place, reading in enumerate(found):
        ids, labels = encode(reading.record, tokenizer)
        for start in range(0, len(ids), block):
            piece = Piece(place, tuple(ids[start : start + block]), tuple(labels[start : start + block]))
            if any(label != IGNORED for label in piece.labels[1:]):
                cut.append(piece)
    return cut
