"""Forms: what a page sends, the name of who reads, and where to go next."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exempla.viewing.context import WHO_COOKIE, Context

LARGEST = 100_000
"""Bytes of a form; a note of some pages."""
YEAR = 365 * 24 * 3600
"""Seconds."""


async def sent(request: Request) -> dict[str, str]:
    """The fields of a form, with plain line ends and without spaces around them; of a field sent twice, the last.

    Raises:
        HTTPException: it is too large, or no form.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "Not a form.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, f"The note is too long; {LARGEST} bytes are the most.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="replace")
    except (UnicodeDecodeError, ValueError) as error:
        raise HTTPException(400, "Not a form.") from error
    return {name: value.replace("\r\n", "\n").strip() for name, value in pairs}


def to(address: str, told: dict[str, str] | None = None) -> RedirectResponse:
    """Have the browser ask for another page of the viewer."""
    return RedirectResponse(f"{address}?{urlencode(told)}" if told else address, status_code=303)


def own_address(address: str) -> str:
    """The address if it is a page of the viewer, or else the first page: a link from elsewhere leads nowhere else."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if plain and address.isprintable() else "/"


def asked_who(request: Request) -> RedirectResponse:
    """Ask who reads, and come back."""
    query = f"?{request.url.query}" if request.url.query else ""
    back = request.url.path + query if request.method == "GET" else "/"
    return to(f"/who?then={quote(back, safe='')}")


def asked_first(context: Context, request: Request, fields: dict[str, str], wrong: str | None = None) -> Response:
    """Ask who reads, and hold what a form sent until that is told: no label is lost for want of a name.

    Args:
        context: of the viewer.
        request: what came without a name, or with a wrong one.
        fields: what the form sent; `again`, if it is there, is where it is to be sent to, or else where it came.
        wrong: the name that cannot be one, if one was told.
    """
    held = {"again": request.url.path} | {name: value for name, value in fields.items() if name != "who"}
    told = {"title": "Who reads?", "held": held, "then": "/", "wrong": wrong}
    return context.page(request, "who.html.jinja", told, 200 if wrong is None else 400)


def sent_again(address: str) -> RedirectResponse:
    """Have the browser send the same form to where labels are kept; the address is one of the viewer's own."""
    return RedirectResponse(address, status_code=307)


def with_name(reply: RedirectResponse, who: str) -> RedirectResponse:
    """Have the browser keep the name of who reads."""
    reply.set_cookie(WHO_COOKIE, who, max_age=YEAR, path="/", httponly=True, samesite="strict")
    return reply
