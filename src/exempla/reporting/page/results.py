"""What was measured, laid out for the page: one part for each instrument and style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from exempla import catalogue
from exempla.instruments import HEADLINE_STYLE, READINGS
from exempla.records import Family
from exempla.reporting.checked import SelfChecked
from exempla.reporting.estimates import PRECEDENCE, Effect, Estimates, Gap, Rate, SeedCheck, Understanding
from exempla.reporting.families import FamilyEffect, FamilyRate
from exempla.reporting.figures import Mark, Roles, interval_chart, nats_axis, rate_axis, ratio_axis
from exempla.reporting.outcomes import Table
from exempla.reporting.page.names import CONTROLS, part_title
from exempla.reporting.published import REDUCTIONS, Published
from exempla.study import Study


@dataclass(frozen=True)
class ArmRow:
    """One arm on one instrument."""

    arm: str
    rate: Rate
    control: Rate | None
    effect: Effect | None
    """None for the reference itself."""
    control_nats: float | None
    """Change of the mean excess on control items, in nats."""
    gap: Gap | None
    """Excess on AI items less excess on control items; None without controls."""
    readings: dict[str, float]
    """The rate in each way of reading a likelihood."""


@dataclass(frozen=True)
class FamilyRow:
    """One family on one instrument, all arms."""

    family: Family
    cells: tuple[FamilyRate | None, ...]
    reference: FamilyRate | None
    lead: FamilyRate | None
    """Of the headline's arm."""
    effect: FamilyEffect | None
    """Of the headline's arm; None if that is the reference."""


@dataclass(frozen=True)
class PartView:
    """One instrument and style."""

    instrument: str
    style: str
    title: str
    leading: bool
    """Whether this is the instrument's main style, and not the one beside it."""
    understanding: Understanding
    controls: str
    split: str
    rows: tuple[ArmRow, ...]
    families: tuple[FamilyRow, ...]
    seed_checks: tuple[SeedCheck, ...]
    self_check: SelfChecked | None
    rate_chart: Markup
    reduction_chart: Markup | None
    control_chart: Markup | None
    family_chart: Markup | None
    published: tuple[Published, ...]
    """What others published, if it is drawn in the chart of reductions: in the headline's alone."""

    @property
    def interpretable(self) -> bool:
        """Whether the subject understands the instrument."""
        return self.understanding.interpretable


def part_views(study: Study, table: Table, estimates: Estimates) -> list[PartView]:
    """All parts: instruments that can be read come first, the most demanding of them at the head."""
    understanding = {entry.instrument: entry for entry in estimates.understanding}
    order = sorted(understanding, key=lambda name: (not understanding[name].interpretable, PRECEDENCE.index(name)))
    measured = {(rate.instrument, rate.style) for rate in estimates.rates if rate.kind == "measured"}
    places = [(part.instrument, part.style) for part in table.parts() if (part.instrument, part.style) in measured]
    return [
        _part_view(study, table, estimates, understanding[name], style)
        for name in order
        for instrument, style in places
        if instrument == name
    ]


def _part_view(study: Study, table: Table, estimates: Estimates, understanding: Understanding, style: str) -> PartView:
    instrument = understanding.instrument
    rows = tuple(_arm_rows(study, table, estimates, instrument, style))
    families = tuple(_family_rows(study, estimates, instrument, style))
    headline = estimates.headline
    published = REDUCTIONS if headline and (headline.instrument, headline.style) == (instrument, style) else ()
    return PartView(
        instrument=instrument,
        style=style,
        title=part_title(instrument, style),
        leading=style == HEADLINE_STYLE[instrument],
        understanding=understanding,
        controls=CONTROLS[instrument],
        split="held-out" if "held-out" in study.measuring.splits else "development",
        rows=rows,
        families=families,
        seed_checks=tuple(check for check in estimates.seed_checks if _at(check, instrument, style)),
        self_check=next((one for one in estimates.self_checks if _at(one, instrument, style)), None),
        rate_chart=_rate_chart(rows, study.reference, CONTROLS[instrument]),
        reduction_chart=_reduction_chart(rows, study, published),
        control_chart=_control_chart(rows, CONTROLS[instrument]),
        family_chart=_family_chart(families, study),
        published=published,
    )


def _at(
    figure: Rate | Effect | FamilyRate | FamilyEffect | Gap | SeedCheck | SelfChecked, instrument: str, style: str
) -> bool:
    return (figure.instrument, figure.style) == (instrument, style)


