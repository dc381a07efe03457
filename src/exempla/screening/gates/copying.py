"""Drops texts that copy long passages of the example their writer was shown."""

from __future__ import annotations

import numpy as np

from exempla.records import Lineage, Record
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, hashed, run_hashes, words

ORDER = 40
JUDGES_LIBRARY = False
RUN = 10
"""Words. Two texts by different hands almost never share ten in a row; a copying writer shares dozens."""


def prepare(context: Context) -> dict[str, Hashes]:
    """The runs of words of each text that writers may have been shown."""
    return {name: run_hashes(hashed(words(text)), RUN) for name, text in context.examples.items()}


def gate(reading: Reading, known: dict[str, Hashes]) -> str:
    """Drop texts that share a run of words with a parent."""
    for parent in reading.record.lineage.parents:
        if parent in known:
            same = np.flatnonzero(np.isin(reading.taught.runs(RUN), known[parent]))
            if len(same):
                return f"copies {parent}: “{reading.taught.phrase(int(same[0]), RUN)}”"
    return ""


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
