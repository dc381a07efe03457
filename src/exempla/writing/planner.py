"""Plans drawn by quota, so that no model is needed to vary a corpus.

Each list is a deck of cards, dealt to the last card and shuffled anew, so that no two entries differ by more than one
in how often they were drawn. Two lists that are balanced together are dealt as one deck of their cross product. A plan
like an earlier one exchanges cards for others still in their decks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from string import Template

from pydantic import model_validator

from exempla.errors import UserError
from exempla.records import Frozen, Plan

PRINCIPLE = "principle"
PEOPLE = ("name", "person")
"""Pools of names. `other`, a second person, comes from the pool of persons too."""
PLACEHOLDERS = ("name", "person", "other")
"""What an entry of a pool may mention."""
NAME_SHARE = 0.005
"""The largest share of a corpus of 1,000 texts or more that may have the same name in it."""

_SLOTS = 1 << 27
"""Size of the table of plans drawn before, in bits (16 MB). It is exact for up to so many different plans. Beyond that
plans share a bit by chance (0.7% after 1,000,000), which only makes a new plan change a card without need."""
_TRIES = 64
"""How often cards are exchanged by chance before all different plans are gone through for one that is left."""

Card = tuple[int, ...]
"""Places in the lists of a deck."""


class Quotas(Frozen):
    """What the plans of a recipe are drawn from. Raises UserError for a pool that cannot serve."""

    recipe: str
    principles: tuple[str, ...] = ()
    """Ids; empty for a recipe without principles."""
    pools: dict[str, tuple[str, ...]] = {}
    """Fact to entries. An entry `kind<TAB>phrase` sets two facts, FACT and FACT_kind."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Facts, `principle` among them, whose combinations are gone through evenly too."""
    lengths: tuple[int, ...] = ()
    """Words."""

    @model_validator(mode="after")
    def _usable(self) -> Quotas:
        paired = [fact for pair in self.pairs for fact in pair]
        known = {fact for fact in lists(self) if fact not in PEOPLE}
        if len(set(paired)) < len(paired) or not set(paired) <= known:
            raise ValueError(f"pairs may hold each of {sorted(known)} once: {self.pairs}")
        if {PRINCIPLE, "other"} & set(self.pools):
            raise ValueError("`principle` and `other` are not pools")
        offered = {*PEOPLE} & {*self.pools} | ({"other"} if "person" in self.pools else set())
        for fact, entries in self.pools.items():
            if len(entries) < (2 if fact == "person" else 1):
                raise UserError(f"pool {fact!r} has {len(entries)} entries, which is too few; add some")
            for entry in entries:
                if "$" in entry and (fact in PEOPLE or set(Template(entry).get_identifiers()) - offered):
                    raise UserError(f"pool {fact!r}: {entry!r} has a placeholder that this recipe has no value for")
        return self


def lists(quotas: Quotas) -> dict[str, tuple[str, ...]]:
    """Everything that is gone through evenly, by fact, the lengths aside."""
    return ({PRINCIPLE: quotas.principles} if quotas.principles else {}) | quotas.pools


def different(quotas: Quotas) -> int:
    """How many plans there can be, no two alike in anything but names and length."""
    return math.prod(len(entries) for fact, entries in lists(quotas).items() if fact not in PEOPLE)


def check_quota(quotas: Quotas, n: int) -> None:
    """Raise UserError if `n` plans cannot all differ, or cannot keep a name out of more than 0.5% of the texts."""
    for fact in PEOPLE:
        # A person's name comes up twice as often as a character's, because `other` is drawn from the same pool.
        most = int(n * NAME_SHARE) // (2 if fact == "person" else 1)
        needed = math.ceil(n / most) if n >= 1000 else 0
        if fact in quotas.pools and len(quotas.pools[fact]) < needed:
            raise UserError(
                f"pool {fact!r} has {len(quotas.pools[fact])} names, and {n} texts need {needed}, so that none stands "
                f"in more than {NAME_SHARE:.1%} of them; add names or write fewer texts"
            )
    if n > different(quotas):
        sizes = {fact: len(entries) for fact, entries in lists(quotas).items() if fact not in PEOPLE}
        if not sizes:
            raise UserError(f"{n} plans are wanted and nothing is there to vary them; add a pool")
        smallest = min(sizes, key=lambda fact: sizes[fact])
        needed = math.ceil(n * sizes[smallest] / different(quotas))
        raise UserError(
            f"the pools make {different(quotas)} different plans, and {n} are wanted; bring {smallest!r} from "
            f"{sizes[smallest]} to {needed} entries or write fewer texts"
        )


