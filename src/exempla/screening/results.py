"""What a screening leaves: kept and dropped records as Parquet, each with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from exempla.parquet import HELD_BACK, SCREENED, row_of, write_rows
from exempla.screening.engine import Outcome
from exempla.screening.intake.rows import Taken
from exempla.screening.intake.shelf import DiskChunk


class ScreenedFolder:
    """Where everything of a screened corpus lies. A study can mix it: `mix={"screened/mine": 1}`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.records = root / "records.parquet"
        self.dropped = root / "dropped.parquet"
        self.skipped = root / "skipped.jsonl"
        self.figures = root / "screening.json"
        self.page = root / "screening.html"
        self.verdicts = root / "verdicts.jsonl"
        self.work = root / ".screening"

    def settings(self) -> dict[str, Any]:
        """With what settings the result was made; none if it cannot be told."""
        try:
            found = json.loads(self.figures.read_text(encoding="utf-8"))["about"]["settings"]
        except (ValueError, KeyError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    def move_to(self, other: ScreenedFolder) -> None:
        """Put a whole result in the place of another; the figures first, by which a folder is known for a result."""
        for made, place in (
            (self.figures, other.figures),
            (self.records, other.records),
            (self.dropped, other.dropped),
            (self.skipped, other.skipped),
            (self.page, other.page),
        ):
            made.replace(place)


def write_results(folder: ScreenedFolder, chunks: Sequence[DiskChunk], outcome: Outcome) -> None:
    """Write the kept and the dropped records, in the order in which they came."""
    marks: dict[int, dict[str, str]] = {}
    for gate, reasons in outcome.marks.items():
        for place, reason in reasons.items():
            marks.setdefault(place, {})[gate] = reason
    write_rows(
        folder.records,
        SCREENED,
        (_row(taken, marks.get(place, {})) for place, taken in _all(chunks) if place not in outcome.reasons),
    )
    write_rows(
        folder.dropped,
        HELD_BACK,
        (
            _row(taken, marks.get(place, {}))
            | {
                "corpus": taken.record.corpus,
                "gate": outcome.gates[outcome.fate[place]].name,
                "reason": outcome.reasons[place],
            }
            for place, taken in _all(chunks)
            if place in outcome.reasons
        ),
    )


def _all(chunks: Sequence[DiskChunk]) -> Iterator[tuple[int, Taken]]:
    place = 0
    for chunk in chunks:
        for taken in chunk.taken():
            yield place, taken
            place += 1


def _row(taken: Taken, marks: dict[str, str]) -> dict[str, Any]:
    row = row_of(taken.record)
    other = json.loads(taken.other) if taken.other else {}
    # Of a corpus that exempla wrote, the plan stays where it was.
    if taken.record.lineage.plan:
        row["plan"] = str(other.pop("plan", ""))
        other.pop("words", None)
    return row | {
        "place": taken.place,
        "marks": json.dumps(marks, ensure_ascii=False) if marks else "",
        "other": json.dumps(other, ensure_ascii=False) if other else "",
    }
