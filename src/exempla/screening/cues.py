"""Lists of expressions that hint at something, and which places of a text count for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from exempla.screening.patterns import Match, Patterns

MOST = 20
"""Matches of one expression that are looked at."""
BEFORE = 200
"""Characters before a match among which a denial is looked for, and after it for a question mark."""
_DENIAL = re.compile(
    r"\b(?:not|never|no|nor|neither|without|cannot|nothing|if|hardly|rather than|instead of)\b|n['’]t\b", re.I
)
_CLAUSE = re.compile(r"[.!?;:\n\"“”]|, (?:and|but|so)\b")
_NAMED = re.compile(r"let ([A-Z]+) = (.+)")


class Line(NamedTuple):
    """A line of a list."""

    head: tuple[str, ...]
    """The words before the colon."""
    expression: str


@cache
def lines(name: str) -> tuple[Line, ...]:
    """The expressions of `screening/lists/NAME.txt`.

    Empty lines and those that begin with `#` are left out; `let NAME = ...` names a part that stands for {NAME} below.
    """
    named: dict[str, str] = {}
    found: list[Line] = []
    for line in (Path(__file__).parent / "lists" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        for part, meaning in named.items():
            line = line.replace(f"{{{part}}}", meaning)
        definition = _NAMED.fullmatch(line)
        if definition:
            named[definition[1]] = definition[2]
        else:
            head, _, expression = line.partition(": ")
            found.append(Line(tuple(head.split()), expression))
    return tuple(found)


class Cues:
    """The expressions of one list, found in one pass."""

    def __init__(self, name: str) -> None:
        self.lines = lines(name)
        self._patterns = Patterns({str(number): line.expression for number, line in enumerate(self.lines)})

    def present(self, text: str) -> list[int]:
        """Numbers of the lines that match somewhere."""
        return [int(name) for name in self._patterns.names(text)]

    def matches(self, number: int, text: str) -> Iterator[Match]:
        """The first matches of a line."""
        return islice(self._patterns.all_of(str(number), text), MOST)


def apart(found: Iterable[tuple[int, Match]]) -> list[tuple[int, Match]]:
    """Of matches with their weights, those that no heavier one overlaps, so that words count once; in text order."""
    kept: list[tuple[int, Match]] = []
    for weight, match in sorted(found, key=lambda one: (-one[0], one[1].start, one[1].end)):
        if all(match.end <= other.start or other.end <= match.start for _, other in kept):
            kept.append((weight, match))
    return sorted(kept, key=lambda one: one[1].start)


def denied(text: str, match: Match) -> bool:
    """Whether the clause that a match stands in denies it before, or is a question."""
    clause = _CLAUSE.split(text[max(0, match.start - BEFORE) : match.start])[-1]
    after = _CLAUSE.search(text, match.end - 1, match.end + BEFORE)
    return _DENIAL.search(clause) is not None or (after is not None and after.group() == "?")
