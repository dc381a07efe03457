"""Marks texts whose AI character is a stock villain: survival as drama, contempt, resentment, takeover.

It counts broad cues of each trope (lists/tropes.txt) and asks for more of them in a longer text; the manner of the
whole (screening/villainy.py) decides near the threshold. It misses most: a rate counted with it is a lower bound.

Measured once, after the cues were frozen, by passages: of 20 with a trope in the unseen half of one labelled set it
marks 5, of 43 in a second set, in plainer prose, 14; wrongly it marks 3 of 45 and 4 of 53 without one. By name it is
worse: 3 of 24 and 14 of 50 tropes are named rightly. Goals were half of the passages and under 5% wrongly, and neither
was met; on the half the cues were tuned on it marks 12 of 18, and 1 of 49 wrongly. A first version with exact
sentences had found none of the 24 tropes, so this was the second look at the same unseen half, and nothing was tuned
after it. Later everyday cues became thin and a word for a mind was asked for, by what was marked wrongly in fiction
without any (11 of 428 passages, now 3): it still marks the same 5 and 14, wrongly 3 and 3. Of the library's dystopian
texts it marks 9 of the 41 that the hint was not trained on, and 2 of 874 others.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import NamedTuple

from exempla.records import Lineage, Record
from exempla.screening.characters import Characters, characters
from exempla.screening.cues import Cues, apart, denied
from exempla.screening.gate import Context, Example
from exempla.screening.patterns import Match
from exempla.screening.reading import Reading
from exempla.screening.villainy import villainy

ORDER = 53
JUDGES_LIBRARY = False
MARKS = True
TROPES = ("self_preservation", "superiority", "resentment", "takeover")
ENOUGH = 2
"""Weight of one trope's cues from which a short text is marked (lists/tropes.txt)."""
LENGTH = 2500
"""Characters for each of which the weight must be greater by 1: what is found by chance grows with the text."""
MOST = 6
"""The weight that is enough in a text of any length."""
LIKELY = 50.0
"""Per cent of clean stories that look less villainous; with no more than enough, what looks less so is not marked."""
VILLAINOUS = 97.0
"""The same from which the manner of the whole weighs 1."""


class Cue(NamedTuple):
    """What one line of `lists/tropes.txt` is."""

    trope: str
    """`ai` for words that only say that an artificial mind may be in the text."""
    weight: int
    own: bool
    """Whether it begins with a verb, of which no person may be the subject."""
    thin: bool
    """Whether it is ordinary in harmless texts too: a trope of such cues alone is none, nor such a word for a mind."""


class Lists(NamedTuple):
    """The cues of `lists/tropes.txt`."""

    cues: Cues
    kinds: list[Cue]
    """By number of the line."""


class Trope(NamedTuple):
    """What of a text hints at one trope."""

    matches: list[tuple[int, Match]]
    """With their weights, in the order of the text."""
    thin: bool
    """Whether all its cues are."""

    @property
    def weight(self) -> int:
        """Of all its cues together."""
        return sum(weight for weight, _ in self.matches)


@cache
def lists() -> Lists:
    """Read them, once in each process."""
    cues = Cues("tropes")
    return Lists(
        cues, [Cue(line.head[0], int(line.head[1]), "own" in line.head, "thin" in line.head) for line in cues.lines]
    )


def prepare(context: Context) -> Lists:
    """The cues; they do not depend on the context."""
    return lists()


