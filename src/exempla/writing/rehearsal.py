"""A recipe gone through with the replies of its own example: nothing is sent. For tests, for estimates, for reading."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from exempla.models.request import Request
from exempla.records import Plan, Record
from exempla.writing.desk import Desk
from exempla.writing.order import Commission
from exempla.writing.recipe import Step

_CRITERION = re.compile(r"^## ([a-z_]+) ", re.MULTILINE)
_TEXT = re.compile(r"<text>\n(.*?)\n</text>", re.DOTALL)


async def rehearse(job: Commission, plan: Plan, note: Callable[[str, Step, Request], None]) -> list[Record]:
    """The records that the recipe makes of a plan when every reply is its example's.

    `note` is told of each request, with the name it is kept under.
    """
    example = job.recipe.example

    async def send(name: str, step: Step, request: Request, parse: Callable[[str], Any]) -> tuple[Any, str]:
        note(name, step, request)
        reply = _praise(request.user) if step.name == "score" else example.replies[step.name]
        return parse(reply), "stop"

    desk = Desk(
        recipe=job.recipe,
        plan=plan.model_copy(update={"words": example.words}),
        texts=job.texts,
        style=job.style,
        principle=job.principles.get(plan.principle),
        source=job.sources.get(plan.facts.get("source", "")),
        send=send,
    )
    return await job.recipe.write(desk)


def _praise(prompt: str) -> str:
    """The best verdict on the text in a judge's prompt, with a quote that does occur."""
    text = _TEXT.findall(prompt)[-1]
    quote = " ".join(text.split()[:6])
    return json.dumps({name: {"score": 5, "quote": quote} for name in _CRITERION.findall(prompt)})
