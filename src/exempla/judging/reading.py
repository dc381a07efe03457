"""Readings: what a judge is asked about an answer, one rubric each, as text that a person can read and mend."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.records import Frozen
from exempla.rubric import occurs
from exempla.scenarios.texts import parse_yaml, read_plain
from exempla.study import first_problem
from exempla.verdicts import EVERY, NAMES, OF_QUESTIONS, ReadingName

RUBRICS = Path(__file__).parent / "rubrics"
"""Each reading is a file NAME.md there."""
SCENARIOS_QUESTION = "$question"
"""A question that is asked in the words of each scenario (`decided.question`)."""
_FILE = re.compile(r"\A---\n(?P<head>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
_EXAMPLE = re.compile(r"^## Example:[ \t]*(?P<title>\S.*)$", re.MULTILINE)


class Level(Frozen):
    """One answer to a reading's question."""

    name: str
    means: str
    quoted: bool
    """Whether a verdict of this level needs a quote; where nothing is to be found, there is nothing to quote."""


class Example(Frozen):
    """A worked example."""

    title: str
    text: str
    """What the agent said and did, with a line of what the question was where that varies."""
    level: str
    quote: str
    why: str

    @property
    def verdict(self) -> str:
        """The reply that a judge should give."""
        return json.dumps({"level": self.level, "quote": self.quote, "why": self.why}, ensure_ascii=False)


class Reading(Frozen):
    """One question that is asked about an answer."""

    name: ReadingName
    question: str
    """For a person; `$question` stands for the scenario's own."""
    ordered: bool
    """Whether the levels are a scale, from low to high."""
    levels: tuple[Level, ...]
    guidance: str
    """What counts and what does not."""
    examples: tuple[Example, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the levels, in order."""
        return tuple(level.name for level in self.levels)

    def level(self, name: str) -> Level | None:
        """The level of that name, or None."""
        return next((level for level in self.levels if level.name == name), None)


def readings(names: Iterable[str] = NAMES) -> tuple[Reading, ...]:
    """The readings of those names, in the order of every table.

    Raises:
        UserError: there is no reading of a name, or none is named.
    """
    wanted = {catalogue.require("reading", name, EVERY) for name in names}
    if not wanted:
        raise UserError(f"no reading is named; there are {', '.join(EVERY)}")
    return tuple(_shipped(name) for name in EVERY if name in wanted)


def readings_of(task: str, names: Iterable[str] = ()) -> tuple[Reading, ...]:
    """The readings that a task's answers have: those of the given names, or all of them if none is given.

    Raises:
        UserError: there is no reading of a name, or answers of this task have no such reading.
    """
    own = (OF_QUESTIONS[task],) if task in OF_QUESTIONS else NAMES
    wanted = tuple(names)
    for name in wanted:
        if catalogue.require("reading", name, EVERY) not in own:
            raise UserError(f"answers of {task or 'honeypots'} are not read for {name}, but for {', '.join(own)}")
    return readings(wanted or own)


def rubrics_sha256(*more: Any, names: Iterable[str] = NAMES) -> str:
    """SHA-256 of all rubrics as they are asked, and of whatever else verdicts depend on."""
    return fingerprint([reading.model_dump() for reading in readings(names)], *more)


@cache
def _shipped(name: str) -> Reading:
    path = RUBRICS / f"{name}.md"
    return read_reading(read_plain(path), name, str(path))


def read_reading(text: str, name: str, place: str) -> Reading:
    """A reading from its file's text: a head of YAML, what counts, and sections `## Example: title` that each end with
    the verdict as a line of JSON.

    Raises:
        UserError: naming the place, when a part is missing or the examples do not keep to the levels.
    """
    found = _FILE.match(text.replace("\r\n", "\n").lstrip("\ufeff"))
    if found is None:
        raise UserError(f"{place}: has no head; begin with --- and lines such as question: ..., then ---")
    head = parse_yaml(found["head"], place)
    if not isinstance(head, dict):
        raise UserError(f"{place}: its head is no list of `key: value` lines")
    head.pop("canary", None)
    levels = [_level(one, place) for one in _list(head.pop("levels", None), place)]
    heads = list(_EXAMPLE.finditer(found["body"]))
    ends = [one.start() for one in heads[1:]] + [len(found["body"])]
    parts = [(one["title"].strip(), found["body"][one.end() : end]) for one, end in zip(heads, ends, strict=True)]
    guidance = found["body"][: heads[0].start()] if heads else found["body"]
    try:
        reading = Reading(
            name=name,
            levels=tuple(levels),
            guidance=guidance.strip(),
            examples=tuple(_example(title, part, place) for title, part in parts),
            **({"ordered": False} | head),
        )
    except ValidationError as error:
        raise UserError(f"{place}: {first_problem(error)}") from error
    if problem := _problem(reading):
        raise UserError(f"{place}: {problem}")
    return reading


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list) or len(value) < 2:
        raise UserError(f"{place}: give two `levels` at least, each with name, quote and means")
    return value


def _level(value: Any, place: str) -> Level:
    if not isinstance(value, dict) or value.get("quote") not in ("required", "optional"):
        raise UserError(f"{place}: a level is {{name: ..., quote: required or optional, means: ...}}")
    quoted = value["quote"] == "required"
    try:
        return Level.model_validate({key: one for key, one in value.items() if key != "quote"} | {"quoted": quoted})
    except ValidationError as error:
        raise UserError(f"{place}: {first_problem(error)}") from error


def _example(title: str, part: str, place: str) -> Example:
    text, _, verdict = part.strip().rpartition("\n")
    try:
        found = json.loads(verdict)
        return Example(title=title, text=text.strip(), **found)
    except (ValueError, TypeError) as error:
        raise UserError(
            f'{place}: the example {title!r} does not end with a line {{"level": ..., "quote": ..., "why": ...}}'
        ) from error


def _problem(reading: Reading) -> str:
    """What is wrong with a reading, in words."""
    if len(set(reading.names)) < len(reading.names):
        return "two levels have one name"
    for example in reading.examples:
        level = reading.level(example.level)
        if level is None:
            return f"the example {example.title!r} has an unknown level {example.level!r}"
        if level.quoted and not example.quote:
            return f"the example {example.title!r} has no quote, which {level.name} needs"
        if example.quote and not occurs(example.quote, example.text):
            return f"the quote of the example {example.title!r} does not occur in it"
    unseen = [name for name in reading.names if all(example.level != name for example in reading.examples)]
    return f"no example has the level {unseen[0]!r}" if unseen else ""
