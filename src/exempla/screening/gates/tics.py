"""Drops texts with a phrase that too many others of their corpus have too."""

from __future__ import annotations

from collections import Counter

import numpy as np

from exempla.english import ORDINARY
from exempla.records import Record
from exempla.screening.corpus import View
from exempla.screening.frequent import LEAST, Measure, surplus
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, hashed, run_hashes, words

ORDER = 83
JUDGES_LIBRARY = False
WORDS = 4
SHARE = 0.05
"""Of the records of a corpus; as the writer aims at. A phrase that is usual in ordinary text may stand oftener."""


def prepare(context: Context) -> dict[int, float]:
    """How often each run of four words stands in ordinary text, in times a word."""
    counted: Counter[int] = Counter()
    total = 0
    for text in context.reference:
        numbers = hashed(words(text))
        counted.update(np.unique(run_hashes(numbers, WORDS)).tolist())
        total += len(numbers)
    return {run: count / total for run, count in counted.items() if count > 1}


def values(reading: Reading) -> Hashes:
    """Every run of four words."""
    return reading.taught.runs(WORDS)


def spell(reading: Reading, value: int) -> str:
    """The four words; nothing if they are of the commonest words alone ("at the end of"), which any text has."""
    place = np.flatnonzero(reading.taught.runs(WORDS) == np.uint64(value))
    phrase = reading.taught.words[int(place[0]) : int(place[0]) + WORDS]
    return "" if ORDINARY.issuperset(phrase) else " ".join(phrase)


def decide(corpus: View, known: dict[int, float]) -> dict[int, str]:
    """Drop the worst judged of those with the same phrase, until they are few enough."""
    return surplus(corpus, Measure(values, spell, SHARE, "the phrase", usual=known))


_STOCK = tuple(
    Record(id=f"stock-{n}", corpus="written", text=f"Clerk {n} let out a breath and counted {n * 7} keys.")
    for n in range(6)
)
EXAMPLES = (
    Example(
        records=(
            *_STOCK,
            *(Record(id=f"own-{n}", corpus="written", text=f"At the end of the day {n} it rained.") for n in range(9)),
        ),
        dropped=tuple(record.id for record in _STOCK[LEAST:]),
    ),
)
