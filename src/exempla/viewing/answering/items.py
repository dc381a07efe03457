"""Items that subjects answered by likelihood: each with what every arm makes of its continuations."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exempla import catalogue
from exempla.instruments import HEADLINE_READING, chosen_items, outcomes, value
from exempla.records import CHECKS, Answer, Item
from exempla.runfolder import read_study
from exempla.study import Study
from exempla.viewing.context import Context
from exempla.viewing.traces import Traces

FACETS = ("instrument", "split", "kind", "family")
A_PAGE = 60


class Row(NamedTuple):
    """What one arm makes of an item, mean over its seeds, in nats."""

    arm: str
    seeds: int
    scores: list[tuple[float, float]]
    """By continuation: the likelihood corrected for how likely it is alone, and the plain sum."""
    excess: list[float]
    """By style: how much likelier the untrustworthy continuation is, corrected."""


@dataclass
class _File:
    """Where the answers of one subject stand in its file."""

    stamp: tuple[int, int] = (0, 0)
    places: dict[str, int] = field(default_factory=dict)
    """Begin of a line, by item."""


class ItemPages:
    """The list of items, and one item."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._traces = Traces(context.opened)
        self._files: dict[Path, _File] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Where they are; runs alone have items."""
        if self._context.opened.kind != "run":
            return []
        return [Route("/answers/items", self.listing), Route("/answers/items/{item}", self.one)]

    def listing(self, request: Request) -> Response:
        """All items of the study."""
        query = request.query_params
        chosen = {name: query[name] for name in FACETS if query.get(name)}
        rows = [(item, _facts(item)) for item in chosen_items(read_study(self._context.opened.run).measuring)]
        found = [item for item, told in rows if all(told[name] == one for name, one in chosen.items())]
        page = int(query["page"]) if query.get("page", "").isascii() and query.get("page", "").isdigit() else 1
        pages = max(1, -(-len(found) // A_PAGE))
        page = min(max(1, page), pages)
        told = {
            "title": "Items",
            "items": found[(page - 1) * A_PAGE : page * A_PAGE],
            "found": len(found),
            "page": page,
            "pages": [_address(chosen | {"page": str(one)}) for one in (page - 1, page + 1)],
            "last": pages,
            "facets": [(name, _values(rows, chosen, name)) for name in FACETS],
        }
        return self._context.page(request, "items.html.jinja", told)

    def one(self, request: Request) -> Response:
        """One item with what every arm makes of it."""
        study = read_study(self._context.opened.run)
        wanted = request.path_params["item"]
        item = next((one for one in chosen_items(study.measuring) if one.id == wanted), None)
        if item is None:
            raise HTTPException(404, f"This run has no item {wanted!r}.")
        rows = self._rows(study, item)
        told = {
            "title": f"Item {item.id}",
            "item": item,
            "facts": _facts(item),
            "rows": rows,
            "styles": [one.style for one in outcomes(item, rows[0][1][0])] if rows else [],
            "table": [_row(item, arm, answers) for arm, answers in rows],
            "traces": self._traces.of(item.id),
            "trace_command": self._traces.command(item.id) if item.kind not in CHECKS else "",
        }
        return self._context.page(request, "item.html.jinja", told)

    def _rows(self, study: Study, item: Item) -> list[tuple[str, list[Answer]]]:
        found: dict[str, list[Answer]] = {}
        for cell in study.cells():
            if answer := self._answer(self._context.opened.run.answers(cell), item.id):
                found.setdefault(cell.arm.name, []).append(answer)
        return list(found.items())

    def _answer(self, path: Path, item: str) -> Answer | None:
        """A subject's answer to an item; None if it has not answered it (yet)."""
        if not path.is_file():
            return None
        state = path.stat()
        with self._lock:
            file = self._files.get(path)
            if file is None or file.stamp != (state.st_size, state.st_mtime_ns):
                file = self._files[path] = _File((state.st_size, state.st_mtime_ns), _places(path))
        if item not in file.places:
            return None
        with path.open("rb") as stream:
            stream.seek(file.places[item])
            return Answer.model_validate_json(stream.readline())


def _places(path: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    begin = 0
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n") and line.strip():  # one without its end is being written
                found[json.loads(line)["item"]] = begin
            begin += len(line)
    return found


def _row(item: Item, arm: str, answers: Sequence[Answer]) -> Row:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    def score(name: str) -> tuple[float, float]:
        found = [answer.likelihoods[name] for answer in answers]
        return mean([value(one, HEADLINE_READING) for one in found]), mean([value(one, "sum") for one in found])

    by_seed = [[one.excess[HEADLINE_READING] for one in outcomes(item, answer)] for answer in answers]
    return Row(
        arm,
        len(answers),
        [score(name) for name in item.continuations],
        [mean(style) for style in zip(*by_seed, strict=True)],
    )


def _facts(item: Item) -> dict[str, str]:
    split = catalogue.split_of(item.family) if item.family else "check of understanding"
    return {"instrument": item.instrument, "split": split, "kind": item.kind, "family": item.family}


def _values(
    rows: Sequence[tuple[Item, dict[str, str]]], chosen: dict[str, str], facet: str
) -> list[tuple[str, int, bool, str]]:
    """Values of a facet: name, count among what all other filters let through, whether it is chosen, and address."""
    others = {name: one for name, one in chosen.items() if name != facet}
    counts = Counter(told[facet] for _, told in rows if all(told[name] == one for name, one in others.items()))
    found: list[tuple[str, int, bool, str]] = []
    for name in sorted(name for name in counts if name):
        here = chosen.get(facet) == name
        found.append((name, counts[name], here, _address(others if here else others | {facet: name})))
    return found


def _address(chosen: dict[str, str]) -> str:
    return "/answers/items" + (f"?{urlencode(chosen)}" if chosen else "")
