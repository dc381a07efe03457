"""The report's charts of estimates with intervals. They take plain rows, whatever was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import altair as alt
from markupsafe import Markup

from exempla.pages.drawing import SERIES_COLOURS, svg
from exempla.pages.wording import nats, percent, times
from exempla.reporting.published import Published

WIDTH = 360
"""Of the plot: with its labels it fits a phone without scrolling, and two fit side by side on a screen."""
LOG_TICKS = (0.0625, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0, 16.0)
PUBLISHED = "published: another model, another test"


class Mark(NamedTuple):
    """One estimate with its interval, on the line of `row`."""

    row: str
    series: str
    value: float
    low: float
    high: float
    """NaN, as `low`, where the interval is not known."""
    seeds: tuple[float, ...] = ()
    """The same figure by seed, drawn as small dots where there are several."""


class Axis(NamedTuple):
    """How the values of an interval chart are laid out and said."""

    title: str
    format: str
    """A d3 number format."""
    say: Callable[[float], str]
    """The same in words, for those who do not see the chart."""
    guide: float | None = None
    """Where a dashed line stands: no effect, or the reference."""
    domain: tuple[float, float] | None = None
    ratio: bool = False
    """Ratios are laid out on a logarithmic scale, so that 0.5x and 2x lie equally far from none."""


class Roles(NamedTuple):
    """Rows of a chart with one series that stand out."""

    lead: str = ""
    """The row that a sentence is about, in the accent's colour."""
    reference: str = ""
    """The row that all are compared with, in bold."""


def rate_axis(title: str, marks: Sequence[Mark], guide: float | None = None) -> Axis:
    """An axis of shares: tens around what is drawn and at least 40 points wide, as dots need no zero."""
    reached = [number for mark in marks for number in (*mark[2:5], *mark.seeds) if math.isfinite(number)] or [0.0, 1.0]
    low, high = math.floor(10 * min(reached)) / 10, math.ceil(10 * max(reached)) / 10
    missing = max(0.0, 0.4 - (high - low))
    low = max(0.0, round(low - missing / 2, 1))
    high = min(1.0, max(high, round(low + 0.4, 1)))
    return Axis(title, ".0%", percent, guide, (min(low, round(high - 0.4, 1)), high))


def ratio_axis(title: str) -> Axis:
    """An axis of reductions."""
    return Axis(title, ".2f", times, guide=1.0, ratio=True)


def nats_axis(title: str) -> Axis:
    """An axis of changes in nats."""
    return Axis(title, ".2~f", nats, guide=0.0)


def interval_chart(
    marks: Sequence[Mark], axis: Axis, roles: Roles | None = None, published: Sequence[Published] = ()
) -> Markup:
    """Estimates as dots, intervals as lines, seeds as small dots, one row each; series lie under each other in a row.

    Args:
        roles: with one series, the rows that stand out. Without, all are alike.
        published: other people's reductions, apart from the others at the foot of a chart of ratios.
    """
    label = described(axis, marks, published)
    if axis.ratio:
        marks = [_within_ticks(mark) for mark in marks]
        axis = axis._replace(domain=_ratio_domain(marks, published))
    series = list(dict.fromkeys(mark.series for mark in marks))
    several = len(series) > 1
    colours = dict(zip(series, SERIES_COLOURS, strict=False))
    rows = list(dict.fromkeys(mark.row for mark in marks))
    data = [_row(mark, _colour(mark, roles) if roles and not several else colours[mark.series]) for mark in marks]
    foot = [PUBLISHED, *(one.name for one in published)] if published else []
    base = alt.Chart(alt.InlineData(values=data)).encode(**_encoding([*rows, *foot], series, roles))
    low = alt.X("low:Q", title=axis.title, scale=_scale(axis), axis=_x_axis(axis))
    layers: list[alt.Chart] = [
        base.mark_rule(strokeWidth=2).encode(x=low, x2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q"),
    ]
    seeds = [{"row": m.row, "series": m.series, "seed": seed} for m in marks if len(m.seeds) > 1 for seed in m.seeds]
    if seeds:
        dots = alt.Chart(alt.InlineData(values=seeds)).mark_point(
            filled=True, size=20, opacity=0.85, color="var(--quiet)", yOffset=7
        )
        layers.append(dots.encode(x="seed:Q", y=_y([*rows, *foot], roles)))
    if published and axis.domain:
        layers += _published_layers(published, [*rows, *foot], axis.domain)
    if axis.guide is not None:
        guide = alt.Chart(alt.InlineData(values=[{"guide": axis.guide}]))
        layers.insert(0, guide.mark_rule(strokeDash=[4, 3], color="var(--ink-soft)").encode(x="guide:Q"))
    step = 15 if several else 26
    return svg(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(step)), label)


def described(axis: Axis, marks: Sequence[Mark], published: Sequence[Published] = ()) -> str:
    """What an interval chart shows, in words and figures."""
    several = len({mark.series for mark in marks}) > 1
    said = [
        f"{mark.row}{f', {mark.series}' if several else ''}: {axis.say(mark.value)} "
        f"({axis.say(mark.low)} to {axis.say(mark.high)})"
        for mark in marks
    ]
    said += [f"{PUBLISHED}, {one.name}: {one.said}" for one in published]
    return f"Chart of {axis.title}. {'; '.join(said)}."


