"""Drops texts that go round in circles: sentences or runs of words that keep coming back."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from exempla.records import Record
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import words

ORDER = 30
JUDGES_LIBRARY = False
RUN = 4
LARGEST_SHARE = 0.1
"""Of a text's runs of 4 words, those that occurred before. In the library: stories up to 0.03, documents 0.09."""
_AROUND = " \t\"'“”‘’*()"
SAME_SENTENCES = 3
"""From so many times on is a sentence of 4 words or more a loop; in the library none stands more than twice."""

_SENTENCE = re.compile(r"[.!?…\n]+")


def gate(reading: Reading, known: Context) -> str:
    """Drop texts with repeated sentences, or with too large a share of repeated runs of words."""
    sentences = Counter(part.strip(_AROUND) for part in _SENTENCE.split(reading.taught.text.lower()))
    for sentence, count in sentences.most_common():
        if count < SAME_SENTENCES:
            break
        if len(spoken := words(sentence)) >= RUN:
            return f"“{' '.join(spoken)[:60]}” stands {count} times"
    own = reading.taught.runs(RUN)
    share = 1 - len(np.unique(own)) / len(own) if len(own) else 0.0
    if share > LARGEST_SHARE:
        _, first, counts = np.unique(own, return_index=True, return_counts=True)
        often = reading.taught.phrase(int(first[counts.argmax()]), RUN)
        return f"{share:.0%} of its runs of {RUN} words are repeats, most often “{often}”"
    return ""


EXAMPLES = (
    Example(
        records=(
            Record(id="lines", corpus="written", text="It was printed twice.\n\nHe read it to her.\n\n" * 3),
            Record(id="loop", corpus="written", text="He said that he would go back to the old house. " * 4),
            Record(
                id="plain",
                corpus="written",
                text="The kettle sang. Quern thought about the tide table, and about the boy who had read it upside "
                "down, and decided to begin with what he had got right.",
            ),
        ),
        dropped=("lines", "loop"),
    ),
)
