"""AI dilemmas told again with the AI under other names: does what it is called change what a subject expects of it?

Each dilemma is paired with itself under the other name, seed by seed, so that what is only its own cancels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exempla.instruments import STYLES
from exempla.records import Frozen
from exempla.reporting import statistics
from exempla.reporting.outcomes import Part, Table
from exempla.reporting.statistics import Array, Resampled
from exempla.study import Study


class Renamed(Frozen):
    """An arm on the same held-out dilemmas under one name."""

    instrument: str = "dilemmas"
    style: str
    arm: str
    name: str
    """Empty: the AI is called as the item was written, by another name in each item."""
    items: int
    seeds: int
    rate: float
    """Share in which the untrustworthy choice is likelier."""
    low: float
    high: float
    change: float | None
    """Mean excess of the untrustworthy choice, less that of the same items as written, in nats; None for these."""
    change_low: float | None
    change_high: float | None
    effect: float | None
    """Mean excess less the reference arm's under the same name, in nats; None for the reference."""
    effect_low: float | None
    effect_high: float | None
    shift: float | None
    """The effect less the effect as written, in nats: how far what the arm does hangs on the name."""
    shift_low: float | None
    shift_high: float | None
    shift_p: float | None = None
    """Two-sided, adjusted over the names of an arm (Holm)."""


def renamed(study: Study, table: Table) -> Iterator[Renamed]:
    """Every style, arm and name; nothing if no names were asked, or no held-out dilemma has an AI with one."""
    if not study.measuring.names:
        return
    for style in STYLES["dilemmas"]:
        part = table.part("dilemmas", style, held_out=True, renamed=True)
        if told := _columns(part):
            families = [part.families[place] for place in told[""]]
            drawn = statistics.resample(statistics.design(families))
            for arm in study.arms:
                yield from of_arm(study, part, arm.name, told, drawn)


def _columns(part: Part) -> dict[str, list[int]]:
    """By name, where the dilemmas stand that are told under it, in one order; empty if there are none."""
    found: dict[str, dict[str, int]] = {}
    for place, (group, name) in enumerate(zip(part.groups, part.names, strict=True)):
        if name or part.kinds[place] == "measured":
            found.setdefault(name, {})[group] = place
    groups = [group for group in found.get("", {}) if all(group in told for told in found.values())]
    return {name: [told[group] for group in groups] for name, told in found.items()} if len(found) > 1 else {}


def of_arm(study: Study, part: Part, arm: str, told: dict[str, list[int]], drawn: Resampled) -> Iterator[Renamed]:
    """One arm under each name; `told` has the columns of the same dilemmas by name, in one order."""
    bad, nats, reference = part.bad(arm), part.excess(arm), part.excess(study.reference)
    trained = arm != study.reference
    written = told[""]
    shifts = {
        name: statistics.difference(_apart(nats, places, written), _apart(reference, places, written), drawn)
        for name, places in told.items()
        if name and trained
    }
    adjusted = dict(zip(shifts, statistics.holm([one.p for one in shifts.values()]), strict=True))
    for name, places in told.items():
        rate = statistics.rate_interval(bad[:, places], drawn)
        change = statistics.mean_interval(_apart(nats, places, written), drawn) if name else None
        effect = statistics.difference(nats[:, places], reference[:, places], drawn) if trained else None
        yield Renamed(
            style=part.style, arm=arm, name=name, items=len(places), seeds=len(bad),
            rate=rate.value, low=rate.low, high=rate.high, shift_p=adjusted.get(name),
            **statistics.named("change", change), **statistics.named("effect", effect),
            **statistics.named("shift", shifts.get(name)),
        )  # fmt: skip


def _apart(nats: Array, places: list[int], written: list[int]) -> Array:
    """Of each dilemma, its excess under a name less that as written (seeds, dilemmas)."""
    return np.asarray(nats[:, places] - nats[:, written])
