"""The list of stories: filters with counts beside it, and rows that are fetched as one scrolls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exempla.viewing.context import Context
from exempla.viewing.labels.stories import CHOICES, labels_of
from exempla.viewing.stories.choice import NONE, SORTS, Choice, choice_of
from exempla.viewing.stories.prose import in_context
from exempla.viewing.stories.shelf import Fact, Labels

ROWS = 60
"""Of the list at a time."""
SHOWN_VALUES = 12
"""Values of a filter that are shown at once; the others are behind a click."""
NAMES = {
    "fate": "Kept or dropped",
    "corpus": "Corpus",
    "recipe": "Recipe",
    "principle": "Principle",
    "genre": "Genre",
    "gate": "Dropped by",
    "label": "Your label",
}
FATES = {"kept": "kept", "dropped": "dropped", "waiting": "not screened yet"}


class Option(NamedTuple):
    """One value of a filter."""

    name: str
    number: int
    address: str
    chosen: bool


class Filter(NamedTuple):
    """A filter that has something to choose from."""

    name: str
    options: list[Option]
    chosen: bool
    shown: int
    """How many options are shown at once."""


class Row(NamedTuple):
    """One record in the list."""

    fact: Fact
    text: Markup
    """Its opening, or the hit of the search with what stands around it."""


def own_labels(context: Context, request: Request) -> dict[str, str]:
    """The labels that who reads gave, by record id. Those of others are not shown."""
    who = context.who_reads(request)
    return {record: one.label for record, one in labels_of(context.folder, who).items()} if who else {}


def list_page(context: Context, request: Request) -> Response:
    """The list, from its beginning or from the record after `after` on."""
    shelf = context.shelf
    after = request.query_params.get("after", "")
    if not after:
        shelf.update()  # what was written since; within the list nothing moves
    choice, labels = choice_of(request.query_params), own_labels(context, request)
    rows = _rows(context, choice, labels, after)
    facets = shelf.facets(choice, labels)
    told = {
        "title": "Stories",
        "choice": choice,
        "rows": rows,
        "more": _more(choice, rows),
        "filters": filters(choice, facets),
        "count": shelf.count(choice, labels),
        "all": len(shelf),
        "sorts": [(name, words, choice.address(sort=name)) for name, words in SORTS.items()],
        "scored": shelf.scored,
        "after": after,
    }
    return context.page(request, "stories.html.jinja", told)


def more_rows(context: Context, request: Request) -> Response:
    """The next rows alone, for the script that puts them under the others."""
    choice, labels = choice_of(request.query_params), own_labels(context, request)
    rows = _rows(context, choice, labels, request.query_params.get("after", ""))
    return context.page(request, "rows.html.jinja", {"rows": rows, "choice": choice, "more": _more(choice, rows)})


def state(context: Context, request: Request) -> JSONResponse:
    """What has happened since the shelf was brought up to date, for the script that asks now and then."""
    shelf = context.shelf
    unread, news = shelf.unread, shelf.news()
    return JSONResponse(
        {
            "records": len(shelf),
            "new": news.records,
            "rewritten": news.rewritten,
            "unread": unread and {"share": unread.share, "stopped": unread.stopped},
        }
    )


def filters(choice: Choice, facets: Mapping[str, Mapping[str, int]]) -> list[Filter]:
    """Filters with counts. One without a choice to make is left out, unless a choice was made."""
    found = []
    for facet, values in facets.items():
        chosen = str(getattr(choice, facet))
        names = list(values) + ([chosen] if chosen and chosen not in values else [])
        if facet == "label":
            names = [name for name in (*CHOICES, NONE) if name in names]
        if len(names) < 2 and not chosen and facet != "gate":
            continue
        options = [
            Option(FATES.get(name, name), values.get(name, 0), _toggled(choice, facet, name), name == chosen)
            for name in names
        ]
        if options:
            options.sort(key=lambda option: not option.chosen)
            found.append(Filter(NAMES[facet], options, bool(chosen), _shown_at_once(len(options))))
    return found


def _shown_at_once(count: int) -> int:
    return count if count <= SHOWN_VALUES + 2 else SHOWN_VALUES


def _toggled(choice: Choice, facet: str, name: str) -> str:
    return choice.address(**{facet: "" if getattr(choice, facet) == name else name}) or "?"


def _rows(context: Context, choice: Choice, labels: Labels, after: str) -> list[Row]:
    facts = context.shelf.page(choice, labels, after, ROWS)
    texts = _texts(context, facts, choice.terms)
    return [Row(fact, texts[fact.place]) for fact in facts]


def _texts(context: Context, facts: Sequence[Fact], terms: Sequence[str]) -> dict[int, Markup]:
    openings = {fact.place: escape(fact.opening) for fact in facts}
    if not terms:
        return openings
    entries = context.shelf.entries([fact.place for fact in facts])
    hits = {place: in_context(entry.whole_text, terms) for place, entry in entries.items()}
    return openings | {place: hit for place, hit in hits.items() if hit}


def _more(choice: Choice, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Addresses of what comes after these rows; None if they are the last."""
    if len(rows) < ROWS:
        return None
    query = choice.address(after=rows[-1].fact.id)
    return {"page": f"/stories{query}", "rows": f"/stories/rows{query}"}
