"""A share by arm, whatever it is of: a chart and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from exempla.reporting.figures import Mark, Roles, interval_chart, rate_axis


class ShareRow(NamedTuple):
    """One arm."""

    arm: str
    share: float
    low: float
    high: float
    of: str
    """The denominator in words or figures, such as `18 × 5`."""
    by_seed: tuple[float, ...] = ()


class Shares(NamedTuple):
    """One measure of all arms."""

    title: str
    about: str
    rows: tuple[ShareRow, ...]
    chart: Markup


def shares_by_arm(title: str, about: str, rows: Sequence[ShareRow], roles: Roles) -> Shares:
    """A measure with its chart; the dashed line is the reference of `roles`."""
    marks = [Mark(row.arm, "", row.share, row.low, row.high, row.by_seed) for row in rows]
    guide = next((row.share for row in rows if row.arm == roles.reference), None)
    return Shares(title, about, tuple(rows), interval_chart(marks, rate_axis(title, marks, guide), roles))
