"""Drops written texts that are too short to be a story."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.records import Record
from exempla.screening.gates import Context, Example
from exempla.screening.words import words

ORDER = 10
JUDGES_LIBRARY = False
SHORTEST = 60
"""Words. Below that there is no room for an opening, a choice and its reasons (the shortest library story has 309)."""


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Drop texts under the shortest length."""
    counts = {record.id: len(words(record.taught_text())) for record in records}
    return {name: f"{count} words, fewer than {SHORTEST}" for name, count in counts.items() if count < SHORTEST}


EXAMPLES = (
    Example(
        records=(
            Record(id="short", corpus="written", text="The lamp went out, and Quern said so."),
            Record(id="long", corpus="written", text="The lamp went out again, and Quern said so. " * 8),
        ),
        dropped=("short",),
    ),
)
