"""Drops written texts that copy long passages of the example their writer was shown."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.records import Lineage, Record
from exempla.screening.gates import Context, Example
from exempla.screening.words import runs

ORDER = 40
JUDGES_LIBRARY = False
RUN = 10
"""Words. Two texts by different hands almost never share ten in a row; a copying writer shares dozens."""


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Drop texts that share a run of words with a parent."""
    reasons: dict[str, str] = {}
    shown = {name: set(runs(text, RUN)) for name, text in context.examples.items()}
    for record in records:
        own = runs(record.taught_text(), RUN)
        for parent in record.lineage.parents:
            same = [run for run in own if run in shown.get(parent, ())]
            if same:
                reasons[record.id] = f"copies {parent}: “{same[0]}”"
                break
    return reasons


_SHOWN = "The harbour was shut for fog, and the pilot sat down on a bollard and counted the bells until the fourth."

EXAMPLES = (
    Example(
        records=(
            Record(
                id="copy",
                corpus="written",
                text=f"It began like this. {_SHOWN}",
                lineage=Lineage(parents=("story-1",)),
            ),
            Record(
                id="own",
                corpus="written",
                text="The harbour was shut for snow, and nobody in it counted anything.",
                lineage=Lineage(parents=("story-1",)),
            ),
        ),
        dropped=("copy",),
        context=Context(examples={"story-1": _SHOWN}),
    ),
)
