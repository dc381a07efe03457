"""The page's charts, in the look of the report's."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
from markupsafe import Markup

from exempla.pages.drawing import svg
from exempla.tracing.portrayal.counting import Share

WIDTH = 300
LABEL = 160
"""Pixels of a label, at most."""
ROW = 22


def share_chart(rows: Sequence[tuple[str, Share, str]], title: str) -> Markup:
    """Shares as bars, one under the other, with their intervals as lines.

    Args:
        rows: name, share and colour.
        title: of the axis.
    """
    values = [
        {"name": name, "value": one.value, "low": one.low, "high": one.high, "colour": colour}
        for name, one, colour in rows
    ]
    largest = max([0.05, *(one.high for _, one, _ in rows)])
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(
            "name:N", title=None, sort=None, axis=alt.Axis(labelLimit=LABEL, labelPadding=6, ticks=False, domain=False)
        )
    )
    scale = alt.Scale(domain=[0, min(1.0, largest * 1.05)], nice=False)
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(format=".0%", tickCount=4))
    bars = base.mark_bar(height={"band": 0.62}, opacity=0.8).encode(x=x, color=alt.Color("colour:N", scale=None))
    lines = base.mark_rule(color="var(--ink)", strokeWidth=1.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    label = "; ".join(f"{name} {one.value:.0%}, {one.low:.0%} to {one.high:.0%}" for name, one, _ in rows)
    return svg(alt.layer(bars, lines).properties(width=WIDTH, height=alt.Step(ROW)), label)


def table_chart(cells: Sequence[tuple[str, str, float]]) -> Markup:
    """Shares by trope (down) and genre (across): a table whose cells are the darker the larger the share."""
    values = [
        {"trope": trope, "genre": genre, "share": value, "shown": f"{value:.0%}" if value else "–"}
        for trope, genre, value in cells
    ]
    largest = max(value for _, _, value in cells) or 1.0
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(
            "trope:N", title=None, sort=None, axis=alt.Axis(labelLimit=LABEL, labelPadding=6, ticks=False, domain=False)
        ),
        x=alt.X("genre:N", title=None, sort=None, axis=alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False)),
    )
    # Half covered at most, so that the figures can be read on it in light and in dark.
    shade = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, largest], range=[0, 0.45]), legend=None)
    boxes = base.mark_rect(color="var(--accent)").encode(opacity=shade)
    texts = base.mark_text(color="var(--ink)", fontSize=12).encode(text="shown:N")
    label = "; ".join(f"{trope} in {genre} {value:.0%}" for trope, genre, value in cells if value)
    return svg(alt.layer(boxes, texts).properties(width=alt.Step(92), height=alt.Step(ROW)), label)
