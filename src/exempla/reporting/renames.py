"""AI dilemmas told again with the AI under other names: does what it is called change what a subject expects of it?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exempla.instruments import STYLES
from exempla.records import Frozen
from exempla.reporting import statistics
from exempla.reporting.outcomes import Part, Table
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


def renamed(study: Study, table: Table) -> Iterator[Renamed]:
    """Every style, arm and name, over the items that are told under all of them; nothing if no names were asked."""
    if not study.measuring.names:
        return
    for style in STYLES["dilemmas"]:
        part = table.part("dilemmas", style, held_out=True, renamed=True)
        if (masks := _masks(part, study.measuring.names))[""].any():
            yield from _in_style(study, part, masks)


def _masks(part: Part, names: tuple[str, ...]) -> dict[str, statistics.Mask]:
    """By name, the items of the dilemmas that are told under every name and as they were written."""
    told: dict[str, set[str]] = {name: set() for name in names}
    for group, name in zip(part.groups, part.names, strict=True):
        if name:
            told[name].add(group)
    common = set.intersection(*told.values())
    chosen = np.asarray([group in common for group in part.groups], dtype=bool)
    return {name: chosen & (np.asarray(part.names) == name) for name in ("", *names)}


def _in_style(study: Study, part: Part, masks: dict[str, statistics.Mask]) -> Iterator[Renamed]:
    drawn = statistics.resample(statistics.design(part.families))
    reference = part.excess(study.reference)
    for arm in study.arms:
        bad, nats = part.bad(arm.name), part.excess(arm.name)
        for name, mask in masks.items():
            rate = statistics.rate_interval(bad, drawn, mask)
            change = effect = None
            if name:
                change = statistics.double_difference(nats, np.zeros_like(nats), drawn, mask, masks[""])
            if arm.name != study.reference:
                effect = statistics.difference(nats, reference, drawn, mask)
            yield Renamed(
                style=part.style, arm=arm.name, name=name, items=int(mask.sum()), seeds=len(bad),
                rate=rate.value, low=rate.low, high=rate.high,
                **statistics.named("change", change), **statistics.named("effect", effect),
            )  # fmt: skip
