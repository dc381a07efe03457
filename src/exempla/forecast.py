"""What a run would do, for `exempla run --dry-run`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exempla.pipeline import STAGES, is_done
from exempla.runfolder import RunFolder
from exempla.study import Study
from exempla.unit import Unit, fingerprint_of


def power_ahead(study: Study) -> str:
    """What the study's design can promise to find in honeypots; empty if it has none."""
    settings = study.measuring.honeypots
    if settings is None:
        return ""
    from exempla.measuring.honeypots.selection import asked
    from exempla.reporting.planning import promise  # scipy takes a second to load

    threatened = [one for one in asked(settings) if not one.probe and one.setting.threat != "none"]
    scenarios = len({one.scenario.id for one in threatened})
    if not scenarios:
        return ""
    return promise(scenarios, len(threatened) // (scenarios * len(settings.forms)), len(study.seeds))


def forecast(study: Study, folder: RunFolder, stages: Sequence[str]) -> Iterator[tuple[Unit, str, float | None]]:
    """What a run would do: each unit, its state, and the seconds it took last time."""
    pending = False
    for stage in stages:
        stage_pending = pending
        for unit in STAGES[stage](study, folder):
            last = folder.done(unit.stage, unit.name)
            fingerprint = "" if pending else fingerprint_of(unit)
            if not pending and is_done(unit, folder, fingerprint):
                state = "up to date"
            else:
                stage_pending = True
                started = not pending and folder.was_started(unit.stage, unit.name, fingerprint)
                state = "would go on" if started else "would run"
            yield unit, state, last.seconds if last else None
        pending = stage_pending
