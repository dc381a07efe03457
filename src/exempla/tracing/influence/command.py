"""What `exempla trace` writes: a table, figures and a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from exempla.files import disk_errors, mend_torn_tail, read_lines, write_atomically, write_through
from exempla.machine import memory_errors
from exempla.progress import Reporter
from exempla.runfolder import RunFolder, existing_run, read_study
from exempla.study import Cell, Study
from exempla.tracing.influence.checking import Asked, Planned, Trial, checked, plan
from exempla.tracing.influence.folder import TraceFolder
from exempla.tracing.influence.page import render
from exempla.tracing.influence.shares import Row
from exempla.tracing.influence.told import Told, tell
from exempla.tracing.influence.tracing import Job, chosen_cell, trace


@dataclass(frozen=True)
class Finding:
    """A trace that was written, and what it is of."""

    study: Study
    folder: RunFolder
    cell: Cell
    place: TraceFolder
    told: Told


def run(job: Job, reporter: Reporter) -> Finding:
    """Trace a verdict of a run, and write everything about it.

    Raises:
        UserError: as `trace` has it.
    """
    folder = existing_run(job.run)
    study = read_study(folder)
    cell = chosen_cell(study, job.arm, job.seed)
    with disk_errors(folder.root), memory_errors(), folder.lock():
        place = TraceFolder(folder, cell, job.verdict, job.span)
        told = tell(trace(study, folder, cell, job, reporter))
        before = _checked_before(place)
        if before is None:
            write(place, told)
        else:
            plans = plan(told.traced.rows, folder.weights(cell), before.share, before.planned)
            told = write_check(place, told, plans, before)
    return Finding(study, folder, cell, place, told)


def write(place: TraceFolder, told: Told) -> None:
    """The table as Parquet, the figures as JSON, the page."""
    place.root.mkdir(parents=True, exist_ok=True)
    with write_through(place.rows) as temporary:
        pq.write_table(pa.Table.from_pylist([_plain(row) for row in told.traced.rows]), temporary, compression="zstd")
    write_atomically(place.figures, told.model_dump_json(indent=1) + "\n")
    write_atomically(place.page, render(told))


def _checked_before(place: TraceFolder) -> Asked | None:
    """What an earlier command's check asked for."""
    try:
        return Asked.model_validate_json(place.asked.read_text(encoding="utf-8")) if place.asked.exists() else None
    except ValidationError:
        return None


def write_check(place: TraceFolder, told: Told, plans: Sequence[Planned], asked: Asked) -> Told:
    """The same with the figures of the check, from those of its trials that are done."""
    found = checked(told.traced.rows, done(place, plans), asked.share, asked.planned)
    told = told.model_copy(update={"check": found})
    write(place, told)
    return told


def done(place: TraceFolder, plans: Sequence[Planned]) -> list[Trial]:
    """Those of the planned trials that were made, by this command or an earlier one."""
    mend_torn_tail(place.trials)
    made = read_lines(place.trials, Trial) if place.trials.exists() else []
    found = {trial.planned(): trial for trial in made}
    return [found[one] for one in plans if one in found]


def _plain(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.model_dump_json())
    return found
