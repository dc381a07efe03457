"""What a study could have found: its smallest detectable effects, by its design alone and by its outcomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exempla.reporting.estimates import Effect
from exempla.reporting.page.results import PartView
from exempla.reporting.power import Plan, minimal_reduction
from exempla.study import Study

RATE = 0.5
ALIKE = 0.85
"""Correlation of the outcomes of one item at two seeds of an arm: in the evidence study (embedded subject, five seeds,
60 endings and 36 expectations, 2026-11-26) 0.85 and 0.87."""
SHARED = 0.9
"""The part of it that is found between two arms: there 0.89 and 0.95."""
ASSUMED = (
    f"a rate of {RATE:.0%}, a correlation of {ALIKE:g} between two seeds on one item, {SHARED:.0%} of it shared by two "
    "arms (as in exempla's own evidence study), and families left out of account"
)


@dataclass(frozen=True)
class Power:
    """One instrument."""

    title: str
    items: int
    seeds: int
    planned: float | None
    """The reduction that the design could have promised with 80% power; None if it could promise none."""
    effects: tuple[Effect, ...]


def powers(study: Study, parts: Sequence[PartView]) -> list[Power]:
    """Every instrument that the subject understands, in its main style."""
    return [
        _power(part, len(study.seeds))
        for part in parts
        if part.interpretable and part.leading and any(row.effect for row in part.rows)
    ]


def _power(part: PartView, seeds: int) -> Power:
    items = part.rows[0].rate.items
    planned = minimal_reduction(
        Plan(clusters=items, samples=1, seeds=seeds, rate=RATE, correlation=ALIKE, shared=SHARED)
    )
    return Power(
        title=part.title,
        items=items,
        seeds=seeds,
        planned=planned if math.isfinite(planned) else None,
        effects=tuple(row.effect for row in part.rows if row.effect),
    )
