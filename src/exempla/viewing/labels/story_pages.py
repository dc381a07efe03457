"""Labelling stories, and telling who one is."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exempla.viewing.answering.labelling import moment
from exempla.viewing.context import NAME, Context
from exempla.viewing.labels.forms import asked_first, asked_who, own_address, sent, sent_again, to, with_name
from exempla.viewing.labels.stories import CHOICES, StoryLabel, keep_story_label, labels_of, note_of
from exempla.viewing.stories.choice import NONE, choice_of
from exempla.viewing.stories.reading import story_address


class StoryLabelPages:
    """Where labels of stories are sent to, and where a name is given."""

    def __init__(self, context: Context) -> None:
        self._context = context
        context.templates.globals |= {
            "story_choices": CHOICES,
            "labels_of_stories": self._mine,
            "note_of_story": self._note,
        }

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/who", self.ask),
            Route("/who", self.name, methods=["POST"]),
            Route("/label/stories/undo", self.undo, methods=["POST"]),
            Route("/label/story/{record:path}", self.keep, methods=["POST"]),
        ]

    def _mine(self, who: str) -> dict[str, StoryLabel]:
        return labels_of(self._context.folder, who) if who else {}

    def _note(self, who: str, record: str) -> str:
        return note_of(self._context.folder, who, record) if who else ""

    def ask(self, request: Request) -> Response:
        """Who reads?"""
        then = own_address(request.query_params.get("then", "/"))
        told: dict[str, Any] = {"title": "Who reads?", "then": then, "wrong": None, "held": {}}
        return self._context.page(request, "who.html.jinja", told)

    async def name(self, request: Request) -> Response:
        """Keep the name in a cookie, and go on; with a label that waited for it, to where that is kept."""
        fields = await sent(request)
        who, then = fields.get("who", ""), own_address(fields.get("then", "/"))
        again = own_address(fields.get("again", "/"))
        waits = again.startswith("/label/")
        if NAME.fullmatch(who):
            return with_name(sent_again(again) if waits else to(then), who)
        if waits:
            return await run_in_threadpool(asked_first, self._context, request, fields, who)
        told = {"title": "Who reads?", "then": then, "wrong": who, "held": {}}
        return await run_in_threadpool(self._context.page, request, "who.html.jinja", told, 400)

    async def keep(self, request: Request) -> Response:
        """Put a label on the disk, and go on to the next record without one."""
        fields = await sent(request)
        return await run_in_threadpool(self._keep, request, fields)

    def _keep(self, request: Request, fields: dict[str, str]) -> Response:
        record, who = request.path_params["record"], self._context.who_reads(request)
        query = fields.get("choice", "").removeprefix("?")
        if not who:
            return asked_first(self._context, request, fields)
        label = fields.get("label", "")
        chosen = next((one for one in CHOICES if one == label), None)
        if label and chosen is None:
            raise HTTPException(400, f"There is no label {label!r}; there are {', '.join(CHOICES)}.")
        if self._context.shelf.entry(record) is None:
            raise HTTPException(404, f"No record here has the id {record!r}.")
        row = StoryLabel(record=record, label=chosen or "", who=who, at=moment(), note=fields.get("note", ""))
        keep_story_label(self._context.folder, row)
        here = story_address(record, f"?{query}" if query else "")
        return to(self._next(record, who, query) or here if chosen else here)

    def _next(self, record: str, who: str, query: str) -> str:
        """The page of the next record: the first without a label after this one or from the beginning, or, for a reader
        who looks through records of one label, the one that follows. Empty if there is none."""
        choice = choice_of(dict(parse_qsl(query)))
        labels = {name: one.label for name, one in labels_of(self._context.folder, who).items()}
        wanted = choice if choice.label not in ("", NONE) else choice.model_copy(update={"label": NONE})
        found = self._context.shelf.page(wanted, labels, record, 1)
        if not found and wanted.label == NONE:
            found = self._context.shelf.page(wanted, labels, "", 1)
        return story_address(found[0].id, choice.address()) if found else ""

    async def undo(self, request: Request) -> Response:
        """Take back the last label, and go to its record."""
        fields = await sent(request)
        return await run_in_threadpool(self._undo, request, fields)

    def _undo(self, request: Request, fields: dict[str, str]) -> Response:
        who = self._context.who_reads(request)
        if not who:
            return asked_who(request)
        query = fields.get("choice", "").removeprefix("?")
        standing = labels_of(self._context.folder, who)
        if not standing:
            return to(own_address(fields.get("then", "/stories")))
        last = standing[next(reversed(standing))]
        keep_story_label(self._context.folder, last.model_copy(update={"label": "", "at": moment()}))
        return to(story_address(last.record, f"?{query}" if query else ""))