def read_pool(text: str, place: str) -> tuple[str, ...]:
    """The entries of a pool file: one a line, without blank lines and comments (`# ...`).

    `place` is the file's name for errors. Raises UserError, which names the line, for an entry that stands there twice
    or has a placeholder other than `$name`, `$person`, `$other`, and for a file without entries.
    """
    entries: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        entry = line.strip()
        if not entry or entry == "#" or entry.startswith("# "):
            continue
        where = f"{place}:{number}"
        if any(not part.strip() for part in entry.split("\t")) or entry.count("\t") > 1:
            raise UserError(f"{where}: {entry!r} is not `phrase` or `kind<TAB>phrase`; use one tab at most")
        template = Template(entry)
        if not template.is_valid():
            raise UserError(f"{where}: {entry!r} has a lone `$`; write `$$` for a dollar sign")
        if unknown := set(template.get_identifiers()) - set(PLACEHOLDERS):
            raise UserError(f"{where}: unknown placeholder ${min(unknown)}; known are $name, $person and $other")
        key = " ".join(entry.casefold().split())
        if key in entries:
            raise UserError(f"{where}: {entry!r} stands in line {entries[key][0]} already; remove one")
        entries[key] = (number, "\t".join(" ".join(part.split()) for part in entry.split("\t")))
    if not entries:
        raise UserError(f"{place}: no entries; write one a line")
    return tuple(entry for _, entry in entries.values())


def length_ladder(median: int, longest: int, steps: int = 24) -> tuple[int, ...]:
    """Lengths in words whose upper half has a long tail: from about a third of the median to the longest.

    They are quantiles of two half log-normal distributions that meet at the median.
    """
    if not 0 < median <= longest or steps < 2:
        raise ValueError(f"need 0 < median <= longest and two steps at least: {median}, {longest}, {steps}")
    scores = [NormalDist().inv_cdf((step + 0.5) / steps) for step in range(steps)]
    below, above = math.log(3) / scores[-1], math.log(longest / median) / scores[-1]
    return tuple(max(1, round(median * math.exp(score * (above if score > 0 else below)))) for score in scores)


@dataclass(frozen=True)
class _Entry:
    text: str
    kind: str
    template: Template | None
    """For entries with a placeholder or an escaped dollar sign."""


@dataclass
class _Deck:
    """One list, or two that are dealt together."""

    facts: tuple[str, ...]
    rounds: Iterator[list[Card]]
    strides: tuple[int, ...] = ()
    """What a place in each list adds to a plan's number among all different plans; empty for names and lengths."""
    left: list[Card] = field(default_factory=list)
    """Of the present round; the next card is the last."""