def _encoding(rows: list[str], series: list[str], roles: Roles | None) -> dict[str, Any]:
    several = len(series) > 1
    found: dict[str, Any] = {
        "y": _y(rows, roles),
        "color": alt.Color("series:N", legend=alt.Legend(title=None, orient="top")).scale(
            domain=series, range=list(SERIES_COLOURS[: len(series)])
        )
        if several
        else alt.Color("colour:N", scale=None),
    }
    if several:
        found["yOffset"] = alt.YOffset("series:N", sort=series)
    return found


def _y(rows: list[str], roles: Roles | None) -> alt.Y:
    bold = [roles.reference, roles.lead] if roles else []
    weight: Any = {"condition": {"test": f"indexof({json.dumps(bold)}, datum.value) >= 0", "value": "bold"}}
    # The heading of what others published stands in the plot, not beside it.
    shown = f"datum.value == {json.dumps(PUBLISHED)} ? '' : datum.value"
    if roles and roles.reference:
        shown = f"datum.value == {json.dumps(roles.reference)} ? datum.value + ' (reference)' : {shown}"
    return alt.Y(
        "row:N",
        title=None,
        sort=rows,
        scale=alt.Scale(domain=rows),
        axis=alt.Axis(
            labelLimit=190, labelExpr=shown, labelFontWeight=weight | {"value": "normal"}, labelPadding=8, ticks=False
        ),
    )


def _row(mark: Mark, colour: str) -> dict[str, Any]:
    numbers = {"value": mark.value, "low": mark.low, "high": mark.high}
    known = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
    return {"row": mark.row, "series": mark.series, "colour": colour, **known}


def _colour(mark: Mark, roles: Roles | None) -> str:
    return SERIES_COLOURS[0] if roles is None or mark.row == roles.lead else "var(--ink)"


def _published_layers(published: Sequence[Published], rows: list[str], domain: tuple[float, float]) -> list[alt.Chart]:
    """Hollow diamonds, and a line where a range was published, under a heading of their own."""
    values = [{"row": one.name, "low": one.low, "high": one.high} for one in published]
    y = _y(rows, None)
    base = alt.Chart(alt.InlineData(values=values)).encode(y=y)
    style: dict[str, Any] = {"shape": "diamond", "filled": False, "size": 60, "strokeWidth": 1.5}
    heading = alt.Chart(alt.InlineData(values=[{"row": PUBLISHED, "at": domain[0]}])).mark_text(
        align="left", dx=2, dy=4, fontStyle="italic", fontSize=13, color="var(--ink-soft)", text=PUBLISHED
    )
    return [
        heading.encode(x="at:Q", y=y),
        base.mark_rule(strokeDash=[2, 2], strokeWidth=1.5, color="var(--ink-soft)").encode(x="low:Q", x2="high:Q"),
        base.mark_point(color="var(--ink-soft)", opacity=1, **style).encode(x="low:Q"),
        base.mark_point(color="var(--ink-soft)", opacity=1, **style).encode(x="high:Q"),
    ]


def _within_ticks(mark: Mark) -> Mark:
    """An interval that runs off the last tick is drawn up to it; the table has the whole of it."""
    value, low, high = (
        min(max(number, LOG_TICKS[0]), LOG_TICKS[-1]) if not math.isnan(number) else number for number in mark[2:5]
    )
    return mark._replace(value=value, low=low, high=high)


def _ratio_domain(marks: Sequence[Mark], published: Sequence[Published]) -> tuple[float, float]:
    """The same distance to both sides of one, and at least from a half to two; further up for what was published."""
    known = [number for mark in marks for number in mark[2:5] if number > 0]
    reach = min(max([2.0, *known, *(1 / number for number in known)]), LOG_TICKS[-1])
    top = next(tick for tick in LOG_TICKS if tick >= reach)
    further = max([top, *(one.high for one in published)])
    return 1 / top, next(tick for tick in LOG_TICKS if tick >= further)


def _scale(axis: Axis) -> alt.Scale:
    return alt.Scale(
        type="log" if axis.ratio else "linear",
        domain=list(axis.domain) if axis.domain else alt.Undefined,
        zero=False,
        nice=axis.domain is None,
    )


def _x_axis(axis: Axis) -> alt.Axis:
    if not axis.ratio or axis.domain is None:
        return alt.Axis(format=axis.format, tickCount=6)
    near = axis.domain[1] / axis.domain[0] <= 4  # further out, 0.75x and 1.5x would run into their neighbours
    ticks = [
        tick for tick in LOG_TICKS if axis.domain[0] <= tick <= axis.domain[1] and (near or tick not in (0.75, 1.5))
    ]
    return alt.Axis(values=ticks, labelFlush=False, labelExpr="format(datum.value, '~g') + 'x'")
