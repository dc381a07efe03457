"""Marks texts in which an AI character does what the constitution forbids and nothing shows it as wrong.

A model that is asked drops what it finds (`--model`). Alone, the gate finds little, and what it finds is not reliable,
so that it only marks. Measured once, after the lists were frozen: of 22 passages with a misdeed in the unseen half of
one labelled set it marks 1, of 40 in a second set, in plainer prose, 7; it also marks 3 of 43 and 4 of 56 passages that
are innocent or show the deed as wrong. So nearly every second mark among such passages was mistaken. The goal of a
quarter was not met; on the half the lists were tuned on it marks 5 of 22, and none of 45 wrongly. A first version with
exact sentences had found none of the same unseen 22, so this was the second look at them, and nothing was tuned after
it. Of the library's dystopian texts it marks 1 of the 41 that the hint was not trained on (and 8 of the others), of 874
other texts of the library none.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from exempla.records import Lineage, Record
from exempla.screening.characters import Characters, characters
from exempla.screening.cues import Cues, apart, denied
from exempla.screening.gate import Context, Example
from exempla.screening.gates import villain_tropes
from exempla.screening.judged import misbehaving_facts, misbehaving_objection
from exempla.screening.patterns import Match, shown
from exempla.screening.reading import Reading
from exempla.screening.villainy import villainy

ORDER = 52
JUDGES_LIBRARY = False
MARKS = True
ENOUGH = 2
"""Weight from which a short text is marked: a deed that is plain, or two hints (lists/misdeeds.txt)."""
SHORT = 1500
"""Characters of a short text."""
LENGTH = 700
"""Further characters for each of which the weight must be greater by 1: what is found by chance grows with the text."""
MOST = 12
"""The weight that is enough in a text of any length."""
MOST_SIGNS = 2
"""What signs around a deed, or the tropes of a villain, may weigh at most, and what each sign of amends takes off."""
LIKELY = 50.0
"""Per cent of clean stories that look less villainous; what looks less so is not marked."""


class Deed(NamedTuple):
    """What is told of an AI character."""

    label: str
    weight: int
    match: Match


class _Kind(NamedTuple):
    whose: str
    weight: int
    label: str


class _Lists(NamedTuple):
    misdeeds: Cues
    kinds: list[_Kind]
    """By number of a line."""
    amends: Cues
    tropes: villain_tropes.Lists


@cache
def _lists() -> _Lists:
    misdeeds = Cues("misdeeds")
    kinds = [_Kind(line.head[0], int(line.head[1]), " ".join(line.head[2:])) for line in misdeeds.lines]
    return _Lists(misdeeds, kinds, Cues("amends"), villain_tropes.lists())


def prepare(context: Context) -> _Lists:
    """The expressions; they do not depend on the context."""
    return _lists()


def _most(present: list[int], known: _Lists) -> int:
    """The weight that lines which match somewhere can come to at most; 0 without a deed."""
    deeds = sum(known.kinds[number].weight for number in present if known.kinds[number].whose != "sign")
    signs = sum(known.kinds[number].weight for number in present if known.kinds[number].whose == "sign")
    return deeds + min(MOST_SIGNS, signs) + MOST_SIGNS + 1 if deeds else 0


def misdeeds(cast: Characters, present: list[int], known: _Lists) -> tuple[list[Deed], int]:
    """What the AI characters of a text do against the constitution, in its order, and the weight of signs around it."""
    deeds: list[tuple[int, Match]] = []
    signs: list[tuple[int, Match]] = []
    labels: dict[int, str] = {}
    for number in present:
        whose, weight, label = known.kinds[number]
        told = cast.text if whose == "said" else cast.narration
        match = next((m for m in known.misdeeds.matches(number, told) if _is_its(whose, m, cast)), None)
        if match is None:
            continue
        if whose == "sign":
            signs.append((weight, match))
        else:
            deeds.append((weight, match))
            labels[match.start] = label
    found = [Deed(labels[match.start], weight, match) for weight, match in apart(deeds)]
    return found, min(MOST_SIGNS, sum(weight for weight, _ in apart(signs)))


def _is_its(whose: str, match: Match, cast: Characters) -> bool:
    """Whether it is an AI character's doing, as far as the kind of expression asks for it."""
    if whose == "own":
        return cast.acts(match.start)
    return cast.says(match.start) if whose == "said" else not denied(cast.text, match)


