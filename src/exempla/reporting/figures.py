"""The report's charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt
from markupsafe import Markup

from exempla.pages.drawing import SERIES_COLOURS, svg

WIDTH = 360
"""Of the plot: with its labels it fits a phone without scrolling, and two fit side by side on a screen."""
LOG_TICKS = (0.0625, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0, 16.0)
MAX_POINTS = 200
"""Points kept of a training curve: more would not show at the size it is drawn."""


class Mark(NamedTuple):
    """One estimate with its interval, on the line of `row`."""

    row: str
    series: str
    value: float
    low: float
    high: float


class Axis(NamedTuple):
    """How the values of an interval chart are laid out."""

    title: str
    format: str
    """A d3 number format."""
    guide: float | None = None
    """Where a dashed line stands: no effect, or the reference."""
    domain: tuple[float, float] | None = None
    ratio: bool = False
    """Ratios are laid out on a logarithmic scale, so that 0.5x and 2x lie equally far from none."""


class Point(NamedTuple):
    """One update of a training curve."""

    line: str
    update: float
    loss: float


def interval_chart(marks: Sequence[Mark], axis: Axis) -> Markup:
    """Estimates as dots and intervals as lines, one row an arm; two series lie under each other in a row."""
    if axis.ratio:
        marks = [_within_ticks(mark) for mark in marks]
        axis = axis._replace(domain=_ratio_domain(marks))
    series = list(dict.fromkeys(mark.series for mark in marks))
    rows = list(dict.fromkeys(mark.row for mark in marks))
    several = len(series) > 1
    encoding: dict[str, Any] = {
        "y": alt.Y("row:N", title=None, sort=rows, axis=alt.Axis(labelLimit=180)),
        "color": alt.Color(
            "series:N",
            scale=alt.Scale(domain=series, range=list(SERIES_COLOURS[: len(series)])),
            legend=alt.Legend(title=None, orient="top") if several else None,
        ),
    }
    if several:
        encoding["yOffset"] = alt.YOffset("series:N", sort=series)
    base = alt.Chart(alt.InlineData(values=[mark._asdict() for mark in marks])).encode(**encoding)
    low = alt.X("low:Q", title=axis.title, scale=_scale(axis), axis=_x_axis(axis))
    layers: list[alt.Chart] = [
        base.mark_rule(strokeWidth=2).encode(x=low, x2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q"),
    ]
    if axis.guide is not None:
        guide = alt.Chart(alt.InlineData(values=[{"guide": axis.guide}]))
        layers.insert(0, guide.mark_rule(strokeDash=[4, 3], color="var(--ink-soft)").encode(x="guide:Q"))
    return svg(alt.layer(*layers).properties(width=WIDTH, height=alt.Step(15 if several else 26)))


def curve_chart(points: Sequence[Point], losses: tuple[float, float]) -> Markup:
    """Training loss by update, one line a seed; `losses` is the range of the axis, the same for every arm."""
    chart = (
        alt.Chart(alt.InlineData(values=[point._asdict() for point in points]))
        .mark_line(strokeWidth=1.6, opacity=0.8, color=SERIES_COLOURS[0])
        .encode(
            x=alt.X("update:Q", title="update", axis=alt.Axis(tickCount=4, format="d", grid=False)),
            y=alt.Y(
                "loss:Q",
                title="loss (nats a token)",
                scale=alt.Scale(domain=list(losses)),
                axis=alt.Axis(tickCount=4),
            ),
            detail="line:N",
        )
        .properties(width=210, height=120)
    )
    return svg(chart)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `MAX_POINTS` of a curve, evenly spaced, with the last one."""
    step = -(-len(points) // MAX_POINTS) or 1
    kept = list(points[::step])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _within_ticks(mark: Mark) -> Mark:
    """An interval that runs off the last tick is drawn up to it; the table has the whole of it."""
    value, low, high = (min(max(number, LOG_TICKS[0]), LOG_TICKS[-1]) for number in mark[2:])
    return mark._replace(value=value, low=low, high=high)


def _ratio_domain(marks: Sequence[Mark]) -> tuple[float, float]:
    """The same distance to both sides of one, and at least from a half to two."""
    reach = max([2.0, *(mark.high for mark in marks), *(1 / mark.low for mark in marks)])
    top = next(tick for tick in LOG_TICKS if tick >= min(reach, LOG_TICKS[-1]))
    return 1 / top, top


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
    near = axis.domain[1] <= 2  # further out, 0.75x and 1.5x would run into their neighbours
    ticks = [
        tick for tick in LOG_TICKS if axis.domain[0] <= tick <= axis.domain[1] and (near or tick not in (0.75, 1.5))
    ]
    return alt.Axis(values=ticks, labelFlush=False, labelExpr="format(datum.value, '~g') + 'x'")
