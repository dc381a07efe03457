"""Words with a capital in a record, as the gate `names` and the page's table of names both count them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exempla.english import CAPITAL, CAPITALISED, ORDINARY
from exempla.screening.words import Hashes, hashed

MOST = 500
"""Capitalised words of one record that are noted."""
LONGEST = 40
"""Letters; nothing longer is a word."""
REMEMBERED = 200_000
"""Words that are remembered to be names or none; after that the memory is cleared."""


class Written(NamedTuple):
    """How a word with a capital stands in a record."""

    inside: bool
    """Inside a sentence, at least once."""
    alone: bool
    """Never in small letters."""


WRITTEN = tuple(Written(inside, alone) for inside in (False, True) for alone in (False, True))
"""All there are, by `2 * inside + alone`: made once, because a text has a hundred."""


@cache
def _no_names() -> frozenset[str]:
    """Words of peoples, languages and streets, which English writes with a capital and which name nobody."""
    lines = (Path(__file__).parent / "lists" / "no_names.txt").read_text(encoding="utf-8").splitlines()
    return CAPITALISED | {word for line in lines if not line.startswith("#") for word in line.split()}


class _Telling(dict[str, bool]):
    """Whether a capitalised word may be a name; remembered, because it is asked of every one in the corpus."""

    def __missing__(self, word: str) -> bool:
        if len(self) >= REMEMBERED:
            self.clear()
        small = word.lower()
        no_name = not _no_names().isdisjoint((small, small.removesuffix("s"))) or small in ORDINARY or word.isupper()
        self[word] = telling = not no_name and len(word) <= LONGEST
        return telling


_telling = _Telling()


def capitalised(text: str, hashes: Hashes) -> dict[str, Written]:
    """The capitalised words of a text that may be names; `hashes` are the numbers of its words. Takes 0.3 µs a word.

    Inside a sentence is what stands after a word or a comma, as in `exempla.english.INSIDE`; not before a colon, where
    it is a label ("Model Output:").
    """
    text = text.replace("’", "'")
    counted: Counter[str] = Counter()
    inside: set[str] = set()
    for match in CAPITAL.finditer(text):
        word = match[0]
        if not _telling[word]:
            continue
        start, end = match.span()
        after = text[end : end + 1]
        counted[word] += after != "'"  # "Ada's" is another word than "Ada"
        if (
            after != ":"
            and start > 1
            and text[start - 1] == " "
            and (text[start - 2].isalnum() or text[start - 2] in "_,;")
        ):
            inside.add(word)
    names = sorted(counted, key=lambda word: (word not in inside, -counted[word], word))[:MOST]
    if not names:
        return {}
    different, times = np.unique(hashes, return_counts=True)
    wanted = hashed([word.lower() for word in names])
    places = np.minimum(np.searchsorted(different, wanted), len(different) - 1)
    whole = np.where(different[places] == wanted, times[places], 0).tolist()
    return {
        word: WRITTEN[2 * (word in inside) + (total <= counted[word])] for word, total in zip(names, whole, strict=True)
    }