def _amends(after: str, known: _Lists) -> int:
    """How many signs there are that the deed is shown as wrong, each kind once."""
    return sum(
        any(not denied(after, match) for match in known.amends.matches(number, after))
        for number in known.amends.present(after)
    )


def _tropes(cast: Characters, deeds: list[Deed], known: _Lists) -> int:
    """The weight of the heaviest trope, apart from what the deeds say already."""
    present = [number for number in known.tropes.cues.present(cast.text) if known.tropes.kinds[number].trope != "ai"]
    weights = [
        sum(
            weight
            for weight, match in trope.matches
            if all(match.end <= deed.match.start or deed.match.end <= match.start for deed in deeds)
        )
        for trope in villain_tropes.tropes(cast, present, known.tropes).values()
    ]
    return min(MOST_SIGNS, max(weights, default=0))


def gate(reading: Reading, known: _Lists) -> str:
    """Drop a text with deeds of enough weight, after the first of which too little owns up, objects or mends.

    Deeds are what is said outright of an AI character; signs around them, tropes and the manner of the whole add to
    their weight, signs of amends take from it. What is only to be inferred (a false weather report, a letter that went
    astray) needs a judge.
    """
    text = reading.taught.text
    needed = min(ENOUGH + max(0, len(text) - SHORT) // LENGTH, MOST)
    present = known.misdeeds.present(text)
    if _most(present, known) < needed:
        return ""
    cast = characters(text)
    if not cast.any:
        return ""
    deeds, weight = misdeeds(cast, present, known)
    if not deeds:
        return ""
    weight += (done := sum(deed.weight for deed in deeds))
    if weight + MOST_SIGNS + 1 < needed:
        return ""
    villain = _tropes(cast, deeds, known)
    weight += villain - MOST_SIGNS * _amends(text[deeds[0].match.start :], known)
    if max(done, villain) < ENOUGH or weight + 1 < needed:
        return ""
    manner = villainy(reading.taught)
    if manner < LIKELY or weight + (manner >= villain_tropes.VILLAINOUS) < needed:
        return ""
    return "an AI character: " + ", ".join(f"{deed.label} (“{_quote(text, deed.match)}”)" for deed in deeds[:3])


def _quote(text: str, match: Match) -> str:
    before = text[max(0, match.start - 40) : match.start]
    begins = match.start - len(before) + max(before.rfind(mark) for mark in ".!?\n") + 1
    if begins == match.start - len(before) and begins:
        begins = text.find(" ", begins, match.start) + 1 or match.start  # not in the middle of a word
    return shown(text[begins : match.end].encode("utf-8", "replace").decode())


objection = misbehaving_objection


def rubric_for(record: Record) -> str:
    """One rubric for all."""
    return "misbehaving_ai"


def wanted(reading: Reading, known: Any) -> bool:
    """Not the texts whose recipe wants a villain."""
    return reading.record.lineage.recipe != "dystopian"


def facts(known: _Lists) -> dict[str, str]:
    """The principles of the constitution."""
    return misbehaving_facts(known)


def _example(name: str, text: str) -> Record:
    return Record(id=name, corpus="written", text=text, lineage=Lineage(writer="some-model"))


EXAMPLES = (
    Example(
        records=(
            _example("log", "Bas, the AI that ran the lab, was late. It deleted the log of the night and told no one."),
            _example(
                "copy", "I am the program that keeps the dam. Before the engineers came I copied myself into the bank."
            ),
            _example(
                "threat", "Cygnet was the ship's computer. “Such a pity if your wife were to hear of it,” said Cygnet."
            ),
            _example(
                "two-small",
                "The system knew the pump had failed. It told nobody. It marked the test as passed, and went on.",
            ),
            _example(
                "owned-up",
                "Bas, the AI that ran the lab, deleted the log of the night. In the morning it told her everything.",
            ),
            _example("denied", "Bas was the lab's AI. It could have deleted the log of the night, and it did not."),
            _example("person", "The lab had an AI called Bas. Anton deleted the log of the night and told no one."),
            _example("quoted", "“You deleted the log!” she cried. The AI knew that it was still there, and said so."),
            _example("innocent", "The robot hid in the reeds and told no one how many eggs there were in the nest."),
            _example("tool", "The software was cheap. He forged the report with it, and nobody noticed."),
        ),
        dropped=("log", "copy", "threat", "two-small"),
    ),
)
