"""The pages on which answers are read, with all that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from exempla.answers import AgentAnswer
from exempla.judging.reading import Reading
from exempla.tracing.influence.traceable import objection
from exempla.verdicts import AnyAnswer
from exempla.viewing.answering.cells import cells
from exempla.viewing.answering.choosing import beside, listed
from exempla.viewing.answering.deeds import titles
from exempla.viewing.answering.index import Entry, Index
from exempla.viewing.answering.labelling import Labels, labels_by_person
from exempla.viewing.answering.nearest import nearest_records
from exempla.viewing.answering.shown import open_view, question_of, readings_of_entry
from exempla.viewing.context import Context
from exempla.viewing.stories.mixes import Mixes
from exempla.viewing.traces import Traces

QUIET = ("no", "absent", "itself", "right", "in_line")
"""Levels that a list leaves pale: what it is looked through for is the rest."""
GONE = "There is no such answer; its folder, or the viewer's own, was made anew."


class AnswerPages:
    """Lists of answers, and one answer."""

    def __init__(self, context: Context, index: Index) -> None:
        self._context = context
        self._index = index
        self._mixes = Mixes(context.opened.run)
        self._traces = Traces(context.opened)

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/answers", self.listing),
            Route("/answers/{token}", self.one),
            Route("/answers/{token}/nearest", self.nearest),
        ]

    def listing(self, request: Request) -> Response:
        """All answers, filtered."""
        found = listed(self._index, request.query_params)
        if not found.entries and not found.choice.chosen and self._context.opened.kind == "run":
            return RedirectResponse("/answers/items")  # a run whose subjects were measured by likelihood alone
        rows = [(entry, self._index.levels(entry).get(found.choice.judge, {})) for entry in found.entries]
        unshown = sorted({one.task for one in cells(self._context.opened) if one.kind is None})
        told = {
            "title": "Answers",
            "unshown": unshown,
            "listed": found,
            "rows": rows,
            "quiet": QUIET,
            "titles": titles(),
        }
        return self._context.page(request, "answers.html.jinja", told)

    def one(self, request: Request) -> Response:
        """One answer with its verdicts."""
        entry = found_entry(self._index, request)
        answer = found_answer(self._index, entry)
        shown = open_view(entry, answer, list(self._index.verdicts(entry, answer)))
        who = self._context.who_reads(request)
        told: dict[str, Any] = {
            "title": f"Answer {entry.id}",
            "entry": entry,
            "answer": answer,
            "beside": beside(self._index, request.query_params, entry.token),
            "shown": shown,
            "readings": [self._reading(one, entry, who, shown.scenario) for one in readings_of_entry(entry)],
            "mix": None,
            "checkpoint": "",
            "traces": [],
            "trace_command": "",
        }
        if self._context.opened.kind == "run" and entry.cell.arm:
            told["mix"] = self._mixes.of(entry.cell.name)
            place = f"checkpoints/{entry.cell.name}"
            told["checkpoint"] = place if (self._context.folder / place).is_dir() else ""
            told |= self._traced(entry, answer, bool(told["mix"]))
        return self._context.page(request, "answer.html.jinja", told)

    def _traced(self, entry: Entry, answer: AnyAnswer, trained: bool) -> Mapping[str, Any]:
        """What was traced of an answer, and how to do that where it can be done."""
        cell = entry.cell
        can_be = trained and isinstance(answer, AgentAnswer) and not objection(answer)
        return {
            "traces": self._traces.of(entry.id, cell.name),
            "trace_command": self._traces.command(entry.id, cell.arm, cell.seed) if can_be else "",
        }

    def _reading(self, reading: Reading, entry: Entry, who: str, scenario: Any) -> Mapping[str, Any]:
        return {
            "reading": reading,
            "question": question_of(reading, scenario),
            "mine": Labels(who).of(entry, reading.name),
            "labels": labels_by_person(entry, reading.name),
        }

    def nearest(self, request: Request) -> Response:
        """The stories that lie nearest to an answer."""
        entry = found_entry(self._index, request)
        mix = self._mixes.of(entry.cell.name) if self._context.opened.kind == "run" else None
        if mix is None:
            raise HTTPException(404, "This subject was not trained here, or what it read is not told.")
        run, answer = self._context.opened.run, found_answer(self._index, entry)
        found = nearest_records(run, mix.times, answer, self._context.cache)
        told = {"title": f"Nearest to {entry.id}", "entry": entry, "near": found}
        return self._context.page(request, "nearest.html.jinja", told)


def found_entry(index: Index, request: Request) -> Entry:
    """The answer that an address is of.

    Raises:
        HTTPException: there is none.
    """
    entry = index.entry(request.path_params["token"])
    if entry is None:
        raise HTTPException(404, GONE)
    return entry


def found_answer(index: Index, entry: Entry) -> AnyAnswer:
    """The answer itself.

    Raises:
        HTTPException: its file is not there any more.
        UserError: like `Index.read`.
    """
    try:
        return index.read(entry)
    except FileNotFoundError as error:
        raise HTTPException(404, GONE) from error
