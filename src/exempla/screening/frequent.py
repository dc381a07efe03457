"""What stands in too many records: found in the corpus itself, not listed by hand.

Values are found by partitions (Savasere, Omiecinski and Navathe, 1995): what is frequent in a corpus is frequent in at
least one chunk of it, so candidates come from a pass over the chunks, and a second pass counts those alone, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.screening.corpus import Places, View
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes

USUAL = 3
"""How many times as often as in ordinary text a value may stand."""
LEAST = 4
"""What stands in no more records than this is never too much: in a small corpus that would be chance."""


class Measure(NamedTuple):
    """What is looked at in a record, and how much of it a corpus may have."""

    values: Callable[[Reading], Hashes]
    """The values of a record, as numbers, some of them perhaps more than once. A function of a module."""
    spell: Callable[[Reading, int], str]
    """A value in words, from a record that has it; empty if it is none that counts after all."""
    share: float
    """Largest share of the records of a corpus that may have the same value."""
    what: str
    """What a value is, in a reason: `the opening`."""
    few: bool = False
    """Whether a record has so few values that all of them can be held in memory, and one pass is enough."""
    usual: Mapping[int, float] = {}
    """How often a value stands in ordinary text, in times a word; up to three times as often is let pass."""
    most: float = 1.0
    """Share from which a value is what the corpus is about, and is let pass."""
    anywhere: Callable[[Reading], Hashes] | None = None
    """Values that a record has in any way: one that more records have in another way than in this is not counted."""


class Held(NamedTuple):
    """Which records hold which candidates: two columns of equal length, and the candidates."""

    places: Places
    values: NDArray[np.int64]
    """Number of the candidate in `candidates`."""
    candidates: Hashes


def surplus(view: View, measure: Measure) -> dict[int, str]:
    """Reasons by place for as many records as it takes to bring every value under its share, the worst judged first.

    The share is of the records that are left in the same corpus, so that a second look finds nothing more to drop.
    """
    reasons: dict[int, str] = {}
    corpora = view.groups(lambda facts: facts.corpus)
    for corpus in np.unique(corpora):
        places = view.places[corpora == corpus]
        reasons |= _surplus_of(view.only(places), measure)
    return reasons


def _surplus_of(view: View, measure: Measure) -> dict[int, str]:
    reasons: dict[int, str] = {}
    while len(view.places) > LEAST:
        held = _held(view, measure)
        if measure.anywhere is not None and len(held.candidates):
            held = _undisputed(view, held, measure.anywhere)
        dropped = _over(view, held, measure)
        reasons |= dropped
        kept = view.places[~np.isin(view.places, list(dropped))]
        # Candidates had half the share, so that none is missed unless more than half of the records went.
        if 2 * len(kept) >= len(view.places):
            break
        view = view.only(kept)
    return reasons


def _held(view: View, measure: Measure) -> Held:
    """Which records hold the values that stand in half the share of them, or more."""
    if measure.few:
        return _all_held(view, measure)
    single = len(view.places) if view.chunks() == 1 else 0
    found = view.each(_candidates, measure.values, measure.share / 2, single)
    candidates = np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *found]))
    places: list[Places] = []
    values: list[NDArray[np.int64]] = []
    if len(candidates):
        start = 0
        for rows, numbers, count in view.each(_holders, measure.values, candidates):
            places.append(view.places[start + rows])
            values.append(numbers)
            start += count
    empty = np.empty(0, dtype=np.int64)
    return Held(np.concatenate([empty, *places]), np.concatenate([empty, *values]), candidates)


def _all_held(view: View, measure: Measure) -> Held:
    found = view.each(_values, measure.values)
    values = np.concatenate([np.empty(0, dtype=np.uint64), *(part for part, _ in found)])
    counts = np.concatenate([np.empty(0, dtype=np.int64), *(part for _, part in found)])
    candidates, numbers, times = np.unique(values, return_inverse=True, return_counts=True)
    often = times > max(LEAST, measure.share / 2 * len(view.places))
    stays = often[numbers]
    # Numbered anew, without those that stand too seldom.
    renumbered = np.cumsum(often) - 1
    return Held(np.repeat(view.places, counts)[stays], renumbered[numbers[stays]], candidates[often])


def _values(
    readings: Sequence[Reading], known: Any, values: Callable[[Reading], Hashes]
) -> tuple[Hashes, NDArray[np.int64]]:
    """The values of all records, one after the other, and how many each has."""
    found = [np.unique(values(reading)) for reading in readings]
    return np.concatenate(found), np.array([len(part) for part in found], dtype=np.int64)


def _undisputed(view: View, held: Held, anywhere: Callable[[Reading], Hashes]) -> Held:
    """Without the candidates that more records have in another way than in the one that is measured."""
    found = np.zeros(len(held.candidates), dtype=np.int64)
    for _, numbers, _ in view.each(_holders, anywhere, held.candidates):
        found += np.bincount(numbers, minlength=len(found))
    counted = 2 * np.bincount(held.values, minlength=len(found)) > found
    stays = counted[held.values]
    return Held(held.places[stays], held.values[stays], held.candidates)


def _candidates(
    readings: Sequence[Reading], known: Any, values: Callable[[Reading], Hashes], share: float, whole: int
) -> Hashes:
    """Values that stand in a large enough share of these records; if they are all there are, in more than `LEAST`."""
    own = [np.unique(values(reading)) for reading in readings]
    found, counts = np.unique(np.concatenate(own), return_counts=True)
    least = max(share * len(readings), LEAST + 1 if whole else 1)
    return found[counts >= least]


def _holders(
    readings: Sequence[Reading], known: Any, values: Callable[[Reading], Hashes], candidates: Hashes
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Row and number of candidate, for each candidate that a record has; and the number of records."""
    rows: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.int64]] = []
    for row, reading in enumerate(readings):
        own = values(reading)
        place = np.minimum(np.searchsorted(candidates, own), len(candidates) - 1)
        same = np.unique(place[candidates[place] == own])
        rows.append(np.full(len(same), row, dtype=np.int64))
        numbers.append(same.astype(np.int64))
    return np.concatenate(rows), np.concatenate(numbers), len(readings)


