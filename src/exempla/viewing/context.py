"""What every page of the viewer needs to know: the folder, who reads, and the templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exempla.viewing.opened import Opened

if TYPE_CHECKING:
    from exempla.viewing.stories.shelf import Shelf

WHO_COOKIE = "who"
"""Cookie in which a browser keeps the name of who reads, where the page was told another than the command."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
"""Of a person: it becomes the name of a file."""


@dataclass(frozen=True)
class Tab:
    """A place in the header."""

    name: str
    address: str


class Looking:
    """Notes how far the shelf is before a request is answered: it may be whole before the page of its half is made."""

    def __init__(self, app: ASGIApp, shelf: Shelf) -> None:
        self._app = app
        self._shelf = shelf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        scope.setdefault("state", {})["unread"] = self._shelf.unread
        await self._app(scope, receive, send)


@dataclass(frozen=True)
class Context:
    """One open folder, for as long as the server runs. It is the same for every port and every reader."""

    opened: Opened
    who: str
    """As the command was told; see `who_reads`."""
    templates: Environment
    shelf: Shelf
    """The stories."""
    cache: Path
    """The viewer's own folder: `FOLDER/view`, or a temporary one where that cannot be written to."""
    keeps: bool = True
    """Whether labels can be kept in the folder; pages say so where they cannot."""

    @property
    def folder(self) -> Path:
        """What is open."""
        return self.opened.folder

    def who_reads(self, request: Request) -> str:
        """The name of who reads: the browser's own if it has told one, or else the command's; may be empty."""
        told = request.cookies.get(WHO_COOKIE, "")
        return told if NAME.fullmatch(told) else self.who

    def page(self, request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
        """A page from a template that extends `base.html.jinja`.

        The template is given `values`, and besides them `request`, `who`, `opened`, `here` (the path asked for),
        `keeps`, `records` (how many are on the shelf) and `unread` (how far the shelf was when the request came). Give
        `title`; the header marks the tab that `here` begins with.
        """
        told = {
            "request": request,
            "who": self.who_reads(request),
            "opened": self.opened,
            "here": request.url.path,
            "keeps": self.keeps,
            "records": len(self.shelf) if self.opened.kind != "measured" else None,
            "unread": request.state.unread,
        }
        return HTMLResponse(self.templates.get_template(template).render(told | dict(values)), status_code=status)
