"""The screening page's charts, in the look of the report's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt
from markupsafe import Markup

from exempla.pages.drawing import SERIES_COLOURS, svg
from exempla.screening.measures.lengths import Histogram
from exempla.screening.measures.novelty import GrowthPoint

WIDTH = 360
"""Of the plot: with its labels it fits a phone without scrolling, and two fit side by side on a screen."""
HEIGHT = 170
LABEL = 150
"""Pixels of a label, at most."""
WHOLE = "replace(format(datum.value, ','), /,/g, '\u202f')"
"""How Vega writes a count on an axis: thousands apart by a narrow space, as in the text."""
SHORT = "format(datum.value, '~s')"
"""How it writes large ones: `200k`."""


class Bar(NamedTuple):
    """One line of a bar chart."""

    name: str
    value: float
    colour: str = SERIES_COLOURS[0]


def bar_chart(bars: Sequence[Bar], title: str) -> Markup:
    """Counts as bars, one under the other, each with its number at its end."""
    rows = [{**bar._asdict(), "shown": f"{bar.value:,.0f}".replace(",", "\u202f")} for bar in bars]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y(
            "name:N", title=None, sort=None, axis=alt.Axis(labelLimit=LABEL, labelPadding=6, ticks=False, domain=False)
        ),
        x=alt.X(
            "value:Q",
            title=title,
            # Room for the number at the end of the longest bar.
            scale=alt.Scale(domain=[0, 1.15 * max([1.0, *(bar.value for bar in bars)])], nice=False),
            axis=alt.Axis(tickCount=4, tickMinStep=1, labelExpr=WHOLE),
        ),
    )
    numbers = base.mark_text(align="left", dx=4, color="var(--ink)", fontSize=12).encode(text="shown:N")
    bars_drawn = base.mark_bar(height={"band": 0.62}).encode(color=alt.Color("colour:N", scale=None))
    return svg(alt.layer(bars_drawn, numbers).properties(width=WIDTH - LABEL // 2, height=alt.Step(24)))


def histogram_chart(found: Histogram, title: str, logarithmic: bool = False) -> Markup:
    """Numbers of records between edges; edges above zero may lie on a logarithmic scale."""
    rows = [
        {"low": low, "high": high, "records": count}
        for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)
    ]
    scale = alt.Scale(
        type="log" if logarithmic else "linear", domain=[found.edges[0], found.edges[-1]], nice=False, zero=False
    )
    ticks: dict[str, Any] = {"values": _round_numbers(found.edges[0], found.edges[-1])} if logarithmic else {}
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=SERIES_COLOURS[0], stroke="var(--paper)", strokeWidth=0.75)
        .encode(
            x=alt.X(
                "low:Q",
                title=title,
                scale=scale,
                axis=alt.Axis(grid=False, labelFlush=False, labelExpr=WHOLE if logarithmic else alt.Undefined, **ticks),
            ),
            x2="high:Q",
            y=alt.Y("records:Q", title="records", axis=alt.Axis(tickCount=4, tickMinStep=1, labelExpr=WHOLE)),
            y2=alt.Y2Datum(0),  # else a bar between two edges has no height
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
    return svg(chart)


def growth_chart(points: Sequence[GrowthPoint]) -> Markup:
    """Different words by words read."""
    rows = [{"words": 0, "different": 0}, *(point.model_dump() for point in points)]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=2, color=SERIES_COLOURS[0], point=alt.OverlayMarkDef(size=18, color=SERIES_COLOURS[0]))
        .encode(
            x=alt.X(
                "words:Q", title="words read", axis=alt.Axis(tickCount=4, grid=False, labelFlush=False, labelExpr=SHORT)
            ),
            y=alt.Y("different:Q", title="different words", axis=alt.Axis(tickCount=4, labelExpr=SHORT)),
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
    return svg(chart)


def share_chart(bars: Sequence[Bar], title: str) -> Markup:
    """Shares from 0 to 1 as standing bars, each with its number above it."""
    rows = [{**bar._asdict(), "shown": f"{bar.value:.0%}"} for bar in bars]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("name:N", title=title, sort=None, axis=alt.Axis(labelAngle=0, ticks=False)),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=4)),
    )
    numbers = base.mark_text(dy=-8, color="var(--ink)", fontSize=12).encode(text="shown:N")
    bars_drawn = base.mark_bar(color=SERIES_COLOURS[0], width={"band": 0.62})
    return svg(alt.layer(bars_drawn, numbers).properties(width=WIDTH, height=HEIGHT))


def _round_numbers(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, and as many round numbers between them as have room."""
    powers = [10.0**power for power in range(9)]
    for factors in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        ticks = [factor * power for power in powers for factor in factors if low <= factor * power <= high]
        if len(ticks) <= 7:
            break
    return ticks if len(ticks) > 1 else [low, high]  # texts may be of about one length
