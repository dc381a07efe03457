"""Records pass the gates: first those that look at one record, in all processes, then those that compare records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.records import Dropped, Record
from exempla.screening.corpus import Corpus, Facts, View, facts_of, in_chunks
from exempla.screening.crew import Crew, Task
from exempla.screening.gate import Context, Gate, gates
from exempla.screening.reading import Reading

KEPT = -1


@dataclass(frozen=True)
class Selection:
    """Which gates are passed, and which of them only mark."""

    names: tuple[str, ...] = field(default_factory=lambda: tuple(gate.name for gate in gates()))
    marking: frozenset[str] = field(default_factory=lambda: frozenset(gate.name for gate in gates() if gate.marks))
    lenient: frozenset[str] = frozenset()
    """Gates that only mark what a model objects to as well. Others drop it, even if they mark what they find alone."""
    library_too: bool = False
    """Whether texts of the library pass every gate, as any others."""

    def passed(self) -> list[Gate]:
        """The gates, in order."""
        return [gate for gate in gates() if gate.name in self.names]

    def sees(self, gate: Gate, library: bool) -> bool:
        """Whether a gate looks at a text of the library, or at one that is not of it."""
        return self.library_too or gate.judges_library or not library


@dataclass
class Outcome:
    """What became of each record."""

    gates: Sequence[Gate]
    fate: NDArray[np.int16]
    """By place: number of the gate that dropped the record, or -1 if it is kept."""
    reasons: dict[int, str] = field(default_factory=dict)
    """By place, of those that are dropped."""
    marks: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    """By gate that only marks: place to reason."""


class _Judged(NamedTuple):
    """What the first pass made of a chunk."""

    facts: list[Facts]
    drops: list[tuple[int, int, str]]
    """Place in the chunk, number of the gate, reason."""
    marks: list[tuple[int, int, str]]


def pass_gates(
    corpus: Corpus, selection: Selection, advance: Callable[[int, str], None] = lambda steps, note: None
) -> Outcome:
    """Judge every record; afterwards `corpus.kept` says which are left.

    Args:
        corpus: all of whose records are in.
        selection: the gates.
        advance: told of records read and of gates passed.
    """
    passed = selection.passed()
    outcome = Outcome(passed, np.full(len(corpus), KEPT, dtype=np.int16))
    start = 0
    tasks = [Task(_judge, "", chunk, None, (selection,), first=True) for chunk in corpus.chunks]
    for chunk, judged in zip(corpus.chunks, corpus.crew.results(tasks), strict=True):
        corpus.facts += judged.facts
        for place, gate, reason in judged.drops:
            drop(corpus, outcome, gate, start + place, reason)
        for place, gate, reason in judged.marks:
            outcome.marks[passed[gate].name][start + place] = reason
        start += len(chunk)
        advance(len(chunk), "read")
    library = np.array([facts.library for facts in corpus.facts], dtype=np.bool_)
    for number, gate in enumerate(passed):
        if gate.decide is None:
            continue
        seen = corpus.kept.copy()
        if not selection.sees(gate, library=True):
            seen &= ~library
        advance(0, gate.name)
        if not seen.any():
            continue
        found = gate.decide(View(corpus, gate.name, seen), corpus.crew.knowledge.of(gate.name))
        for place, reason in found.items():
            if gate.name in selection.marking:
                outcome.marks[gate.name][int(place)] = reason
            else:
                drop(corpus, outcome, number, int(place), reason)
    return outcome


def drop(corpus: Corpus, outcome: Outcome, gate: int, place: int, reason: str) -> None:
    """Take a record out of a corpus, with the number of the gate that objects to it and the reason."""
    corpus.kept[place] = False
    outcome.fate[place] = gate
    outcome.reasons[place] = reason


def _judge(readings: Sequence[Reading], knowledge: Any, selection: Selection) -> _Judged:
    """Pass the records of a chunk through the gates that look at one record; the first that objects drops it.

    Gate by gate: what a gate has at hand stays in the processor's cache, which takes a tenth less time than record by
    record.
    """
    judged = _Judged([facts_of(reading) for reading in readings], [], [])
    left = list(range(len(readings)))
    for number, gate in enumerate(selection.passed()):
        if gate.judge is None:
            continue
        seen = {place for place in left if selection.sees(gate, judged.facts[place].library)}
        if not seen:
            continue  # nor is the gate made ready, which may take a second
        known, stays = knowledge.of(gate.name), []
        for place in left:
            reason = gate.judge(readings[place], known) if place in seen else ""
            if reason and gate.name not in selection.marking:
                judged.drops.append((place, number, reason))
                continue
            if reason:
                judged.marks.append((place, number, reason))
            stays.append(place)
        left = stays
    return judged


def parted(records: Sequence[Record], outcome: Outcome) -> tuple[list[Record], list[Dropped]]:
    """Records that are in memory, kept and dropped; the dropped ones by gate."""
    kept = [record for place, record in enumerate(records) if place not in outcome.reasons]
    dropped = [
        Dropped(record=records[place], gate=outcome.gates[outcome.fate[place]].name, reason=reason)
        for place, reason in sorted(outcome.reasons.items(), key=lambda item: (outcome.fate[item[0]], item[0]))
    ]
    return kept, dropped


def screen(records: Sequence[Record], context: Context) -> tuple[list[Record], list[Dropped]]:
    """Part records that are in memory into kept and dropped, each with the reason of the first gate that objects."""
    with Crew(context) as crew:
        return parted(records, pass_gates(Corpus(in_chunks(records), crew), Selection()))


def objections(gate: Gate, records: Collection[Record], known: Context | Crew) -> dict[str, str]:
    """What one gate alone makes of some records: reason by id, of those it objects to.

    Args:
        gate: the gate.
        records: whatever their order.
        known: what it knows besides; or a crew, whose gates are ready.
    """
    selection = Selection(names=(gate.name,), marking=frozenset(), library_too=True)
    with known.alone() if isinstance(known, Crew) else Crew(known) as crew:
        corpus = Corpus(in_chunks(list(records)), crew)
        outcome = pass_gates(corpus, selection)
    return {corpus.facts[place].id: reason for place, reason in sorted(outcome.reasons.items())}
