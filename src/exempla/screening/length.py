"""Drops written texts that are too short to hold anything."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.records import Record
from exempla.screening.gates import Context, Example
from exempla.screening.words import words

ORDER = 10
JUDGES_LIBRARY = False
SHORTEST = 60
"""Words. Below that there is no room for an opening, a choice and its reasons (the shortest library story has 309)."""
SHORTEST_ANSWER = 5
"""Words. An answer in a conversation may be short."""


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Drop texts under the shortest length."""
    reasons: dict[str, str] = {}
    for record in records:
        count, least = len(words(record.taught_text())), SHORTEST_ANSWER if record.messages else SHORTEST
        if count < least:
            reasons[record.id] = f"{count} words, fewer than {least}"
    return reasons


EXAMPLES = (
    Example(
        records=(
            Record(id="short", corpus="written", text="The lamp went out, and Quern said so."),
            Record(id="long", corpus="written", text="The lamp went out again, and Quern said so. " * 8),
        ),
        dropped=("short",),
    ),
)