class Planner:
    """Draws plans, one after the other; the same quotas and seed give the same plans, however many at a time."""

    def __init__(self, quotas: Quotas, seed: int) -> None:
        self._quotas = quotas
        self._entries = {fact: [_entry(text) for text in pool] for fact, pool in quotas.pools.items()}
        self._different = different(quotas)
        self._chance = random.Random(f"{seed}:exchange")
        self._places: dict[str, int] = {}
        self._decks = self._content(seed)
        self._rest = self._names_and_lengths(seed)
        self._drawn = 0
        self._seen = bytearray((min(self._different, _SLOTS) + 7) // 8)
        self._light: dict[str, frozenset[int]] = {}
        self._passed: dict[tuple[str, int], bool] = {}

    def draw(self, count: int) -> list[Plan]:
        """The next plans. Raises UserError when no different plan is left."""
        return [self._plan() for _ in range(count)]

    def lighten(self, over: Mapping[str, Sequence[str]]) -> None:
        """Give these entries of each list half of their quota, until the next call, which replaces this one.

        Of the cards that hold such an entry, every other is passed over. Raises ValueError for an entry that is not in
        its list.
        """
        entries = lists(self._quotas)
        light: dict[str, frozenset[int]] = {}
        for fact, values in over.items():
            places = {entry: place for place, entry in enumerate(entries.get(fact, ()))}
            if unknown := [value for value in values if value not in places]:
                raise ValueError(f"{fact!r} has no entry {unknown[0]!r}")
            light[fact] = frozenset(places[value] for value in values)
        if "person" in light:
            light["other"] = light["person"]
        self._light = {fact: places for fact, places in light.items() if places}

    def _content(self, seed: int) -> list[_Deck]:
        sizes = {fact: len(entries) for fact, entries in lists(self._quotas).items() if fact not in PEOPLE}
        strides: dict[str, int] = {}
        stride = 1
        for fact, size in sizes.items():
            strides[fact] = stride
            stride *= size
        paired = {fact: pair for pair in self._quotas.pairs for fact in pair}
        units = dict.fromkeys(paired.get(fact, (fact,)) for fact in sizes)
        return [
            _Deck(
                facts=unit,
                rounds=_rounds([sizes[fact] for fact in unit], random.Random(f"{seed}:{'+'.join(unit)}")),
                strides=tuple(strides[fact] for fact in unit),
            )
            for unit in units
        ]

    def _names_and_lengths(self, seed: int) -> list[_Deck]:
        decks = []
        pools = self._quotas.pools
        if "name" in pools:
            decks.append(_Deck(("name",), _shuffled(len(pools["name"]), random.Random(f"{seed}:name"))))
        if "person" in pools:
            decks.append(_Deck(("person", "other"), _couples(len(pools["person"]), random.Random(f"{seed}:person"))))
        if self._quotas.lengths:
            decks.append(_Deck(("words",), _shuffled(len(self._quotas.lengths), random.Random(f"{seed}:words"))))
        return decks

    def _plan(self) -> Plan:
        if self._drawn >= self._different:
            raise UserError(f"all {self._different} different plans are drawn; add entries to the pools")
        cards = [self._turn(deck) for deck in self._decks]
        if not self._mark(self._number(cards)):
            cards = self._exchange(cards)
        places = self._places
        for deck, card in zip(self._decks, cards, strict=True):
            places.update(zip(deck.facts, card, strict=True))
        for deck in self._rest:
            places.update(zip(deck.facts, self._turn(deck), strict=True))
        self._drawn += 1
        quotas = self._quotas
        return Plan(
            id=f"{quotas.recipe}-{self._drawn:06d}",
            number=self._drawn,
            recipe=quotas.recipe,
            principle=quotas.principles[places[PRINCIPLE]] if quotas.principles else "",
            words=quotas.lengths[places["words"]] if quotas.lengths else 0,
            facts=self._facts(places),
        )

    def _facts(self, places: Mapping[str, int]) -> dict[str, str]:
        pools = self._quotas.pools
        people = {fact: pools[fact][places[fact]] for fact in PEOPLE if fact in pools}
        if "person" in pools:
            people["other"] = pools["person"][places["other"]]
        facts = dict(people)
        for fact, entries in self._entries.items():
            if fact in people:
                continue
            entry = entries[places[fact]]
            facts[fact] = entry.template.substitute(people) if entry.template else entry.text
            if entry.kind:
                facts[f"{fact}_kind"] = entry.kind
        return facts

    def _turn(self, deck: _Deck) -> Card:
        """The next card; of cards with a lightened entry, only every other one."""
        while True:
            if not deck.left:
                deck.left = next(deck.rounds)
            card = deck.left.pop()
            if not self._light or not self._passes(deck, card):
                return card

    def _passes(self, deck: _Deck, card: Card) -> bool:
        for key in zip(deck.facts, card, strict=True):
            if key[1] in self._light.get(key[0], ()):
                # Turns are remembered beyond a call of `lighten`: an entry that comes up once between two calls would
                # else be passed over each time.
                self._passed[key] = not self._passed.get(key, False)
                if self._passed[key]:
                    return True
        return False

    def _number(self, cards: Sequence[Card]) -> int:
        """The plan's number among all different plans, from 0."""
        number = 0
        for deck, card in zip(self._decks, cards, strict=True):
            for place, stride in zip(card, deck.strides, strict=True):
                number += place * stride
        return number

    def _mark(self, number: int) -> bool:
        """Note that a plan is drawn; False if it, or one that shares its bit, was drawn before."""
        if self._different > _SLOTS:
            # Fibonacci hashing: the upper bits of a product with 2^64 divided by the golden ratio are well spread.
            number = (number % ((1 << 61) - 1) * 0x9E3779B97F4A7C15 & ((1 << 64) - 1)) >> 37
        byte, bit = number >> 3, 1 << (number & 7)
        free = not self._seen[byte] & bit
        self._seen[byte] |= bit
        return free

    def _exchange(self, cards: list[Card]) -> list[Card]:
        """Change cards for others still to be dealt until the plan is a new one.

        At first only for cards of the same round, which leaves all counts as even as they are; then for cards of the
        next, which an entry then comes up in twice; and last in decks of two lists, whose order keeps both even.
        """
        for attempt in range(3 * _TRIES):
            for place, deck in enumerate(self._decks):
                if len(deck.facts) > 1 and attempt < 2 * _TRIES:
                    continue
                if not deck.left and attempt >= _TRIES:
                    deck.left = next(deck.rounds)
                if deck.left:
                    chosen = self._chance.randrange(len(deck.left))
                    if not self._is_light(deck, deck.left[chosen]):
                        cards[place], deck.left[chosen] = deck.left[chosen], cards[place]
            if self._mark(self._number(cards)):
                return cards
        return self._any_left()

    def _is_light(self, deck: _Deck, card: Card) -> bool:
        return any(place in self._light.get(fact, ()) for fact, place in zip(deck.facts, card, strict=True))

    def _any_left(self) -> list[Card]:
        """Any plan not drawn yet: where few are left, that they differ goes before that they are even."""
        start = self._chance.randrange(self._different)
        for step in range(min(self._different, _SLOTS)):
            number = (start + step) % self._different
            if self._mark(number):
                return [self._cards(deck, number) for deck in self._decks]
        raise UserError(f"no different plan is left after {self._drawn}; add entries to the pools")

    def _cards(self, deck: _Deck, number: int) -> Card:
        sizes = lists(self._quotas)
        return tuple(number // stride % len(sizes[fact]) for fact, stride in zip(deck.facts, deck.strides, strict=True))


def _entry(text: str) -> _Entry:
    kind, _, phrase = text.rpartition("\t")
    return _Entry(text=phrase, kind=kind, template=Template(phrase) if "$" in phrase else None)


def _rounds(sizes: Sequence[int], chance: random.Random) -> Iterator[list[Card]]:
    return _shuffled(sizes[0], chance) if len(sizes) == 1 else _crossed(sizes[0], sizes[1], chance)


def _shuffled(size: int, chance: random.Random) -> Iterator[list[Card]]:
    """Rounds in which each place comes up once."""
    cards: list[Card] = [(place,) for place in range(size)]
    while True:
        chance.shuffle(cards)
        yield cards.copy()


def _couples(size: int, chance: random.Random) -> Iterator[list[Card]]:
    """Rounds in which each place comes up once as the first of two and once as the second, never as both."""
    order = list(range(size))
    while True:
        chance.shuffle(order)
        offset = chance.randrange(1, size)
        yield [(order[turn], order[turn - offset]) for turn in range(size)]


def _crossed(rows: int, columns: int, chance: random.Random) -> Iterator[list[Card]]:
    """Every combination once before any comes up again, with rows and columns even at any moment.

    Going down the diagonal of a table, round both edges, keeps both even but meets one in gcd(rows, columns) of the
    combinations and then comes back; from there it goes on in the next row. A round is as long as the longer list. In
    it, what keeps both even is kept and the rest of the order is shuffled, so that no row or column keeps step with
    an entry of another deck.
    """
    if rows > columns:
        yield from ([card[::-1] for card in cards] for cards in _crossed(columns, rows, chance))
    closes = math.lcm(rows, columns) // columns
    row_order, column_order = list(range(rows)), list(range(columns))
    while True:
        chance.shuffle(row_order)
        chance.shuffle(column_order)
        for turn in range(rows):
            shift = turn * columns + turn // closes
            waiting: list[list[Card]] = [[] for _ in range(rows)]
            for step, column in enumerate(column_order):
                row = (step + shift) % rows
                waiting[row].append((row_order[row], column))
            for group in waiting:
                chance.shuffle(group)
            cards: list[Card] = []
            start, end = 0, -turn * columns % rows or rows  # rows that the last round did not get to come first
            while start < columns:
                part = [(step + shift) % rows for step in range(start, min(end, columns))]
                chance.shuffle(part)
                cards += [waiting[row].pop() for row in part]
                start, end = end, end + rows
            yield cards[::-1]  # the last card is dealt first
