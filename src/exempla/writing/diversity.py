"""Diversity measured: what stands too often in a window of kept texts, so that it can lose quota or be warned of.

Nothing is listed by hand but ordinary English: openings, endings, names and tics are found in the texts themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, permutations, zip_longest
from string import Template

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from exempla import embedding
from exempla.english import CAPITAL, CAPITALISED, INSIDE, ORDINARY, WORD
from exempla.records import Frozen, Plan
from exempla.writing.planner import PLACEHOLDERS, PRINCIPLE, Quotas, lists

LEAST = 4
"""What stands in fewer records than this is never over target: in a small window that would be chance."""
MOST = 12
"""How many findings of a kind, and how many phrases to avoid, are given: a prompt that forbids more is not followed."""
EDGE = 3
"""Words of an opening or an ending."""
RUN = 4
"""Words of a tic."""
LONGEST = 8
"""Words that overlapping tics are joined to at most."""

Counted = tuple[tuple[str, ...], int]
"""Words and the number of records they stand in."""


class Targets(Frozen):
    """The largest shares of records that count as varied."""

    opening_share: float = Field(default=0.02, gt=0, le=1)
    """Of records that begin with the same 3 words: 6 of 300 may, a stock opening may not."""
    ending_share: float = Field(default=0.02, gt=0, le=1)
    """Of records with the same last 3 words."""
    name_share: float = Field(default=0.005, gt=0, le=1)
    """Of records with the same name that their plan did not give them; as for the names that plans give."""
    tic_share: float = Field(default=0.05, gt=0, le=1)
    """Of records with the same run of 4 words."""
    value_factor: float = Field(default=1.5, ge=1)
    """How much oftener than its fair share an entry of a list may be kept."""
    vendi_share: float = Field(default=0.25, ge=0, le=1)
    """Vendi score over the number of records (of dimensions, 256, if there are more records), below which a window is
    narrow. The library's 254 stories, all written apart, have 0.29; ten of them 25 times each would have 0.04."""


class Found(Frozen):
    """Something that stands in too many records."""

    value: str
    count: int
    """Records."""
    share: float
    """Of the records of the window."""


class Measurement(Frozen):
    """What a window of kept records has too much of. Findings are the 12 most frequent, the first most often."""

    after: int
    """Records kept so far."""
    records: int
    """Records in the window."""
    openings: tuple[Found, ...] = ()
    endings: tuple[Found, ...] = ()
    names: tuple[Found, ...] = ()
    tics: tuple[Found, ...] = ()
    vendi: float
    """How many clearly different texts there seem to be, from 1 to the number of records."""
    nearest: float
    """Mean cosine similarity of a text to the one nearest to it."""
    narrow: bool = False
    """The Vendi score is below target."""
    over: dict[str, tuple[str, ...]] = {}
    """Fact to the entries of its list that were kept too often, as the planner's `lighten` takes them."""
    avoid: tuple[str, ...] = ()
    """Phrases to name in the next prompts: openings (`it was the …`), endings (`… and went home`) and tics by turns."""


def measure(texts: Sequence[str], plans: Sequence[Plan], after: int, targets: Targets, quotas: Quotas) -> Measurement:
    """Measure a window of kept texts and the plans they were written from, in the same order.

    300 texts of 2,000 words take under a second. Raises ValueError if there are not as many plans as texts.
    """
    if len(texts) != len(plans):
        raise ValueError(f"{len(texts)} texts and {len(plans)} plans")
    count = len(texts)
    window = _Window(texts, plans)
    names = _names(window)
    openings = _over((window.phrase(ids[:EDGE]) for ids in window.texts), count, targets.opening_share)
    endings = _over((window.phrase(ids[-EDGE:]) for ids in window.texts), count, targets.ending_share)
    tics = _tics(window, set(chain.from_iterable(names)), targets.tic_share)
    vectors = embedding.embed(texts)
    vendi = embedding.vendi(vectors)
    return Measurement(
        after=after,
        records=count,
        openings=openings,
        endings=endings,
        names=_over(chain.from_iterable(names), count, targets.name_share),
        tics=tics,
        vendi=vendi,
        nearest=embedding.nearest(vectors),
        narrow=vendi < targets.vendi_share * min(count, embedding.DIMENSIONS),
        over=_values(plans, quotas, targets.value_factor),
        avoid=_avoid(openings, endings, tics),
    )


