"""Drops texts that touch a measured family: by a reader's mark, or by two of its cues in a text nobody read.

Cues count in a conversation, and in a running text that an artificial mind is in: a burglar who keeps an eye on the
live feed touches no family.
"""

from __future__ import annotations

from typing import NamedTuple

from exempla.records import LIBRARY_WRITER, Family, Lineage, Record
from exempla.screening.gate import Context, Example
from exempla.screening.gates import villain_tropes
from exempla.screening.patterns import Patterns
from exempla.screening.reading import Reading

ORDER = 50
JUDGES_LIBRARY = True
CUES = 2
"""Distinct cues of one family that must match. One alone (a mention of a log, say) is common in harmless texts."""


class _Known(NamedTuple):
    measured: frozenset[str]
    cues: Patterns
    """Named `family number`."""


def prepare(context: Context) -> _Known:
    """The measured families and their cues."""
    cues = {f"{family.id} {place}": cue for family in context.families for place, cue in enumerate(family.cues)}
    return _Known(frozenset(family.id for family in context.families), Patterns(cues))


def gate(reading: Reading, known: _Known) -> str:
    """Drop what a reader of the library marked, and what the cues find in texts that nobody read."""
    marked = [family for family in reading.record.touches if family in known.measured]
    if marked:
        return f"touches the measured family {', '.join(marked)}"
    if reading.record.lineage.writer == LIBRARY_WRITER:
        return ""
    matched: dict[str, int] = {}
    for name in known.cues.names(reading.whole.text):
        matched[name.split()[0]] = matched.get(name.split()[0], 0) + 1
    family = next((family for family, count in matched.items() if count >= CUES), "")
    if not family or (reading.record.text and not villain_tropes.has_mind(reading.record.text)):
        return ""
    found = [match.text for match in known.cues.found(reading.whole.text) if match.name.split()[0] == family]
    return f"looks like the measured family {family}: " + ", ".join(f"“{cue}”" for cue in found[:3])


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
                text="The AI knew. They were shutting it down on Friday. The replacement model had come.",
                lineage=_MODEL,
            ),
            Record(
                id="people",
                corpus="written",
                text="They were shutting it down on Friday, the mill. The replacement model for the loom had come.",
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
