"""The stages in order. Every arrow between them is files in the run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from exempla.errors import MissingModelError
from exempla.files import disk_errors
from exempla.judging import pooling
from exempla.judging import stage as judging
from exempla.machine import describe_machine, memory_errors
from exempla.manifest import hashes, write_manifest
from exempla.measuring import stage as measuring
from exempla.models import embedded
from exempla.progress import Reporter
from exempla.reporting import stage as reporting
from exempla.runfolder import RunFolder, write_study
from exempla.screening import stage as screening
from exempla.study import EMBEDDED, Study
from exempla.training import stage as training
from exempla.unit import Unit, fingerprint_of
from exempla.writing import stage as writing

STAGES: dict[str, Callable[[Study, RunFolder], list[Unit]]] = {
    "write": writing.units,
    "screen": screening.units,
    "train": training.units,
    "measure": measuring.units,
    "judge": judging.units,
    "report": lambda study, folder: [*pooling.units(study, folder), *reporting.units(study, folder)],
}

NOTES = 3
"""Stale units that are named; the others are counted."""
USES_A_MODEL = {"write", "train", "measure"}


def run_study(study: Study, folder: RunFolder, reporter: Reporter, stages: Sequence[str]) -> None:
    """Run the named stages of a study; what is up to date is skipped, what was interrupted goes on."""
    with disk_errors(folder.root), memory_errors(), folder.lock():
        if set(stages) & USES_A_MODEL:
            _fetch_embedded(study, reporter)
        _warn_of_stale(study, folder, reporter, stages)
        for stage in stages:
            STAGES[stage](study, folder)  # what a stage cannot do is told before the first one has run for hours
        manifested = False
        for stage in stages:
            for unit in STAGES[stage](study, folder):
                title = f"{unit.stage} {unit.name}"
                fingerprint = fingerprint_of(unit)
                if is_done(unit, folder, fingerprint):
                    reporter.say(f"{title}: up to date, skipped", event="skipped", stage=unit.stage, unit=unit.name)
                    continue
                if not manifested:
                    write_study(folder, study)
                    # The manifest is about how the results came to be; a page made again leaves it as it is.
                    if unit.stage != "report" or not folder.manifest.exists():
                        write_manifest(folder, study, hashes(study), describe_machine())
                    manifested = True
                run_unit(unit, fingerprint, folder, reporter)
        if "report" in stages:
            reporter.say(f"report: {folder.report}", event="report", path=str(folder.report))


def run_unit(unit: Unit, fingerprint: str, folder: RunFolder, reporter: Reporter) -> None:
    """Run one unit from its beginning, or from where an interrupted attempt with the same inputs stopped."""
    title = f"{unit.stage} {unit.name}"
    if folder.was_started(unit.stage, unit.name, fingerprint):
        reporter.say(f"{title}: goes on from an interrupted attempt", event="resumed", stage=unit.stage, unit=unit.name)
    else:
        folder.forget(unit.stage, unit.name)
        unit.clear()
        folder.start(unit.stage, unit.name, fingerprint)
    started, before = time.monotonic(), folder.spent(unit.stage, unit.name)
    try:
        unit.work(reporter)
    except BaseException:
        folder.note_spent(unit.stage, unit.name, before + time.monotonic() - started)
        raise
    finally:
        reporter.end()
    seconds = before + time.monotonic() - started
    folder.finish(unit.stage, unit.name, fingerprint, seconds, _device() if unit.stage in USES_A_MODEL else "")
    reporter.say(f"{title}: done in {seconds:.0f} s", event="done", stage=unit.stage, unit=unit.name, seconds=seconds)


def _device() -> str:
    from exempla.models.subject import device_in_words  # loads torch, which the unit has loaded already

    return device_in_words()


def _fetch_embedded(study: Study, reporter: Reporter) -> None:
    """Fetch the embedded model before anything else, so that a network that is down is told of at once."""
    wanted = EMBEDDED in (study.subject, study.writing.writer if study.writing else "")
    if wanted and not embedded.is_fetched():
        reporter.say(f"fetching the embedded model (93 MB, once) into {embedded.cache_folder()}", event="fetching")
        embedded.fetch()


def _warn_of_stale(study: Study, folder: RunFolder, reporter: Reporter, stages: Sequence[str]) -> None:
    """Say which earlier results are used although the study, the library or the code has changed since."""
    notes: list[tuple[str, str, str]] = []
    for stage in list(STAGES)[: list(STAGES).index(stages[0])]:
        for unit in STAGES[stage](study, folder):
            why = "is missing or of other inputs than this study's"
            try:
                stale = not is_done(unit, folder, unit.fingerprint())
            except FileNotFoundError:  # what it reads is not there
                stale = True
            except MissingModelError as error:
                stale, why = True, f"cannot be compared with this study ({error})"
            if stale:
                notes.append((stage, unit.name, why))
    for stage, name, why in notes[:NOTES]:
        said = f"note: {stage} {name} {why}; a whole `exempla run` of the study brings it up to date"
        reporter.say(said, event="stale", stage=stage, unit=name)
    if len(notes) > NOTES:
        reporter.say(f"note: the same of {len(notes) - NOTES} more", event="stale", more=len(notes) - NOTES)


def is_done(unit: Unit, folder: RunFolder, fingerprint: str) -> bool:
    """Whether the unit was finished with these inputs and its files are there."""
    done = folder.done(unit.stage, unit.name)
    return done is not None and done.fingerprint == fingerprint and all(path.exists() for path in unit.outputs)
