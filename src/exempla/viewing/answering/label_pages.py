"""The pages on which answers are labelled: blind, in a random order, by keyboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exempla.judging.labels import Label
from exempla.judging.reading import Reading, readings
from exempla.verdicts import EVERY
from exempla.viewing.answering.index import Entry, Index
from exempla.viewing.answering.labelling import (
    Labels,
    Queue,
    keep_label,
    last_labelled,
    moment,
    next_unlabelled,
    people,
    queue_of,
)
from exempla.viewing.answering.pages import found_answer, found_entry
from exempla.viewing.answering.shown import blind_view, question_of
from exempla.viewing.context import Context
from exempla.viewing.labels.forms import asked_first, asked_who, sent, to
from exempla.viewing.labels.stories import labels_of


@dataclass(frozen=True)
class Hidden:
    """What a blind page says of the open folder: nothing, because its name may be the subject's."""

    kind: str = "blind"
    name: str = "labelling"
    folder: str = ""


class LabelPages:
    """The start of labelling, one answer to be labelled, and what comes of it."""

    def __init__(self, context: Context, index: Index) -> None:
        self._context = context
        self._index = index

    def routes(self) -> list[Route]:
        """Where they are. Those of stories come first."""
        return [
            Route("/label", self.start),
            Route("/label/{reading}", self.next),
            Route("/label/{reading}/undo", self.undo, methods=["POST"]),
            Route("/label/{reading}/{token}", self.one),
            Route("/label/{reading}/{token}", self.keep, methods=["POST"]),
        ]

    def start(self, request: Request) -> Response:
        """How far everything is labelled."""
        who = self._context.who_reads(request)
        if not who:
            return asked_who(request)
        entries = self._index.entries()
        queues = [queue_of(name, who, dict(request.query_params)) for name in EVERY]
        rows = [(readings([queue.reading])[0], queue, order) for queue in queues if (order := queue.order(entries))]
        labels = Labels(who)
        told = {
            "title": "Labelling",
            "rows": [(reading, queue, labels.count(order, reading.name), len(order)) for reading, queue, order in rows],
            "narrowed": queues[0].narrowed,
            "part": queues[0].part(entries)._asdict(),
            "forms": sorted({one.facts["form"] for one in entries if one.judgeable and "form" in one.facts}),
            "people": sorted(people({one.cell.measured.root: one.cell for one in entries}.values()) - {who}),
            "stories": len(labels_of(self._context.folder, who)),
        }
        return self._context.page(request, "label_start.html.jinja", told)

    def next(self, request: Request) -> Response:
        """To the next answer without a label; with `after`, the next one in the order."""
        who, reading = self._context.who_reads(request), _reading(request)
        if not who:
            return asked_who(request)
        queue = queue_of(reading.name, who, dict(request.query_params))
        return self._next(queue, request.query_params.get("after", ""))

    def _next(self, queue: Queue, after: str = "") -> Response:
        entry = next_unlabelled(queue.order(self._index.entries()), queue, after)
        if entry is None:
            return to("/label", queue.narrowed)
        return to(f"/label/{queue.reading}/{entry.token}", queue.narrowed)

    def one(self, request: Request) -> Response:
        """One answer, blind."""
        who, reading = self._context.who_reads(request), _reading(request)
        if not who:
            return asked_who(request)
        entry = self._found(request, reading)
        queue = queue_of(reading.name, who, dict(request.query_params))
        order = queue.order(self._index.entries())
        labels = Labels(who)
        row = labels.last(entry, reading.name)
        shown = blind_view(entry, found_answer(self._index, entry))
        told: dict[str, Any] = {
            "title": f"Label {reading.name}",
            "opened": Hidden(),
            "reading": reading,
            "question": question_of(reading, shown.scenario),
            "entry": entry,
            "shown": shown,
            "mine": labels.of(entry, reading.name),
            "note": row.note if row else "",
            "last": last_labelled(order, queue),
            "done": labels.count(order, reading.name),
            "of": len(order),
            "narrowed": queue.narrowed,
        }
        return self._context.page(request, "label_answer.html.jinja", told)

    async def keep(self, request: Request) -> Response:
        """Put a label on the disk, and go on."""
        fields = await sent(request)
        return await run_in_threadpool(self._keep, request, fields)

    def _keep(self, request: Request, fields: dict[str, str]) -> Response:
        who, reading = self._context.who_reads(request), _reading(request)
        if not who:
            return asked_first(self._context, request, fields)
        entry = self._found(request, reading)
        level = fields.get("level", "")
        if level and reading.level(level) is None:
            raise HTTPException(400, f"There is no level {level!r}; there are {', '.join(reading.names)}.")
        blind = fields.get("blind") == "true"
        self._put(entry, Queue(reading.name, who), level, fields.get("note", ""), blind)
        if not blind:
            return to(f"/answers/{entry.token}#{reading.name}")
        return self._next(queue_of(reading.name, who, fields), entry.token)

    async def undo(self, request: Request) -> Response:
        """Take back the last label of a reading, and go to its answer."""
        fields = await sent(request)
        return await run_in_threadpool(self._undo, request, fields)

    def _undo(self, request: Request, fields: dict[str, str]) -> Response:
        who, reading = self._context.who_reads(request), _reading(request)
        if not who:
            return asked_who(request)
        queue = queue_of(reading.name, who, fields)
        last = last_labelled(queue.order(self._index.entries()), queue)
        if last is None:
            return to(f"/label/{reading.name}", queue.narrowed)
        entry, label = last
        self._put(entry, queue, "", label.note, bool(label.blind))
        return to(f"/label/{reading.name}/{entry.token}", queue.narrowed)

    def _put(self, entry: Entry, queue: Queue, level: str, note: str, blind: bool) -> None:
        label = Label(
            answer=entry.id,
            reading=queue.reading,
            level=level,
            who=queue.who,
            at=moment(),
            note=note,
            blind=blind,
            text=entry.text,
        )
        keep_label(entry, label)

    def _found(self, request: Request, reading: Reading) -> Entry:
        entry = found_entry(self._index, request)
        if not entry.judgeable or reading.name not in entry.cell.readings:
            raise HTTPException(404, f"This answer is not read for {reading.name}.")
        return entry


def _reading(request: Request) -> Reading:
    name = request.path_params["reading"]
    if name not in EVERY:
        raise HTTPException(404, f"There is no reading {name!r}.")
    return readings([name])[0]
