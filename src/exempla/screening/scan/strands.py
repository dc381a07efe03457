"""Many texts as one strand: of words, or of function words and punctuation with blanks for what is between."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.english import ORDINARY
from exempla.screening.words import Hashes, hashed, run_hashes

Places = NDArray[np.int64]
# What run_hashes multiplies with, so that a run's number gives that of a run which is one token longer.
_FACTOR = run_hashes(np.array([1, 0], dtype=np.uint64), 2)[0]

BLANK, BEGIN, END = "*", "\x02", "\x03"
WORD, BLANKS, SIGN, EDGE = range(4)
"""Kinds of token: a word that is kept, a blank, a punctuation mark, the beginning or the end of a text."""

SIGNS = (*'.,;:!?()"…—',)
"""Punctuation that is looked at, as all its spellings are read."""
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|\.\.\.|--|[.,;:!?()\"“”…—–]")
_ALIKE = {"“": '"', "”": '"', "--": "—", "–": "—", "...": "…"}
# Among the commonest words of English, those that carry content.
_OPEN = """
able ago alone asked back became become began best better bottom came come comes coming corner day days edge end
evening far five four front full gave get gets give go goes going gone good got great half hand hands hour hours keep
kept knew know known last later least left let like little long look looked lot made make makes making man matter men
middle mine minute minutes moment morning near need new next night off old open part parts people place put ready rest
right room said saw say saying says second see seen side take taken taking tell thing things think third thought three
time times today told tomorrow took turn turned two use used want wanted way ways week weeks well went woman word words
work year years young
"""
FUNCTION_WORDS = ORDINARY - frozenset(_OPEN.split()) | {"neither", "whether", "unless", "except", "despite"}
"""Words that hold sentences together, and say nothing of what they are about."""


class _Vocabulary(dict[str, int]):
    """Token as it is written, to its number; equal but for letter case and typography, equal in number."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, int] = {}

    def __missing__(self, token: str) -> int:
        plain = _ALIKE.get(token) or token.lower().replace("’", "'")
        self[token] = number = self.numbers.setdefault(plain, len(self.numbers))
        return number


class Strand(NamedTuple):
    """Tokens of all texts, one text after another. Every array but `hashes` tells of one token a place."""

    hashes: Hashes
    kinds: NDArray[np.int8]
    text: NDArray[np.int32]
    """Number of the text it stands in."""
    start: NDArray[np.int32]
    """Place of its first token among all tokens of the texts."""
    end: NDArray[np.int32]
    """Place after its last."""

    def runs(self, length: int) -> Hashes:
        """One number for each run of tokens, shape (tokens - length + 1,), those from one text into the next too."""
        return run_hashes(self.hashes, length)

    def growing(self, shortest: int, longest: int) -> Iterator[tuple[int, Hashes]]:
        """Each length up to the longest, and what `runs` gives for it."""
        found = self.runs(shortest)
        for length in range(shortest, longest + 1):
            yield length, found
            found = found[:-1] * _FACTOR + self.hashes[length:]

    def at(self, places: Places, length: int) -> Hashes:
        """The number of the run that begins at each of some places, as `runs` gives it."""
        found = self.hashes[places]
        for further in range(1, length):
            found = found * _FACTOR + self.hashes[places + further]
        return found

    def within(self, length: int) -> NDArray[np.bool_]:
        """Whether the run that begins at each place lies in one text, shape (tokens - length + 1,)."""
        if len(self.text) < length:
            return np.empty(0, dtype=np.bool_)
        same: NDArray[np.bool_] = self.text[: len(self.text) - length + 1] == self.text[length - 1 :]
        return same


class Tokens:
    """Many texts, as tokens."""

    def __init__(self, texts: Sequence[str]) -> None:
        known = _Vocabulary()
        self.texts = texts
        pieces = [np.empty(0, dtype=np.int32)]
        for text in texts:
            found = _TOKEN.findall(text)
            found.append(END)
            pieces.append(np.fromiter(map(known.__getitem__, [BEGIN, *found]), dtype=np.int32, count=len(found) + 1))
        self.ids = np.concatenate(pieces)
        """Number of each token, a beginning and an end for each text among them."""
        self.vocabulary = list(known.numbers)
        self.starts = np.cumsum([len(piece) for piece in pieces])[:-1] if texts else np.empty(0, dtype=np.int64)
        """Place of each text's beginning."""
        self._lengths = [len(piece) for piece in pieces[1:]]

    @cached_property
    def _text(self) -> NDArray[np.int32]:
        return np.repeat(np.arange(len(self.texts), dtype=np.int32), self._lengths)

    def words(self) -> Strand:
        """All words, and the edges of texts; no punctuation."""
        kinds = np.array([_kind(token, None) for token in self.vocabulary], dtype=np.int8)[self.ids]
        places = np.flatnonzero(kinds != SIGN).astype(np.int32)
        return Strand(hashed(self.vocabulary)[self.ids[places]], kinds[places], self._text[places], places, places + 1)

    def shapes(self, kept: frozenset[str]) -> Strand:
        """The words of `kept`, punctuation and edges; one blank for each row of other words."""
        kinds = np.array([_kind(token, kept) for token in self.vocabulary], dtype=np.int8)[self.ids]
        blank = kinds == BLANKS
        later = np.zeros(len(blank), dtype=np.bool_)
        later[1:] = blank[1:] & blank[:-1]
        places = np.flatnonzero(~later).astype(np.int32)
        hashes = hashed(self.vocabulary)[self.ids[places]]
        hashes[blank[places]] = hashed([BLANK])[0]
        end = np.append(places[1:], np.int32(len(kinds)))
        return Strand(hashes, kinds[places], self._text[places], places, end)

    def wording(self, start: int, end: int) -> bytes:
        """The very tokens between two places, to be compared."""
        return self.ids[start:end].tobytes()

    def shown(self, strand: Strand, place: int, length: int) -> str:
        """A run of a strand as a person reads it."""
        line = ""
        for at in range(place, place + length):
            token = self.vocabulary[self.ids[strand.start[at]]]
            if strand.kinds[at] == BLANKS:
                token = BLANK
            token = {BEGIN: "(opening)", END: "(ending)"}.get(token, token)
            line += token if not line or token in ".,;:!?)…" else f" {token}"
        return line

    def spot(self, text: int, start: int, end: int) -> tuple[int, int]:
        """First character and the one after the last, in a text, of the tokens between two places."""
        first, last = start - int(self.starts[text]) - 1, end - int(self.starts[text]) - 2
        spans = [match.span() for match in _TOKEN.finditer(self.texts[text])]
        if not spans:
            return 0, 0
        return spans[max(0, min(first, len(spans) - 1))][0], spans[max(0, min(last, len(spans) - 1))][1]


def _kind(token: str, kept: frozenset[str] | None) -> int:
    """Of a token; without `kept` all words are kept."""
    if token in (BEGIN, END):
        return EDGE
    if not token[0].isalnum():
        return SIGN
    return WORD if kept is None or token in kept else BLANKS
