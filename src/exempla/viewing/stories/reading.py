"""The page of one record: the text, what is known about it, and how it came to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from exempla.viewing.context import Context
from exempla.viewing.labels.stories import labels_of
from exempla.viewing.stories.choice import choice_of
from exempla.viewing.stories.entry import Entry
from exempla.viewing.stories.lineage import Drafts, columns
from exempla.viewing.stories.listing import FATES
from exempla.viewing.stories.mixes import Mixes
from exempla.viewing.stories.principles import Principles
from exempla.viewing.stories.prose import lines_of, prose
from exempla.viewing.stories.sources import half_written, mapping

LONGEST = 2_000_000
"""Characters of one turn that are shown; a browser lays out no more without a wait."""
LAST = ("rewrite", "answer")
"""Steps whose text is the last: shown at the right end, after what was said of the text before."""
SAID = ("critique", "judge", "score")
"""Steps that say something of a text, which share a narrow column."""


class ShownTurn(NamedTuple):
    """A turn as the page shows it."""

    role: str
    text: Markup
    left_out: int
    """Characters that are not shown."""


class Parent(NamedTuple):
    """A record that this one was written after."""

    id: str
    title: str
    here: bool
    """Whether the shelf has it, so that it can be opened."""


def story_address(record: str, query: str = "") -> str:
    """The address of a record's page."""
    return f"/story/{quote(record, safe='')}{query}"


class Reading:
    """The pages of single records."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._drafts = Drafts(context.opened)
        self._mixes = Mixes(context.opened.run)
        self._principles = Principles(context.opened)

    def page(self, request: Request) -> Response:
        """One record, in the midst of those that are chosen."""
        context = self._context
        record = request.path_params["record"]
        entry = context.shelf.entry(record)
        if entry is None:
            raise HTTPException(
                404, f"No record {'read so far' if request.state.unread else 'here'} has the id {record!r}."
            )
        choice, who = choice_of(request.query_params), context.who_reads(request)
        own = labels_of(context.folder, who) if who else {}
        labels = {name: one.label for name, one in own.items()}
        told: dict[str, Any] = {
            "title": entry.title or record,
            "record": record,
            "entry": entry,
            "turns": [_turn(turn.role, turn.content, choice.terms) for turn in entry.turns],
            "words": len(entry.whole_text.split()),
            "fate": str(entry.told["fate"]),
            "fate_words": FATES[str(entry.told["fate"])],
            "choice": choice,
            "beside": context.shelf.neighbours(choice, labels, record),
            "own": own.get(record),
            "principle": self._principles.of(entry),
            "half_written": half_written(context.opened) if entry.told["fate"] == "waiting" else [],
            "tools": [_tool(tool) for tool in entry.record.get("tools") or ()],
        }
        return context.page(request, "story.html.jinja", told | self._origin(entry, record))

    def _origin(self, entry: Entry, record: str) -> dict[str, Any]:
        lineage, plan = entry.lineage, entry.plan
        replies = self._drafts.of(str(lineage.get("plan") or ""))
        versions, kept = columns(entry, replies)
        return {
            "versions": [one for one in versions if one.name not in (*LAST, *SAID)],
            "said": [one for one in versions if one.name in SAID],
            "last": [one for one in versions if one.name in LAST],
            "words_kept": kept,
            "unused": [said for said in replies if said.failure],
            "plan_facts": _flat({"words": plan.get("words"), **mapping(plan.get("facts"))}),
            "avoided": [str(phrase) for phrase in plan.get("avoid") or ()],
            "labels": _flat(mapping(entry.record.get("labels"))),
            "scores": _flat(mapping(entry.record.get("scores"))),
            "prompts": _flat(mapping(lineage.get("prompts")) or {"": lineage.get("prompt_sha256")}),
            "settings": _flat(mapping(lineage.get("settings"))),
            "parents": self._parents(lineage.get("parents")),
            "readers": (readers := self._mixes.readers(record)),
            "all_read": not readers and self._context.opened.kind == "run" and self._mixes.whole,
            "marks": _flat(mapping(entry.told.get("marks"))),
            "other": _flat(mapping(entry.told.get("other"))),
        }

    def _parents(self, named: Any) -> list[Parent]:
        names = [str(name) for name in named] if isinstance(named, list) else []
        known = self._context.shelf.titles(names)
        return [Parent(name, known[name].title if name in known else "", name in known) for name in names]


def _turn(role: str, content: str, terms: tuple[str, ...]) -> ShownTurn:
    return ShownTurn(role, prose(content[:LONGEST], terms), max(0, len(content) - LONGEST))


def _tool(tool: Any) -> tuple[str, str, str]:
    """Name, description and parameters of a tool that a conversation offers."""
    told = mapping(tool)
    told = mapping(told.get("function")) or told
    parameters = json.dumps(told.get("parameters") or {}, indent=2, ensure_ascii=False)
    return str(told.get("name") or "?"), str(told.get("description") or ""), parameters


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Values that say something, as text."""
    found = {}
    for name, value in values.items():
        if value not in (None, "", [], {}):
            nested = isinstance(value, dict | list)
            found[str(name)] = "\n".join(lines_of(value)) if nested else str(value)
    return found
