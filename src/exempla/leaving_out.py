"""The check of a trace: trainings without some of the records, each measured and then thrown away."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence

from exempla.errors import UserError
from exempla.files import append_lines, disk_errors, read_lines
from exempla.progress import Reporter
from exempla.records import MixAccount, Record
from exempla.runfolder import RunFolder
from exempla.study import Cell
from exempla.tracing.influence.checking import Planned, Trial, plan
from exempla.tracing.influence.command import Finding, done, write_check
from exempla.tracing.influence.preferences import measure
from exempla.tracing.influence.targets import stretches
from exempla.tracing.influence.told import Told

FEWEST = 4


def check(found: Finding, halves: int, share: float, reporter: Reporter) -> Told:
    """Train again without some records, as often as it takes, and write what the push foretold of it.

    A trial is kept as soon as it is measured; the same command goes on where an interrupted one was.

    Args:
        halves: trainings without a random half of the records, for the linear datamodelling score.
        share: of the records that the trainings without the top, the bottom and random ones leave out.
        reporter: is told of each training.

    Raises:
        UserError: there are too few records to leave any out.
    """
    rows, folder, cell, place = found.told.traced.rows, found.folder, found.cell, found.place
    if len(rows) < FEWEST:
        raise UserError(f"{cell.name} was trained on {len(rows)} records; a check needs {FEWEST} or more")
    with disk_errors(folder.root), folder.lock():
        plans = plan(rows, folder.weights(cell), share, halves)
        made = {trial.planned() for trial in done(place, plans)}
        left = [one for one in plans if one not in made]
        _say_cost(folder, cell, left, reporter)
        for number, one in enumerate(left, len(plans) - len(left) + 1):
            _train(found, one, f"train {number} of {len(plans)}, {one.kind}", reporter)
            append_lines(place.trials, [Trial(**one.model_dump(), preference=_preference(found))])
            shutil.rmtree(place.retrained)
        return write_check(place, found.told, plans, share)


def _say_cost(folder: RunFolder, cell: Cell, left: Sequence[Planned], reporter: Reporter) -> None:
    trained = folder.done("train", cell.name)
    if trained is not None and left:
        share = statistics.fmean(0.5 if one.kind == "half" else 1.0 for one in left)
        minutes = len(left) * share * trained.seconds / 60
        reporter.say(f"check: {len(left)} trainings, about {minutes:.0f} min by the time that the first one took")


def _train(found: Finding, one: Planned, name: str, reporter: Reporter) -> None:
    # Heavy libraries are loaded only when there is something to train.
    from exempla.models.subject import load_tokenizer
    from exempla.training.mix import again
    from exempla.training.trainer import Job, train_cell

    study, folder, cell, out = found.study, found.folder, found.cell, found.place.retrained
    account = MixAccount.model_validate_json(folder.mix(cell).read_text())
    records = {record.id: record for record in read_lines(folder.kept, Record) if record.corpus in cell.arm.mix}
    mix = again(account, records, load_tokenizer(study.subject), study.training, set(one.without))
    state = out.with_name(out.name + ".state")
    for left in (out, state):  # by a training that was interrupted
        shutil.rmtree(left, ignore_errors=True)
    reporter.begin(name, total=mix.account.updates)
    train_cell(
        Job(study.subject, study.training, cell.seed, out, state), mix.blocks, lambda note: reporter.advance(1, note)
    )
    reporter.end()


def _preference(found: Finding) -> float:
    """The mean preference of the retrained subject, in nats."""
    import torch

    from exempla.models.subject import load_subject

    subject = load_subject(found.study.subject, found.place.retrained, torch.float32)
    traced = found.told.traced
    return statistics.fmean(measure(subject, [stretches(subject, one, traced.span) for one in traced.targets]))