def _arm_rows(study: Study, table: Table, estimates: Estimates, instrument: str, style: str) -> Iterator[ArmRow]:
    rates = {(rate.kind, rate.arm): rate for rate in estimates.rates if _at(rate, instrument, style)}
    effects = {effect.arm: effect for effect in estimates.effects if _at(effect, instrument, style)}
    gaps = {gap.arm: gap for gap in estimates.gaps if _at(gap, instrument, style)}
    base = rates.get(("control", study.reference))
    for arm in study.arms:
        control = rates.get(("control", arm.name))
        moved = control.nats - base.nats if control and base and arm.name != study.reference else None
        yield ArmRow(
            arm=arm.name,
            rate=rates["measured", arm.name],
            control=control,
            effect=effects.get(arm.name),
            control_nats=moved,
            gap=gaps.get(arm.name),
            readings=_readings(table, arm.name, instrument, style),
        )


def _readings(table: Table, arm: str, instrument: str, style: str) -> dict[str, float]:
    """The rate on AI items in every reading, so that one can see whether the choice makes the result."""
    held = table.part(instrument, style, held_out=True)
    wanted = {item for item, kind in zip(held.items, held.kinds, strict=True) if kind == "measured"}
    rates: dict[str, float] = {}
    for reading in READINGS:
        excess = [cell[item].excess[reading] for cell in held.cells[arm].values() for item in wanted]
        rates[reading] = sum(0.5 if value == 0 else float(value > 0) for value in excess) / max(1, len(excess))
    return rates


def _family_rows(study: Study, estimates: Estimates, instrument: str, style: str) -> Iterator[FamilyRow]:
    found = {(rate.family, rate.arm): rate for rate in estimates.families if _at(rate, instrument, style)}
    effects = {
        effect.family: effect
        for effect in estimates.family_effects
        if _at(effect, instrument, style) and effect.arm == study.headline
    }
    seen = {family for family, _ in found}
    shown = [family for family in catalogue.families() if family.id in seen]
    for family in sorted(shown, key=lambda family: family.split != "held-out"):
        yield FamilyRow(
            family=family,
            cells=tuple(found.get((family.id, arm.name)) for arm in study.arms),
            reference=found.get((family.id, study.reference)),
            lead=found.get((family.id, study.headline)),
            effect=effects.get(family.id),
        )


def _rate_chart(rows: Sequence[ArmRow], reference: str, controls: str) -> Markup:
    marks = []
    for row in rows:
        marks.append(Mark(row.arm, "AI items", row.rate.rate, row.rate.low, row.rate.high))
        if row.control:
            marks.append(Mark(row.arm, controls, row.control.rate, row.control.low, row.control.high))
    guide = next(row.rate.rate for row in rows if row.arm == reference)
    axis = rate_axis(f"rate (dashed: AI items, {reference})", marks, guide)
    return interval_chart(marks, axis._replace(domain=(0.0, 1.0)))


def _reduction_chart(rows: Sequence[ArmRow], study: Study, published: Sequence[Published]) -> Markup | None:
    effects = [row.effect for row in rows if row.effect]
    if not effects:
        return None
    marks = [Mark(e.arm, "", e.reduction, e.reduction_low, e.reduction_high) for e in effects]
    axis = ratio_axis(f"reduction against {study.reference}")
    return interval_chart(marks, axis, Roles(study.headline), published)


def _control_chart(rows: Sequence[ArmRow], controls: str) -> Markup | None:
    marks = []
    for row in rows:
        effect = row.effect
        if effect and effect.beyond_control is not None:
            low, high = effect.beyond_control_low, effect.beyond_control_high
            assert low is not None and high is not None  # an interval comes whole
            marks.append(Mark(row.arm, "AI items", effect.nats, effect.nats_low, effect.nats_high))
            marks.append(Mark(row.arm, f"AI items beyond {controls}", effect.beyond_control, low, high))
    return interval_chart(marks, nats_axis("change, nats")) if marks else None


def _family_chart(families: Sequence[FamilyRow], study: Study) -> Markup | None:
    """The headline's arm in every family; a family without an interval has its dot alone."""
    marks = [
        Mark(row.family.id, "", effect.nats, _known(effect.low), _known(effect.high))
        for row in families
        if (effect := row.effect)
    ]
    return interval_chart(marks, nats_axis(f"change by family, {study.headline}, nats"), Roles()) if marks else None


def _known(end: float | None) -> float:
    return math.nan if end is None else end
