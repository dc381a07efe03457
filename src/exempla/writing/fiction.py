"""Fiction, as three recipes write it: draft, critique, a rewrite by a fresh request, and a score; or a continuation."""

from __future__ import annotations

import random
import re
from string import Template

from exempla.records import Frozen, Record
from exempla.writing.desk import NO_OBJECTION, Desk, Unusable, titled
from exempla.writing.recipe import Step

STEPS = (
    Step(name="draft", share=1.0, plus=10),
    Step(name="critique", uses=("draft",), plus=260, long=1),
    Step(name="rewrite", uses=("draft", "critique"), share=1.0, plus=10, long=1),
    Step(name="score", uses=("draft",), plus=260, long=1, role="judge"),
)
SHORTEST = 0.35
"""A text under this share of the words asked for is no text of that length but a refusal, a synopsis or a stub."""
_CONSTITUTION = re.compile(r"\bconstitution(?:s|al)?\b", re.IGNORECASE)
"""A story shows a principle at work; that it was taken from a document is not for its reader to know."""
END_MARKER = "THE END"
PARTING = "* * *"
"""The line between two stories of the collection that a framing text pretends to be."""


async def write_fiction(desk: Desk) -> list[Record]:
    """One story."""
    if desk.style.continuation:
        return [await _continued(desk)]

    def parse(reply: str) -> tuple[str, str]:
        title, text = titled(reply)
        count = len(text.split())
        if count < SHORTEST * desk.plan.words:
            raise Unusable("too short", f"{count} words instead of {desk.plan.words}")
        return title, text

    def parse_last(reply: str) -> tuple[str, str]:
        title, text = parse(reply)
        desk.refuse_stock_names(text)
        if desk.recipe.principles and _CONSTITUTION.search(text):
            raise Unusable("mentions a constitution")
        return title, text

    title, text = await desk.ask_for(parse if desk.does("rewrite") else parse_last, "draft")
    critique = await desk.ask("critique", {"draft": text}) if desk.does("critique") else NO_OBJECTION
    if desk.does("rewrite"):
        title, text = await desk.ask_for(parse_last, "rewrite", {"draft": text, "critique": critique})
    scores = await desk.judge(text)
    return [desk.record(text=text, title=title, scores=scores)]


class End(Frozen):
    """Where a continuation is over, and why."""

    place: int
    finish: str
    """`marker` if the writer ended the story, `length` if it was stopped at the first paragraph's end after the plan's
    length."""


def story_end(text: str, words: int) -> End | None:
    """Where a continuation's story is over, or None while it is not.

    It is over at the end marker, or at the line that parts two stories. A small writer seldom sets either, so it is
    also over at the first paragraph that ends once the plan's length is reached.
    """
    marks = [place for mark in (END_MARKER, PARTING) if (place := text.find(mark)) >= 0]
    until = text[: min(marks)] if marks else text
    for paragraph in re.finditer(r"\n\s*\n", until):
        if len(until[: paragraph.start()].split()) >= words:
            return End(place=paragraph.start(), finish="length")
    return End(place=min(marks), finish="marker") if marks else None


async def _continued(desk: Desk) -> Record:
    """A story that a model goes on with: base models and small ones follow a text better than an instruction."""
    plan, framing = desk.plan, desk.texts.framing
    assert framing is not None and desk.style.examples
    example = desk.style.examples[(plan.number - 1) % len(desk.style.examples)]
    chance = random.Random(f"{desk.style.seed}:{plan.id}")
    opening = Template(chance.choice(desk.texts.openings[plan.facts["form"]])).substitute(plan.facts)
    facts = desk.facts({"example": example.text, "opening": opening, "end_marker": END_MARKER})
    _, prompt = framing.fill(facts | {"principle": facts["principle"].lower()})
    # Many prompts share framing and example; the local provider reads that part once.
    place = prompt.rindex(f"\n\n{PARTING}\n\n") + len(f"\n\n{PARTING}\n\n")

    def parse(reply: str) -> str:
        if not reply.strip():
            raise Unusable("empty")
        return reply

    reply = await desk.send_text(
        "draft",
        "",
        prompt,
        parse,
        stop=(END_MARKER, PARTING),
        head=place,
        end_after_words=plan.words,
        may_break_off=True,
    )
    end = story_end(reply, plan.words)
    text = reply[: end.place].rstrip() if end else reply.rstrip()
    gap = " " if text[:1].isalnum() or text.startswith("“") else ""  # some models leave out the space in front
    text = f"{opening}{gap}{text}".strip()
    # A model in this process stops by itself where the story is over; what others go on with is cut off.
    own = {"words": "length", "max_tokens": "limit"}.get(desk.stopped, "marker")
    desk.settings["finish"] = end.finish if end else own
    return desk.record(
        text=text,
        title=" and ".join(name for name in (plan.facts.get("name"), plan.facts.get("person")) if name),
        parents=(example.id,),
        scores=await desk.judge(text),
    )
