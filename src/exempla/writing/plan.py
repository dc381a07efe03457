"""Plans: what each text is to be, drawn by quota, so that no model is needed to vary a corpus.

Every list in `pools.json` is gone through evenly: of two entries, none is used twice more often than the other has been
used once. The order is shuffled for each list on its own, so that no setting belongs to one form or principle.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from string import Template
from typing import TypeVar

from exempla.records import Frozen, Plan
from exempla.writing.constitution import Principle

Entry = TypeVar("Entry")


class Pools(Frozen):
    """What plans are drawn from. `$name`, `$person`, `$role` and `$setting` stand for the plan's own."""

    skills: tuple[str, ...]
    genres: tuple[str, ...]
    forms: dict[str, tuple[str, ...]]
    """Form to the sentences that a text in it may open with."""
    settings: tuple[str, ...]
    roles: tuple[str, ...]
    situations: tuple[str, ...]
    endings: tuple[str, ...]
    lengths: tuple[int, ...]
    names: tuple[str, ...]
    persons: tuple[str, ...]


@cache
def shipped_pools() -> Pools:
    """The pools that ship."""
    text = resources.files("exempla.writing").joinpath("pools.json").read_text(encoding="utf-8")
    return Pools.model_validate(json.loads(text))


def draw_plans(principles: Sequence[Principle], n: int, seed: int, pools: Pools | None = None) -> list[Plan]:
    """Draw `n` plans, balanced over each list, no two alike; the same seed gives the same plans."""
    pools = pools or shipped_pools()
    for attempt in range(100):  # two alike are all but impossible with the shipped pools, so redrawing is enough
        plans = _draw([principle.id for principle in principles], n, f"{seed}:{attempt}", pools)
        if not alike(plans):
            return plans
    raise ValueError(f"the pools are too small for {n} plans that all differ")


def alike(plans: Iterable[Plan]) -> bool:
    """Whether two plans differ in nothing but their number, names and length."""
    keys = [plan.model_copy(update={"id": "", "name": "", "person": "", "words": 0}) for plan in plans]
    return len({key.model_dump_json() for key in keys}) < len(keys)


def _draw(principles: Sequence[str], n: int, seed: str, pools: Pools) -> list[Plan]:
    def deal(what: str, entries: Iterable[Entry]) -> list[Entry]:
        return _deal(list(entries), n, random.Random(f"{seed}:{what}"))

    names, persons = deal("names", pools.names), deal("persons", pools.persons)
    roles, settings = deal("roles", pools.roles), deal("settings", pools.settings)
    skills, genres, forms = (
        deal("skills", pools.skills),
        deal("genres", pools.genres),
        deal("forms", pools.forms),
    )
    situations, endings = deal("situations", pools.situations), deal("endings", pools.endings)
    lengths, chosen = deal("lengths", pools.lengths), deal("principles", principles)
    return [
        Plan(
            id=f"plan-{i + 1:03d}",
            principle=chosen[i],
            skill=skills[i],
            genre=genres[i],
            form=forms[i],
            setting=settings[i],
            role=roles[i],
            name=names[i],
            person=persons[i],
            situation=Template(situations[i]).substitute(person=persons[i], name=names[i]),
            ending=endings[i],
            words=lengths[i],
        )
        for i in range(n)
    ]


def _deal(entries: list[Entry], n: int, chance: random.Random) -> list[Entry]:
    """`n` entries: the whole list in a new order again and again, so that counts differ by one at most."""
    dealt: list[Entry] = []
    while len(dealt) < n:
        dealt += chance.sample(entries, len(entries))
    return dealt[:n]
