"""Names, laid out for the page: the rate of every arm under each name, and what each arm changes under each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from exempla.pages.wording import listed, nats
from exempla.reporting.estimates import Estimates
from exempla.reporting.figures import Mark, interval_chart, nats_axis
from exempla.reporting.page.names import part_title
from exempla.reporting.renames import Renamed
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
        """The highest rate less the lowest, over the names and as written."""
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
    """Whether a name moves the headline's arm, and whether its effect hangs on the name."""
    own, *others = lead.by_name
    moved = [one.name for one in others if (one.change_low or 0.0) > 0 or (one.change_high or 0.0) < 0]
    first = (
        f"Under {listed(moved)} {study.headline} expects something else than as written"
        if moved
        else f"No name is shown to change what {study.headline} expects"
    ) + f" ({own.items} dilemmas, each under {len(others)} names; 95% intervals, not corrected for their number)."
    if own.effect is None:
        return first
    effects = [one.effect for one in others if one.effect is not None]
    return (
        f"{first} Its change against {study.reference} is {nats(own.effect)} nats as written, and from "
        f"{nats(min(effects))} to {nats(max(effects))} under other names."
    )
