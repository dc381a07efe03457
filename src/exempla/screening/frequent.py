"""What stands in too many records: found in the corpus itself, not listed by hand.

Values are found by partitions (Savasere, Omiecinski and Navathe, 1995): what is frequent in a corpus is frequent in at
least one chunk of it, so candidates come from a pass over the chunks, and a second pass counts those alone, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.intervals import Z
from exempla.screening.corpus import Places, View
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes

USUAL = 3
"""How many times as often as in ordinary text a value may stand."""
LEAST = 4
"""What stands in no more records than this is never too much: in a small corpus that would be chance."""


class Settled(NamedTuple):
    """Of a record, when values are found by a sign that not every record with the value shows."""

    held: Hashes
    """Values that it holds, whether by the sign or not."""
    against: Hashes
    """Values that it speaks against, but for those in `spared`. One that more records speak against than show the sign
    of does not count."""
    spared: Hashes


class Measure(NamedTuple):
    """What is looked at in a record, and how much of it a corpus may have."""

    values: Callable[[Reading], Hashes]
    """The values of a record, as numbers, some of them perhaps more than once. A function of a module."""
    spell: Callable[[Reading, int], str]
    """A value in words, from a record that has it; empty if it is none that counts after all."""
    share: float
    """Largest share of the records of a corpus that may have the same value (`allowed` says how many that is)."""
    what: str
    """What a value is, in a reason: `the opening`."""
    few: bool = False
    """Whether a record has so few values that all of them can be held in memory, and one pass is enough."""
    usual: Mapping[int, float] = {}
    """How often a value stands in ordinary text, in times a word; up to three times as often is let pass."""
    most: float = 1.0
    """Share from which a value is what the corpus is about, and is let pass."""
    root: float = 0.0
    """Times the square root of a corpus' records, which may have a value whatever their share."""
    settled: Callable[[Reading], Settled] | None = None
    """What a record holds of the values once it is known which of them count; `values` if None."""


class Held(NamedTuple):
    """Which records hold which candidates: two columns of equal length, and the candidates."""

    places: Places
    values: NDArray[np.int64]
    """Number of the candidate in `candidates`."""
    candidates: Hashes


def allowed(limit: NDArray[np.float64] | float, records: int, root: float = 0.0) -> NDArray[np.int64]:
    """How many of so many records may have a value whose share has a limit.

    As many as leave the limit within Wilson's 95% interval of their share, so that nothing is dropped by chance: of 1%,
    9 of 486 and 16 of 1,000 records; never fewer than 4, nor than `root` times the square root of the records.
    """
    shares = np.asarray(limit, dtype=np.float64)
    most = shares * records + Z * np.sqrt(records * shares * np.maximum(1 - shares, 0.0))
    return np.maximum(most, max(LEAST, root * np.sqrt(records))).astype(np.int64)


def surplus(view: View, measure: Measure) -> dict[int, str]:
    """Reasons by place for as many records as it takes to bring every value under its share.

    The worst judged go first, and of those judged alike the ones with most values that stand too often. The share is
    of the records that are left in the same corpus, so that a second look finds nothing more to drop.
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
        if measure.settled is not None and len(held.candidates):
            held = _settled(view, held, measure.settled)
        dropped = _over(view, held, measure)
        reasons |= dropped
        kept = view.places[~np.isin(view.places, list(dropped))]
        # Candidates had half the share, so that none is missed unless more than half of the records went; which values
        # count may change with every record.
        if not dropped or (measure.settled is None and 2 * len(kept) >= len(view.places)):
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


def _settled(view: View, held: Held, settled: Callable[[Reading], Settled]) -> Held:
    """All records that hold the candidates which count."""
    places: list[Places] = [np.empty(0, dtype=np.int64)]
    values: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    against = np.zeros(len(held.candidates), dtype=np.int64)
    start = 0
    for rows, numbers, objections, count in view.each(_settle, settled, held.candidates):
        places.append(view.places[start + rows])
        values.append(numbers)
        against += objections
        start += count
    counts = np.bincount(held.values, minlength=len(against)) > against
    found = np.concatenate(values)
    return Held(np.concatenate(places)[counts[found]], found[counts[found]], held.candidates)


def _settle(
    readings: Sequence[Reading], known: Any, settled: Callable[[Reading], Settled], candidates: Hashes
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Row and number of each candidate that a record holds, how many speak against each, and the number of records."""
    both = [settled(reading) for reading in readings]
    rows, numbers, _ = _holders([one.held for one in both], known, np.asarray, candidates)
    against = np.zeros(len(candidates), dtype=np.int64)
    for one in both:
        spoken, spared = (_held_of(own, candidates) for own in (one.against, one.spared))
        against[np.setdiff1d(spoken, spared, assume_unique=True)] += 1
    return rows, numbers, against, len(readings)


def _candidates(
    readings: Sequence[Reading], known: Any, values: Callable[[Reading], Hashes], share: float, whole: int
) -> Hashes:
    """Values that stand in a large enough share of these records; if they are all there are, in more than `LEAST`."""
    own = [np.unique(values(reading)) for reading in readings]
    found, counts = np.unique(np.concatenate(own), return_counts=True)
    least = max(share * len(readings), LEAST + 1 if whole else 1)
    return found[counts >= least]


def _holders(
    readings: Sequence[Any], known: Any, values: Callable[[Any], Hashes], candidates: Hashes
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Row and number of candidate, for each candidate that a record has; and the number of records."""
    rows: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.int64]] = []
    for row, reading in enumerate(readings):
        same = _held_of(values(reading), candidates)
        rows.append(np.full(len(same), row, dtype=np.int64))
        numbers.append(same)
    return np.concatenate(rows), np.concatenate(numbers), len(readings)


def _held_of(own: Hashes, candidates: Hashes) -> NDArray[np.int64]:
    """Numbers of the candidates, which are in order, that are among some values; each once."""
    place = np.minimum(np.searchsorted(candidates, own), len(candidates) - 1)
    return np.unique(place[candidates[place] == own]).astype(np.int64)


def _over(view: View, held: Held, measure: Measure) -> dict[int, str]:
    """Drop records until no value is over its share of what is left."""
    reasons: dict[int, str] = {}
    spelt: dict[int, str] = {}
    usual = np.array([measure.usual.get(int(value), 0.0) for value in held.candidates]) * USUAL * view.mean_words()
    limit = np.maximum(measure.share, usual)
    counts = np.bincount(held.values, minlength=len(held.candidates))
    counts[counts > measure.most * len(view.places)] = 0
    order = _worst_first(view, held, counts > allowed(limit, len(view.places), measure.root))
    places = held.places[order]
    starts = np.searchsorted(held.values[order], np.arange(len(held.candidates) + 1))
    while True:
        may = allowed(limit, len(view.places) - len(reasons), measure.root)
        over = [int(value) for value in np.argsort(-counts, kind="stable") if counts[value] > may[value]]
        changed = False
        for value in over:
            most = int(may[value])
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


def _worst_first(view: View, held: Held, over: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The order in which records go: by value, then the worst judged, then those that hold most values over the limit.

    One record that goes for three names spares two others that would go for one each.
    """
    if not len(held.places):
        return np.empty(0, dtype=np.int64)
    holders, rows = np.unique(held.places, return_inverse=True)
    surplus_of = np.bincount(rows, weights=over[held.values], minlength=len(holders))
    return np.lexsort((-view.ranks(held.places), -surplus_of[rows], -view.judged(held.places), held.values))
