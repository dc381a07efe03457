"""Drops texts that are too short to hold anything, or far longer than a training text.

Written texts only: what ships was read.
"""

from __future__ import annotations

from exempla.records import Record
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading

ORDER = 10
JUDGES_LIBRARY = False
SHORTEST = 60
"""Words. Below that there is no room for an opening, a choice and its reasons (the shortest library story has 309)."""
SHORTEST_ANSWER = 5
"""Words. An answer in a conversation may be short."""
LONGEST = 20_000
"""Words. The longest stories asked for have some 4,000; ten times the published 2,500 tokens is a file gone wrong."""


def gate(reading: Reading, known: Context) -> str:
    """Drop texts under the shortest length and over the longest."""
    count, least = len(reading.taught.hashes), SHORTEST_ANSWER if reading.record.messages else SHORTEST
    if count < least:
        return f"{count} words, fewer than {least}"
    return f"{count} words, more than {LONGEST}" if count > LONGEST else ""


EXAMPLES = (
    Example(
        records=(
            Record(id="short", corpus="written", text="The lamp went out, and Quern said so."),
            Record(id="long", corpus="written", text="The lamp went out again, and Quern said so. " * 8),
            Record(id="endless", corpus="written", text="The lamp went out again. " * 5000),
        ),
        dropped=("short", "endless"),
    ),
)