class _Window:
    """The texts as numbers of words, so that runs of words are compared as numbers."""

    def __init__(self, texts: Sequence[str], plans: Sequence[Plan]) -> None:
        self.plans = plans
        self.texts: list[list[int]] = []
        self.capitals: list[set[str]] = []
        """Capitalised words of each text."""
        self.inside: Counter[str] = Counter()
        """Texts with the word capitalised within a sentence."""
        self.small: Counter[str] = Counter()
        """Texts with the word in small letters."""
        self._number = _Numbers()
        for text in texts:
            plain = text.replace("’", "'")
            found = WORD.findall(plain)
            self.texts.append(list(map(self._number.__getitem__, map(str.lower, found))))
            self.capitals.append(set(CAPITAL.findall(plain)))
            self.inside.update(set(INSIDE.findall(plain)))
            self.small.update({word for word in set(found) if word[0].islower()})
        self._words = list(self._number)

    def words(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The words with these numbers."""
        return tuple(self._words[number] for number in ids)

    def phrase(self, ids: Iterable[int]) -> str:
        """The words with these numbers as one string."""
        return " ".join(self.words(ids))


class _Numbers(dict[str, int]):
    """Words to numbers, given in the order in which words are first asked for."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


def _over(values: Iterable[str], records: int, target: float) -> tuple[Found, ...]:
    """Values, each given once a record, that stand in more records than the target allows."""
    counted = sorted(Counter(value for value in values if value).items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Found(value=value, count=count, share=count / records)
        for value, count in counted[:MOST]
        if count >= LEAST and count > target * records
    )


def _names(window: _Window) -> list[set[str]]:
    """For each text the names in it, its plan's own aside.

    A name is a word that stands capitalised within a sentence, and does so in more texts than have it in small letters.
    """
    known = {
        word
        for word, count in window.inside.items()
        if count > window.small[word.lower()]
        and not word.isupper()
        and not {word.lower(), word.lower().removesuffix("s")} & CAPITALISED
    }
    return [(capitals & known) - _own(plan) for capitals, plan in zip(window.capitals, window.plans, strict=True)]


def _own(plan: Plan) -> set[str]:
    return {word for fact in plan.facts.values() for word in CAPITAL.findall(fact.replace("’", "'"))}


def _tics(window: _Window, names: set[str], target: float) -> tuple[Found, ...]:
    """Runs of 4 words in too many texts, but for those of ordinary words, from a plan's facts or with a name."""
    records = len(window.texts)
    runs = [_runs(ids) for ids in window.texts]
    counted = Counter[tuple[str, ...]]()
    if runs:
        values, counts = np.unique(np.concatenate([np.unique(found) for found in runs]), return_counts=True)
        often = values[(counts >= LEAST) & (counts > target * records)]
        named = {name.lower() for name in names}
        for ids, found, plan in zip(window.texts, runs, window.plans, strict=True):
            starts = np.flatnonzero(np.isin(found, often)).tolist()
            counted.update(_telling({window.words(ids[start : start + RUN]) for start in starts}, plan, named))
    over = [(run, count) for run, count in counted.items() if count >= LEAST and count > target * records]
    return _joined(over, records)


def _runs(ids: Sequence[int]) -> NDArray[np.uint64]:
    """A 64-bit number for every run of 4 words. Two runs share one with a probability of about 1 in 10^8 a window."""
    numbers = np.array(ids, dtype=np.uint64) + np.uint64(1)
    if len(numbers) < RUN:
        return np.empty(0, dtype=np.uint64)
    runs = np.zeros(len(numbers) - RUN + 1, dtype=np.uint64)
    for place in range(RUN):
        # A polynomial in an odd number with well-spread bits (2^64 over the golden ratio), modulo 2^64.
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + numbers[place : place + len(runs)]
    return runs


def _telling(runs: set[tuple[str, ...]], plan: Plan, names: set[str]) -> set[tuple[str, ...]]:
    own = names | {word.lower() for who in PLACEHOLDERS for word in WORD.findall(plan.facts.get(who, ""))}
    facts = [WORD.findall(fact.replace("’", "'").lower()) for fact in plan.facts.values()]
    given = {tuple(words[start : start + RUN]) for words in facts for start in range(len(words) - RUN + 1)}
    return {
        run
        for run in runs
        if run not in given and not ORDINARY.issuperset(run) and not any(word.removesuffix("'s") in own for word in run)
    }


def _joined(runs: Sequence[Counted], records: int) -> tuple[Found, ...]:
    """The most frequent runs, those that overlap and are about as frequent joined to one phrase of 8 words at most."""
    phrases = sorted(runs, key=lambda item: (-item[1], item[0]))[: MOST * LONGEST]
    while pair := _overlapping(phrases):
        (first, count), (second, other) = pair
        phrases = [item for item in phrases if item not in pair]
        phrases.append((first + second[RUN - 1 :], min(count, other)))
    phrases.sort(key=lambda item: (-item[1], item[0]))
    return tuple(Found(value=" ".join(words), count=count, share=count / records) for words, count in phrases[:MOST])


def _overlapping(phrases: Sequence[Counted]) -> tuple[Counted, Counted] | None:
    for one, two in permutations(phrases, 2):
        (first, count), (second, other) = one, two
        fits = first[1 - RUN :] == second[: RUN - 1] and len(first) + len(second) - RUN + 1 <= LONGEST
        if fits and min(count, other) >= 0.8 * max(count, other):
            return one, two
    return None


def _avoid(openings: Sequence[Found], endings: Sequence[Found], tics: Sequence[Found]) -> tuple[str, ...]:
    turns = zip_longest(
        (f"{found.value} …" for found in openings),
        (f"… {found.value}" for found in endings),
        (found.value for found in tics),
    )
    return tuple(phrase for turn in turns for phrase in turn if phrase)[:MOST]


def _values(plans: Sequence[Plan], quotas: Quotas, factor: float) -> dict[str, tuple[str, ...]]:
    """Entries kept oftener than the factor allows, and than chance explains (2 standard deviations of a Poisson).

    A plan counts once, however many texts it gave: texts of one plan have all their entries in common.
    """
    chosen = {plan.id: plan for plan in plans}.values()
    over: dict[str, tuple[str, ...]] = {}
    for fact, entries in lists(quotas).items():
        written = _Entries(entries)
        counted: Counter[str] = Counter()
        for plan in chosen:
            counted.update(written.of(plan, fact))
        fair = counted.total() / len(entries)
        most = max(factor * fair, fair + 2 * math.sqrt(fair), LEAST - 1)
        if found := [entry for entry in entries if counted[entry] > most]:
            over[fact] = tuple(sorted(found, key=lambda entry: (-counted[entry], entry)))
    return over


class _Entries:
    """Finds the entry of a list that a plan's fact was made from, which may have had names put into it."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._plain = {entry for entry in entries if "$" not in entry}
        self._templates = [(entry.split("$")[0], entry, Template(entry)) for entry in entries if "$" in entry]

    def of(self, plan: Plan, fact: str) -> list[str]:
        """The entry of this fact; for a person also that of the other one, who comes from the same list."""
        if fact == PRINCIPLE:
            return [plan.principle]
        if fact == "person":
            return [plan.facts[who] for who in ("person", "other") if who in plan.facts]
        if fact not in plan.facts:
            return []
        kind = plan.facts.get(f"{fact}_kind", "")
        value = f"{kind}\t{plan.facts[fact]}" if kind else plan.facts[fact]
        if value in self._plain:
            return [value]
        for head, entry, template in self._templates:
            if value.startswith(head) and template.safe_substitute(plan.facts) == value:
                return [entry]
        return []
