"""The pages of stories."""

from __future__ import annotations

import re
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exempla.viewing.context import Context, Tab
from exempla.viewing.stories.listing import list_page, more_rows, state
from exempla.viewing.stories.mixes import Mixes
from exempla.viewing.stories.reading import Reading, story_address

READ = 1000
"""Records of a mix on one page."""


def tabs(context: Context) -> list[Tab]:
    """What the header offers of stories."""
    found = [Tab("Stories", "/stories")] if context.opened.kind != "measured" else []
    return found + ([Tab("Mixes", "/mixes")] if context.opened.kind == "run" else [])


def routes(context: Context) -> list[Route]:
    """Every page of stories."""
    context.templates.globals["story_address"] = story_address
    if context.opened.kind == "measured":
        return [Route("/state", partial(state, context))]
    found = [
        Route("/state", partial(state, context)),
        Route("/stories", partial(list_page, context)),
        Route("/stories/rows", partial(more_rows, context)),
        Route("/story/{record:path}", Reading(context).page),
    ]
    return found + (_of_mixes(context) if context.opened.kind == "run" else [])


def _of_mixes(context: Context) -> list[Route]:
    mixes = Mixes(context.opened.run)

    def every(request: Request) -> Response:
        return context.page(request, "mixes.html.jinja", {"title": "Mixes", "mixes": mixes.all()})

    def one(request: Request) -> Response:
        mix = mixes.of(request.path_params["cell"])
        if mix is None:
            raise HTTPException(404, f"No mix of {request.path_params['cell']!r} lies in this run.")
        asked = request.query_params.get("from", "")
        count = len(mix.account.ids)
        first = max(1, min(int(asked), count)) if re.fullmatch(r"[0-9]{1,9}", asked) else 1
        read = mix.account.ids[first - 1 :][:READ]
        further = first + len(read) if first + len(read) <= count else 0
        told = {"title": f"Mix of {mix.name}", "mix": mix, "read": read, "first": first, "further": further}
        told["known"] = context.shelf.titles(list(dict.fromkeys(read)))
        return context.page(request, "mix.html.jinja", told)

    return [Route("/mixes", every), Route("/mix/{cell}", one)]
