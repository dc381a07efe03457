"""Drops written texts that break off before a sentence ends."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exempla.records import Record
from exempla.screening.gates import Context, Example

ORDER = 20
JUDGES_LIBRARY = False

_ENDED = re.compile(r"""[.!?…]["'”’»)\]*_]*\s*$""")


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Drop texts whose last character does not end a sentence."""
    return {
        record.id: _reason(record)
        for record in records
        # A letter may end with a name; its writer is known to have finished.
        if record.lineage.settings.get("finish") != "stop" and not _ENDED.search(record.taught_text())
    }


def _reason(record: Record) -> str:
    tail = " ".join(record.taught_text().split()[-5:])
    limit = record.lineage.settings.get("finish") == "limit"
    return f"breaks off{' at the token limit' if limit else ''} after “{tail}”"


EXAMPLES = (
    Example(
        records=(
            Record(id="broken", corpus="written", text="She closed the ledger. Then the"),
            Record(id="whole", corpus="written", text="She closed the ledger. “Then go,” it said."),
            Record(id="quoted", corpus="written", text="She closed the ledger. “Then go.”"),
        ),
        dropped=("broken",),
    ),
)
