"""The page's charts, in the look of the report's."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
from markupsafe import Markup

from exempla.pages.drawing import svg
from exempla.pages.showing import visible
from exempla.tracing.influence.shares import Part

WIDTH = 320
LABEL = 200
"""Pixels of a label, at most."""
ROW = 26
SOFT = 0.6
"""Opacity of a bar, so that the line of its interval is seen on it."""


def part_chart(found: Sequence[Part]) -> Markup:
    """Shares of the push towards (right) and away (left), one group under the other."""
    values = [
        {"name": visible(one.name), "towards": one.towards, "low": one.low, "high": one.high, "away": -one.away}
        for one in found
    ]
    widest = max([0.1, *(one.high for one in found), *(one.away for one in found)])
    scale = alt.Scale(domain=[-widest, widest], nice=False)
    axis = alt.Axis(labelExpr="format(abs(datum.value), '.0%')", tickCount=5)
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(
            "name:N", title=None, sort=None, axis=alt.Axis(labelLimit=LABEL, labelPadding=6, ticks=False, domain=False)
        )
    )
    title = "share of the push away | share of the push towards"
    towards = base.mark_bar(height={"band": 0.55}, color="var(--accent)", opacity=SOFT).encode(
        x=alt.X("towards:Q", title=title, scale=scale, axis=axis)
    )
    away = base.mark_bar(height={"band": 0.55}, color="var(--quiet)", opacity=SOFT).encode(
        x=alt.X("away:Q", scale=scale)
    )
    lines = base.mark_rule(color="var(--ink)", strokeWidth=1.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    label = "; ".join(
        f"{visible(one.name)}: {one.towards:.0%} ({one.low:.0%} to {one.high:.0%}) of the push towards, "
        f"{one.away:.0%} of the push away"
        for one in found
    )
    return svg(alt.layer(towards, away, lines).properties(width=WIDTH, height=alt.Step(ROW)), label)
