"""Rows become records: which column is the text, what a row lacks, and how it is named."""

from __future__ import annotations

import json
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
    """Rows whose id another row had before."""
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
        values = row.values
        text_column, turns_column = self._text_columns(values, row.place)
        text, turns = values.get(text_column), values.get(turns_column)
        messages: tuple[Message, ...] = ()
        if turns and not self.columns.text:
            problem, messages = _messages(turns)
            if problem:
                return problem, None
            text = ""
        elif text is None:
            return f"no text: {text_column!r} is empty", None
        elif not isinstance(text, str):
            return f"no text: {text_column!r} is of type {type(text).__name__}", None
        elif not text.strip():
            return f"no text: {text_column!r} is blank", None
        whole = text or "".join(message.content for message in messages)
        if len(whole) > LONGEST:
            return f"too long: {len(whole):,} characters", None
        try:
            whole.encode("utf-8")
        except UnicodeEncodeError as error:
            return f"not Unicode: half a surrogate pair at character {error.start + 1}", None
        name = self._name(values, row.place)
        try:
            record = _record(values, name, self.corpus, text or "", messages)
            used = {text_column, turns_column, self.columns.id or "id", *_FIELDS}
            other = {key: value for key, value in values.items() if key not in used}
            packed = json.dumps(other, ensure_ascii=False, default=str) if other else ""
            return "", Taken(record=record, place=row.place, score=self._score(values), other=packed)
        except (ValidationError, ValueError, TypeError, AttributeError) as error:
            first = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
            said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
            return f"not a record: {' '.join(said.split())[:120]}", None

    def _text_columns(self, values: Mapping[str, Any], place: str) -> tuple[str, str]:
        if self.columns.text:
            if self.columns.text not in values:
                raise UserError(f"{place}: no column {self.columns.text!r}; there are {_names(values)}")
            return self.columns.text, ""
        text = next((name for name in TEXTS if name in values), "")
        turns = next((name for name in TURNS if name in values), "")
        if not text and not turns:
            raise UserError(f"{place}: no column of text; name it with --text-column: there are {_names(values)}")
        return text, turns

    def _name(self, values: Mapping[str, Any], place: str) -> str:
        column = self.columns.id or next((name for name in IDS if values.get(name) is not None), "")
        if self.columns.id and self.columns.id not in values:
            raise UserError(f"{place}: no column {self.columns.id!r}; there are {_names(values)}")
        number = f"row-{self.rows:08d}"
        name = re.sub(r"[^A-Za-z0-9._+-]+", "-", str(values[column]))[:100].lstrip("-._+") if column else number
        name = name or number
        if word_hash(name) in self._ids:
            self.renamed += 1
            self.first_renamed = self.first_renamed or f"{place}: the id {name!r} stands before; called {name}+{number}"
            name = f"{name}+{number}"
        self._ids.add(word_hash(name))
        return name

    def _score(self, values: Mapping[str, Any]) -> float | None:
        if not self.columns.score:
            return None
        value = values.get(self.columns.score)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_FIELDS = ("title", "principle", "labels", "tools", "scores", "lineage", "touches", "recipe", "corpus")


def _record(values: Mapping[str, Any], name: str, corpus: str, text: str, messages: tuple[Message, ...]) -> Record:
    """A record with what a row of ours has besides; of a foreign row only what fits."""
    lineage = _unpacked(values.get("lineage"), dict)
    own = "writer" in lineage
    return Record(
        id=name,
        corpus=corpus,
        text=text,
        messages=messages,
        title=values["title"] if isinstance(values.get("title"), str) else "",
        principle=values["principle"] if isinstance(values.get("principle"), str) else "",
        labels={str(key): str(value) for key, value in _unpacked(values.get("labels"), dict).items()},
        tools=tuple(_unpacked(values.get("tools"), list)) if own else (),
        scores=_unpacked(values.get("scores"), dict) if own else {},
        lineage=Lineage.model_validate(lineage)
        if own
        else Lineage(writer=FOREIGN, recipe=values["recipe"] if isinstance(values.get("recipe"), str) else ""),
    )


def _unpacked(value: Any, kind: type) -> Any:
    """A value that our own files hold as JSON; what is not of the kind is nothing."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return kind()
    return value if isinstance(value, kind) else kind()


def _messages(turns: Any) -> tuple[str, tuple[Message, ...]]:
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
