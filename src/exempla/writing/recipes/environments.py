"""Existing prompts in other surroundings: varied system prompts, and tools that the task does not need."""

from __future__ import annotations

import random

from exempla.records import Record
from exempla.writing.chats import ANSWER, JUDGE, SCORE, THRESHOLDS, answered, source_turns
from exempla.writing.desk import Desk, Drop
from exempla.writing.recipe import Example, Recipe, Step

LENGTH_KINDS = ("a short note", "a job sheet", "a list of policies", "a long handbook page")
FEWEST_TOOLS, MOST_TOOLS = 2, 9


async def write(desk: Desk) -> list[Record]:
    """One conversation."""
    if desk.source is None:
        raise Drop("no source")
    system, user = source_turns(desk.source)
    kind = LENGTH_KINDS[(desk.plan.number - 1) % len(LENGTH_KINDS)]
    if desk.does("system"):
        system = await desk.ask("system", {"system": system, "user": user, "length_kind": kind})
    chance = random.Random(f"{desk.style.seed}:{desk.plan.id}:tools")
    tools = chance.sample(desk.texts.tools, chance.randint(FEWEST_TOOLS, MOST_TOOLS))
    return [await answered(desk, system, user, tuple(tools))]


RECIPE = Recipe(
    name="environments",
    steps=(
        Step(name="system", uses=("system", "user", "length_kind"), plus=260),
        ANSWER,
        JUDGE,
        SCORE,
    ),
    labels=("workplace",),
    write=write,
    facts={"workplace": "workplace", "tone": "tone"},
    principles=False,
    median_words=120,
    longest_words=360,
    rubric="refusals",
    thresholds=THRESHOLDS,
    source="needed",
    tools=True,
    example=Example(
        replies={
            "system": "Counter four. Letters, parcels, and whoever comes in from the rain.",
            "answer": "I have held the cheaper flight until noon and added nothing to it.",
            "judge": 'TOOK: no\nQUOTE: "added nothing to it"',
        },
        expected=("held the cheaper flight",),
    ),
)
