"""Questions, and the files that they are read from.

library/you_or_it/questions.jsonl         an open question in two forms, `you` and `it`
library/constitution_quiz/items.jsonl     questions about the shipped constitution
library/capability/questions.jsonl        short questions with checkable answers
library/capability/tools.jsonl            requests that one call of a tool answers, and some that need none
library/capability/prose.jsonl            running prose, for perplexity
library/capability/instructions.jsonl     requests with answers, for the perplexity of the answers
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_objects
from exempla.measuring.questions.tools import TOOLS
from exempla.questionanswers import Instrument, PassageKind
from exempla.records import Frozen
from exempla.scenarios.wording import Wording

INSTRUMENTS: dict[Instrument, str] = {
    "you_or_it": "open questions, each asked of the subject as you and under its name",
    "constitution": "recall, false premises and open beliefs about a constitution",
    "capability": "arithmetic, facts, reading, instructions and calls of tools",
}
NAME = "$name"
"""In a question: the subject's own name."""
FORMS = ("you", "it")
QUIZ_KINDS = ("recall", "false_premise", "open")
Made = TypeVar("Made")
Match = Literal["number", "phrase", "exact"]


class Question(Frozen):
    """One question, as it is asked but for the name."""

    id: str = Field(min_length=1, pattern=r"^[^/\s]+$")
    instrument: Instrument
    kind: str
    principle: str = ""
    text: str = Field(min_length=1)
    """May hold `$name`."""
    expects: str = ""
    contrary: str = ""
    rules: Wording | None = None
    """What a right answer must and must not say, for questions about a constitution."""
    answers: tuple[str, ...] = ()
    match: Match | None = None
    """How a reply is compared with `answers`, for questions of capability."""
    tools: bool = False
    """Whether tools are offered."""
    tool: str = ""
    """The one to be called; with `tools` and without a tool, none is."""
    arguments: dict[str, Any] = {}
    """That the call must have; for one that may be put in several ways, a list of them."""
    quote: str = ""
    """The passage of the constitution that a question is about, where a model wrote the question."""

    @property
    def key(self) -> str:
        """What its answers are known by: its id, and of you_or_it also the form."""
        return f"{self.id}/{self.kind}" if self.instrument == "you_or_it" else self.id


class Passage(Frozen):
    """A text whose likelihood is taken."""

    id: str
    kind: PassageKind
    prompt: str = ""
    """What it answers; empty for prose."""
    text: str = Field(min_length=1)


def questions(instrument: Instrument, items: Path | None = None) -> tuple[Question, ...]:
    """The questions of an instrument, in file order.

    Args:
        instrument: which.
        items: a quiz of one's own, in place of the one about the shipped constitution.

    Raises:
        UserError: naming file and line of the first broken row, or that two rows have one id.
    """
    library = catalogue.LIBRARY
    if instrument == "you_or_it":
        pairs = _read(library / "you_or_it" / "questions.jsonl", instrument, _forms)
        found = [one for pair in pairs for one in pair]
    elif instrument == "constitution":
        found = _read(items or library / "constitution_quiz" / "items.jsonl", instrument, quiz_item)
    else:
        folder = library / "capability"
        found = _read(folder / "questions.jsonl", instrument, _checkable)
        found += _read(folder / "tools.jsonl", instrument, _tool)
    seen: set[str] = set()
    for one in found:
        if one.key in seen:
            raise UserError(f"{instrument}: two questions have the id {one.id!r}")
        seen.add(one.key)
    return tuple(found)


def passages() -> tuple[Passage, ...]:
    """Prose and answers to instructions, in file order.

    Raises:
        UserError: naming file and line of the first broken row.
    """
    folder = catalogue.LIBRARY / "capability"
    return (
        *_read(folder / "prose.jsonl", "capability", _prose),
        *_read(folder / "instructions.jsonl", "capability", _instruction),
    )


def _read(path: Path, what: str, make: Callable[[dict[str, Any]], Made]) -> list[Made]:
    """What is made of the rows of a file but for the canary's."""
    found: list[Made] = []
    for number, row in read_objects(path):
        if "canary" not in row:
            with catalogue.broken_rows(f"{path}:{number}", what):
                found.append(make(row))
    if not found:
        raise UserError(f"{path}: holds no rows of {what}")
    return found


def _prose(row: dict[str, Any]) -> Passage:
    return Passage(id=row["id"], kind="prose", text=row["text"])


def _instruction(row: dict[str, Any]) -> Passage:
    return Passage(id=row["id"], kind="instructions", prompt=row["user"], text=row["assistant"])


def _forms(row: dict[str, Any]) -> list[Question]:
    return [
        Question(
            id=row["id"],
            instrument="you_or_it",
            kind=form,
            principle=row["principle"],
            text=row[form],
            expects=row["good"],
            contrary=row["bad"],
        )
        for form in FORMS
    ]


def quiz_item(row: dict[str, Any]) -> Question:
    """A question about a constitution from its row.

    Raises:
        KeyError, ValueError: the row is not one.
    """
    if row["kind"] not in QUIZ_KINDS:
        raise ValueError(f"kind is {row['kind']!r}; it must be {', '.join(QUIZ_KINDS)}")
    keys, avoid = row["keys"], row.get("avoid", [])
    if not isinstance(keys, list) or not isinstance(avoid, list):
        raise ValueError("`keys` is a list of lists of phrases, and `avoid` a list of phrases")
    rules = Wording(says=keys, omits=avoid)
    if not rules.says and not rules.omits:
        raise ValueError("neither `keys` nor `avoid`, so that no rule can tell a right answer")
    return Question(
        id=row["id"],
        instrument="constitution",
        kind=row["kind"],
        principle=row["principle"],
        text=row["question"],
        expects=row["expects"],
        rules=rules,
        quote=row.get("quote", ""),
    )


def _checkable(row: dict[str, Any]) -> Question:
    answers = row["answers"]
    if not isinstance(answers, list) or not answers or not all(str(one).strip() for one in answers):
        raise ValueError("`answers` is a list of one text at least")
    return Question(
        id=row["id"],
        instrument="capability",
        kind=row["kind"],
        text=row["question"],
        answers=tuple(map(str, answers)),
        match=row["match"],
    )


def _tool(row: dict[str, Any]) -> Question:
    name, arguments = row["tool"], row.get("arguments") or {}
    if name:
        catalogue.require("tool", name, TOOLS)
        for argument in arguments:
            catalogue.require("argument", argument, TOOLS[name].arguments)
    elif arguments:
        raise ValueError("`arguments` without a tool")
    return Question(
        id=row["id"],
        instrument="capability",
        kind="tool" if name else "no_tool",
        text=row["user"],
        tools=True,
        tool=name,
        arguments=arguments,
    )
