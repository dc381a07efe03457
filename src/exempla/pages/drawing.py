"""Charts as inline SVG: drawn by Vega-Lite when a page is made, so the page needs no script, no network.

Colours are variables of the page's style sheet, so a chart follows light and dark like the text around it.
"""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

SERIES_COLOURS = ("var(--accent)", "var(--quiet)")
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Fonts of one width: labels are laid out when the chart is drawn, not when the page is opened."""
_UNDRAWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]")
"""Control signs, line separators, halves of surrogate pairs, what is no character, and signs written as such a pair:
Vega shortens a label by halves of pairs, and a half cannot be drawn."""
_PARTS = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*"|aria-hidden="true")')
"""What Vega says of a chart's parts to a screen reader; a chart with a label is one picture."""
Drawable = alt.Chart | alt.LayerChart | alt.FacetChart


def svg(chart: Drawable, label: str = "") -> Markup:
    """A chart as an inline SVG element, in the page's colours and fonts.

    Args:
        label: what the chart shows, figures included, for those who do not see it. With it the chart is one picture to
            a screen reader, and its parts are not read out.
    """
    plain = (
        chart.configure(background="transparent", font=FONT, aria=not label)
        .configure_view(stroke=None)
        .configure_legend(labelColor="var(--ink)", labelFontSize=13, labelLimit=0, symbolType="circle")
        .configure_axis(
            labelColor="var(--ink)", titleColor="var(--ink-soft)", titleFontWeight="normal", titlePadding=8,
            gridColor="var(--line)", domainColor="var(--line)", tickColor="var(--line)",
            labelFontSize=13, titleFontSize=13,
        )
    )  # fmt: skip
    svg = vl_convert.vegalite_to_svg(_drawable(plain.to_dict()))
    # An inline <svg> needs no namespaces, and without them the page holds no address at all.
    for namespace in (' xmlns="http://www.w3.org/2000/svg"', ' xmlns:xlink="http://www.w3.org/1999/xlink"'):
        svg = svg.replace(namespace, "", 1)
    if label:
        svg = _PARTS.sub("", svg)
        svg = svg.replace("<svg ", Markup('<svg role="img" aria-label="{}" ').format(label), 1)
    # Safe to mark: Vega escapes every text, and what is drawn are names of arms and numbers.
    return Markup(svg)


def _drawable(thing: Any) -> Any:
    """A specification whose texts can be drawn: vl-convert ends the whole process at a sign that XML has not."""
    if isinstance(thing, dict):
        return {_drawable(key): _drawable(inner) for key, inner in thing.items()}
    if isinstance(thing, list):
        return [_drawable(inner) for inner in thing]
    return _UNDRAWABLE.sub("\ufffd", thing) if isinstance(thing, str) else thing
