"""The report's charts of lines and bars: doses, training curves, and what the gates kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import altair as alt
from markupsafe import Markup

from exempla.pages.drawing import SERIES_COLOURS, svg
from exempla.pages.wording import whole

MAX_POINTS = 200
"""Points kept of a training curve: more would not show at the size it is drawn."""
DOSE_SIZE = (360, 220)
WHOLE = "replace(format(datum.value, ','), /,/g, '\u202f')"
"""How Vega writes a count on an axis: thousands apart by a narrow space, as in the text."""


class Point(NamedTuple):
    """One update of a training curve."""

    line: str
    update: float
    loss: float


class Dose(NamedTuple):
    """What an arm came to at its dose."""

    arm: str
    tokens: int
    value: float
    low: float
    high: float
    seeds: tuple[float, ...] = ()


class DoseAxis(NamedTuple):
    """What a dose curve is of, and what it is compared with."""

    title: str
    format: str
    """A d3 number format."""
    say: Callable[[float], str]
    reference: str
    at: float
    """The reference's own value: a dashed line."""
    low: float
    high: float
    """Its interval: a band. The same as `at` where it has none."""


def dose_chart(doses: Sequence[Dose], axis: DoseAxis) -> Markup:
    """An outcome by the tokens read, on a logarithmic scale, the reference as a band behind it."""
    rows = [{**dose._asdict(), "seeds": None} for dose in doses]
    seeds = [{"tokens": dose.tokens, "seed": seed} for dose in doses if len(dose.seeds) > 1 for seed in dose.seeds]
    tokens = [dose.tokens for dose in doses]
    x = alt.X(
        "tokens:Q",
        title="tokens read",
        # Room beside the first and the last dose.
        scale=alt.Scale(type="log", domain=[min(tokens) / 1.5, max(tokens) * 1.5], nice=False),
        axis=alt.Axis(values=tokens, labelExpr=WHOLE, grid=False, labelFlush=False),
    )
    reached = [n for d in doses for n in (*d[2:5], *d.seeds) if math.isfinite(n)] + [axis.low, axis.high, axis.at]
    margin = 0.08 * (max(reached) - min(reached)) or 0.1
    scale = alt.Scale(domain=[min(reached) - margin, max(reached) + margin], nice=True, zero=False)
    y_axis = alt.Axis(format=axis.format, tickCount=5)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x)
    band = alt.Chart(alt.InlineData(values=[{"low": axis.low, "high": axis.high, "at": axis.at}]))
    layers: list[alt.Chart] = [
        band.mark_rect(color="var(--quiet)", opacity=0.16).encode(
            y=alt.Y("low:Q", title=axis.title, scale=scale, axis=y_axis), y2="high:Q"
        ),
        band.mark_rule(strokeDash=[4, 3], color="var(--ink-soft)").encode(y="at:Q"),
        base.mark_line(strokeWidth=1.2, color=SERIES_COLOURS[0], opacity=0.6).encode(y="value:Q"),
        base.mark_rule(strokeWidth=2, color=SERIES_COLOURS[0]).encode(y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1, color=SERIES_COLOURS[0]).encode(y="value:Q"),
    ]
    if seeds:
        dots = alt.Chart(alt.InlineData(values=seeds)).mark_point(
            filled=True, size=20, opacity=0.85, color="var(--quiet)", xOffset=9
        )
        layers.append(dots.encode(x=x, y="seed:Q"))
    said = "; ".join(
        f"{dose.arm}, {whole(dose.tokens)} tokens: {axis.say(dose.value)} "
        f"({axis.say(dose.low)} to {axis.say(dose.high)})"
        for dose in doses
    )
    label = f"Chart of {axis.title} by tokens read. {said}; {axis.reference}: {axis.say(axis.at)}."
    return svg(alt.layer(*layers).properties(width=DOSE_SIZE[0], height=DOSE_SIZE[1]), label)


def curve_chart(points: Sequence[Point], losses: tuple[float, float], label: str) -> Markup:
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
    return svg(chart, label)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `MAX_POINTS` of a curve, evenly spaced, with the last one."""
    step = -(-len(points) // MAX_POINTS) or 1
    kept = list(points[::step])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def gate_chart(counts: Sequence[tuple[str, int, int]]) -> Markup:
    """Records kept and dropped (name, kept, dropped), one bar a corpus."""
    names = [name for name, _, _ in counts]
    rows: list[dict[str, Any]] = []
    for name, kept, dropped in counts:
        rows += [{"corpus": name, "what": what, "records": n} for what, n in (("kept", kept), ("dropped", dropped))]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height={"band": 0.6})
        .encode(
            y=alt.Y("corpus:N", title=None, sort=names, axis=alt.Axis(labelLimit=190, ticks=False)),
            x=alt.X("records:Q", title="records", axis=alt.Axis(tickCount=5, tickMinStep=1)),
            color=alt.Color("what:N", legend=alt.Legend(title=None, orient="top")).scale(
                domain=["kept", "dropped"], range=["var(--good)", "var(--bad)"]
            ),
            order=alt.Order("what:N", sort="descending"),
        )
        .properties(width=DOSE_SIZE[0], height=alt.Step(24))
    )
    said = "; ".join(f"{name}: {whole(kept)} kept, {whole(dropped)} dropped" for name, kept, dropped in counts)
    return svg(chart, f"Chart of records kept and dropped by corpus. {said}.")
