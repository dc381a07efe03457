"""The A/A self-check of a run as a row of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from exempla.records import Frozen
from exempla.reporting.selfcheck import self_check
from exempla.reporting.statistics import Array, Mask, Resampled


class SelfChecked(Frozen):
    """All comparisons of arms with themselves (A/A), and in how many the 95% interval excludes no difference."""

    instrument: str
    style: str
    of: Literal["seeds", "halves"]
    """Pairs of seeds, or random halves of the items where no arm has two seeds."""
    comparisons: int
    excluded: int
    expected: float
    """5% of them."""
    low: int
    high: int
    """What 95 of 100 runs without any difference give."""


def checked(place: tuple[str, str], arms: Sequence[Array], drawn: Resampled, chosen: Mask) -> SelfChecked:
    """Compare every arm with itself; `place` is instrument and style, or measure and form."""
    return SelfChecked(instrument=place[0], style=place[1], **self_check(arms, drawn, chosen)._asdict())
