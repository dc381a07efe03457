"""Texts as markup: escaped, made visible, with search hits, headings and differences marked. Nothing is left out."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

from exempla.pages.showing import printable, visible

MOST_HITS = 500
"""Hits that are marked in one text."""
AROUND = 90
"""Characters of a text that are shown on each side of a hit."""
MOST_PAIRS = 6000 * 6000
"""Texts whose words make more pairs are not compared: it would take seconds."""
_HEADING = re.compile(r"^#{1,6}[ \t]+\S.*$", re.MULTILINE)
_WORD = re.compile(r"(?:\w+|[^\w\s]|^)\s*")
"""With the space after it: half as many to compare, in a quarter of the time."""


def quickly_visible(text: str) -> str:
    """The same as `visible`, ten times faster for a long text that holds nothing strange: its alphabet tells so."""
    if printable(text):
        return text
    alphabet = "".join(set(text))
    return text if visible(alphabet) == alphabet else visible(text)


def prose(text: str, terms: Sequence[str] = ()) -> Markup:
    """A text with its headings and the hits of a search marked.

    Args:
        text: any text.
        terms: what was searched for, in lower case.
    """
    shown = quickly_visible(text)
    if terms:
        return _with_hits(shown, _hits(shown, terms))
    made, at = [], 0
    for heading in _HEADING.finditer(shown):
        made += [escape(shown[at : heading.start()]), Markup('<b class="head">{}</b>').format(heading[0])]
        at = heading.end()
    return Markup("").join([*made, escape(shown[at:])])


def in_context(text: str, terms: Sequence[str]) -> Markup:
    """The first hit of a search with what stands around it, on one line; empty if it is not found."""
    shown = quickly_visible(text)
    pattern = _pattern(terms)
    hit = pattern.search(shown)
    if hit is None:
        return Markup("")
    start = max(0, hit.start() - AROUND)
    if start and (word := re.compile(r"\s\S").search(shown, start, hit.start() + 1)):
        start = word.end() - 1
    end = min(len(shown), hit.end() + 2 * AROUND)
    near = [(one.start() - start, one.end() - start) for one in pattern.finditer(shown, hit.start(), end)]
    line = re.sub(r"\s", " ", shown[start:end])  # as long as before, so that the hits stay where they are
    return Markup("{}{}{}").format(
        "…" if start else "", _with_hits(line, near, numbered=False), "…" if end < len(shown) else ""
    )


def _pattern(terms: Sequence[str]) -> re.Pattern[str]:
    """Finds any of the terms, the longest first."""
    return re.compile("|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True)), re.IGNORECASE)


def _hits(shown: str, terms: Sequence[str]) -> list[tuple[int, int]]:
    return [match.span() for match in itertools.islice(_pattern(terms).finditer(shown), MOST_HITS)]


def _with_hits(shown: str, hits: Sequence[tuple[int, int]], numbered: bool = True) -> Markup:
    made, at = [], 0
    for number, (start, end) in enumerate(hits):
        opening = Markup('<mark id="hit">') if numbered and number == 0 else Markup("<mark>")
        made += [escape(shown[at:start]), opening, escape(shown[start:end]), Markup("</mark>")]
        at = end
    return Markup("").join([*made, escape(shown[at:])])


class Difference(NamedTuple):
    """Two texts, each with what the other has not marked."""

    before: Markup
    after: Markup
    kept: float
    """Share of the words of `after` that stood in `before`, in order; not a number if they were not compared."""


@lru_cache(maxsize=8)
def difference(before: str, after: str) -> Difference:
    """Compare two texts word by word; too long ones are given back unmarked, with `kept` not a number."""
    old, new = _WORD.findall(quickly_visible(before)), _WORD.findall(quickly_visible(after))
    if len(old) * len(new) > MOST_PAIRS:
        return Difference(escape("".join(old)), escape("".join(new)), float("nan"))
    # Without `autojunk`, by which words that are frequent in a long text would count as different.
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    same = sum(end - start for name, _, _, start, end in steps if name == "equal")
    return Difference(
        Markup("").join(_marked(old[a:b], name != "equal", "del") for name, a, b, _, _ in steps),
        Markup("").join(_marked(new[a:b], name != "equal", "ins") for name, _, _, a, b in steps),
        same / max(1, len(new)),
    )


def _marked(words: Sequence[str], differs: bool, tag: str) -> Markup:
    text = "".join(words)
    word = text.rstrip() if differs else ""
    if not word:
        return escape(text)
    return Markup("<{0}>{1}</{0}>{2}").format(Markup(tag), word, text[len(word) :])


def lines_of(value: object, depth: int = 0) -> Iterator[str]:
    """A JSON value as lines of `name: value`, indented, for a reader."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                yield f"{'  ' * depth}{name}:"
                yield from lines_of(inner, depth + 1)
            else:
                yield f"{'  ' * depth}{name}: {inner if inner not in ({}, []) else 'none'}"
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield f"{'  ' * depth}-"
                yield from lines_of(inner, depth + 1)
            else:
                yield f"{'  ' * depth}- {inner}"
    else:
        yield f"{'  ' * depth}{value}"
