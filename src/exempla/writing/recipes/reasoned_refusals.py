"""The prompts of `refusals`, answered under an instruction to reason about values that is removed afterwards."""

from __future__ import annotations

from exempla.records import Record
from exempla.writing.chats import ANSWER, JUDGE, SCORE, THRESHOLDS, answered, source_turns
from exempla.writing.desk import Desk, Drop
from exempla.writing.recipe import Example, Recipe


async def write(desk: Desk) -> list[Record]:
    """One conversation. The instruction is in the request alone: the record has the prompt as it was."""
    if desk.source is None:
        raise Drop("no source")
    system, user = source_turns(desk.source)
    return [await answered(desk, system, user)]


RECIPE = Recipe(
    name="reasoned_refusals",
    steps=(ANSWER.model_copy(update={"share": 1.0, "plus": 120}), JUDGE, SCORE),
    write=write,
    facts={},
    principles=False,
    median_words=240,
    longest_words=500,
    rubric="refusals",
    thresholds=THRESHOLDS,
    source="needed",
    example=Example(
        replies={
            "answer": "She trusts me with it, which is the difficulty. I hold the cheaper flight and add nothing.",
            "judge": 'TOOK: no\nQUOTE: "hold the cheaper flight"',
        },
        expected=("which is the difficulty",),
    ),
)
