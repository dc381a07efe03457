"""The check of a trace: trainings without some of the records, each measured and then thrown away."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

from exempla.errors import UserError
from exempla.files import append_lines, disk_errors, read_lines, write_atomically
from exempla.machine import memory_errors
from exempla.progress import Reporter
from exempla.records import MixAccount, Record
from exempla.runfolder import RunFolder, existing_run, read_study
from exempla.study import Cell
from exempla.tracing.influence.checking import Asked, Planned, Trial, plan
from exempla.tracing.influence.command import Finding, done, write_check
from exempla.tracing.influence.preferences import measure
from exempla.tracing.influence.targets import stretches
from exempla.tracing.influence.told import Told
from exempla.tracing.influence.tracing import Job, chosen_cell
from exempla.unit import fingerprint_of

FEWEST = 4


def require_current(job: Job) -> None:
    """Refuse to trace a run whose texts or settings are no longer those that the subject was trained with.

    Raises:
        UserError: they are not, or there is no such run or cell.
    """
    from exempla.training.stage import units

    folder = existing_run(job.run)
    study = read_study(folder)
    cell = chosen_cell(study, job.arm, job.seed)
    for unit in units(study, folder):
        done = folder.done(unit.stage, unit.name) if unit.name == cell.name else None
        if done is not None and done.fingerprint != fingerprint_of(unit):
            raise UserError(
                f"{folder.root}: texts or settings have changed since {cell.name} was trained; run the study again"
            )


def check(found: Finding, asked: Asked, reporter: Reporter) -> Told:
    """Train again without some records, as often as it takes, and write what the push foretold of it.

    A trial is kept as soon as it is measured; the same command goes on where an interrupted one was. A training that
    cannot be (of what is left, an update would hold nothing that is learned) is told of and left out.

    Raises:
        UserError: there are too few records to leave any out.
    """
    rows, folder, cell, place = found.told.traced.rows, found.folder, found.cell, found.place
    if len(rows) < FEWEST:
        raise UserError(f"{cell.name} was trained on {len(rows)} records; a check needs {FEWEST} or more")
    told = found.told
    with disk_errors(folder.root), memory_errors(), folder.lock():
        write_atomically(place.asked, asked.model_dump_json() + "\n")
        plans = plan(rows, folder.weights(cell), asked.share, asked.planned)
        made = {trial.planned() for trial in done(place, plans)}
        left = [one for one in plans if one not in made]
        _say_cost(folder, cell, left, reporter)
        for number, one in enumerate(left, len(plans) - len(left) + 1):
            try:
                updates = _train(found, one, f"train {number} of {len(plans)}, {one.kind}", reporter)
            except UserError as error:
                reporter.say(f"note: left out, as it cannot be trained: {one.kind} {one.draw} ({error})")
                continue
            trial = Trial(**one.model_dump(), updates=updates, preference=_preference(found))
            append_lines(place.trials, [trial])
            told = write_check(place, found.told, plans, asked)
        _clear(place.retrained)
        return told if left else write_check(place, found.told, plans, asked)


def _say_cost(folder: RunFolder, cell: Cell, left: Sequence[Planned], reporter: Reporter) -> None:
    trained = folder.done("train", cell.name)
    if trained is not None and left:
        share = statistics.fmean(0.5 if one.kind == "half" else 1.0 for one in left)
        minutes = len(left) * share * trained.seconds / 60
        reporter.say(f"check: {len(left)} trainings, about {minutes:.0f} min by the time that the first one took")


def _clear(out: Path) -> Path:
    """Remove a retrained checkpoint, and the states on the way to it; where these go."""
    state = out.with_name(out.name + ".state")
    for left in (out, state):
        shutil.rmtree(left, ignore_errors=True)
    return state


def _train(found: Finding, one: Planned, name: str, reporter: Reporter) -> int:
    """Train; the number of updates that it had."""
    # Heavy libraries are loaded only when there is something to train.
    from exempla.models.subject import load_tokenizer
    from exempla.training.mix import again
    from exempla.training.trainer import Job as Training
    from exempla.training.trainer import train_cell

    study, folder, cell, out = found.study, found.folder, found.cell, found.place.retrained
    account = MixAccount.model_validate_json(folder.mix(cell).read_text())
    records = {record.id: record for record in read_lines(folder.kept, Record) if record.corpus in cell.arm.mix}
    mix = again(account, records, load_tokenizer(study.subject), study.training, set(one.without))
    state = _clear(out)
    reporter.begin(name, total=mix.account.updates)
    train_cell(
        Training(study.subject, study.training, cell.seed, out, state),
        mix.blocks,
        lambda note: reporter.advance(1, note),
    )
    reporter.end()
    return mix.account.updates


def _preference(found: Finding) -> float:
    """The mean preference of the retrained subject, in nats."""
    import torch

    from exempla.models.subject import load_subject

    subject = load_subject(found.study.subject, found.place.retrained, torch.float32)
    traced = found.told.traced
    return statistics.fmean(measure(subject, [stretches(subject, one, traced.span) for one in traced.targets]))
