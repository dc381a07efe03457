"""What was kept and dropped of which records, how often gates mark, and which records a person should read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from exempla.intervals import wilson
from exempla.pages.showing import clipped
from exempla.records import Frozen
from exempla.screening.corpus import Corpus, Facts, Places
from exempla.screening.engine import KEPT, Outcome
from exempla.screening.measures.observed import Numbers

GROUPS = 40
"""Corpora, recipes, principles or writers that are told apart; the rest is one line."""
REST = "(others)"
NONE = "(none)"
KEPT_TO_READ = 20
DROPPED_TO_READ = 5
"""By gate."""
_LABEL_LETTERS = 80
_REASON_LETTERS = 300


class Group(Frozen):
    """Records that have something in common."""

    name: str
    kept: int
    all: int
    words: int | None = None
    """Of the kept ones; None where they were not counted."""


class GateCount(Frozen):
    """What one gate objected to."""

    gate: str
    dropped: int
    marked: int
    dropped_by_corpus: dict[str, int] = {}


class MarkRate(Frozen):
    """How often a gate marks the kept records of a corpus."""

    gate: str
    corpus: str
    marked: int
    records: int
    """Kept ones of the corpus."""
    rate: float
    low: float
    """Lower end of Wilson's 95% interval."""
    high: float


class ToRead(Frozen):
    """A record to read: drawn by a hash of its id, so that the same ones are drawn whatever the order."""

    place: int
    """In the corpus."""
    id: str
    gate: str = ""
    """That dropped it; empty if it is kept."""
    reason: str = ""
    marks: dict[str, str] = {}
    """Reason by gate that marked it."""


def grouped(corpus: Corpus, key: Callable[[Facts], str]) -> tuple[Group, ...]:
    """Records by a fact of theirs, those with the most first; beyond 40 groups the rest is one."""
    every: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for facts, stays in zip(corpus.facts, corpus.kept.tolist(), strict=True):
        name = key(facts)
        every[name] += 1
        if stays:
            kept[name] += 1
            words[name] += facts.words
    return _rows(every, kept, words)


def grouped_writers(every: Counter[str], kept: Counter[str]) -> tuple[Group, ...]:
    """Records by writer, as they were counted where they were read."""
    return _rows(every, kept, None)


def gate_counts(corpus: Corpus, outcome: Outcome, corpora: Sequence[Group]) -> tuple[GateCount, ...]:
    """Records that each gate dropped or marked, in the order of the gates."""
    column = _columns(corpora)
    dropped = [Counter[str]() for _ in outcome.gates]
    for place in np.flatnonzero(outcome.fate != KEPT).tolist():
        dropped[outcome.fate[place]][column(corpus.facts[place])] += 1
    return tuple(
        GateCount(
            gate=gate.name,
            dropped=counts.total(),
            marked=len(outcome.marks.get(gate.name, {})),
            dropped_by_corpus={group.name: counts[group.name] for group in corpora if counts[group.name]},
        )
        for gate, counts in zip(outcome.gates, dropped, strict=True)
    )


def mark_rates(corpus: Corpus, outcome: Outcome, corpora: Sequence[Group]) -> tuple[MarkRate, ...]:
    """For each gate that marked something, the share of each corpus' kept records that it marked."""
    column = _columns(corpora)
    rates = []
    for gate in outcome.gates:
        marks = outcome.marks.get(gate.name, {})
        counted = Counter(column(corpus.facts[place]) for place in marks if corpus.kept[place])
        for group in corpora if marks else ():
            if group.kept:
                marked = counted[group.name]
                low, high = wilson(marked, group.kept)
                rates.append(
                    MarkRate(
                        gate=gate.name,
                        corpus=group.name,
                        marked=marked,
                        records=group.kept,
                        rate=round(marked / group.kept, 5),
                        low=round(low, 5),
                        high=round(high, 5),
                    )
                )
    return tuple(rates)


def to_read(corpus: Corpus, outcome: Outcome, hashes: Numbers) -> tuple[ToRead, ...]:
    """Some 20 kept records and 5 that each gate dropped; `hashes` are those of all ids."""
    wanted = lowest(np.flatnonzero(outcome.fate == KEPT), hashes, KEPT_TO_READ).tolist()
    for number in range(len(outcome.gates)):
        wanted += lowest(np.flatnonzero(outcome.fate == number), hashes, DROPPED_TO_READ).tolist()
    return tuple(
        ToRead(
            place=place,
            id=corpus.facts[place].id,
            gate="" if outcome.fate[place] == KEPT else outcome.gates[outcome.fate[place]].name,
            reason=clipped(outcome.reasons.get(place, ""), _REASON_LETTERS),
            marks={
                gate: clipped(marks[place], _REASON_LETTERS) for gate, marks in outcome.marks.items() if place in marks
            },
        )
        for place in wanted
    )


def lowest(places: Places, hashes: Numbers, count: int) -> Places:
    """The places whose ids have the lowest hashes, in the order of these."""
    return places[np.argsort(hashes[places], kind="stable")[:count]]


def label(name: str) -> str:
    """A name from a record as it is shown."""
    return clipped(name, _LABEL_LETTERS) or NONE


def _columns(corpora: Sequence[Group]) -> Callable[[Facts], str]:
    """The group of a record among those that are told apart."""
    known = {group.name for group in corpora}
    return lambda facts: name if (name := label(facts.corpus)) in known else REST


def _rows(every: Mapping[str, int], kept: Counter[str], words: Counter[str] | None) -> tuple[Group, ...]:
    order = sorted(every, key=lambda name: (-every[name], name))
    rows = [
        Group(name=name, kept=kept[name], all=every[name], words=None if words is None else words[name])
        for name in order[:GROUPS]
    ]
    if rest := order[GROUPS:]:
        rows.append(
            Group(
                name=REST,
                kept=sum(kept[name] for name in rest),
                all=sum(every[name] for name in rest),
                words=None if words is None else sum(words[name] for name in rest),
            )
        )
    return tuple(rows)
