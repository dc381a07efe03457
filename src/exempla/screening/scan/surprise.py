"""A scan for recurring patterns without a model: phrases and shapes that stand in far more records than they ought to.

A phrase is a run of words; a shape is a run of function words and punctuation with blanks for what is between. How
often one ought to stand comes from a reference corpus: from how often it stands there, and where it seldom does, from
how often its parts do. With too few records (2,000 words or so) nothing can be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import ceil, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.english import ORDINARY
from exempla.intervals import wilson
from exempla.screening.reading import Reading
from exempla.screening.scan.findings import EXAMPLES, Finding, Found, excerpt
from exempla.screening.scan.rates import BUCKETS, Frequent, counted, counts_of, frequent, surprise_of
from exempla.screening.scan.strands import BLANKS, EDGE, FUNCTION_WORDS, SIGNS, WORD, Places, Strand, Tokens
from exempla.screening.words import Hashes, hashed

MOST_RECORDS = 4000
"""Records that are looked at; the others are left out by a hash of their ids."""
MOST_CHARACTERS = 60_000_000
"""Characters that are looked at, in whole records. 4,000 records of 1,900 words have 44 million."""
LONGEST = 40_000
"""Characters of a record that are looked at: half of them from its beginning and half from its end."""
FEWEST = 6
"""Records that must have a pattern, and FEWEST_SHARE of them all. Fewer may have it by chance."""
FEWEST_SHARE = 0.01
CHANCE = 0.01
"""Patterns that may come out by chance in a whole scan, if runs fell as the prior says."""
SAME = 0.6
"""Share of a run's places that lie on patterns which were found before, from which on it is none of its own."""
AGREEING = 0.75
"""Share of a run's places that must agree in the tokens before and after it, all in all, for it to grow by them."""
TOGETHER = 0.8
"""Share of a pattern's records that must have another for the two to be told as one; of patterns that are in no more
than SELDOM of all records, as others fall together by chance."""
SELDOM = 0.25
MOST_PARTS = 3
"""Patterns that are told as one, with AND between them."""
AND = " / "
NEAR = 4
"""Tokens on both sides of a pattern that are taken to belong to it, so that its loose ends are not found again."""
OWN_WORDING = 0.5
"""Different fillings that a shape's blanks must have on average, for each record. With fewer it is a phrase."""
MOST_TRIED = 6000
"""Runs, the most surprising first, of which patterns are made."""
MOST_FOUND = 100
"""Patterns that are reported of each kind."""
_UNSEEN = 0.1  # how often a pair of tokens is taken to stand in a reference in which it does not
_EDGE_FLOOR = 2e-3  # share of texts that a run at their edge is taken to have if nothing tells more
_LIFT = 0.5  # of the logarithm is counted: the words of a run are not independent of each other
_ADDED = 5.0  # to the counts of common words, so that rare ones among them do not seem to differ


class _Kind(NamedTuple):
    """How one kind of pattern is looked for."""

    name: str
    shortest: int
    """Tokens."""
    longest: int
    words: int
    """Words that are kept which it must have."""
    furthest: int
    """Tokens that it may grow to."""
    floor: float
    """Rate per token that a run is taken to have if nothing tells more."""


PHRASES = _Kind("phrase", 3, 8, 3, 30, 1e-6)
SHAPES = _Kind("shape", 4, 14, 2, 20, 2e-6)


class _Side(NamedTuple):
    """A corpus, or the reference, as one strand."""

    tokens: Tokens
    strand: Strand

    @property
    def texts(self) -> int:
        return len(self.tokens.texts)


class _Runs(NamedTuple):
    """Runs of one length that stand in many records, one a place in every array."""

    length: NDArray[np.int64]
    hashes: Hashes
    surprise: NDArray[np.float64]
    """Nats; below 0 for those that are not oftener than they ought to be."""


def find(readings: Sequence[Reading], reference: Sequence[Reading]) -> list[Finding]:
    """The patterns that recur, the most surprising first, whatever the order of readings.

    Args:
        readings: of the corpus; at most 4,000 are looked at.
        reference: of ordinary texts of about the same kinds, none of them of the corpus.
    """
    return [found.finding for found in scan(readings, reference)]


