"""Sentences that follow from the figures: what became of the corpus, and what should make a reader look twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exempla.pages.showing import clipped
from exempla.pages.wording import counted, listed, whole
from exempla.screening.measures.whole import Measures

MUCH = 0.5
"""A gate that drops a larger share of all records is warned of: either the corpus or the gate is wrong."""
PROBLEMS = 8
"""Kinds of skipped rows that are named."""
_PROBLEM_LETTERS = 160


def headline(measures: Measures) -> str:
    """The first sentence of the page."""
    if not measures.records:
        return "There are no records to screen."
    all_of = counted(measures.records, "record")
    if measures.kept == measures.records:
        return f"All of {all_of} kept: no gate dropped any."
    kept = whole(measures.kept) if measures.kept else "None"
    dropping = sorted((gate for gate in measures.gates if gate.dropped), key=lambda gate: -gate.dropped)
    if not dropping:
        return f"{kept} of {all_of} kept."
    first = dropping[0]
    which = "Most were" if len(dropping) > 1 else "All others were" if measures.kept else "All were"
    return f"{kept} of {all_of} kept. {which} dropped by {first.gate} ({whole(first.dropped)})."


def warnings(measures: Measures, skipped: int, problems: Mapping[str, int], judged: Mapping[str, int]) -> list[str]:
    """What a reader must know before the figures."""
    return [*_of_rows(skipped, problems), *_of_gates(measures), *_of_judges(judged)]


def _of_rows(skipped: int, problems: Mapping[str, int]) -> Iterator[str]:
    if not skipped:
        return
    often = sorted(problems.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{clipped(problem, _PROBLEM_LETTERS)} ({whole(count)})" for problem, count in often[:PROBLEMS]]
    if len(often) > PROBLEMS:
        named.append(f"{counted(len(often) - PROBLEMS, 'other problem')}")
    why = f": {listed(named)}" if named else ""
    were = "was" if skipped == 1 else "were"
    yield f"{counted(skipped, 'row')} could not be read as records and {were} skipped{why}."


def _of_gates(measures: Measures) -> Iterator[str]:
    if measures.records and not measures.kept:
        yield "No record was kept, so there is nothing to measure."
    for gate in measures.gates:
        if gate.dropped > MUCH * measures.records:
            yield (
                f"The gate {gate.gate} dropped {whole(gate.dropped)} of {counted(measures.records, 'record')}, over "
                "half of them. Read some of these below: either the corpus or the gate's setting is wrong."
            )


def _of_judges(judged: Mapping[str, int]) -> Iterator[str]:
    lost = {state: count for state, count in judged.items() if state != "scored" and count}
    if lost:
        states = listed(f"{whole(count)} {state}" for state, count in lost.items())
        asked = sum(judged.values())
        yield (
            f"Judges gave no score for {whole(sum(lost.values()))} of {counted(asked, 'text')} ({states}). "
            "These are not judged, which is not the same as good."
        )