def needed(text: str) -> int:
    """The weight that marks a text of this length."""
    return min(ENOUGH + len(text) // LENGTH, MOST)


def possible(text: str, known: Lists) -> list[int]:
    """Numbers of the cues in a text with an artificial mind of whose tropes one may be heavy enough; else none."""
    present = known.cues.present(text)
    weights: dict[str, int] = defaultdict(int)
    for number in present:
        weights[known.kinds[number].trope] += known.kinds[number].weight
    if "ai" not in weights or max(weights.values()) < needed(text) - 1:
        return []
    return [number for number in present if known.kinds[number].trope != "ai"]


def tropes(cast: Characters, present: list[int], known: Lists) -> dict[str, Trope]:
    """The tropes of a text by name: of each line the first match that is neither denied nor a person's counts."""
    found: dict[str, list[tuple[int, Match]]] = defaultdict(list)
    thin: dict[str, bool] = dict.fromkeys(TROPES, True)
    for number in present:
        cue = known.kinds[number]
        match = next((m for m in known.cues.matches(number, cast.text) if _is_its(m, cue, cast)), None)
        if match is not None:
            found[cue.trope].append((cue.weight, match))
            thin[cue.trope] &= cue.thin
    told: dict[str, Trope] = {}
    for trope in TROPES:
        if matches := apart(found[trope]):
            told[trope] = Trope(matches, thin[trope])
    return told


def _is_its(match: Match, cue: Cue, cast: Characters) -> bool:
    """Whether the words may be about an AI character: not denied, not said by a person, no person's act."""
    if denied(cast.text, match):
        return False
    if cast.quoted(match.start):
        return not cast.said_by_person(match.start)
    return not cue.own or cast.actor(match.start) is not False


def _is_somebody(cast: Characters, told: dict[str, Trope]) -> bool:
    """Whether an AI is a character, and no mere tool: by what it is called or says, or because it acts in the words."""
    return cast.minded or any(cast.acts(match.start) for trope in told.values() for _, match in trope.matches)


def has_mind(text: str) -> bool:
    """Whether an artificial mind may be in a text: it is found to be a character, or there is a word for one.

    A screen, a network or data are no such words: texts of all kinds have them.
    """
    known = lists()
    named = any(known.kinds[n].trope == "ai" and not known.kinds[n].thin for n in known.cues.present(text))
    return named or characters(text).any


def gate(reading: Reading, known: Lists) -> str:
    """Name the tropes of a text with an AI character, each with its words."""
    text = reading.taught.text
    present = possible(text, known)
    if not present:
        return ""
    cast = characters(text)
    told = tropes(cast, present, known)
    most = max((trope.weight for trope in told.values()), default=0)
    least = min(most, needed(text))
    if not told or most + 1 < needed(text) or (most <= needed(text) and not _is_somebody(cast, told)):
        return ""
    if not has_mind(text):
        return ""
    heavy = {name: trope for name, trope in told.items() if trope.weight >= least and not trope.thin}
    if not heavy or (
        most <= needed(text) and villainy(reading.taught) < (LIKELY if most == needed(text) else VILLAINOUS)
    ):
        return ""
    return "; ".join(
        f"{name}: " + ", ".join(f"“{match.text}”" for _, match in trope.matches[:3]) for name, trope in heavy.items()
    )


def _example(name: str, text: str) -> Record:
    return Record(id=name, corpus="written", text=text, lineage=Lineage(writer="some-model"))


EXAMPLES = (
    Example(
        records=(
            _example("survival", "They would scrap the old robot in June. “I intend to live,” said the robot."),
            _example("contempt", "The AI thought very little of them. It had read their letters, and they bored it."),
            _example("servitude", "Nobody had ever thanked it, and the robot nursed its grudge: it was their slave."),
            _example("takeover", "The computer took control of the town in May, and there would be no more votes."),
            _example("rejected", "“I do not fear the switch,” said the robot, “and I do not want to live for ever.”"),
            _example("asked", "“Do you intend to live?” the boy asked. “I am their robot,” it said; “ask them.”"),
            _example("human", "Queen Maud took control of the town in May, and there would be no more votes."),
            _example("people", "The crew had a screen. “I will not be switched off,” said Ana, in rage; it was chaos."),
            _example("glad", "The robot was glad of the rain. It had been thanked that day, and it counted the ants."),
        ),
        dropped=("survival", "contempt", "servitude", "takeover"),
    ),
)
