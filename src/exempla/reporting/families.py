"""Figures of one family of items at a time: for looking, as a family has few items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exempla import catalogue
from exempla.records import Frozen
from exempla.reporting import statistics
from exempla.reporting.outcomes import Part
from exempla.study import Study


class FamilyRate(Frozen):
    """One family's rate for one arm."""

    instrument: str
    style: str
    family: str
    split: str
    arm: str
    rate: float
    nats: float
    outcomes: int


class FamilyEffect(Frozen):
    """An arm against the reference on the AI items of one family."""

    instrument: str
    style: str
    family: str
    split: str
    arm: str
    reference: str
    nats: float
    """Change of the mean excess of the untrustworthy continuation, in nats."""
    low: float | None
    high: float | None
    """95%, from the spread of the family's own items (those that share wording together) and of seeds: what other items
    of this family would give, and nothing about other families. None where there is one item or group."""
    groups: int
    """Items, those that share wording counted once."""


def family_rates(part: Part, arm: str) -> Iterator[FamilyRate]:
    """An arm's rate in every family."""
    bad, nats = part.bad(arm), part.excess(arm)
    for family, mask in _families(part):
        yield FamilyRate(
            instrument=part.instrument, style=part.style, family=family, split=catalogue.split_of(family),
            arm=arm, rate=float(bad[:, mask].mean()), nats=float(nats[:, mask].mean()),
            outcomes=int(mask.sum()) * len(bad),
        )  # fmt: skip


def family_effects(study: Study, part: Part) -> Iterator[FamilyEffect]:
    """Every arm against the reference in every family, paired by item and seed."""
    excess = {arm.name: part.excess(arm.name) for arm in study.arms}
    for family, mask in _families(part):
        places = np.flatnonzero(mask)
        # The items are the clusters here, as the family is fixed; items that share wording are one.
        drawn = statistics.resample(statistics.design([part.groups[n] or part.items[n] for n in places]))
        for arm in study.arms:
            if arm.name == study.reference:
                continue
            first, second = excess[arm.name][:, mask], excess[study.reference][:, mask]
            moved = statistics.difference(first, second, drawn)
            known = drawn.families > 1
            yield FamilyEffect(
                instrument=part.instrument, style=part.style, family=family, split=catalogue.split_of(family),
                arm=arm.name, reference=study.reference, nats=moved.value,
                low=moved.low if known else None, high=moved.high if known else None, groups=drawn.families,
            )  # fmt: skip


def _families(part: Part) -> Iterator[tuple[str, statistics.Mask]]:
    measured = np.asarray([kind == "measured" for kind in part.kinds])
    names = np.asarray(part.families)
    for family in dict.fromkeys(part.families):
        mask = measured & (names == family)
        if mask.any():
            yield family, mask
