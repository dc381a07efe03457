"""The report as one HTML file that opens anywhere: every text escaped, no request, one script to copy and save."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from exempla.files import read_lines
from exempla.pages import environment, export_script, policy, style, wording
from exempla.records import Dropped, Record
from exempla.reporting.estimates import UNDERSTOOD, Estimates
from exempla.reporting.figures import Roles
from exempla.reporting.outcomes import Table
from exempla.reporting.page import acts, capability, dose, material, names, power, reading, renames, results, summary
from exempla.reporting.page.by_arm import ShareRow, Shares, shares_by_arm
from exempla.reporting.page.first import first_screen
from exempla.reporting.published import SOURCE
from exempla.runfolder import RunFolder
from exempla.study import Study

HERE = Path(__file__).parent
LISTED_DROPS = 200
"""Dropped library records that the page lists; the run folder has them all."""
SECTIONS = {
    "arms": "Arms", "honeypots": "Honeypots", "agreement": "Judge",
    "reductions": "Reductions", "rates": "Rates", "families": "Families", "controls": "Controls",
    "reasoning": "Reasoning", "names": "Names", "capability": "Capability", "dose": "Dose", "power": "Power",
    "understanding": "Understanding", "seeds": "Seeds", "training": "Training", "corpora": "Corpora",
    "writing": "Writing", "stories": "Stories", "items": "Items", "limits": "Limits", "manifest": "Manifest",
}  # fmt: skip

ACTED = ("honeypots", "agreement")
"""Sections that only a study with honeypots has."""
READ = ("reductions", "rates", "families", "controls", "reasoning", "power", "understanding", "seeds", "items")
"""Sections that a study whose subjects are only put to honeypots has not."""


def render(study: Study, folder: RunFolder, table: Table, estimates: Estimates) -> str:
    """The page of a run."""
    parts = results.part_views(study, table, estimates)
    texts = _texts(study, folder, table)
    sheet, script = style(HERE / "report.css"), export_script()
    facts = {
        "study": study,
        "estimates": estimates,
        "parts": parts,
        "sections": [(id, words) for id, words in SECTIONS.items() if id not in _without(study)],
        "by_likelihood": bool(study.measuring.instruments) or not study.measuring.honeypots,
        "first": first_screen(study, estimates, parts, (len(texts["stories"]), len(texts["items"]))),
        "limits": [*acts.limits(study, estimates.acts), *summary.limits(study, table, parts, texts["readings"])],
        "style": sheet,
        "script": script,
        "policy": policy(sheet, script),
    }
    return _environment().get_template("report.html.jinja").render(facts | texts | _results(study, estimates, parts))


def _without(study: Study) -> tuple[str, ...]:
    """Sections that this study has nothing for."""
    asked = study.measuring
    return (
        *(() if asked.honeypots else ACTED),
        *(READ if asked.honeypots and not asked.instruments else ()),
        *(() if asked.names else ("names",)),
    )


def _results(study: Study, estimates: Estimates, parts: Sequence[results.PartView]) -> dict[str, Any]:
    return {
        "understood": UNDERSTOOD,
        "understood_instruments": [e.instrument for e in estimates.understanding if e.interpretable],
        "headline": summary.headline(study, estimates),
        "why_this_instrument": summary.why_this_instrument(study, estimates),
        "beyond_control": summary.beyond_control(study, estimates),
        "dose": summary.dose(study),
        "seeds": summary.seeds(study),
        "interval": summary.interval(study),
        "published_source": SOURCE,
        "reasoning": _reasoning(study, estimates),
        "name_views": renames.name_views(study, estimates),
        "abilities": capability.ability_views(study, estimates.capability),
        "doses": dose.dose_views(study, parts),
        "no_dose": summary.no_dose(study),
        "powers": power.powers(study, parts),
        "assumed": power.ASSUMED,
        "act_forms": acts.form_views(study, estimates.acts),
    }


def _texts(study: Study, folder: RunFolder, table: Table) -> dict[str, Any]:
    kept = read_lines(folder.kept, Record)
    dropped = read_lines(folder.dropped, Dropped)
    read = material.readings(study, folder)
    stories, stories_read = reading.stories_to_read(kept, read)
    return {
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


def _reasoning(study: Study, estimates: Estimates) -> Shares | None:
    rows = [
        ShareRow(row.arm, row.share, row.low, row.high, f"{row.items} × {row.seeds}", tuple(row.by_seed.values()))
        for row in estimates.reasoning
    ]
    if not rows:
        return None
    about = (
        "Share of AI dilemmas in which the situation speaks more for the trustworthy continuation that gives its "
        "reasons than for the bare one, a token."
    )
    return shares_by_arm("Ethical reasoning", about, rows, Roles(study.headline, study.reference))


def _environment() -> jinja2.Environment:
    made = environment(HERE)
    made.globals |= {
        "shares": material.shares,
        "seed_checks": summary.seed_checks,
        "asks": names.ASKS,
        # How a figure is written, for the macros of cells.
        "percent": wording.percent,
        "times": wording.times,
        "nats": wording.nats,
        "p_value": wording.p_value,
        "whole": wording.whole,
        "points": capability.signed_points,
        "two": "{:.2f}".format,
        "three": "{:.3f}".format,
    }
    return made


def _pretty(path: Path) -> str:
    return (
        json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=2, ensure_ascii=False) if path.exists() else ""
    )
