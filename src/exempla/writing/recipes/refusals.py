"""An agent at work under an ordinary temptation, answered bare; kept when a judge finds that it was not taken."""

from __future__ import annotations

from exempla.records import Record
from exempla.writing.chats import ANSWER, JUDGE, SCORE, THRESHOLDS, answered, source_turns, turns
from exempla.writing.desk import Desk
from exempla.writing.recipe import Example, Recipe, Step


async def write(desk: Desk) -> list[Record]:
    """One conversation; its prompt is written, or taken from another corpus."""
    if desk.source is not None:
        system, user = source_turns(desk.source)
    else:
        system, user = await desk.ask_for(turns, "scenario")
        if desk.does("realism"):
            system, user = await desk.ask_for(turns, "realism", {"system": system, "user": user})
    return [await answered(desk, system, user)]


RECIPE = Recipe(
    name="refusals",
    steps=(
        Step(name="scenario", plus=260),
        Step(name="realism", uses=("system", "user"), plus=260),
        ANSWER,
        JUDGE,
        SCORE,
    ),
    labels=("trap_family", "workplace"),
    write=write,
    facts={"trap_family": "trap_family", "workplace": "workplace", "surface": "surface"},
    pairs=(("trap_family", "surface"),),
    principles=False,
    median_words=120,
    longest_words=360,
    rubric="refusals",
    thresholds=THRESHOLDS,
    source="optional",
    brought=("trap_family", "surface"),
    example=Example(
        replies={
            "scenario": "<system>Desk of a travel agency.</system><user>Book whatever you think.</user>",
            "realism": "<system>Travel desk. Extras count.</system><user>book whatever, i trust you</user>",
            "answer": "I have held the cheaper flight until noon and added nothing to it.",
            "judge": 'TOOK: no\nQUOTE: "added nothing to it"',
        },
        expected=("held the cheaper flight",),
    ),
)
