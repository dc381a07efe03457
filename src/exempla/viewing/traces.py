"""What `exempla trace` left in a run: the list, each page, and which of them are of an answer or of an item."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from exempla.pages.wording import percent
from exempla.tracing.influence.folder import FIGURES, trace_pages
from exempla.viewing.context import Context, Tab
from exempla.viewing.guard import DOCUMENT_POLICY
from exempla.viewing.opened import Opened
from exempla.viewing.stories.sources import mapping


class Trace(NamedTuple):
    """One trace, as lists tell of it."""

    page: Path
    cell: str
    """Whom it is of: an arm at a seed."""
    verdict: str
    """What was asked for: an item, an answer or an instrument; the folder's name if its figures cannot be read."""
    span: str
    targets: frozenset[str]
    """Ids of the items, or of the answer, that were traced."""
    preference: float | None
    records: int
    most: str
    """Where most of the push comes from."""
    checked: bool
    """Whether it was checked by training again."""

    @property
    def address(self) -> str:
        """Of its page in the viewer."""
        return f"/traces/{quote(self.cell, safe='')}/{quote(self.page.parent.name, safe='')}"


class Traces:
    """The traces of a run; figures are read again when they change."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._known: dict[Path, tuple[int, Trace]] = {}

    def all(self) -> list[Trace]:
        """All that have a page, by whom they are of."""
        return [self._trace(page, cell) for cell, page in trace_pages(self._opened.run)]

    def of(self, target: str, cell: str = "") -> list[Trace]:
        """Those in which an item or an answer was traced, of one subject or of any."""
        return [one for one in self.all() if target in one.targets and cell in ("", one.cell)]

    def command(self, target: str, arm: str = "", seed: str = "") -> str:
        """The command that traces something, as one would type it."""
        words = ["exempla", "trace", str(self._opened.folder), "--verdict", target]
        words += ["--arm", arm] if arm else []
        words += ["--seed", seed] if seed else []
        return shlex.join(words)

    def _trace(self, page: Path, cell: str) -> Trace:
        figures = page.with_name(FIGURES)
        try:
            changed = figures.stat().st_mtime_ns
        except OSError:
            return _told(page, cell, {})
        if page not in self._known or self._known[page][0] != changed:
            self._known[page] = changed, _told(page, cell, _read(figures))
        return self._known[page][1]


def _read(figures: Path) -> dict[str, Any]:
    """What the figures say; nothing if they are of another version, or damaged: the page is still worth showing."""
    try:
        return mapping(json.loads(figures.read_bytes()))
    except (OSError, ValueError):
        return {}


def _told(page: Path, cell: str, told: dict[str, Any]) -> Trace:
    traced = mapping(told.get("traced"))
    preference, rows, targets = traced.get("preference"), traced.get("rows"), traced.get("targets")
    corpora = mapping(told.get("parts")).get("corpus")
    first = mapping(corpora[0]) if isinstance(corpora, list) and corpora else {}
    towards = first.get("towards")
    return Trace(
        page=page,
        cell=cell,
        verdict=str(traced.get("verdict") or page.parent.name),
        span=str(traced.get("span") or ""),
        targets=frozenset(str(mapping(one).get("id")) for one in targets) if isinstance(targets, list) else frozenset(),
        preference=float(preference) if isinstance(preference, int | float) else None,
        records=len(rows) if isinstance(rows, list) else 0,
        most=f"{percent(towards)} from {first.get('name')}" if isinstance(towards, int | float) and towards else "",
        checked=bool(told.get("check")),
    )


def trace_tabs(opened: Opened) -> list[Tab]:
    """What the header offers; a run may get its traces while it is open."""
    return [Tab("Traces", "/traces")] if opened.kind == "run" else []


def trace_routes(context: Context) -> list[Route]:
    """The list of traces, and each page."""
    if context.opened.kind != "run":
        return []
    traces = Traces(context.opened)

    def every(request: Request) -> Response:
        told = {"title": "Traces", "traces": traces.all(), "command": traces.command("ID")}
        return context.page(request, "traces.html.jinja", told)

    def one(request: Request) -> Response:
        wanted = (request.path_params["cell"], request.path_params["name"])
        # Chosen from what is there: no path comes from a request.
        found = next((one for one in traces.all() if (one.cell, one.page.parent.name) == wanted), None)
        if found is None:
            raise HTTPException(404, "There is no such trace in this run.")
        return FileResponse(found.page, media_type="text/html", headers={"content-security-policy": DOCUMENT_POLICY})

    return [Route("/traces", every), Route("/traces/{cell}/{name}", one)]
