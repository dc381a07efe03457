"""Many regular expressions looked for at once, in time that is linear in the text whatever it holds (RE2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import re2

from exempla.errors import UserError

MEMORY = 48 << 20
"""Bytes that RE2 may take for one set of expressions. It needs a hundredth of it for 76 cues of families."""
TOGETHER = 32
"""Expressions that are looked for in one pass. More of them make RE2's automaton so large that it is built anew again
and again: 126 cues of misdeeds take 1.6 ms for a story of 1,900 words at once, and 0.5 to 0.7 ms in four passes."""
SHOWN = 80
"""Characters of a match that are given."""
LONGEST = 30
"""Characters of a word that is made whole."""
_WORD_BEFORE = re.compile(r"\w+$")
_WORD_AFTER = re.compile(r"\w+")


class Match(NamedTuple):
    """Where an expression was found first."""

    name: str
    text: str
    """What it matched, on one line, cut off."""
    start: int
    """Place of its first character."""
    end: int


class Patterns:
    r"""Named regular expressions, in RE2's syntax: without look-around and back-references.

    Letter case does not count, unless an expression begins with `(?-i)`. `\w` stands for the letters and figures of any
    script; `\b` knows Latin letters without accents only.
    """

    def __init__(self, expressions: Mapping[str, str]) -> None:
        options = re2.Options()
        options.case_sensitive = False
        options.max_mem = MEMORY
        options.log_errors = False
        self._names = list(expressions)
        self._single = []
        self._sets = [re2.Set.SearchSet(options) for _ in range(0, len(expressions), TOGETHER)]
        for place, (name, expression) in enumerate(expressions.items()):
            widened = expression.replace(r"\w", r"[\pL\pN_]")
            try:
                self._single.append(re2.compile(widened, options))
                self._sets[place // TOGETHER].Add(widened)
            except re2.error as error:
                raise UserError(f"pattern {name}: {expression!r} is no regular expression of RE2 ({error})") from error
        for some in self._sets:
            some.Compile()

    def names(self, text: str) -> list[str]:
        """Names of the expressions that match somewhere, in their order. 15 to 25 MB/s for a hundred expressions."""
        return [self._names[place] for place in self._present(_clean(text).encode())]

    def found(self, text: str) -> list[Match]:
        """The first match of each expression that matches, in the order of the expressions."""
        clean = _clean(text)
        matches = []
        for place in self._present(clean.encode()):
            match = self._single[place].search(clean)
            if match is not None:
                matches.append(_match(self._names[place], match))
        return matches

    def _present(self, clean: bytes) -> list[int]:
        """Places of the expressions that match, in order."""
        return [
            start + place
            for start, some in zip(range(0, len(self._names), TOGETHER), self._sets, strict=True)
            for place in sorted(some.Match(clean) or ())
        ]

    def all_of(self, name: str, text: str) -> Iterator[Match]:
        """Every match of one expression, from left to right."""
        for match in self._single[self._names.index(name)].finditer(_clean(text)):
            yield _match(name, match)


def _match(name: str, match: re2._Match) -> Match:
    return Match(name, shown(match.group(0)), match.start(), match.end())


def shown(text: str) -> str:
    """A quotation on one line; a long one ends after a word, with a sign that more follows."""
    line = " ".join(text[: 2 * SHOWN].split())
    if len(line) <= SHOWN:
        return line
    cut, _, _ = line[:SHOWN].rpartition(" ")
    return f"{cut or line[: SHOWN - 1]}…"


def quoted(text: str, match: Match) -> str:
    """A match as it stands in its text, with the words that it begins and ends in made whole."""
    before = text[max(0, match.start - LONGEST) : match.start]
    after = text[match.end : match.end + LONGEST]
    head, tail = _WORD_BEFORE.search(before), _WORD_AFTER.match(after)
    start = match.start - (len(head.group()) if head and text[match.start : match.start + 1].isalnum() else 0)
    end = match.end + (len(tail.group()) if tail and text[match.end - 1 : match.end].isalnum() else 0)
    return shown(text[start:end].encode("utf-8", "replace").decode())


def _clean(text: str) -> str:
    """RE2 reads UTF-8, in which half a surrogate pair cannot be written; apostrophes of print are plain ones."""
    return text.replace("’", "'").encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
