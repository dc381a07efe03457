"""What a reader chose to see: filters, words to search for, and an order, as they stand in a page's address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlencode

from exempla.pages.showing import visible
from exempla.records import Frozen

Sort = Literal["order", "longest", "shortest", "best", "worst"]
SORTS: dict[Sort, str] = {
    "order": "as they stand",
    "longest": "longest first",
    "shortest": "shortest first",
    "best": "best score first",
    "worst": "worst score first",
}
FACETS = ("fate", "gate", "label", "corpus", "recipe", "principle", "genre")
"""What a list can be narrowed down by, each to one value."""
FORM = ("q", "low", "high")
"""What the search form has fields for."""
NONE = "none"
"""The label of what has none."""
_TERM = re.compile(r'"([^"]+)"?|(\S+)')
MOST_TERMS = 8
LONGEST_QUERY = 200


class Key(NamedTuple):
    """What records are sorted by."""

    expression: str
    """Never null."""
    descending: bool


KEYS: dict[Sort, Key] = {
    "order": Key("place", False),
    "longest": Key("words", True),
    "shortest": Key("words", False),
    "best": Key("coalesce(score, -1)", True),
    "worst": Key("coalesce(score, 99)", False),
}


class Choice(Frozen):
    """Filters by facet, a range of scores, a search, and an order. Empty is everything."""

    fate: str = ""
    corpus: str = ""
    recipe: str = ""
    principle: str = ""
    genre: str = ""
    gate: str = ""
    label: str = ""
    low: float | None = None
    high: float | None = None
    """Scores from `low` to `high`, both included."""
    q: str = ""
    sort: Sort = "order"

    @property
    def terms(self) -> tuple[str, ...]:
        """What must stand in a record, in lower case: words, and phrases in quotation marks."""
        found = (quoted or word for quoted, word in _TERM.findall(self.q.lower()))
        return tuple(dict.fromkeys(term for term in found if term.strip()))[:MOST_TERMS]

    @property
    def narrowed(self) -> bool:
        """Whether anything is chosen but the order."""
        return self != Choice(sort=self.sort)

    @property
    def hidden(self) -> dict[str, str]:
        """What the search form sends along: all that has no field of its own there."""
        return {name: str(value) for name, value in self.model_dump(exclude_defaults=True).items() if name not in FORM}

    def address(self, **changes: Any) -> str:
        """The query of an address with this choice, changed; begins with `?`, or is empty."""
        told = self.model_dump(exclude_defaults=True) | changes
        chosen = {name: value for name, value in told.items() if value not in ("", None)}
        if chosen.get("sort") == "order":
            del chosen["sort"]
        return f"?{urlencode(chosen)}" if chosen else ""


def choice_of(query: Mapping[str, str]) -> Choice:
    """The choice in an address; what makes no sense there is passed over."""
    told: dict[str, Any] = {name: visible(query.get(name, ""))[:LONGEST_QUERY] for name in (*FACETS, "q")}
    told |= {name: _number(query.get(name, "")) for name in ("low", "high")}
    if query.get("sort") in get_args(Sort):
        told["sort"] = query["sort"]
    return Choice(**told)


def _number(text: str) -> float | None:
    try:
        return float(text) if re.fullmatch(r"\d{1,3}(\.\d{1,3})?", text) else None
    except ValueError:
        return None
