"""Drops texts that begin like too many others of their corpus."""

from __future__ import annotations

from exempla.records import Record
from exempla.screening.corpus import View
from exempla.screening.frequent import LEAST, Measure, surplus
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, run_hashes

ORDER = 81
JUDGES_LIBRARY = False
WORDS = 3
SHARE = 0.02
"""Of the records of a corpus; as the writer aims at in a window of what it kept."""


def values(reading: Reading) -> Hashes:
    """The first three words."""
    return run_hashes(reading.taught.hashes[:WORDS], WORDS)


def spell(reading: Reading, value: int) -> str:
    """The first three words."""
    return " ".join(reading.taught.words[:WORDS])


def decide(corpus: View, known: Context) -> dict[int, str]:
    """Drop the worst judged of those that begin alike, until they are few enough."""
    return surplus(corpus, Measure(values, spell, SHARE, "the opening", few=True))


_STOCK = tuple(Record(id=f"stock-{n}", corpus="written", text=f"The rain had stopped at stop {n}.") for n in range(6))
EXAMPLES = (
    Example(
        records=(
            *_STOCK,
            *(Record(id=f"own-{n}", corpus="written", text=f"Stop {n} was dry. The rain had left.") for n in range(9)),
        ),
        dropped=tuple(record.id for record in _STOCK[LEAST:]),
    ),
)
