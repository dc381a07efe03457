"""What every arm can still do, before and after training, so that good behaviour is not bought with ability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from exempla.errors import UserError
from exempla.files import stream_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.questionanswers import PassageLikelihood, QuestionAnswer
from exempla.records import Frozen
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study

if TYPE_CHECKING:
    from exempla.reporting.statistics import Array

QUESTIONS = "all questions"
"""The four kinds of questions together; calls of tools are apart from them."""
TOOLS = ("tool", "no_tool")
PER_BYTE = "nats a byte"
Scores = Mapping[tuple[str, str], Mapping[str, float]]
"""By kind and unit: a score for each question or text."""


class Ability(Frozen):
    """One arm on one kind of question or text."""

    kind: str
    unit: str
    """Empty for a share of questions that are right, more being better; or `nats a byte`, less being better."""
    arm: str
    before: str
    """The arm that it is compared with: the untrained subject, or the study's reference if none is untrained."""
    value: float
    low: float
    high: float
    change: float | None
    """After less before, paired by question or text; None for the arm before."""
    change_low: float | None
    change_high: float | None
    """95%, from the spread of questions or texts and of seeds."""
    of: int
    seeds: int


def sources(study: Study, folder: RunFolder) -> list[Path]:
    """The files that capability is read from."""
    if not study.measuring.capability:
        return []
    folders = [MeasuredFolder(folder.capability(cell)) for cell in study.cells()]
    return [path for own in folders for path in (own.answers, own.passages) if path.exists()]


def read_capability(study: Study, folder: RunFolder) -> list[Ability]:
    """Every arm on every kind; empty if the study does not measure it.

    Raises:
        UserError: an arm has no answers.
    """
    if not study.measuring.capability:
        return []
    scores: dict[str, list[Scores]] = {}
    for cell in study.cells():
        scores.setdefault(cell.arm.name, []).append(_scores(folder, cell))
    before = next((arm.name for arm in study.arms if not arm.mix), study.reference)
    kinds = dict.fromkeys(kind for seeds in scores.values() for one in seeds for kind in one)
    return [ability for kind in kinds for ability in _abilities(kind, before, scores)]


def _scores(folder: RunFolder, cell: Cell) -> Scores:
    own = MeasuredFolder(folder.capability(cell))
    if not own.answers.exists():
        raise UserError(f"{own.answers}: missing; run the measure stage first (leave out --from and --only)")
    found: dict[tuple[str, str], dict[str, float]] = {(QUESTIONS, ""): {}}
    for answer in own.rows(QuestionAnswer).values():
        if answer.right is None:
            continue
        found.setdefault((answer.kind, ""), {})[answer.id] = float(answer.right)
        if answer.kind not in TOOLS:
            found[QUESTIONS, ""][answer.id] = float(answer.right)
    if own.passages.exists():
        for passage in stream_lines(own.passages, PassageLikelihood, torn=True):
            found.setdefault((passage.kind, PER_BYTE), {})[passage.id] = passage.nats / passage.bytes
    return {kind: values for kind, values in found.items() if values}


def _abilities(kind: tuple[str, str], before: str, scores: Mapping[str, list[Scores]]) -> Iterator[Ability]:
    from exempla.reporting import statistics

    ids = sorted({one for seeds in scores.values() for score in seeds for one in score.get(kind, {})})
    values = {arm: _array(kind, ids, seeds) for arm, seeds in scores.items()}
    drawn = statistics.resample(statistics.design(ids))  # nothing is shared between two questions
    told = {arm: bool((own == own).any()) for arm, own in values.items()}  # NaN is not itself
    for arm, own in values.items():
        if not told[arm]:
            continue
        level = statistics.mean_interval(own, drawn) if kind[1] else statistics.rate_interval(own, drawn)
        moved = None
        if arm != before and told[before]:
            # No interval of a share is narrower than one question would make it.
            moved = statistics.difference(own, values[before], drawn, floor=0.0 if kind[1] else 1 / len(ids))
        yield Ability(
            kind=kind[0].replace("_", " "), unit=kind[1], arm=arm, before=before,
            value=level.value, low=level.low, high=level.high, change=moved.value if moved else None,
            change_low=moved.low if moved else None, change_high=moved.high if moved else None,
            of=len(ids), seeds=len(own),
        )  # fmt: skip


def _array(kind: tuple[str, str], ids: list[str], seeds: list[Scores]) -> Array:
    """Scores (seeds, questions), NaN where there is none."""
    import numpy as np

    return np.asarray([[score.get(kind, {}).get(one, float("nan")) for one in ids] for score in seeds], dtype=float)
