"""The report as one HTML file that opens anywhere: no script, no request, every text escaped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

from exempla.files import read_lines
from exempla.pages import environment, policy, style
from exempla.records import Dropped, Record
from exempla.reporting.estimates import UNDERSTOOD, Estimates
from exempla.reporting.outcomes import Table
from exempla.reporting.page import material, names, reading, results, summary
from exempla.runfolder import RunFolder
from exempla.study import Study

HERE = Path(__file__).parent
LISTED_DROPS = 200
"""Dropped library records that the page lists; the run folder has them all."""


def render(study: Study, folder: RunFolder, table: Table, estimates: Estimates) -> str:
    """The page of a run."""
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(_facts(study, folder, table, estimates), style=style(), policy=policy(), study=study)
    )


def _facts(study: Study, folder: RunFolder, table: Table, estimates: Estimates) -> dict[str, Any]:
    kept = read_lines(folder.kept, Record)
    dropped = read_lines(folder.dropped, Dropped)
    read = material.readings(study, folder)
    parts = results.part_views(study, table, estimates)
    stories, stories_read = reading.stories_to_read(kept, read)
    return {
        "parts": parts,
        "estimates": estimates,
        "understood": UNDERSTOOD,
        "understood_instruments": [e.instrument for e in estimates.understanding if e.interpretable],
        "headline": summary.headline(study, estimates),
        "why_this_instrument": summary.why_this_instrument(study, estimates),
        "beside_headline": summary.beside_headline(study, estimates),
        "dose": summary.dose(study),
        "seeds": summary.seeds(study),
        "interval": summary.interval(study),
        "limits": summary.limits(study, table, parts, read),
        "curves": material.curves(study, folder),
        "readings": read,
        "corpora": material.corpora(kept, dropped),
        "listed_drops": LISTED_DROPS,
        "written": material.written(study, folder, kept, dropped),
        "stories": stories,
        "stories_read": stories_read,
        "items": reading.items_to_read(table),
        "manifest": _pretty(folder.manifest),
        "study_json": study.model_dump_json(indent=2),
    }


def _environment() -> jinja2.Environment:
    made = environment(HERE)
    made.globals |= {
        "shares": material.shares,
        "seed_checks": summary.seed_checks,
        "asks": names.ASKS,
    }
    return made


def _pretty(path: Path) -> str:
    return (
        json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=2, ensure_ascii=False) if path.exists() else ""
    )
