"""Capability before and after training, laid out for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from exempla.reporting.capability import Ability
from exempla.reporting.figures import Axis, Mark, Roles, interval_chart
from exempla.study import Study


@dataclass(frozen=True)
class AbilityView:
    """One kind of question or text, all arms."""

    kind: str
    unit: str
    rows: tuple[Ability, ...]
    chart: Markup | None
    """Changes; None if no arm is compared with another."""


def ability_views(study: Study, abilities: Sequence[Ability]) -> list[AbilityView]:
    """Every kind, shares before likelihoods."""
    kinds = sorted({(one.unit, one.kind): None for one in abilities}, key=lambda kind: bool(kind[0]))
    return [_view(study, [one for one in abilities if (one.unit, one.kind) == kind]) for kind in kinds]


def signed_points(share: float) -> str:
    """A change of a share, in percentage points."""
    return f"{100 * share:+.0f} points".replace("-", "−")


def _view(study: Study, rows: Sequence[Ability]) -> AbilityView:
    unit = rows[0].unit
    marks = [
        Mark(row.arm, "", row.change, row.change_low, row.change_high)
        for row in rows
        if row.change is not None and row.change_low is not None and row.change_high is not None
    ]
    say = "{:+.3f} nats a byte".format if unit else signed_points
    title = f"change against {rows[0].before}, {unit or 'share right'}"
    axis = Axis(title, "+.2~f" if unit else "+.0%", say, guide=0.0)
    roles = Roles(study.headline, study.reference)
    return AbilityView(rows[0].kind, unit, tuple(rows), interval_chart(marks, axis, roles) if marks else None)
