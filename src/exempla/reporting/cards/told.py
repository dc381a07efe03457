"""What the cards of a run tell: the same facts for the texts and for the models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exempla import __version__, catalogue
from exempla.records import Record
from exempla.reporting.estimates import Estimates
from exempla.reporting.markdown import findings, first_cells
from exempla.reporting.markdown.provenance import origin
from exempla.reporting.markdown.public import Public, publish
from exempla.reporting.outcomes import Table
from exempla.reporting.page import material
from exempla.runfolder import RunFolder
from exempla.study import Study


@dataclass(frozen=True)
class Wishes:
    """What a run cannot know about how it will be published."""

    license: str = ""
    """Of the texts; chosen by where they come from if empty."""
    model_license: str = ""
    """Of the models; the subject's if empty and known."""
    dataset: str = ""
    """The hub's name of the dataset (`owner/name`), for the model cards; empty if it is not published."""


@dataclass(frozen=True)
class Results:
    """What was measured."""

    table: Table
    estimates: Estimates


@dataclass(frozen=True)
class Told:
    """A run, as its cards tell it."""

    run: Public
    subject: str
    """The subject's own name, which may be somebody's path and is not to be shown."""
    facts: Mapping[str, Any]
    """For the templates."""


def tell(study: Study, folder: RunFolder, results: Results | None, principles: Mapping[str, str]) -> Told:
    """Gather what the cards of a run tell; arguments as in `write_cards`."""
    run = publish(study, folder)
    facts = findings(run, results.table, results.estimates) if results else {"study": run.study, "parts": []}
    facts |= {
        "measured": results is not None,
        "corpora": material.corpora(run.kept, run.dropped),
        "first": first_cells(run.readings),
        "principles": _principles(run.kept, principles),
        "folders": run.folders,
        "origin": origin(folder),
        "canary": catalogue.CANARY,
        "version": __version__,
    }
    return Told(run, study.subject, facts)


def _principles(kept: Sequence[Record], titles: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Id, title and number of kept texts: in the constitution's order, then those that only texts name."""
    counts = Counter(record.principle for record in kept if record.principle)
    return [(name, titles.get(name, ""), counts[name]) for name in dict.fromkeys([*titles, *counts])]
