"""Rows become records: which column is the text, what a row lacks, and how it is named."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.records import Frozen, Lineage, Message, Record
from exempla.screening.intake.sources import Row
from exempla.screening.words import word_hash

TEXTS = ("text", "content", "story", "document", "body", "completion", "response", "output")
"""Columns that are taken for the text, the first that is there."""
TURNS = ("messages", "conversation", "conversations")
"""Columns that are taken for a conversation, the first that is there."""
IDS = ("id", "uid", "uuid", "doc_id", "_id")
ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
LONGEST = 20_000_000
"""Characters of one text; a longer one is a file gone wrong."""
FOREIGN = "unknown"
"""The writer of a text that does not say who wrote it."""
LISTED = 1000
"""Skipped rows of which the problem is kept; all are counted."""


class Columns(Frozen):
    """Columns that the user names; those that are found otherwise."""

    text: str = ""
    id: str = ""
    score: str = ""


class Taken(Frozen):
    """A record as it was taken in."""

    record: Record
    place: str
    """File and line or row."""
    score: float | None = None
    """Of the user's score column."""
    other: str = ""
    """JSON of the columns that are no part of a record, so that nothing of a row is lost."""


class Skipped(Frozen):
    """A row that is no record."""

    place: str
    problem: str


@dataclass
class Intake:
    """Takes rows in, one after the other, and counts what it skips."""

    corpus: str
    columns: Columns = field(default_factory=Columns)
    rows: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    """The first thousand."""
    problems: Counter[str] = field(default_factory=Counter)
    """Kind of problem to number of rows."""
    renamed: int = 0
    """Rows whose id another row had before, or holds signs that an id may not have."""
    first_renamed: str = ""
    _ids: set[int] = field(default_factory=set)

    def take(self, rows: Iterable[Row]) -> Iterator[Taken]:
        """The records of the rows that have one.

        Raises:
            UserError: a column that the user named, or any for a text, is not there.
        """
        for row in rows:
            self.rows += 1
            if row.problem:
                self._skip(row.place, row.problem, row.problem.split(" (")[0])
                continue
            problem, taken = self._taken(row)
            if taken is None:
                self._skip(row.place, problem, problem.split(":")[0])
            else:
                yield taken

    def _skip(self, place: str, problem: str, kind: str) -> None:
        self.problems[kind] += 1
        if len(self.skipped) < LISTED:
            self.skipped.append(Skipped(place=place, problem=problem))

    def _taken(self, row: Row) -> tuple[str, Taken | None]:
        """What is wrong with a row, or the record in it."""
        values = row.values
        text_column, turns_column = self._text_columns(values)
        if not text_column and not turns_column:
            self._missing(values, row.place)
            return "no text: no column of it", None
        if self.columns.id and self.columns.id not in values:
            self._missing(values, row.place)
            return f"no id: {self.columns.id!r} is missing", None
        turns = values.get(turns_column)
        messages: tuple[Message, ...] = ()
        text: Any = ""
        if turns:
            problem, messages = _messages(turns)
            text_column = ""
        else:
            text = values.get(text_column)
            problem = _no_text(text, text_column)
        problem = problem or _unreadable(text or "".join(message.content for message in messages))
        if problem:
            return problem, None
        try:
            record, used = _record(values, self._free_name(values), self.corpus, text or "", messages)
            if text or not any(set(turn) - {"role", "content", "from", "value"} for turn in _list(turns)):
                used.add(turns_column)
            other = {key: value for key, value in values.items() if key not in used | {text_column}}
            packed = json.dumps(other, default=str) if other else ""
            taken = Taken(record=record, place=_clean(row.place), score=self._score(values), other=packed)
        except (ValidationError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            first = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
            said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
            return f"not a record: {' '.join(said.split())[:120]}", None
        self._ids.add(word_hash(record.id))
        if record.id != self._wanted_name(values):
            self.renamed += 1
            self.first_renamed = self.first_renamed or f"{row.place}: called {record.id}"
        return "", taken

    def _missing(self, values: Mapping[str, Any], place: str) -> None:
        """Refuse a corpus whose first row lacks a column; a later row that lacks it is skipped."""
        if self.rows > 1:
            return
        if self.columns.text and self.columns.text not in values:
            raise UserError(f"{place}: no column {self.columns.text!r}; there are {_names(values)}")
        if self.columns.id and self.columns.id not in values:
            raise UserError(f"{place}: no column {self.columns.id!r}; there are {_names(values)}")
        raise UserError(f"{place}: no column of text; name it with --text-column: there are {_names(values)}")

    def _text_columns(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """Columns of the text and of the conversation; empty for one that is not there."""
        if self.columns.text:
            return self.columns.text if self.columns.text in values else "", ""
        return next((n for n in TEXTS if n in values), ""), next((n for n in TURNS if n in values), "")

    def _wanted_name(self, values: Mapping[str, Any]) -> str:
        """The id that the row gives itself, in signs that a file name may have; else its number."""
        column = self.columns.id or next((name for name in IDS if values.get(name) is not None), "")
        number = f"row-{self.rows:08d}"
        if not column:
            return number
        return re.sub(r"[^A-Za-z0-9._+-]+", "-", str(values[column]))[:100].lstrip("-._+") or number

    def _free_name(self, values: Mapping[str, Any]) -> str:
        name = self._wanted_name(values)
        while word_hash(name) in self._ids:
            name = f"{name}+{self.rows:08d}"
        return name

    def _score(self, values: Mapping[str, Any]) -> float | None:
        if not self.columns.score:
            return None
        if self.rows == 1 and self.columns.score not in values:
            raise UserError(f"no column {self.columns.score!r} in the first row; there are {_names(values)}")
        value = values.get(self.columns.score)
        try:
            number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None


def _record(
    values: Mapping[str, Any], name: str, corpus: str, text: str, messages: tuple[Message, ...]
) -> tuple[Record, set[str]]:
    """A record with what a row of ours has besides, of a foreign row only what fits; and the columns that are in it."""
    lineage = _unpacked(values.get("lineage"), dict)
    own = "writer" in lineage
    used = {column for column in ("title", "principle") if isinstance(values.get(column), str)}
    labels = _unpacked(values.get("labels"), dict)
    used |= {"labels"} if labels else set()
    recipe = values["recipe"] if isinstance(values.get("recipe"), str) else ""
    used |= {"recipe"} if recipe else set()
    if any(values.get(column) == name for column in IDS):
        used |= {column for column in IDS if values.get(column) == name}
    if own:
        used |= {"tools", "scores", "lineage", "touches"}
    record = Record(
        id=name,
        corpus=corpus,
        text=text,
        messages=messages,
        title=_clean(values["title"]) if "title" in used else "",
        principle=_clean(values["principle"]) if "principle" in used else "",
        labels={_clean(key): _clean(value) for key, value in labels.items()},
        tools=tuple(_unpacked(values.get("tools"), list)) if own else (),
        scores=_unpacked(values.get("scores"), dict) if own else {},
        touches=tuple(_unpacked(values.get("touches"), list)) if own else (),
        lineage=Lineage.model_validate(lineage) if own else Lineage(writer=FOREIGN, recipe=_clean(recipe)),
    )
    return record, used


def _clean(value: Any) -> str:
    """As text that can be written: half a surrogate pair cannot."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _list(turns: Any) -> list[dict[str, Any]]:
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def _no_text(text: Any, column: str) -> str:
    """Why a value is no text; empty if it is one."""
    if text is None:
        return f"no text: {column!r} is empty"
    if not isinstance(text, str):
        return f"no text: {column!r} is of type {type(text).__name__}"
    return "" if text.strip() else f"no text: {column!r} is blank"


def _unreadable(text: str) -> str:
    """Why a text cannot be a record's; empty if it can."""
    if len(text) > LONGEST:
        return f"too long: {len(text):,} characters"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"not Unicode: half a surrogate pair at character {error.start + 1}"
    return ""


def _unpacked(value: Any, kind: type) -> Any:
    """A value that our own files hold as JSON; what is not of the kind is nothing."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return kind()
    return value if isinstance(value, kind) else kind()


def _messages(turns: Any) -> tuple[str, tuple[Message, ...]]:
    """What is wrong with a conversation, and its turns."""
    if isinstance(turns, str):
        turns = _unpacked(turns, list)
    if not isinstance(turns, list) or not turns:
        return "no text: the conversation is empty", ()
    found = []
    for turn in turns:
        if not isinstance(turn, dict):
            return f"not a conversation: a turn is of type {type(turn).__name__}", ()
        role = ROLES.get(str(turn.get("role", turn.get("from", ""))).lower())
        content = turn.get("content", turn.get("value"))
        if role is None or not isinstance(content, str):
            return "not a conversation: a turn lacks its role or its words", ()
        found.append(Message(role=role, content=content))
    if found[-1].role != "assistant" or not found[-1].content.strip():
        return "not a conversation: the last turn is not the assistant's, or is blank", ()
    return "", tuple(found)


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, list(values)[:20])) or "none"
