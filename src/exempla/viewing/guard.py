"""What stands before every page: only this machine's browser may ask, and a page may do nothing but be shown.

A web page elsewhere can make a browser send requests to 127.0.0.1. By a name that it lets point there it could even
read the replies (DNS rebinding); the Host header then gives that name. Requests that change something must come from
the viewer's own pages: browsers say so in Sec-Fetch-Site, older ones in Origin.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
DOCUMENT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""For a page that lies in the folder: its own style, no script, and no part in the viewer's origin."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    # Not `no-store`, with which the list would lose its place when one comes back to it.
    "cache-control": "private, no-cache",
}
HARMLESS = ("GET", "HEAD")


class Guard:
    """Turns strangers away, and puts the policy on every response. A response with a policy of its own keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = objection(scope)
        reply = PlainTextResponse(refusal, status_code=403) if refusal else self._app
        try:
            await reply(scope, receive, guarded)
        except Exception:
            if not begun:  # also this page has the policy; the server's log tells what went wrong
                await PlainTextResponse("Something went wrong; the terminal tells what.", 500)(scope, receive, guarded)
            raise


def objection(scope: Scope) -> str:
    """Why a request is turned away; empty if it is not."""
    headers = Headers(scope=scope)
    port = scope["server"][1]
    allowed = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
    host = headers.get("host", "")
    if host not in allowed or len(headers.getlist("host")) != 1:
        return "This address is not the viewer's: open it as 127.0.0.1 or localhost, with its port."
    if scope["method"] in HARMLESS:
        return ""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    # Under the policy `no-referrer` a form sends `Origin: null`, which says nothing either way.
    if site == "same-origin" and origin in (None, "null", f"http://{host}"):
        return ""
    if site is None and origin == f"http://{host}":
        return ""
    return "This request does not come from the viewer's own page."
