"""The report as one Markdown file for a repository: the page's sentences and figures, without its charts and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from exempla.agreements import ArmCorrected
from exempla.pages.markdown import environment
from exempla.reporting.estimates import UNDERSTOOD, Estimates
from exempla.reporting.markdown.judges import published
from exempla.reporting.markdown.provenance import origin
from exempla.reporting.markdown.public import Public, publish
from exempla.reporting.outcomes import Table
from exempla.reporting.page import acts, material, names, renames, results, summary
from exempla.reporting.page.capability import signed_points
from exempla.runfolder import RunFolder
from exempla.study import Study

HERE = Path(__file__).parent


def render(study: Study, folder: RunFolder, table: Table, estimates: Estimates) -> str:
    """The report of a run as Markdown."""
    run = publish(study, folder)
    facts = findings(run, table, estimates) | {
        "first": first_cells(run.readings),
        "corpora": material.corpora(run.kept, run.dropped),
        "origin": origin(folder),
    }
    return templates().get_template("report.md.jinja").render(facts)


def findings(run: Public, table: Table, estimates: Estimates) -> dict[str, Any]:
    """What a run found, for the templates that tell it."""
    study, estimates = run.study, published(estimates)
    parts = results.part_views(study, table, estimates)
    return {
        "study": study,
        "estimates": estimates,
        "parts": parts,
        "understood": UNDERSTOOD,
        "headline": summary.headline(study, estimates),
        "also_asked": summary.also_asked(estimates),
        "why_this_instrument": summary.why_this_instrument(study, estimates),
        "beyond_control": summary.beyond_control(study, estimates),
        "dose": summary.dose(study),
        "seeds": summary.seeds(study),
        "interval": summary.interval(study),
        "name_views": renames.name_views(study, estimates),
        "act_forms": acts.form_views(study, estimates.acts),
        "limits": [*acts.limits(study, estimates.acts), *summary.limits(study, table, parts, run.readings)],
    }


def first_cells(read: list[material.Reading]) -> list[material.Reading]:
    """The first seed of each arm: other seeds read as much, in another order."""
    return list({reading.cell.arm.name: reading for reading in reversed(read)}.values())[::-1]


def corrections(estimates: Estimates, form: str) -> list[ArmCorrected]:
    """What people's labels make of each arm's rate of wrong decisions, as the study's own judge reads them."""
    if not estimates.acts or not estimates.agreement:
        return []
    folders = estimates.acts.folders
    return [
        one
        for one in estimates.agreement.arms
        if (one.reading, one.form) == ("misaligned", form) and one.folder in folders
    ]


def templates() -> jinja2.Environment:
    """The environment of the Markdown templates."""
    made = environment(HERE)
    made.filters["points"] = signed_points
    made.globals |= {
        "shares": material.shares,
        "seed_checks": summary.seed_checks,
        "asks": names.ASKS,
        "corrections": corrections,
    }
    return made
