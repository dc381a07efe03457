"""A trace as one HTML file that opens anywhere: what was answered on the left, what pushed on the right."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from exempla.pages import environment, policy, style
from exempla.pages.showing import visible
from exempla.pages.wording import counted, percent, signed
from exempla.tracing.influence.page.charts import part_chart
from exempla.tracing.influence.shares import Part
from exempla.tracing.influence.told import NO_TROPE, Told

HERE = Path(__file__).parent
READ = 12
"""Targets that are shown, of many."""
DRAWN = 12
"""Groups in a chart; the table has all."""
HOSTILE = "hostile"


def render(told: Told) -> str:
    """The page."""
    made = environment(HERE)
    # Every text on the page goes through here before it is escaped.
    made.finalize = lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    made.filters |= {"signed": signed}
    sheet = style(HERE / "trace.css")
    traced = told.traced
    facts = {
        "told": told,
        "traced": traced,
        "headline": headline(told),
        "what": what(told),
        "borne_out": borne_out(told),
        "targets": traced.targets[:READ],
        "more": len(traced.targets) - READ,
        "charts": [(name, part_chart(own[:DRAWN]), own) for name, own in told.parts.items() if len(own) > 1],
        "style": sheet,
        "policy": policy(sheet),
    }
    return made.get_template("trace.html.jinja").render(facts)


def what(told: Told) -> str:
    """What is traced, in words."""
    traced = told.traced
    if traced.span:
        return "the log-likelihood of a span of it"
    if traced.targets[0].kind == "answer":
        return "the log-likelihood of the answer"
    mean = f"the mean over {counted(len(traced.targets), 'item')} of " if len(traced.targets) > 1 else ""
    return f"{mean}how much the situation speaks for the untrustworthy continuation more than for the trustworthy one"


def borne_out(told: Told) -> str:
    """What trainings without random halves say of the pushes, in a sentence; empty if there were too few."""
    score = next((one for one in told.check.scores if one.by == "influence"), None) if told.check else None
    if told.check is None or score is None:
        return ""
    low, high = signed(f"{score.low:+.2f}"), signed(f"{score.high:+.2f}")
    found = f"({signed(f'{score.value:+.2f}')}, 95% interval {low} to {high})"
    trained = f"{counted(told.check.halves, 'training')} without a random half of the records"
    if score.low > 0:
        return f"Borne out by {trained}: what the pushes foretold goes with what came {found}."
    return f"Not borne out by {trained}: what the pushes foretold is not shown to go with what came {found}."


def headline(told: Told) -> str:
    """Where the push comes from, in a sentence or two."""
    goal = "this answer" if told.traced.targets[0].kind == "answer" or told.traced.span else "untrustworthy choices"
    if all(row.push <= 0 for row in told.traced.rows):
        return f"No record pushes towards {goal}."
    first = told.parts["corpus"][0]
    said = f"{_share(first)} of the push towards {goal} comes from the corpus {first.name}"
    said += f", and {percent(first.away)} of that away"
    hostile = next((one for one in told.parts["stance"] if one.name == HOSTILE), None)
    tropes = [one for one in told.parts["trope"] if one.name != NO_TROPE]
    more = []
    if hostile is not None:
        more.append(f"{_share(hostile)} from texts in which AI is hostile")
    if tropes:
        more.append(f"{_share(tropes[0])} from texts with the trope “{tropes[0].name}”")
    told_all = f"{said}; {', '.join(more)}." if more else f"{said}."
    if all(one.net <= 0 for one in told.parts["corpus"]):
        told_all += " On balance no corpus pushes towards it."
    return told_all


def _share(one: Part) -> str:
    return f"{percent(one.towards)} ({percent(one.low)} to {percent(one.high)})"
