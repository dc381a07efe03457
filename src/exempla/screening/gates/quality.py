"""Drops texts that a judge scored under 3 of 5 in a criterion, when they were written or now that they are screened."""

from __future__ import annotations

from functools import cache
from string import Template
from typing import Any

from exempla.records import Lineage, Record
from exempla.rubric import RUBRICS, read_rubric
from exempla.screening.gate import Context, Example
from exempla.screening.judged import LEAST, label_facts, one_line, quality_objection
from exempla.screening.reading import Reading

ORDER = 90
JUDGES_LIBRARY = False
RUBRIC = "quality"
"""For texts whose recipe's rubric asks for facts that only the plan had."""

objection = quality_objection


def gate(reading: Reading, known: Context) -> str:
    """Drop what the judge of the writing stage scored too low; recipes let nothing through that is under this."""
    worst = sorted((score, one_line(name)[:40]) for name, score in reading.record.scores.items() if score < LEAST)
    said = ", ".join(f"{name} {score} of 5" for score, name in worst[:3])
    return f"when it was written its judge gave {said}" if said else ""


def rubric_for(record: Record) -> str:
    """The rubric of the record's recipe, if the record's labels fill its placeholders; otherwise the general one."""
    lineage = record.lineage
    needed = _needed().get(lineage.recipe)
    return lineage.recipe if lineage.plan and needed and needed <= label_facts(record).keys() else RUBRIC


@cache
def _needed() -> dict[str, set[str]]:
    """Placeholders by rubric; a recipe's is named as the recipe is."""
    read = {path.stem: read_rubric(path.read_text("utf-8"), path.stem, str(path)) for path in RUBRICS.glob("*.txt")}
    return {name: set(Template(rubric.preamble).get_identifiers()) for name, rubric in read.items()}


def _written(name: str, **scores: Any) -> Record:
    text = "Ada put the kettle on and read the letter again. It was still from the bank."
    return Record(id=name, corpus="written", text=text, scores=scores, lineage=Lineage(writer="some-model"))


EXAMPLES = (
    Example(
        records=(
            _written("unjudged"),
            _written("sound", craft=3, reasons_shown=3),
            _written("fine", craft=5, not_preachy=4),
            _written("worn", craft=2, not_preachy=5),
            _written("preachy", craft=5, reasons_shown=5, not_preachy=1),
        ),
        dropped=("worn", "preachy"),
    ),
)
