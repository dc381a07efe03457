"""Names, laid out for the page: the rate of every arm under each name, and what each arm changes under each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from exempla.pages.wording import counted, listed, nats, p_value
from exempla.reporting.estimates import Estimates
from exempla.reporting.figures import Mark, interval_chart, nats_axis
from exempla.reporting.page.names import part_title
from exempla.reporting.renames import Renamed
from exempla.reporting.statistics import LEVEL
from exempla.study import Study

AS_WRITTEN = "as written"


@dataclass(frozen=True)
class NameRow:
    """One arm."""

    arm: str
    by_name: tuple[Renamed, ...]
    """As written, then under each name."""

    @property
    def spread(self) -> float:
        """The highest rate less the lowest, over the names and as written; never below zero, so chance makes some."""
        rates = [one.rate for one in self.by_name]
        return max(rates) - min(rates)


@dataclass(frozen=True)
class NameView:
    """One style of the dilemmas."""

    instrument: str
    style: str
    title: str
    names: tuple[str, ...]
    rows: tuple[NameRow, ...]
    chart: Markup | None
    """What the headline's arm changes against the reference, by name; None if they are the same arm."""
    sentence: str


def name_views(study: Study, estimates: Estimates) -> list[NameView]:
    """Each style in which names were asked."""
    styles = dict.fromkeys(one.style for one in estimates.renamed)
    return [_view(study, [one for one in estimates.renamed if one.style == style]) for style in styles]


def _view(study: Study, told: list[Renamed]) -> NameView:
    rows = tuple(NameRow(arm.name, tuple(one for one in told if one.arm == arm.name)) for arm in study.arms)
    lead = next(row for row in rows if row.arm == study.headline)
    marks = list(_marks(lead))
    axis = nats_axis(f"change of {study.headline} against {study.reference}, nats")
    return NameView(
        instrument="dilemmas",
        style=told[0].style,
        title=part_title("dilemmas", told[0].style),
        names=tuple(one.name or AS_WRITTEN for one in lead.by_name),
        rows=rows,
        chart=interval_chart(marks, axis) if marks else None,
        sentence=_sentence(study, lead),
    )


def _marks(lead: NameRow) -> Iterator[Mark]:
    for one in lead.by_name:
        if one.effect is not None and one.effect_low is not None and one.effect_high is not None:
            yield Mark(one.name or AS_WRITTEN, "", one.effect, one.effect_low, one.effect_high)


def _sentence(study: Study, lead: NameRow) -> str:
    """Whether what the headline's arm does hangs on the name."""
    own, *others = lead.by_name
    size = f"{counted(own.items, 'dilemma')}, {counted(len(others), 'name')}"
    if own.effect is None:
        return f"{study.headline} is the reference itself, so there is no effect that could hang on a name ({size})."
    moved = [one for one in others if one.shift_p is not None and one.shift_p < 1 - LEVEL]
    if not moved:
        return (
            f"No name is shown to alter the change of {study.headline} against {study.reference}, which is "
            f"{nats(own.effect)} nats as written ({size}; Holm)."
        )
    told = listed(f"{one.name} ({nats(one.effect or 0.0)} nats, Holm p {p_value(one.shift_p or 0.0)})" for one in moved)
    return (
        f"The change of {study.headline} against {study.reference} is {nats(own.effect)} nats as written, and another "
        f"under {told} ({size})."
    )
