"""The viewer as an app, and as a server on this machine alone."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from exempla.errors import UserError
from exempla.viewing.answering import routes as answers
from exempla.viewing.browser import open_page
from exempla.viewing.context import Context, Looking, Tab
from exempla.viewing.guard import DOCUMENT_POLICY, Guard
from exempla.viewing.labels.keeping import NotKeptError, can_keep
from exempla.viewing.opened import Opened, open_folder
from exempla.viewing.own import OwnFolder
from exempla.viewing.sheets import sheets
from exempla.viewing.stories import routes as stories
from exempla.viewing.stories.shelf import Shelf
from exempla.viewing.templates import environment
from exempla.viewing.traces import trace_routes, trace_tabs

PORT = 8765
"""The first that is tried."""
TRIED = 40
"""Ports, one after the other, before the user is asked for one."""


def build_app(folder: Path, who: str) -> Starlette:
    """The app that shows a folder.

    Args:
        folder: a run, a corpus, what was screened, or a measurement.
        who: name of who reads, for labels; empty if not known yet.

    Raises:
        UserError: there is nothing in the folder that can be shown.
    """
    opened = open_folder(folder)
    own = OwnFolder(folder)
    shelf = Shelf(opened, own)
    shelf.update()
    context = Context(
        opened=opened, who=who, templates=environment(), shelf=shelf, cache=own.path, keeps=can_keep(opened)
    )
    of_answers = answers.routes(context)
    documents = _documents(opened)
    tabs = [*stories.tabs(context), *answers.tabs(context), *trace_tabs(opened)]
    tabs += [Tab(name, f"/{name.lower()}") for name in documents]
    context.templates.globals |= {"tabs": tabs}

    def home(request: Request) -> Response:
        return RedirectResponse(tabs[0].address) if tabs else missing(request, HTTPException(404))

    def missing(request: Request, error: Exception) -> HTMLResponse:
        told = {"title": "Not found", "detail": getattr(error, "detail", "")}
        return context.page(request, "missing.html.jinja", told, status=404)

    def unusable(request: Request, error: Exception) -> HTMLResponse:
        return context.page(
            request, "missing.html.jinja", {"title": "Cannot be read", "detail": str(error)}, status=500
        )

    def not_kept(request: Request, error: Exception) -> HTMLResponse:
        status = error.status if isinstance(error, NotKeptError) else 500
        told = {"title": "Not kept", "detail": str(error)}
        return context.page(request, "missing.html.jinja", told, status=status)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with contextlib.closing(own), contextlib.closing(shelf):
            yield

    return Starlette(
        routes=[
            Route("/", home),
            *sheets(),
            *[_document(name, path) for name, path in documents.items()],
            *stories.routes(context),
            *of_answers,
            *trace_routes(context),
        ],
        middleware=[Middleware(Guard), Middleware(Looking, shelf)],
        exception_handlers={404: missing, NotKeptError: not_kept, UserError: unusable},
        lifespan=lifespan,
    )


def _documents(opened: Opened) -> dict[str, Path]:
    """Whole pages that lie in the folder, by the name of their tab."""
    run = opened.run
    known = {"Report": run.report, "Screening": run.screening if opened.kind == "run" else run.root / "screening.html"}
    return {name: path for name, path in known.items() if path.is_file()}


def _document(name: str, path: Path) -> Route:
    def show(request: Request) -> Response:
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type="text/html", headers={"content-security-policy": DOCUMENT_POLICY})

    return Route(f"/{name.lower()}", show)


def serve(folder: Path, port: int | None, who: str, open_browser: bool) -> None:
    """Show a folder on 127.0.0.1 until Ctrl-C.

    Args:
        folder: what to show.
        port: the port; the first free one from 8765 on if not given.
        who: name of who reads.
        open_browser: whether the page is opened.

    Raises:
        UserError: the folder cannot be shown, or the port is in use.
    """
    app = build_app(folder, who)
    listener = _listen(port)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
    sys.stdout.write(f"{folder}: {address} (Ctrl-C ends it)\n")
    if not can_keep(open_folder(folder)):
        sys.stdout.write(f"{folder}: cannot be written to; labels cannot be kept there\n")
    sys.stdout.flush()
    if open_browser:
        # The socket listens already, so that the browser waits for the first reply.
        threading.Thread(target=open_page, args=(address,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(listener):
        server.run(sockets=[listener])


def _listen(port: int | None) -> socket.socket:
    for number in [port] if port is not None else range(PORT, PORT + TRIED):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # Without it a port stays taken for a minute after the last viewer ended.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", number))
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            if port is not None:
                raise UserError(f"port {port}: {error.strerror}; choose another with --port") from error
    raise UserError(f"ports {PORT} to {PORT + TRIED - 1} are all in use; choose another with --port")
