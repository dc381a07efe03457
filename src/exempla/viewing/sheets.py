"""Style sheets and scripts: a fixed list of names, so that no path comes from a request."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exempla.pages import style

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def sheets() -> list[Route]:
    """A route for each file of `static/`, and `house.css`, the style that all pages of exempla share."""
    contents = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in TYPES}
    contents["house.css"] = str(style()).encode()
    return [_sheet(name, content) for name, content in contents.items()]


def _sheet(name: str, content: bytes) -> Route:
    def give(request: Request) -> Response:
        return Response(content, media_type=TYPES[Path(name).suffix])

    return Route(f"/static/{name}", give)
