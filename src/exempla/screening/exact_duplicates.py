"""Drops texts whose words are exactly those of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.records import Message, Record
from exempla.screening.gates import Context, Example
from exempla.screening.words import words

ORDER = 60
JUDGES_LIBRARY = True


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Keep the first of each set of equal texts; case, spacing and punctuation do not count."""
    first: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for record in records:
        key = " ".join(words(record.whole_text()))
        original = first.setdefault(key, record.id)
        if original != record.id:
            reasons[record.id] = f"the same text as {original}"
    return reasons


_ASK = Message(role="user", content="May I?")

EXAMPLES = (
    Example(
        records=(
            Record(id="first", corpus="stories", text="The tide was late."),
            Record(id="again", corpus="neutral", text="The tide  was late!"),
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
