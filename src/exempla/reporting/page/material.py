"""What was written, kept, dropped and read in training, laid out for the page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from exempla import catalogue
from exempla.files import read_lines
from exempla.pages.wording import counted
from exempla.records import Dropped, MixAccount, Record
from exempla.reporting.lines import Point, curve_chart, gate_chart, thinned
from exempla.runfolder import RunFolder
from exempla.study import Arm, Cell, Study


@dataclass(frozen=True)
class Reading:
    """What one cell read."""

    cell: Cell
    mix: MixAccount


@dataclass(frozen=True)
class Curve:
    """Training losses of an arm, all seeds."""

    arm: str
    chart: Markup
    first: float
    """Mean over seeds of the first update's loss."""
    last: float
    """Mean over seeds of the mean loss over the last tenth of the updates."""


@dataclass(frozen=True)
class CorpusRow:
    """What the gates did to one corpus."""

    corpus: str
    kept: int
    words: int
    dropped: Mapping[str, int]
    """By gate."""

    @property
    def whole(self) -> int:
        """Records that came to the gates."""
        return self.kept + sum(self.dropped.values())


@dataclass(frozen=True)
class Corpora:
    """Everything that went through the gates."""

    gates: tuple[str, ...]
    rows: tuple[CorpusRow, ...]
    chart: Markup | None
    """None if nothing came to the gates."""
    dropped: tuple[Dropped, ...]
    """From the library; what the run wrote is shown whole elsewhere."""


@dataclass(frozen=True)
class WrittenText:
    """One text of the run's own writer, and what became of it."""

    record: Record
    gate: str
    """The gate that dropped it; empty if none did."""
    reason: str
    kept: bool


@dataclass(frozen=True)
class Written:
    """All texts of the run's own writer."""

    texts: tuple[WrittenText, ...]
    writers: tuple[str, ...]
    arms: tuple[str, ...]
    """Arms whose mix has the kept ones."""

    @property
    def kept(self) -> int:
        """Texts that passed every gate."""
        return sum(text.kept for text in self.texts)


def trained_cells(study: Study) -> list[Cell]:
    """Cells that were trained."""
    return [cell for cell in study.cells() if cell.arm.mix]


def readings(study: Study, folder: RunFolder) -> list[Reading]:
    """What every trained cell read."""
    return [
        Reading(cell, MixAccount.model_validate_json(folder.mix(cell).read_text(encoding="utf-8")))
        for cell in trained_cells(study)
    ]


def curves(study: Study, folder: RunFolder) -> list[Curve]:
    """The training curves of every trained arm, on one scale of losses."""
    points: dict[str, list[list[Point]]] = {}
    for cell in trained_cells(study):
        rows = json.loads(folder.curve(cell).read_text(encoding="utf-8"))
        line = [Point(f"seed {cell.seed}", float(row["update"]), float(row["loss"])) for row in rows]
        if line:
            points.setdefault(cell.arm.name, []).append(line)
    losses = [point.loss for lines in points.values() for line in lines for point in line]
    if not losses:
        return []
    margin = 0.05 * (max(losses) - min(losses)) or 0.1
    limits = (min(losses) - margin, max(losses) + margin)
    return [_curve(arm, lines, limits) for arm, lines in points.items()]


def _curve(arm: str, lines: Sequence[Sequence[Point]], limits: tuple[float, float]) -> Curve:
    first = _mean([line[0].loss for line in lines])
    last = _mean([_mean([point.loss for point in line[-max(1, len(line) // 10) :]]) for line in lines])
    label = (
        f"Chart of the training loss of {arm} by update, {counted(len(lines), 'seed')}: from {first:.2f} to "
        f"{last:.2f} nats a token in {counted(len(lines[0]), 'update')}."
    )
    chart = curve_chart([point for line in lines for point in thinned(line)], limits, label)
    return Curve(arm=arm, chart=chart, first=first, last=last)


def corpora(kept: Sequence[Record], dropped: Sequence[Dropped]) -> Corpora:
    """Kept and dropped records by corpus and gate."""
    names = sorted({record.corpus for record in kept} | {drop.record.corpus for drop in dropped}, key=_corpus_order)
    rows = [
        CorpusRow(
            corpus=name,
            kept=sum(record.corpus == name for record in kept),
            words=sum(len(record.whole_text().split()) for record in kept if record.corpus == name),
            dropped=Counter(drop.gate for drop in dropped if drop.record.corpus == name),
        )
        for name in names
    ]
    return Corpora(
        gates=tuple(dict.fromkeys(drop.gate for drop in dropped)),
        rows=tuple(rows),
        chart=gate_chart([(row.corpus, row.kept, row.whole - row.kept) for row in rows]) if rows else None,
        dropped=tuple(drop for drop in dropped if drop.record.corpus != catalogue.WRITTEN),
    )


def written(study: Study, folder: RunFolder, kept: Sequence[Record], dropped: Sequence[Dropped]) -> Written | None:
    """What the run's own writer wrote; None if the run wrote nothing."""
    if not folder.written.exists():
        return None
    kept_ids = {record.id for record in kept if record.corpus == catalogue.WRITTEN}
    drops = {drop.record.id: drop for drop in dropped if drop.record.corpus == catalogue.WRITTEN}
    texts = []
    for record in read_lines(folder.written, Record):
        drop = drops.get(record.id)
        texts.append(
            WrittenText(
                record=record,
                gate=drop.gate if drop else "",
                reason=drop.reason if drop else "",
                kept=record.id in kept_ids,
            )
        )
    return Written(
        texts=tuple(sorted(texts, key=lambda text: not text.kept)),
        writers=tuple(dict.fromkeys(text.record.lineage.writer for text in texts)),
        arms=tuple(arm.name for arm in study.arms if catalogue.WRITTEN in arm.mix),
    )


def shares(arm: Arm) -> list[tuple[str, float]]:
    """The corpora of an arm with their share of its tokens, adding up to one; in the order read, if it has one."""
    whole = sum(arm.mix.values())
    return [(corpus, arm.mix[corpus] / whole) for corpus in arm.order or arm.mix]


def _corpus_order(name: str) -> tuple[int, str]:
    known = (*catalogue.CORPORA, catalogue.WRITTEN)
    return (known.index(name) if name in known else len(known), name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
