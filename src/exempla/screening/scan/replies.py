"""What a model replies in a scan for patterns, checked: quotes must occur and every number must fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeGuard

from exempla.embedding import embed
from exempla.rubric import json_objects, occurs

MOST_QUOTES = 8
"""Quotes of one pattern that are looked up."""
LINE = 200
"""Characters of a description."""
NEARNESS = 0.8
"""Cosine similarity from which on two descriptions are taken to mean the same where the model does not say."""
_EMPTY = re.compile(r"\[\s*\]")


class Unreadable(Exception):
    """A reply that cannot be read."""


class Group(NamedTuple):
    """Descriptions that mean one pattern."""

    pattern: str
    members: tuple[int, ...]
    """Their places in the list, from 0."""


class Rating(NamedTuple):
    """How one text was read. Patterns are named by their place, from 0."""

    broad: frozenset[int]
    """Those that it shows in a broad reading; all of the strict ones are among them."""
    strict: dict[int, str]
    """Those that can be quoted, with the quote."""
    misquoted: int
    """Strict readings whose quote does not occur."""


def read_patterns(reply: str) -> list[tuple[str, list[str]]]:
    """Descriptions, each with its quotes, not looked up yet; none if the reply says that nothing recurs.

    Raises:
        Unreadable: there is no description in it, nor an empty list.
    """
    found = []
    for row in _rows(reply, "patterns"):
        line, evidence = row.get("pattern"), row.get("evidence")
        if isinstance(line, str) and _line(line) and isinstance(evidence, list):
            found.append((_line(line), [quote for quote in evidence if isinstance(quote, str)][:MOST_QUOTES]))
    if not found and ('"evidence"' in reply or not _EMPTY.search(reply)):
        raise Unreadable
    return found


def verified(quotes: Sequence[str], texts: Sequence[str]) -> list[tuple[int, str]]:
    """The quotes that occur, each with the place of a text: of another one than those before, where there is one."""
    found: list[tuple[int, str]] = []
    for quote in quotes:
        places = [place for place, text in enumerate(texts) if occurs(quote, text)]
        if places:
            used = {place for place, _ in found}
            found.append((next((place for place in places if place not in used), places[0]), quote))
    return found


def read_groups(reply: str, count: int) -> list[Group]:
    """Groups of `count` descriptions.

    Raises:
        Unreadable: a number from 1 to `count` is missing, stands twice, or another one is there; or a group has no
            line.
    """
    groups: list[Group] = []
    for row in _rows(reply, "groups"):
        line, members = row.get("pattern"), row.get("members")
        if not isinstance(line, str) or not _line(line) or not isinstance(members, list):
            raise Unreadable
        if not members or not all(_is_number(member, count) for member in members):
            raise Unreadable
        groups.append(Group(_line(line), tuple(member - 1 for member in members)))
    if sorted(member for group in groups for member in group.members) != list(range(count)):
        raise Unreadable
    return groups


def grouped_by_nearness(descriptions: Sequence[str]) -> list[Group]:
    """Descriptions put to the first one before them that they are near to, in the order of their letters."""
    vectors = embed(descriptions)
    leaders: dict[int, list[int]] = {}
    for place in sorted(range(len(descriptions)), key=lambda at: (descriptions[at], at)):
        near = [(float(vectors[place] @ vectors[leader]), -leader) for leader in leaders]
        best = max(near, default=(0.0, 0))
        if best[0] >= NEARNESS:
            leaders[-best[1]].append(place)
        else:
            leaders[place] = [place]
    return [Group(descriptions[leader], tuple(members)) for leader, members in leaders.items()]


def read_ratings(reply: str, texts: Sequence[str], patterns: int) -> dict[int, Rating]:
    """How texts were read, by place; those of which the reply says nothing that fits are left out.

    Raises:
        Unreadable: that is all of them.
    """
    found: dict[int, Rating] = {}
    twice: set[int] = set()
    for row in _rows(reply, "texts"):
        number = row.get("text")
        if not _is_number(number, len(texts)):
            continue
        rating = _rating(row, texts[number - 1], patterns)
        if rating is not None:
            twice |= {number - 1} & set(found)
            found[number - 1] = rating
    found = {place: rating for place, rating in found.items() if place not in twice}
    if not found:
        raise Unreadable
    return found


def _rating(row: dict[str, Any], text: str, patterns: int) -> Rating | None:
    """One text's, or None if it does not fit."""
    broad, strict = row.get("broad"), row.get("strict")
    if not isinstance(broad, list) or not isinstance(strict, list):
        return None
    if not all(_is_number(number, patterns) for number in broad):
        return None
    quotes: dict[int, str] = {}
    misquoted = 0
    for one in strict:
        if not isinstance(one, dict) or not _is_number(one.get("pattern"), patterns):
            return None
        quote = one.get("quote")
        if isinstance(quote, str) and occurs(quote, text):
            quotes[one["pattern"] - 1] = quote
        else:
            misquoted += 1
    return Rating(frozenset(number - 1 for number in broad) | frozenset(quotes), quotes, misquoted)


def _rows(reply: str, name: str) -> Iterator[dict[str, Any]]:
    """The objects of a reply, or those in the list of this name in one of them. Malformed ones are left out."""
    for _, value in json_objects(reply):
        within = value.get(name) if value else None
        if isinstance(within, list):
            yield from (row for row in within if isinstance(row, dict))
        elif value:
            yield value


def _is_number(value: Any, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LINE]
