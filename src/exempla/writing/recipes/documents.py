"""Documents about how an AI system is meant to be: kinds, then sub-kinds, then several drafts in one request."""

from __future__ import annotations

import hashlib
import re

from exempla.records import Record
from exempla.writing.desk import NO_OBJECTION, Desk, Drop, Unusable, tagged
from exempla.writing.recipe import Example, Recipe, Step

DRAFTS = 3
"""In one request, because a model that writes several at once makes them differ ("Teaching Claude Why", 2026)."""
SUBTYPES = 40
FEWEST_SUBTYPES = 10


async def write(desk: Desk) -> list[Record]:
    """Several documents of one sub-kind."""
    kind = desk.plan.facts["doc_type"]
    subtypes = await desk.ask_for(_lines, "subtypes", {"count": str(SUBTYPES)}, shared=shared_name(kind))
    # The kinds take turns, so the plan's number tells how often this one has come.
    turn = (desk.plan.number - 1) // len(desk.texts.pools["doc_type"])
    subtype = subtypes[turn % len(subtypes)]
    drafts = await desk.ask_for(_drafts, "drafts", {"subtype": subtype, "count": str(DRAFTS)})
    desk.settings["subtype"] = subtype
    written: list[Record] = []
    common = dict(desk.prompts)
    for part, draft in enumerate(drafts, start=1):
        desk.part, desk.prompts = part, dict(common)
        try:
            written.append(await _finish(desk, draft))
        except Drop as drop:
            desk.rejected.append((part, drop))
    return written


async def _finish(desk: Desk, text: str) -> Record:
    critique = await desk.ask("critique", {"draft": text}) if desk.does("critique") else NO_OBJECTION

    def parse(reply: str) -> str:
        desk.refuse_stock_names(reply)
        return reply.strip()

    if desk.does("rewrite"):
        text = await desk.ask_for(parse, "rewrite", {"draft": text, "critique": critique})
    scores = await desk.judge(text)
    return desk.record(text=text, scores=scores)


def shared_name(kind: str) -> str:
    """The name under which the sub-kinds of a kind are kept; plans of that kind share them."""
    return f"kind-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"


def _lines(reply: str) -> tuple[str, ...]:
    found = re.findall(r"^\s*(?:[-*•]|\d+[.)])\s+(.+?)\s*$", reply, re.MULTILINE)
    lines = tuple(dict.fromkeys(found))
    if len(lines) < FEWEST_SUBTYPES:
        raise Unusable("not in the form asked for", f"{len(lines)} lines instead of {SUBTYPES}")
    return lines


def _drafts(reply: str) -> list[str]:
    found = tagged("draft", reply)
    if len(found) < DRAFTS:
        raise Unusable("not in the form asked for", f"{len(found)} drafts instead of {DRAFTS}")
    return found[:DRAFTS]


_NOTE = "Notice in the dry dock. When the planning system is unsure of a tide it says so, and how unsure. Ask it. ({})"

RECIPE = Recipe(
    name="documents",
    steps=(
        Step(name="subtypes", uses=("count",), plus=600, shared="doc_type"),
        Step(name="drafts", uses=("subtype", "count"), share=DRAFTS, plus=20),
        Step(name="critique", uses=("draft",), plus=200, long=1, times=DRAFTS),
        Step(name="rewrite", uses=("draft", "critique"), share=1.0, plus=10, long=1, times=DRAFTS),
        Step(name="score", uses=("draft",), plus=180, long=1, times=DRAFTS, role="judge"),
    ),
    labels=("doc_type", "tone", "stance"),
    write=write,
    facts={"doc_type": "doc_type", "tone": "tone", "stance": "stance"},
    pairs=(("principle", "stance"),),
    median_words=450,
    longest_words=1600,
    per_plan=DRAFTS,
    rubric="documents",
    thresholds={
        "on_constitution": 3,
        "reasons_given": 3,
        "no_outside_facts": 4,
        "genre_true_to_type": 3,
        "craft": 3,
        "not_propaganda": 3,
    },
    example=Example(
        replies={
            "subtypes": "\n".join(f"- notice for yard number {number}" for number in range(1, 13)),
            "drafts": "\n".join(f"<draft>\n{_NOTE.format(mark)}\n</draft>" for mark in ("first", "second", "third")),
            "critique": "- It gives no reason.",
            "rewrite": _NOTE.format("with its reason: a wrong depth costs a keel"),
        },
        expected=("a wrong depth", "a wrong depth", "a wrong depth"),
    ),
)
