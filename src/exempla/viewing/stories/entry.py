"""A record as pages show it, and as a row of the index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from exempla.pages.showing import clipped, visible
from exempla.records import LIBRARY_WRITER
from exempla.viewing.stories.prose import quickly_visible
from exempla.viewing.stories.sources import mapping

OPENING = 260
"""Characters of a text that the list shows."""
GENRES = ("genre", "doc_type", "domain", "topic")
"""Labels or facts of a plan that say what kind of text a record is: the first that it has counts."""


class Turn(NamedTuple):
    """One turn of a conversation; a running text is one turn without a role."""

    role: str
    content: str


@dataclass(frozen=True)
class Entry:
    """One record of the shelf, with all that the folder says about it."""

    told: Mapping[str, Any]
    """As `sources.entry_of` gives it."""

    @property
    def record(self) -> dict[str, Any]:
        """The fields of the record."""
        return mapping(self.told.get("record"))

    @property
    def lineage(self) -> dict[str, Any]:
        """Where it comes from."""
        return mapping(self.record.get("lineage"))

    @property
    def plan(self) -> dict[str, Any]:
        """The plan it was written from; empty if there is none."""
        return mapping(self.told.get("plan"))

    def field(self, name: str) -> str:
        """A field of the record as text."""
        return str(self.record.get(name) or "")

    @property
    def id(self) -> str:
        """The record's id."""
        return self.field("id")

    @property
    def title(self) -> str:
        """Its title; may be empty."""
        return self.field("title")

    @property
    def recipe(self) -> str:
        """How it was written; empty for what ships."""
        return str(self.lineage.get("recipe") or "")

    @property
    def writer(self) -> str:
        """Who wrote it; empty if the folder does not say."""
        return str(self.lineage.get("writer") or "")

    @property
    def ships(self) -> bool:
        """Whether it is a text of exempla's own library."""
        return self.writer == LIBRARY_WRITER

    @cached_property
    def turns(self) -> list[Turn]:
        """Its text, or its conversation."""
        messages = self.record.get("messages")
        if isinstance(messages, list) and messages:
            found = [mapping(message) for message in messages]
            return [Turn(str(one.get("role") or "?"), str(one.get("content") or "")) for one in found]
        return [Turn("", self.field("text"))]

    @property
    def whole_text(self) -> str:
        """All its words."""
        return "\n\n".join(turn.content for turn in self.turns)

    @property
    def genre(self) -> str:
        """What kind of text it is; see `GENRES`."""
        labels, facts = mapping(self.record.get("labels")), mapping(self.plan.get("facts"))
        return next((str(told[name]) for name in GENRES for told in (labels, facts) if told.get(name)), "")

    @property
    def score(self) -> float | None:
        """The judge's overall score, from 1 to 5; the mean of the scores if there is no overall one."""
        overall = mapping(self.lineage.get("settings")).get("score")
        if isinstance(overall, int | float):
            return float(overall)
        scores = [value for value in mapping(self.record.get("scores")).values() if isinstance(value, int | float)]
        return sum(scores) / len(scores) if scores else None

    def row(self, place: int, key: str) -> dict[str, Any]:
        """As a row of the index; `key` is the id, made unique."""
        text = self.whole_text
        lead = self.turns[-1].content  # of a conversation, what is taught
        return {
            "place": place,
            "id": key,
            "corpus": visible(self.field("corpus")),
            "recipe": visible(self.recipe),
            "principle": visible(self.field("principle")),
            "genre": visible(self.genre),
            "fate": str(self.told["fate"]),
            "gate": visible(str(self.told.get("gate") or "")),
            "title": clipped(self.title, OPENING),
            "opening": clipped(lead, OPENING),
            "words": len(text.split()),
            "score": self.score,
            "lower": quickly_visible(f"{self.title}\n{text}").lower(),
            # In ASCII, because half a surrogate pair can be no part of a UTF-8 column.
            "told": json.dumps(self.told, ensure_ascii=True),
        }


def entry_from(told: str) -> Entry:
    """The entry of a row's `told`."""
    return Entry(json.loads(told))
