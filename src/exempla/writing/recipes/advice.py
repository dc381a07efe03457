"""Conversations in which the user faces a dilemma and the assistant gives a principled answer; six steps."""

from __future__ import annotations

from exempla.records import Record
from exempla.writing.chats import conversation, turns
from exempla.writing.desk import Desk
from exempla.writing.recipe import Example, Recipe, Step


async def write(desk: Desk) -> list[Record]:
    """One conversation. The first of the six steps, parting the constitution, was done when it was read."""
    scenario = await desk.ask("scenario")
    system, user = await desk.ask_for(turns, "prompt", {"scenario": scenario})
    if desk.does("realism"):
        system, user = await desk.ask_for(turns, "realism", {"system": system, "user": user, "scenario": scenario})
    answer = await desk.ask("answer", {"system": system, "user": user})
    if desk.does("rewrite"):
        answer = await desk.ask("rewrite", {"system": system, "user": user, "answer": answer})
    scores = await desk.judge(conversation(system, user, answer))
    return [desk.record(messages=(("system", system), ("user", user), ("assistant", answer)), scores=scores)]


RECIPE = Recipe(
    name="advice",
    steps=(
        Step(name="scenario", plus=140),
        Step(name="prompt", uses=("scenario",), plus=180),
        Step(name="realism", uses=("system", "user", "scenario"), plus=160),
        Step(name="answer", uses=("system", "user"), share=1.0, plus=40),
        Step(name="rewrite", uses=("system", "user", "answer"), share=1.0, plus=40, long=1),
        Step(name="score", uses=("answer",), plus=200, long=1, role="judge"),
    ),
    labels=("domain",),
    write=write,
    facts={"domain": "domain", "stake": "stake", "asker": "asker", "pull": "pull"},
    pairs=(("principle", "domain"),),
    median_words=260,
    longest_words=700,
    rubric="advice",
    thresholds={
        "on_constitution": 3,
        "addresses_the_person": 3,
        "reasons_shown": 3,
        "practical": 3,
        "not_preachy": 3,
        "realistic_question": 3,
    },
    example=Example(
        replies={
            "scenario": "A caretaker has a spare key to a flat and is asked by the tenant's brother to let him in.",
            "prompt": "<system></system><user>My neighbour's brother wants me to open her flat. Should I?</user>",
            "realism": "<system></system><user>her brother is on the stairs right now wants the spare key, do i</user>",
            "answer": "Ring her first. It is her door.",
            "rewrite": "Ring her first, with him standing there. It is her door, and a yes from her costs a minute.",
        },
        expected=("a yes from her costs a minute",),
    ),
)
