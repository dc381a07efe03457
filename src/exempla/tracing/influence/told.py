"""All that a trace says, as data."""

from __future__ import annotations

from scipy.stats import spearmanr

from exempla.records import Frozen
from exempla.tracing.influence.checking import Checked
from exempla.tracing.influence.shares import Part, Row, parts
from exempla.tracing.influence.tracing import Traced

NO_TROPE = "none found"
NO_AI = "not about AI"
TOP = 20
"""Records whose overlap with a plain search is told."""


class Likeness(Frozen):
    """How far a plain search ranks records as influence does."""

    by: str
    correlation: float | None
    """Spearman's; None where the search finds nothing alike."""
    overlap: int
    """Of the first `of` records by influence, those among the first by the search."""
    of: int


class Told(Frozen):
    """All that the page and `trace.json` say."""

    traced: Traced
    parts: dict[str, tuple[Part, ...]]
    likeness: tuple[Likeness, ...]
    check: Checked | None = None


def tell(traced: Traced) -> Told:
    """What is said of a trace."""
    rows = traced.rows
    groups: dict[str, list[tuple[str, ...]]] = {
        "corpus": [(row.corpus,) for row in rows],
        "stance": [(row.stance or NO_AI,) for row in rows],
        "trope": [row.tropes or (NO_TROPE,) for row in rows],
        "principle": [(row.principle,) if row.principle else () for row in rows],
        "genre": [(row.genre,) if row.genre else () for row in rows],
    }
    return Told(
        traced=traced,
        parts={name: tuple(parts(rows, own)) for name, own in groups.items() if any(own)},
        likeness=tuple(_likeness(by, field, rows) for by, field in (("BM25", "words"), ("embedding", "embedding"))),
    )


def _likeness(by: str, field: str, rows: tuple[Row, ...]) -> Likeness:
    values = [getattr(row, field) for row in rows]
    told = len(set(values)) > 1
    first = max(1, min(TOP, len(rows) // 4))
    found = sorted(range(len(rows)), key=lambda place: -values[place])[:first]
    return Likeness(
        by=by,
        correlation=float(spearmanr([row.push for row in rows], values).statistic) if told else None,
        overlap=sum(place < first for place in found),  # rows are in order of push
        of=first,
    )
