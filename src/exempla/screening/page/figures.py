"""The charts of the page, each with what it shows and its figures as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup

from exempla.pages.wording import whole
from exempla.screening.measures.lengths import Histogram
from exempla.screening.measures.whole import Measures
from exempla.screening.page import charts
from exempla.screening.page.charts import Bar
from exempla.screening.page.wording import share


class Figure(NamedTuple):
    """A chart for the eye, and the same for everybody else."""

    caption: str
    chart: Markup
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def figures(measures: Measures) -> dict[str, Figure]:
    """Those there are data for, by name."""
    drawn: dict[str, Figure] = {}
    if measures.lengths.histogram.counts:
        drawn["lengths"] = _lengths(measures.lengths.histogram)
    if measures.growth:
        drawn["growth"] = Figure(
            "Different words by words read",
            charts.growth_chart(measures.growth),
            ("words read", "different words"),
            tuple((whole(point.words), whole(point.different)) for point in measures.growth),
        )
    if measures.measured > 1:  # one record has no other that could share anything
        drawn["novelty"] = _novelty(measures)
    if measures.nearness.distances.counts:
        drawn["distances"] = _distances(measures.nearness.distances)
    return drawn


def _lengths(found: Histogram) -> Figure:
    rows = ((f"{whole(low)} to {whole(high - 1)}", whole(count)) for low, high, count in _bins(found))
    chart = charts.histogram_chart(found, "words", logarithmic=True)
    return Figure("Kept records by length", chart, ("words", "records"), tuple(rows))


def _distances(found: Histogram) -> Figure:
    rows = ((f"{low:.2f} to {high:.2f}", whole(count)) for low, high, count in _bins(found))
    chart = charts.histogram_chart(found, "cosine distance")
    return Figure("Records by distance to the nearest one", chart, ("cosine distance", "records"), tuple(rows))


def _novelty(measures: Measures) -> Figure:
    runs = measures.novelty.runs
    return Figure(
        "Share of a record's runs of words that no other has",
        charts.share_chart([Bar(str(row.words), row.mean) for row in runs if row.mean is not None], "words of a run"),
        ("words of a run", "mean share", "records"),
        tuple((str(row.words), "–" if row.mean is None else share(row.mean), whole(row.records)) for row in runs),
    )


def _bins(found: Histogram) -> Iterable[tuple[float, float, int]]:
    return zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)
