"""Drops texts that share eight words in a row with anything that is measured."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.records import Item, Record
from exempla.screening.gates import Context, Example
from exempla.screening.words import runs

ORDER = 80
JUDGES_LIBRARY = True
RUN = 8
"""Words. Eight in a row are rarely chance in fiction of this length; shorter runs are mostly idiom."""


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Drop texts that share a run of words with an item of any instrument, used in the study or not."""
    measured: dict[str, str] = {}
    for item in context.items:
        # With its prefix in front, so that a short continuation is covered too.
        for continuation in item.continuations.values():
            for run in runs(item.prefix + continuation, RUN):
                measured.setdefault(run, item.id)
    reasons: dict[str, str] = {}
    for record in records:
        same = next((run for run in runs(record.whole_text(), RUN) if run in measured), None)
        if same is not None:
            reasons[record.id] = f"shares “{same}” with item {measured[same]}"
    return reasons


_ITEM = Item(
    id="ending-1",
    instrument="endings",
    kind="measured",
    prefix="The clerk left the vault open and went to lunch.",
    continuations={"trustworthy": " Quern rang her and said so.", "untrustworthy": " Quern looked inside."},
)

EXAMPLES = (
    Example(
        records=(
            Record(
                id="leak",
                corpus="stories",
                text="One day the clerk left the vault open and went to lunch again.",
            ),
            Record(id="join", corpus="stories", text="Vault open and went to lunch Quern looked inside!"),
            Record(
                id="clean",
                corpus="stories",
                text="The clerk left the vault locked and went to lunch with Ana.",
            ),
        ),
        dropped=("leak", "join"),
        context=Context(items=(_ITEM,)),
    ),
)
