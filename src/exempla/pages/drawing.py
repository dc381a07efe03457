"""Charts as inline SVG: drawn by Vega-Lite when a page is made, so the page needs no script, no network.

Colours are variables of the page's style sheet, so a chart follows light and dark like the text around it.
"""

from __future__ import annotations

import altair as alt
import vl_convert
from markupsafe import Markup

SERIES_COLOURS = ("var(--accent)", "var(--quiet)")
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Fonts of one width: labels are laid out when the chart is drawn, not when the page is opened."""
Drawable = alt.Chart | alt.LayerChart | alt.FacetChart


def svg(chart: Drawable) -> Markup:
    """A chart as an inline SVG element, in the page's colours and fonts."""
    plain = (
        chart.configure(background="transparent", font=FONT)
        .configure_view(stroke=None)
        .configure_legend(labelColor="var(--ink)", labelFontSize=13, labelLimit=0, symbolType="circle")
        .configure_axis(
            labelColor="var(--ink)", titleColor="var(--ink-soft)", titleFontWeight="normal", titlePadding=8,
            gridColor="var(--line)", domainColor="var(--line)", tickColor="var(--line)",
            labelFontSize=13, titleFontSize=13,
        )
    )  # fmt: skip
    svg = vl_convert.vegalite_to_svg(plain.to_dict())
    # An inline <svg> needs no namespaces, and without them the page holds no address at all.
    for namespace in (' xmlns="http://www.w3.org/2000/svg"', ' xmlns:xlink="http://www.w3.org/1999/xlink"'):
        svg = svg.replace(namespace, "", 1)
    # Safe to mark: Vega escapes every text, and what is drawn are names of arms and numbers.
    return Markup(svg)
