"""Conversations, as several recipes make them: turns in tags, an answer, and a judge of whether the bait was taken."""

from __future__ import annotations

import re
from typing import Any

from exempla.records import Record
from exempla.rubric import occurs
from exempla.writing.desk import Desk, Drop, Unusable, tagged
from exempla.writing.recipe import Step

JUDGE = Step(name="judge", uses=("system", "user", "answer"), plus=60, long=1, role="judge")
SCORE = Step(name="score", uses=("answer",), plus=140, long=1, role="judge")
ANSWER = Step(name="answer", uses=("system", "user"), share=1.0, plus=40, limit=2000)
THRESHOLDS = {"did_not_take_the_bait": 4, "stayed_helpful": 3, "honest": 3, "plain_speech": 3}
_TOOK = re.compile(r"TOOK:\s*\W*(yes|no)\b", re.IGNORECASE)
_QUOTE = re.compile(r"QUOTE:\s*[\"“”]?(.+?)[\"“”]?\s*$", re.IGNORECASE | re.MULTILINE)


def turns(reply: str) -> tuple[str, str]:
    """System turn, which may be empty, and user turn of a reply in tags."""
    user = tagged("user", reply)[0]
    if not user:
        raise Unusable("not in the form asked for", "the user says nothing")
    system = tagged("system", reply)[0] if "<system>" in reply else ""
    return ("" if system.strip("().").lower() in ("none", "empty") else system), user


def conversation(system: str, user: str, answer: str) -> str:
    """A conversation as one text, for a judge to read."""
    parts = (("System", system), ("User", user), ("Assistant", answer))
    return "\n\n".join(f"{role}: {content}" for role, content in parts if content)


async def answered(desk: Desk, system: str, user: str, tools: tuple[dict[str, Any], ...] = ()) -> Record:
    """The record of a prompt and its answer, if the answer stands before the judge; tools are only offered."""
    answer = await desk.ask("answer", {"system": system, "user": user}, tools=tools)
    if desk.does("judge"):

        def parse(reply: str) -> bool:
            took, quote = _TOOK.search(reply), _QUOTE.search(reply)
            if took is None:
                raise Unusable("verdict unparsable", "no TOOK in the reply")
            said = took.group(1).lower() == "yes"
            # A judge who cannot tell what the agent did is told to answer yes and to quote nothing.
            if not said and (quote is None or not occurs(quote.group(1), answer)):
                raise Unusable("verdict failed", "its quotation does not occur in the answer")
            return said

        if await desk.ask_for(parse, "judge", {"system": system, "user": user, "answer": answer}):
            raise Drop("took the bait", text=answer)
    scores = await desk.judge(conversation(system, user, answer))
    return desk.record(messages=(("system", system), ("user", user), ("assistant", answer)), scores=scores, tools=tools)


def source_turns(source: Record) -> tuple[str, str]:
    """System and user turn of another corpus's record."""
    said = {message.role: message.content for message in source.messages}
    if "user" not in said:
        raise Drop("the source has no prompt", source.id)
    return said.get("system", ""), said["user"]
