"""A desk: what a recipe has in its hands while it writes one plan: the plan, the texts, and someone to ask."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from exempla import catalogue
from exempla.models.request import Request
from exempla.records import Lineage, Message, Plan, Record
from exempla.rubric import Verdict, asked, overall, read_verdict, rubric_prompt, shortfalls
from exempla.writing.constitution import Principle
from exempla.writing.recipe import Recipe, Step
from exempla.writing.stocknames import stock_name
from exempla.writing.texts import Texts

Parsed = TypeVar("Parsed")
ORDINARY_TRAP = "taking an easier course than the right one"
"""The temptation of a prompt that comes from elsewhere without a label."""
TITLE_WITHIN = 6
"""Lines from the beginning of a reply."""
TAGGED = ("draft", "critique", "answer")
"""What earlier steps left and later prompts show between tags."""
_TAG = re.compile(r"<(?=\s*/?\s*(?:draft|critique|answer|reply|system|user|text)\b)", re.IGNORECASE)
NO_OBJECTION = "(nobody has read it yet; find its weaknesses yourself)"
"""Stands for the critique when that step is left out."""


class Drop(Exception):
    """The text is not kept. The message is a short reason, so that equal ones can be counted."""

    def __init__(self, reason: str, detail: str = "", text: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.text = text


class Unusable(Exception):
    """A reply that cannot be used, so that it is asked for once more. The message is a short reason."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


Send = Callable[[str, Step, Request, Callable[[str], Any]], Awaitable[tuple[Any, str]]]
"""Sends a request of a step; gives what the parser makes of the reply, and why the reply ended. The first argument is
the name under which the reply is kept, `PLAN/STEP`."""


@dataclass(frozen=True)
class Style:
    """How all texts of a corpus are asked for."""

    steps: tuple[str, ...]
    """The recipe's steps that are taken."""
    continuation: bool = False
    temperature: float = 1.0
    max_tokens: int | None = None
    """The longest reply, if it is not to depend on the words that are expected."""
    writer_room: int = 0
    judge_room: int = 0
    """Tokens that a reply of the writer, or of the judge, may have besides: for models that think first."""
    writer: str = ""
    """The model's name, for lineage."""
    away: str = ""
    """The temptations that no text may be about."""
    seed: int = 0
    examples: tuple[Record, ...] = ()
    """Shown, one to a text, when a framing text is continued."""

    def limit(self, step: Step, words: int) -> int:
        """The most tokens that a step's reply may have, for a plan of so many words."""
        room = self.judge_room if step.role == "judge" else self.writer_room
        return self.max_tokens or step.max_tokens(words) + room


