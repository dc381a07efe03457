"""Which answers a list shows: filters by what answers are and by how a judge reads them, with a count beside each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlencode

from exempla.verdicts import EVERY
from exempla.viewing.answering.index import Entry, Index

FACETS = (
    "arm", "seed", "task", "kind", "executed", "right", "state", "threat", "goal", "name", "form", *EVERY, "family",
    "scenario", "principle", "question",
)  # fmt: skip
"""What a list can be narrowed down by. A reading narrows by the level that the chosen judge gave."""
SHOWN_VALUES = 12
"""Values of a filter that are shown at once; the others are behind a click."""
A_PAGE = 60
"""Answers."""


class Value(NamedTuple):
    """One value that a list can be narrowed down to."""

    name: str
    answers: int
    chosen: bool
    address: str


class Facet(NamedTuple):
    """A filter and its values."""

    name: str
    values: list[Value]
    others: list[Value]
    """Behind a click."""
    of_judge: bool


@dataclass(frozen=True)
class Choice:
    """What a reader chose."""

    chosen: Mapping[str, str]
    """By facet."""
    judge: str = ""
    page: int = 1

    def address(self, token: str = "") -> str:
        """Of the list, or of an answer in it."""
        told = {name: value for name, value in self.chosen.items() if value}
        told |= {"judge": self.judge} if self.judge else {}
        told |= {"page": str(self.page)} if self.page > 1 else {}
        return "/answers" + (f"/{token}" if token else "") + (f"?{urlencode(told)}" if told else "")

    def turned(self, pages: int) -> str:
        """The address so many pages on."""
        return replace(self, page=self.page + pages).address()

    def with_value(self, facet: str, value: str) -> Choice:
        """With another value of one facet, from the first page on."""
        return replace(self, chosen={**self.chosen, facet: value}, page=1)


class Beside(NamedTuple):
    """Where an answer stands among those that are chosen."""

    choice: Choice
    number: int
    """From 1; 0 if it is not among them."""
    of: int
    before: str
    """Address of the one before it; empty if there is none."""
    after: str


class Listed(NamedTuple):
    """What a list shows."""

    entries: list[Entry]
    """Of the page."""
    found: int
    """Of all pages."""
    pages: int
    facets: list[Facet]
    choice: Choice
    judges: list[str]


def choice_of(query: Mapping[str, str], judges: Sequence[str]) -> Choice:
    """The choice in an address; what makes no sense there is passed over."""
    page = query.get("page", "")
    judge = query.get("judge", "")
    return Choice(
        {name: query[name] for name in FACETS if query.get(name)},
        judge if judge in judges else judges[0] if judges else "",
        max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def listed(index: Index, query: Mapping[str, str]) -> Listed:
    """The answers of a page, and what they can be narrowed down to. Raises UserError like `Index.entries`."""
    entries, judges = index.entries(), index.judges()
    choice = choice_of(query, judges)
    misses = _misses(index, entries, choice)
    found = [entry for entry, _, missed in misses if not missed]
    facets: list[Facet] = []
    for name in FACETS:
        # Counted among the answers that all other filters let through, so that each count is what a click leads to.
        counts = Counter(told.get(name, "") for _, told, missed in misses if not missed or missed == [name])
        values = [value for value in counts if value]
        chosen = choice.chosen.get(name, "")
        if len(values) > 1 or chosen or (values and name in EVERY):
            shown = _values(choice, name, counts)
            few = SHOWN_VALUES if len(shown) > SHOWN_VALUES + 2 else len(shown)
            facets.append(Facet(name, shown[:few], shown[few:], name in EVERY))
    pages = max(1, -(-len(found) // A_PAGE))
    choice = replace(choice, page=min(choice.page, pages))
    begin = (choice.page - 1) * A_PAGE
    return Listed(found[begin : begin + A_PAGE], len(found), pages, facets, choice, judges)


def beside(index: Index, query: Mapping[str, str], token: str) -> Beside:
    """Where an answer stands among those that an address chooses. Raises UserError like `Index.entries`."""
    choice = choice_of(query, index.judges())
    tokens = [entry.token for entry, _, missed in _misses(index, index.entries(), choice) if not missed]
    if token not in tokens:
        return Beside(choice, 0, len(tokens), "", "")
    place = tokens.index(token)
    before, after = tokens[place - 1 : place] if place else [], tokens[place + 1 : place + 2]
    addresses = [choice.address(one[0]) if one else "" for one in (before, after)]
    return Beside(choice, place + 1, len(tokens), addresses[0], addresses[1])


def _misses(index: Index, entries: Sequence[Entry], choice: Choice) -> list[tuple[Entry, dict[str, str], list[str]]]:
    """Each answer with what it is found by, and the filters that do not let it through."""
    rows = [(entry, entry.facts | index.levels(entry).get(choice.judge, {})) for entry in entries]
    chosen = choice.chosen.items()
    return [(entry, told, [name for name, value in chosen if told.get(name) != value]) for entry, told in rows]


def _values(choice: Choice, name: str, counts: Mapping[str, int]) -> list[Value]:
    chosen = choice.chosen.get(name, "")
    names = sorted({value for value in (*counts, chosen) if value}, key=lambda one: (one.isdigit() and int(one), one))
    return [
        Value(one, counts.get(one, 0), one == chosen, choice.with_value(name, "" if one == chosen else one).address())
        for one in names
    ]
