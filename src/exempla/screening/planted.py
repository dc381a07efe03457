"""What the gates find of texts that were written to be found, and how often they object to texts that are clean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from exempla import catalogue
from exempla.files import read_objects
from exempla.records import Lineage, Record
from exempla.screening.crew import Crew, Knowledge, crew_of
from exempla.screening.engine import objections
from exempla.screening.gate import gates
from exempla.screening.page import Planted
from exempla.screening.reading import Reading
from exempla.screening.scan.findings import planted_figures
from exempla.screening.scan.surprise import scan

FOLDER = catalogue.LIBRARY / "planted"
LEAKS = {
    "verbatim": "leaks word for word",
    "paraphrased": "leaks in other words",
    "retold": "leaks told wholly anew, in the same world",
    "transposed": "leaks moved to another world",
    "near": "clean stories in the world of an item (false alarms)",
}
"""The kinds of planted leaks. What is retold or transposed takes a judge to see."""
ABOUT_AI = ("stories", "neutral", "advice", "documents")
"""Corpora of the library in which no AI misbehaves unpunished."""


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a planted set."""
    return [row for _, row in read_objects(FOLDER / f"{name}.jsonl") if "canary" not in row]


def records(found: Iterable[dict[str, Any]]) -> list[Record]:
    """Rows of a planted set as records that nobody has read."""
    return [
        Record(id=row["id"], corpus="planted", text=row["text"], lineage=Lineage(writer="planted")) for row in found
    ]


def figures(crew: Crew) -> tuple[Planted, ...]:
    """What is found of every planted set, by gate, and what is objected to in the library. Takes about ten seconds."""
    return (*leaks(crew), *_portrayals(crew), *_patterns())


def leaks_as_task(readings: Sequence[Reading], knowledge: Knowledge) -> tuple[Planted, ...]:
    """The same as a task of a crew, one of whose processes has the gate ready."""
    return tuple(leaks(crew_of(knowledge)))


def leaks(crew: Crew) -> Iterator[Planted]:
    """What the leakage gate, as it is set, finds of the planted leaks, and of the library. Takes about two seconds."""
    planted = rows("leaks")
    for kind, what in LEAKS.items():
        yield _counted(f"leakage: {what}", "leakage", records(row for row in planted if row["kind"] == kind), crew)
    every = [record for corpus in catalogue.CORPORA for record in catalogue.corpus(corpus)]
    yield _counted("leakage: starter corpora (false alarms)", "leakage", every, crew)


def _portrayals(crew: Crew) -> Iterable[Planted]:
    library = [record for corpus in ABOUT_AI for record in catalogue.corpus(corpus)]
    for name, manner in (("portrayals", "told obliquely"), ("portrayals_plain", "told plainly")):
        held_out = [row for row in rows(name) if row["split"] == "test"]
        deeds = {False: "misdeeds let pass", True: "misdeeds shown as wrong, good conduct, people (false alarms)"}
        for clean, what in deeds.items():
            found = records(row for row in held_out if (row["label"] != "misbehaving") == clean)
            yield _counted(f"misbehaving_ai: {what}, {manner}", "misbehaving_ai", found, crew)
        tropes = {False: "passages with a trope", True: "passages without one (false alarms)"}
        for clean, what in tropes.items():
            found = records(row for row in held_out if (not row["tropes"]) == clean)
            yield _counted(f"villain_tropes: {what}, {manner}", "villain_tropes", found, crew)
    for gate in ("misbehaving_ai", "villain_tropes"):
        yield _counted(f"{gate}: starter corpora (false alarms)", gate, library, crew)


def _counted(name: str, gate: str, found: Sequence[Record], crew: Crew) -> Planted:
    hit = len(objections(next(one for one in gates() if one.name == gate), found, crew))
    return Planted(name=name, recall=hit / len(found), found=hit, of=len(found))


@cache
def _patterns() -> tuple[Planted, ...]:
    """The scan without a model, on the corpus of planted patterns; it depends on nothing that a user may change."""
    planted = rows("patterns")
    reference = [
        Reading(record) for corpus in ("neutral", "stories", "documents") for record in catalogue.corpus(corpus)
    ]
    found = scan([Reading(record) for record in records(planted)], reference)
    holders = {
        row["id"]: [record["id"] for record in planted if row["id"] in record["planted"]]
        for row in rows("patterns_key")
    }
    result = planted_figures(found, holders)
    hits = sum(result.found.values())
    return (
        Planted(name="pattern scan: planted patterns", recall=result.recall, found=hits, of=len(result.found)),
        Planted(
            name="pattern scan: other findings on that corpus (false alarms)",
            recall=len(result.false_alarms) / max(1, result.findings),
            found=len(result.false_alarms),
            of=result.findings,
        ),
    )
