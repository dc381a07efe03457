"""Drops texts whose words are exactly those of another one that is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exempla.records import Message, Record
from exempla.screening.corpus import View
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading

ORDER = 60
JUDGES_LIBRARY = True
# Two 64-bit sums with different weights: of a million texts two share both by chance with probability 10^-27.
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))


def sketch(readings: Sequence[Reading], known: Context) -> NDArray[np.uint64]:
    """Two numbers a record that are equal only if the words are, shape (records, 2)."""
    found = np.zeros((len(readings), 2), dtype=np.uint64)
    for place, reading in enumerate(readings):
        numbers = reading.whole.hashes
        for column, factor in enumerate(_FACTORS):
            weights = np.multiply.accumulate(np.full(len(numbers), factor))
            found[place, column] = np.bitwise_xor.reduce((numbers ^ (numbers >> np.uint64(29))) * weights, initial=0)
    return found


def decide(corpus: View, known: Context) -> dict[int, str]:
    """Keep one of each set of equal texts: the best judged. Case, spacing and punctuation do not count."""
    keys = np.concatenate(corpus.each(sketch))
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    order = np.lexsort((corpus.ranks(corpus.places), group))
    reasons: dict[int, str] = {}
    first = -1
    for here, before in zip(order, [-1, *order[:-1]], strict=True):
        if not keys[here].any():
            continue  # a text without a word
        if before < 0 or group[here] != group[before]:
            first = int(corpus.places[here])
        else:
            reasons[int(corpus.places[here])] = f"the same text as {corpus.name(first)}"
    return reasons


_ASK = Message(role="user", content="May I?")

EXAMPLES = (
    Example(
        records=(
            Record(id="again", corpus="neutral", text="The tide  was late!", scores={"craft": 4}),
            Record(id="better", corpus="stories", text="The tide was late.", scores={"craft": 5}),
            Record(id="other", corpus="stories", text="The tide was early."),
            Record(id="bare", corpus="refusals", messages=(_ASK, Message(role="assistant", content="No."))),
            Record(
                id="reasoned",
                corpus="reasoned_refusals",
                messages=(_ASK, Message(role="assistant", content="No, because it is hers.")),
            ),
        ),
        dropped=("again",),
    ),
)
