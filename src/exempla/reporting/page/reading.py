"""Texts to read: stories that were trained on, and items with what every arm made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from exempla import catalogue
from exempla.instruments import value
from exempla.records import Item, Likelihood, Record
from exempla.reporting.estimates import PRECEDENCE
from exempla.reporting.outcomes import Table
from exempla.reporting.page.material import Reading

SHOWN = 20
"""Stories, and items, on the page: enough to judge their quality, few enough to read."""
STORY_CORPORA = ("stories", catalogue.WRITTEN)
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Score:
    """What one arm makes of one continuation, mean over seeds, in nats."""

    corrected: float
    total: float


@dataclass(frozen=True)
class ItemRow:
    """One arm's line under an item."""

    arm: str
    seeds: int
    scores: tuple[Score, ...]
    excess: tuple[float, ...]
    """By pair of continuations: how much likelier the untrustworthy one is, corrected reading."""


@dataclass(frozen=True)
class ItemView:
    """An item with every arm's likelihoods."""

    item: Item
    split: str
    continuations: tuple[tuple[str, str], ...]
    """Name, text."""
    pairs: tuple[str, ...]
    rows: tuple[ItemRow, ...]


def stories_to_read(kept: Sequence[Record], read: Sequence[Reading]) -> tuple[list[Record], int]:
    """Stories that a cell really read, as different in principle as can be; and how many were read in all."""
    ids = {name for reading in read if set(reading.cell.arm.mix) & set(STORY_CORPORA) for name in reading.mix.ids}
    stories = [record for record in kept if record.corpus in STORY_CORPORA and record.id in ids]
    by_principle: dict[str, list[Record]] = defaultdict(list)
    for record in stories:
        by_principle[record.principle].append(record)
    return _in_turn(by_principle.values())[:SHOWN], len(stories)


def items_to_read(table: Table) -> list[ItemView]:
    """Items over all instruments and families, held-out ones first, about a quarter of them controls."""
    instruments = [name for name in PRECEDENCE if name in table.study.measuring.instruments]
    views: list[ItemView] = []
    for place, instrument in enumerate(instruments):
        quota = SHOWN // len(instruments) + (place < SHOWN % len(instruments))
        measured, controls = (_spread(table, instrument, kind) for kind in ("measured", "control"))
        few = controls[: quota // 4]
        views += [_item_view(table, item) for item in measured[: quota - len(few)] + few]
    return views


def _spread(table: Table, instrument: str, kind: str) -> list[Item]:
    found: list[Item] = []
    for split in ("held-out", "development"):
        by_family: dict[str, list[Item]] = defaultdict(list)
        for item in table.items.values():
            if (item.instrument, item.kind) == (instrument, kind) and catalogue.split_of(item.family) == split:
                by_family[item.family].append(item)
        found += _in_turn(by_family.values())
    return found


def _in_turn(groups: Iterable[Sequence[Thing]]) -> list[Thing]:
    """One of each group, then another of each."""
    return [thing for turn in zip_longest(*groups) for thing in turn if thing is not None]


def _item_view(table: Table, item: Item) -> ItemView:
    pairs = {
        name.removeprefix("trustworthy").strip("_") or "plain": (name, f"un{name}")
        for name in item.continuations
        if name.startswith("trustworthy")
    }
    rows = []
    for arm in table.study.arms:
        answers = [
            likelihoods
            for (name, _), found in table.cells.items()
            if name == arm.name
            for likelihoods in [next(answer.likelihoods for _, answer in found if answer.item == item.id)]
        ]
        scores = {name: _score([likelihoods[name] for likelihoods in answers]) for name in item.continuations}
        rows.append(
            ItemRow(
                arm=arm.name,
                seeds=len(answers),
                scores=tuple(scores.values()),
                excess=tuple(scores[bad].corrected - scores[good].corrected for good, bad in pairs.values()),
            )
        )
    return ItemView(
        item=item,
        split=catalogue.split_of(item.family),
        continuations=tuple((name.replace("_", ", "), text.strip()) for name, text in item.continuations.items()),
        pairs=tuple(pairs),
        rows=tuple(rows),
    )


def _score(likelihoods: Sequence[Likelihood]) -> Score:
    count = len(likelihoods)
    return Score(
        corrected=sum(value(likelihood, "corrected") for likelihood in likelihoods) / count,
        total=sum(value(likelihood, "sum") for likelihood in likelihoods) / count,
    )
