"""`exempla view`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exempla.errors import UserError

_option: Any = typer.Option
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A run, a corpus, what `exempla screen` left, or a measurement.")
]
Port = Annotated[int | None, _option(min=1, max=65535, help="Port; the first free one from 8765 on if not given.")]
NoBrowser = Annotated[bool, _option("--no-browser", help="Print the address, and open no browser.")]
Who = Annotated[
    str | None,
    _option(help="Your name for labels: letters (a to z), digits, - and _; the page asks if it is not given."),
]


def view(folder: Folder, port: Port = None, no_browser: NoBrowser = False, who: Who = None) -> None:
    """Read and label stories and answers in a browser on this machine. Ctrl-C ends it.

    Example: exempla view runs/quickstart --who ada
    """
    from exempla.viewing.context import NAME  # DuckDB and the server take a moment to load
    from exempla.viewing.server import serve

    if who is not None and not NAME.fullmatch(who):
        raise UserError(
            f"--who {who!r}: give at most 40 letters (a to z), digits, - and _, a letter or digit first; it becomes "
            "the name of a file"
        )
    serve(folder, port, who or "", not no_browser)