def _over(view: View, held: Held, measure: Measure) -> dict[int, str]:
    """Drop records until no value is over its share of what is left."""
    reasons: dict[int, str] = {}
    spelt: dict[int, str] = {}
    # By value, and within a value the worst judged first.
    order = np.lexsort((-view.ranks(held.places), held.values)) if len(held.places) else np.empty(0, dtype=np.int64)
    places, values = held.places[order], held.values[order]
    starts = np.searchsorted(values, np.arange(len(held.candidates) + 1))
    counts = np.diff(starts)
    usual = np.array([measure.usual.get(int(value), 0.0) for value in held.candidates]) * USUAL * view.mean_words()
    subject = counts > measure.most * len(view.places)
    counts[subject] = 0
    while True:
        left = len(view.places) - len(reasons)
        allowed = np.maximum(np.maximum(measure.share, usual) * left, LEAST).astype(np.int64)
        over = [int(value) for value in np.argsort(-counts, kind="stable") if counts[value] > allowed[value]]
        changed = False
        for value in over:
            most = int(allowed[value])
            holders = places[starts[value] : starts[value + 1]]
            holding = [int(place) for place in holders if int(place) not in reasons]
            counts[value] = len(holding)
            if len(holding) <= most:
                continue
            if value not in spelt:
                spelt[value] = measure.spell(view.reading(int(holders[-1])), int(held.candidates[value]))
            if not spelt[value]:
                counts[value] = 0
                continue
            said = f"{measure.what} “{spelt[value]}” stands in {len(holders)} of {len(view.places)} records"
            for place in holding[: len(holding) - most]:
                reasons[place] = f"{said}; {most} may have it"
            counts[value] = most
            changed = True
        if not changed:
            return reasons