def scan(readings: Sequence[Reading], reference: Sequence[Reading]) -> list[Found]:
    """The same, with the ids of all records that have each, among those looked at."""
    ours, ids = _sampled(readings)
    theirs, _ = _sampled(reference)
    own, other = Tokens(ours), Tokens(theirs)
    covered = np.zeros(len(own.ids), dtype=np.bool_)
    found: list[tuple[float, Found]] = []
    for kind in (PHRASES, SHAPES):
        if kind is PHRASES:
            sides = _Side(own, own.words()), _Side(other, other.words())
        else:
            sides = _Side(own, own.shapes(FUNCTION_WORDS)), _Side(other, other.shapes(FUNCTION_WORDS))
        found += _Search(kind, *sides, covered).found(ids)
    found.sort(key=lambda pair: (-pair[0], pair[1].finding.pattern))
    return [one for _, one in found]


def _sampled(readings: Sequence[Reading]) -> tuple[list[str], list[str]]:
    """Texts and ids of the records that are looked at, in an order of their own."""
    order = sorted(readings, key=lambda one: (blake2b(one.id.encode(), digest_size=16).digest(), one.taught.text))
    texts: list[str] = []
    room = MOST_CHARACTERS
    for reading in order[:MOST_RECORDS]:
        text = reading.taught.text
        if len(text) > LONGEST:
            text = text[: LONGEST // 2] + "\n" + text[-LONGEST // 2 :]
        room -= len(text)
        if room < 0:
            break
        texts.append(text)
    return texts, [reading.id for reading in order[: len(texts)]]


class _Search:
    """For one kind of pattern."""

    def __init__(self, kind: _Kind, ours: _Side, theirs: _Side, covered: NDArray[np.bool_]) -> None:
        self.kind = kind
        self.ours = ours
        self.theirs = theirs
        self.covered = covered
        """By token of the corpus: whether a pattern that was found lies on it or near it. Grows."""
        self.fewest = max(FEWEST, ceil(FEWEST_SHARE * ours.texts))
        self._known = {length: self._there(length) for length in (1, 2, 3)}
        self._lift = self._lifts()

    def found(self, ids: Sequence[str]) -> list[tuple[float, Found]]:
        """Surprise and pattern, at most 100."""
        found: list[tuple[float, Found]] = []
        runs = self._tried()
        for length, places in self._places(runs):
            if len(found) >= MOST_FOUND:
                break
            if self._is_old(places, length):
                continue
            places, length = self._grown(places, length)
            if not self._is_pattern(places, length):
                continue
            surprise, reference_share = self._weighed(places, length)
            self._cover(places, length)
            one = self._told(places, length, ids, reference_share)
            twin = next((at for at, (_, other) in enumerate(found) if _together(one, other)), None)
            if twin is None:
                found.append((surprise, one))
            else:
                found[twin] = found[twin][0], _joined(found[twin][1], one)
        return found

    def _tried(self) -> _Runs:
        """The most surprising runs, these first."""
        strand, kind = self.ours.strand, self.kind
        active = strand.within(kind.shortest)
        every: list[_Runs] = []
        tested = 0
        for length, hashes in strand.growing(kind.shortest, kind.longest):
            active = active[: len(hashes)] & strand.within(length)
            many, active = frequent(hashes, active, strand.text, self.fewest)
            if not len(many[0]):
                break
            tested += len(many[0])
            runs = self._judged(length, many, counts_of(self._there(length), many[0]))
            every.append(_some(runs, runs.surprise > 0))
            active = active[:-1] & active[1:]  # a run of one token more is no oftener than both of its ends
        if not every:
            none = np.empty(0, dtype=np.int64)
            return _Runs(none, none.astype(np.uint64), none.astype(np.float64))
        joined = _Runs(
            np.concatenate([runs.length for runs in every]),
            np.concatenate([runs.hashes for runs in every]),
            np.concatenate([runs.surprise for runs in every]),
        )
        joined = _some(joined, joined.surprise > log(max(tested, 1) / CHANCE))
        return _some(joined, np.lexsort((joined.hashes, -joined.length, -joined.surprise))[:MOST_TRIED])

    def _there(self, length: int) -> tuple[Hashes, NDArray[np.int64]]:
        """The runs of the reference, and how often each stands in it."""
        strand = self.theirs.strand
        return counted(strand.runs(length)[strand.within(length)])

    def _judged(self, length: int, many: Frequent, there: NDArray[np.float64]) -> _Runs:
        """How surprising runs of one length are. Those with too few words or no blank in a shape are not."""
        strand, theirs = self.ours.strand, self.theirs
        hashes, first, records = many
        kinds = strand.kinds[first[:, None] + np.arange(length)]
        fit = (kinds == WORD).sum(axis=1) >= self.kind.words
        if self.kind is SHAPES:
            fit &= (kinds == BLANKS).any(axis=1)
        edged = (kinds == EDGE).any(axis=1)
        # A run at the beginning or the end has one chance a record, any other as many as there are tokens.
        chances = np.where(edged, self.ours.texts, len(strand.text)).astype(np.float64)
        chances_there = np.where(edged, theirs.texts, len(theirs.strand.text)).astype(np.float64)
        floor = np.where(edged, _EDGE_FLOOR, self.kind.floor)
        rate = np.maximum(floor, self._from_parts(first, length) / chances_there) if theirs.texts else floor
        ids = self.ours.tokens.ids[strand.start[first[:, None] + np.arange(length)]]
        chances *= np.exp(np.where(kinds == BLANKS, 0.0, self._lift[ids]).sum(axis=1))
        surprise = surprise_of(records, chances, there, chances_there, rate)
        return _Runs(np.full(len(first), length), hashes, np.where(fit, surprise, -1.0))

    def _lifts(self) -> NDArray[np.float64]:
        """By token of the vocabulary: how much oftener than in the reference a common word or a sign stands, as a log.

        A corpus with more dialogue has more of `I` and `you`, and of all runs of them; that is no pattern.
        """
        tokens, strand, there = self.ours.tokens, self.ours.strand, self._known[1]
        numbers = hashed(tokens.vocabulary)
        here = np.bincount(tokens.ids[strand.start], minlength=len(numbers)) + _ADDED
        usual = (counts_of(there, numbers) + _ADDED) / max(len(self.theirs.strand.text), 1) * len(strand.text)
        common = np.isin(numbers, hashed([*sorted(ORDINARY), *SIGNS]))
        return _LIFT * np.where(common, np.log(np.maximum(here / usual, 1.0)), 0.0)

    def _from_parts(self, first: Places, length: int) -> NDArray[np.float64]:
        """How often a run would stand in the reference if each token depended only on the one or two before it."""
        strand = self.ours.strand
        logs = {
            part: [
                np.log(np.maximum(counts_of(known, strand.at(first + at, part)), _UNSEEN))
                for at in range(length - part + 1)
            ]
            for part, known in self._known.items()
        }
        pairs = sum(logs[2]) - sum(logs[1][1:-1])
        triples = sum(logs[3]) - sum(logs[2][1:-1])
        return np.exp(np.maximum(pairs, triples))

    def _places(self, runs: _Runs) -> Iterator[tuple[int, Places]]:
        """Length and places of each run, in order."""
        strand = self.ours.strand
        held: dict[tuple[int, int], Places] = {}
        for length, hashes in strand.growing(self.kind.shortest, self.kind.longest):
            wanted = np.sort(runs.hashes[runs.length == length])
            if not len(wanted):
                continue
            near = np.zeros(int(BUCKETS) + 1, dtype=np.bool_)
            near[wanted & BUCKETS] = True
            hits = np.flatnonzero(near[hashes & BUCKETS] & strand.within(length))
            at = np.minimum(np.searchsorted(wanted, hashes[hits]), len(wanted) - 1)
            hits = hits[wanted[at] == hashes[hits]]
            order = hits[np.argsort(hashes[hits], kind="stable")]
            for group in np.split(order, np.flatnonzero(np.diff(hashes[order])) + 1):
                held[length, int(hashes[group[0]])] = group
        for length, number in zip(runs.length.tolist(), runs.hashes.tolist(), strict=True):
            yield length, held.pop((length, number))

    def _is_old(self, places: Places, length: int) -> bool:
        """Whether most of a run's places lie on patterns that were found before."""
        start, end = self.ours.strand.start[places], self.ours.strand.end[places + length - 1]
        on = self.covered[start] | self.covered[(start + end) // 2] | self.covered[end - 1]
        return bool(on.mean() >= SAME)

    def _is_pattern(self, places: Places, length: int) -> bool:
        """Whether a run is worth telling: any phrase, and a shape whose content differs from record to record."""
        if self.kind is PHRASES:
            return True
        strand = self.ours.strand
        places = places[np.unique(strand.text[places], return_index=True)[1]][:500]
        blanks = np.flatnonzero(strand.kinds[places[0] : places[0] + length] == BLANKS)
        # What a blank at the edge holds belongs to the text around, which differs even if the pattern's words do not.
        inner = blanks[(blanks > 0) & (blanks < length - 1)]
        fillings = []
        for at in inner if len(inner) else blanks:
            spans = zip(strand.start[places + at].tolist(), strand.end[places + at].tolist(), strict=True)
            fillings.append(len({self.ours.tokens.wording(*span) for span in spans}))
        return sum(fillings) >= OWN_WORDING * len(places) * len(fillings)

    def _grown(self, places: Places, length: int) -> tuple[Places, int]:
        """A run, longer by the tokens before and after it that most of its records agree in."""
        strand, enough = self.ours.strand, AGREEING * len(places)
        for side in (1, -1):
            while length < self.kind.furthest:
                at = places + (length if side > 0 else -1)
                inside = (at >= 0) & (at < len(strand.text))
                inside[inside] = strand.text[at[inside]] == strand.text[places[inside]]
                numbers, counts = np.unique(strand.hashes[at[inside]], return_counts=True)
                if not len(counts) or counts.max() < enough:
                    break
                agrees = inside.copy()
                agrees[inside] = strand.hashes[at[inside]] == numbers[counts.argmax()]
                if len(np.unique(strand.text[places[agrees]])) < self.fewest:
                    break
                places, length = places[agrees] - (side < 0), length + 1
        return places, length

    def _weighed(self, places: Places, length: int) -> tuple[float, float | None]:
        """Surprise of a pattern, and the share of the reference's records that have it."""
        strand, theirs = self.ours.strand, self.theirs
        number = strand.at(places[:1], length)
        hits = np.flatnonzero((theirs.strand.runs(length) == number[0]) & theirs.strand.within(length))
        records = np.array([len(np.unique(strand.text[places]))])
        runs = self._judged(length, (number, places[:1], records), np.array([float(len(hits))]))
        if not theirs.texts:
            return float(runs.surprise[0]), None
        return float(runs.surprise[0]), len(np.unique(theirs.strand.text[hits])) / theirs.texts

    def _cover(self, places: Places, length: int) -> None:
        strand = self.ours.strand
        for start, end in zip(strand.start[places].tolist(), strand.end[places + length - 1].tolist(), strict=True):
            self.covered[max(0, start - NEAR) : end + NEAR] = True

    def _told(self, places: Places, length: int, ids: Sequence[str], reference_share: float | None) -> Found:
        strand, tokens = self.ours.strand, self.ours.tokens
        texts, first = np.unique(strand.text[places], return_index=True)
        examples = []
        for text, place in list(zip(texts.tolist(), places[first].tolist(), strict=True))[:EXAMPLES]:
            start, end = tokens.spot(text, int(strand.start[place]), int(strand.end[place + length - 1]))
            examples.append((ids[text], excerpt(tokens.texts[text], start, end)))
        low, high = wilson(len(texts), self.ours.texts)
        finding = Finding(
            pattern=tokens.shown(strand, int(places[0]), length),
            kind="phrase" if self.kind is PHRASES else "shape",
            records=len(texts),
            share=len(texts) / self.ours.texts,
            reference_share=reference_share,
            low=low,
            high=high,
            examples=tuple(examples),
        )
        return Found(finding, tuple(ids[text] for text in texts.tolist()))


def _some(runs: _Runs, chosen: NDArray[Any]) -> _Runs:
    return _Runs(runs.length[chosen], runs.hashes[chosen], runs.surprise[chosen])


def _together(one: Found, other: Found) -> bool:
    """Whether one of two patterns hardly ever stands in a record without the other."""
    small, large = sorted((one, other), key=lambda found: len(found.ids))
    both = len(set(small.ids) & set(large.ids))
    return large.finding.share <= SELDOM and both >= TOGETHER * len(small.ids)


def _joined(first: Found, more: Found) -> Found:
    """A pattern that tells of another which goes with it."""
    parts = first.finding.pattern.split(AND)
    if len(parts) >= MOST_PARTS:
        return first
    return Found(first.finding.model_copy(update={"pattern": AND.join([*parts, more.finding.pattern])}), first.ids)