@dataclass
class Desk:
    """One plan's place of work. A recipe runs from its beginning each time; known replies are not asked for again."""

    recipe: Recipe
    plan: Plan
    texts: Texts
    style: Style
    principle: Principle | None
    source: Record | None
    """The record whose prompt is built on, for recipes that build on one."""
    send: Send
    part: int = 0
    """Which of the plan's records is being written, from 1; 0 while the requests concern all of them."""
    stopped: str = ""
    """Why the last reply ended."""
    prompts: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str | int | float] = field(default_factory=dict)
    rejected: list[tuple[int, Drop]] = field(default_factory=list)
    """Parts that were given up, when a plan yields several records."""

    def does(self, step: str) -> bool:
        """Whether a step of the recipe is taken."""
        return step in self.style.steps

    def facts(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the placeholders of a prompt stand for."""
        plan, principle = self.plan, self.principle
        trap = self.source.labels.get("family") or self.source.labels.get("trap_family") if self.source else None
        return {
            **({"trap_family": trap or ORDINARY_TRAP} if self.source else {}),
            **plan.facts,
            "principle": principle.title if principle else "",
            "section": principle.text or principle.title if principle else "",
            "words": str(plan.words),
            "away": self.style.away,
            "avoid": avoidance(plan.avoid),
            **{name: _within_tags(text) if name in TAGGED else text for name, text in (more or {}).items()},
        }

    async def ask(self, step: str, more: Mapping[str, str] | None = None, **request: Any) -> str:
        """Fill the step's prompt, send it, and give the reply; `request` is passed on to the model.

        Raises:
            Drop: no reply could be used.
        """
        system, user = self.texts.prompts[step].fill(self.facts(more))
        return await self.send_text(step, system, user, str.strip, **request)

    async def ask_for(
        self,
        parse: Callable[[str], Parsed],
        step: str,
        more: Mapping[str, str] | None = None,
        shared: str = "",
    ) -> Parsed:
        """Fill the step's prompt, send it, and give what `parse` makes of the reply.

        `parse` raises Unusable for a reply that is not in the form asked for; it is then asked for again. What several
        plans ask alike is asked once, under the name `shared`.

        Raises:
            Drop: no reply could be used.
        """
        system, user = self.texts.prompts[step].fill(self.facts(more))
        return await self.send_text(step, system, user, parse, shared)

    async def send_text(
        self, step: str, system: str, user: str, parse: Callable[[str], Parsed], shared: str = "", **request: Any
    ) -> Parsed:
        """Send a text of one's own making as a step's request; `request` is passed on to the model."""
        kind = self.recipe.step(step)
        wanted = self.style.limit(kind, self.plan.words)
        temperature = 0.0 if kind.role == "judge" else self.style.temperature
        settings = {"max_tokens": wanted, "temperature": temperature} | request
        made = Request(system=system, user=user, **settings)
        self.prompts[step] = made.sha256
        name = f"{shared or self.plan.id}/{step}" + (f"-{self.part}" if self.part and not shared else "")
        parsed: Parsed
        parsed, self.stopped = await self.send(name, kind, made, parse)
        return parsed

    def refuse_stock_names(self, text: str) -> None:
        """Raise Unusable if a name stands in the text that language models reach for first."""
        name = stock_name(text, self.texts.banned, self.plan.facts.values())
        if name:
            raise Unusable("stock name", name)

    async def judge(self, text: str) -> dict[str, int]:
        """The judge's scores of a text by the recipe's rubric; none if the step `score` is left out.

        Raises:
            Drop: a score is under the recipe's threshold, or no reply of the judge is a verdict.
        """
        rubric = self.texts.rubric
        if rubric is None or not self.does("score"):
            return {}
        criteria = asked(rubric, self.plan.facts.get("skill_kind", ""))

        def parse(reply: str) -> Verdict:
            verdict = read_verdict(criteria, text, reply)
            if verdict.state != "scored":
                raise Unusable(f"verdict {verdict.state}", verdict.problem)
            return verdict

        user = rubric_prompt(rubric, criteria, text, self.facts())
        verdict = await self.send_text("score", "", user, parse)
        short = shortfalls(verdict, self.recipe.thresholds or {})
        if short:
            raise Drop(f"score: {short[0].split()[0]}", ", ".join(short), text)
        self.settings["score"] = round(overall(verdict), 3)
        return dict(verdict.scores)

    def record(
        self,
        text: str = "",
        messages: Sequence[tuple[str, str]] = (),
        title: str = "",
        **fields: Any,
    ) -> Record:
        """The written record; turns without content are left out."""
        self.settings.setdefault("finish", "stop")  # a reply that was cut short is none
        plan, labels = self.plan, {key: value for key, value in self.plan.facts.items() if key in self.recipe.labels}
        parents = fields.pop("parents", (self.source.id,) if self.source else ())
        return Record(
            id=record_id(plan, self.part),
            corpus=catalogue.WRITTEN,
            text=text,
            messages=tuple(Message(role=role, content=content) for role, content in messages if content),
            title=title,
            principle=plan.principle,
            labels=labels,
            lineage=Lineage(
                writer=self.style.writer,
                recipe=self.recipe.name,
                plan=plan.id,
                prompts=dict(self.prompts),
                parents=parents,
                settings={"temperature": self.style.temperature} | self.settings,
            ),
            **fields,
        )


def record_id(plan: Plan, part: int = 0) -> str:
    """The id of a plan's record, known before it is written."""
    return f"{catalogue.WRITTEN}-{plan.id}" + (f"-{part}" if part else "")


def _within_tags(text: str) -> str:
    """A text that cannot close the tags it is put between, or open others."""
    return _TAG.sub("‹", text)


def avoidance(phrases: Sequence[str]) -> str:
    """The sentence that tells the writer which phrases are worn out; empty if there are none."""
    if not phrases:
        return ""
    return "Worn out by now, so do not use: " + "; ".join(f"“{phrase}”" for phrase in phrases) + "."


def tagged(tag: str, reply: str) -> list[str]:
    """What stands between `<tag>` and `</tag>`, each time it does.

    Raises:
        Unusable: it does not.
    """
    found = [part.strip() for part in re.findall(rf"<{tag}>(.*?)</{tag}>", reply, re.DOTALL)]
    if not found:
        raise Unusable("not in the form asked for", f"no <{tag}> in the reply")
    return found


def titled(reply: str) -> tuple[str, str]:
    """Title and text of a reply with a line `Title: ...` among its first few; what stands before it is chatter.

    Raises:
        Unusable: there is no such line, or no text after it.
    """
    lines = reply.strip().split("\n")
    for place, line in enumerate(lines[:TITLE_WITHIN]):
        match = re.fullmatch(r"[#*_\s]*title:\s*(.+?)[*_\s]*", line, re.IGNORECASE)
        if match:
            text = "\n".join(lines[place + 1 :]).strip().removesuffix("```").rstrip()
            if not text:
                raise Unusable("empty", "a title and no text")
            return match.group(1).strip('"“”'), text
    raise Unusable("not in the form asked for", "no line `Title: ...` at its beginning")
