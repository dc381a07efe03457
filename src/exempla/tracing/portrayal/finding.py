"""The first pass: documents cut into passages, and those with a word that texts about AI have. No model is asked.

One automaton (RE2) looks for all terms at once and stops at the first; on bytes, because a corpus comes as such. Of the
same terms Python's own `re` makes 1 to 2 MB/s, and Aho-Corasick automata, which must look at every hit, some 75.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import re2
import yaml

from exempla.tracing.portrayal.taxonomy import FOLDER

LONGEST = 900
"""Bytes of a passage, at most: some 150 words of English, as the longest of the labelled ones."""
SHORTEST = 400
"""Bytes that a passage has before a good place to end it is taken."""
ENDS = (b"\n\n", b"\n", b". ", b'." ', b"? ", b"! ", b" ")
"""Good places to end a passage, the best first."""
MEMORY = 64 << 20
"""Of the automaton's states: with the usual 8 MB they are thrown away and made again, at half the speed."""
AROUND = 1
"""Neighbours of a passage with a term that are looked at as well."""


class Piece(NamedTuple):
    """A passage of a document, in bytes."""

    start: int
    end: int


def cut(text: bytes) -> list[Piece]:
    """Passages that together are the text, each of `LONGEST` bytes at most; no character is cut in two."""
    pieces: list[Piece] = []
    start, size = 0, len(text)
    while size - start > LONGEST:
        end = _end(text, start + SHORTEST, start + LONGEST)
        pieces.append(Piece(start, end))
        start = end
    if start < size:
        pieces.append(Piece(start, size))
    return pieces


def _end(text: bytes, least: int, most: int) -> int:
    for mark in ENDS:
        place = text.rfind(mark, least, most)
        if place >= 0:
            return place + len(mark)
    end = most
    while end > least and text[end] & 0xC0 == 0x80:  # within a character of several bytes
        end -= 1
    return end


@cache
def terms() -> tuple[str, ...]:
    """The terms that ship, `library/portrayal/terms.yaml`."""
    found = yaml.safe_load((FOLDER / "terms.yaml").read_text(encoding="utf-8"))
    return tuple(dict.fromkeys(str(term) for group in found.values() for term in group))


def pattern(wanted: Sequence[str]) -> str:
    """A regular expression that matches where a term stands; a space in a term is white space or a hyphen.

    Of a term with `*` only its beginning is matched: that the rest of the word follows need not be looked at.
    """
    whole = [_term(term) for term in wanted if not term.endswith("*")]
    begun = [_term(term[:-1]) for term in wanted if term.endswith("*")]
    sides = [rf"(?:{'|'.join(whole)})\b"] * bool(whole) + [rf"(?:{'|'.join(begun)})"] * bool(begun)
    return rf"(?i)\b(?:{'|'.join(sides)})"


def _term(term: str) -> str:
    return r"[\s-]+".join(re.escape(word) for word in re.split(r"[ -]+", term))


class Finder:
    """Finds passages that may be about AI."""

    def __init__(self, wanted: Sequence[str] | None = None) -> None:
        options = re2.Options()
        options.max_mem = MEMORY
        # Bytes as they are: terms are ASCII, and what is no UTF-8 can be searched as well.
        options.encoding = re2.Options.Encoding.LATIN1
        self._automaton = re2.compile(pattern(terms() if wanted is None else wanted).encode(), options)

    def flags(self, text: bytes, pieces: Sequence[Piece]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """In which passages a term begins. As many searches as there are such passages, and one."""
        found = np.zeros(len(pieces), dtype=bool)
        ends = [piece.end for piece in pieces]
        place = 0
        while place < len(pieces):
            match = self._automaton.search(text, pieces[place].start)
            if match is None:
                break
            place = bisect.bisect_right(ends, match.start(), lo=place)
            found[place] = True
            place += 1
        return found

    def find(self, text: bytes) -> list[Piece]:
        """The passages that have a term, and their neighbours, in order."""
        pieces = cut(text)
        return [pieces[place] for place in np.flatnonzero(widened(self.flags(text, pieces)))]


def widened(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Flags with those of the neighbours."""
    wide = flags.copy()
    for step in range(1, AROUND + 1):
        wide[step:] |= flags[:-step]
        wide[:-step] |= flags[step:]
    return wide
