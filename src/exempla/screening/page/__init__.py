"""A screened corpus as one HTML file that opens anywhere: no script, no request, every text escaped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from exempla.pages import environment, policy, style
from exempla.pages.showing import clipped, visible
from exempla.records import Frozen
from exempla.screening.corpus import Corpus
from exempla.screening.engine import Outcome
from exempla.screening.measures.whole import Measures
from exempla.screening.page import summary, texts
from exempla.screening.page.charts import Bar, bar_chart
from exempla.screening.page.figures import figures
from exempla.screening.page.wording import share
from exempla.screening.scan.findings import Finding

HERE = Path(__file__).parent
MOST_BYTES = 3_000_000
LISTED = 50
"""Skipped rows, notes and findings that are listed."""
CORPORA = 10
"""Corpora that have a column of their own."""
MARK_ROWS = 250
SETTINGS_LETTERS = 20_000
LINE = 300
"""Characters of a line that comes from outside."""
NAME = 60


class GateRow(Frozen):
    """What is said of a gate."""

    name: str
    about: str = ""
    dropped: int = 0
    marked: int = 0
    state: str = ""
    """Whether its judge was asked, and what came of it; empty for gates without one."""


class Planted(Frozen):
    """How many texts of a kind were found: planted ones, or clean ones, of which none should be."""

    name: str
    recall: float
    """Share found."""
    found: int
    of: int


class About(Frozen):
    """What the page says besides the measures."""

    source: str
    """Path as given."""
    command: str = ""
    skipped: tuple[tuple[str | int, str], ...] = ()
    """Position and problem of rows that are no records; not necessarily all of them."""
    problems: dict[str, int] = {}
    """How often there was which problem."""
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    gates: tuple[GateRow, ...] = ()
    """Those that were passed, in order; if empty they are taken from the outcome."""
    findings: tuple[Finding, ...] | None = None
    """Of the pattern scan; None if there was none."""
    planted: tuple[Planted, ...] = ()
    judged: dict[str, int] = {}
    """Judgements by state: scored, unparsable, failed."""


def render(corpus: Corpus, outcome: Outcome, measures: Measures, about: About) -> str:
    """The page: less than 3 MB for any corpus, and always valid UTF-8."""
    template = _environment().get_template("screening.html.jinja")
    facts = _facts(outcome, measures, about)
    drawn = texts.shown(corpus, measures.to_read)
    page = ""
    for room in texts.ROOMS:
        read = texts.in_groups(texts.cut_further(drawn, room), measures.kept, measures.gates)
        page = template.render(facts, read=read, style=style(), policy=policy())
        if len(page.encode()) < MOST_BYTES:
            break
    return page


def _facts(outcome: Outcome, measures: Measures, about: About) -> dict[str, Any]:
    # As many as the list has if nobody counted them.
    skipped = sum(about.problems.values()) or len(about.skipped)
    gates = about.gates or tuple(
        GateRow(name=gate.name, about=gate.about, dropped=count.dropped, marked=count.marked)
        for gate, count in zip(outcome.gates, measures.gates, strict=True)
    )
    return {
        "m": measures,
        "about": about,
        "source": clipped(about.source, LINE),
        "command": clipped(about.command, 10 * LINE),
        "headline": summary.headline(measures),
        "warnings": summary.warnings(measures, skipped, about.problems, about.judged),
        "notes": [clipped(note, 2 * LINE) for note in about.notes[:LISTED]],
        "skipped": [(clipped(str(place), LINE), clipped(problem, LINE)) for place, problem in about.skipped[:LISTED]],
        "skipped_count": skipped,
        "gates": gates,
        "by_gate": {count.gate: count.dropped_by_corpus for count in measures.gates},
        "corpora": [group.name for group in measures.corpora[:CORPORA]],
        "settings": visible(json.dumps(about.settings, indent=2, ensure_ascii=False, default=str))[:SETTINGS_LETTERS],
        "gate_chart": _gate_chart(gates, measures),
        "figures": figures(measures),
        "listed": LISTED,
        "mark_rows": MARK_ROWS,
    }


def _gate_chart(gates: tuple[GateRow, ...], measures: Measures) -> Markup | None:
    dropping = [Bar(clipped(gate.name, NAME), gate.dropped, "var(--bad)") for gate in gates if gate.dropped]
    return bar_chart([Bar("kept", measures.kept, "var(--good)"), *dropping], "records") if dropping else None


def _environment() -> jinja2.Environment:
    made = environment(HERE)
    made.filters |= {"share": share, "clipped": clipped}
    # Every text on the page goes through here before it is escaped.
    made.finalize = lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    return made
