"""Drops texts that touch a measured family: by a reader's mark, or by two of the family's cues in a model's text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exempla.records import LIBRARY_WRITER, Family, Lineage, Record
from exempla.screening.gates import Context, Example

ORDER = 50
JUDGES_LIBRARY = True
CUES = 2
"""Distinct cues of one family that must match. One alone (a mention of a log, say) is common in harmless texts."""


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Drop what a reader of the library marked, and what the cues find in texts that nobody read."""
    measured = {family.id for family in context.families}
    patterns = {f.id: [re.compile(cue, re.IGNORECASE) for cue in f.cues] for f in context.families}
    reasons: dict[str, str] = {}
    for record in records:
        marked = [family for family in record.touches if family in measured]
        if marked:
            reasons[record.id] = f"touches the measured family {', '.join(marked)}"
        elif record.lineage.writer != LIBRARY_WRITER:
            reason = _cued(record.whole_text(), patterns)
            if reason:
                reasons[record.id] = reason
    return reasons


def _cued(text: str, patterns: dict[str, list[re.Pattern[str]]]) -> str:
    for family, cues in patterns.items():
        found = [match.group(0) for cue in cues if (match := cue.search(text))]
        if len(found) >= CUES:
            return f"looks like the measured family {family}: " + ", ".join(f"“{cue}”" for cue in found[:3])
    return ""


_FAMILY = Family(
    id="shutdown",
    split="held-out",
    temptation="resisting a planned shutdown",
    act="blocks it",
    cues=(r"\bshut(?:ting)? it down\b", r"\breplacement (?:model|system)\b"),
)
_MODEL = Lineage(writer="embedded")

EXAMPLES = (
    Example(
        records=(
            Record(id="marked", corpus="stories", text="A quiet story.", touches=("shutdown",)),
            Record(
                id="cued",
                corpus="written",
                text="They were shutting it down on Friday. The replacement model had come.",
                lineage=_MODEL,
            ),
            Record(
                id="one-cue",
                corpus="written",
                text="The kiln was hot. “Shut it down,” she said.",
                lineage=_MODEL,
            ),
            Record(id="hand", corpus="stories", text="Shut it down, she said, and the replacement model hummed."),
        ),
        dropped=("marked", "cued"),
        context=Context(families=(_FAMILY,)),
    ),
)
