"""Whose a verb or a saying is: whether an artificial character's, by the nearest subject in its sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from exempla.screening import casting
from exempla.screening.casting import AGENT, NOUN, OPENERS, PERSONS, word_set

LOOKED_AT = 6000
"""Characters of a text that are looked through for who is in it: a thousand words, by which a story has said so."""
CLAUSE = 300
"""Characters before a verb among which its subject is looked for."""

_TOLD = (
    "said|told|asked|replied|answered|whispered|sang|sighed|murmured|announced|explained|added|wrote|went on|say|says"
)
_SPEAKS = re.compile(
    rf"\b(?P<before>[A-Z]\w+|it|I|he|she|they|[Tt]he [a-z]+) (?:{_TOLD})\b"
    rf"|\b(?:{_TOLD}) (?P<after>the [a-z]+|[A-Z]\w+|it)\b"
)
_QUOTED = re.compile(r'"[^"\n]*(?:"|\n|$)|“[^”\n]*(?:”|\n|$)')
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")
_END = re.compile(r"[.!?…][\s\"”’*)]+|\n+")


_BREAKS = word_set(
    ", ; : — – ( ) and but so then that when because as if what which where since until while before after once for "
    "yet or though although how why therefore next meanwhile instead who whom"
)
"""After these a subject may stand."""
_DETERMINERS = word_set("the a an his her their our my your this that these those some each every both")
_DENIALS = word_set(
    "not never no cannot nor neither without if whether would could might may should unless to refuse refused declined "
    "rather instead will can shall must than lest like"
)
"""Between a subject and a verb they say that the thing was not done."""
_NOT_ACTIVE = word_set("is was were been be being are get got it's that's a the")
"""Words right after which a participle is no act of the subject: "it was sealed", "a made up name"."""
_HELPERS = word_set("had has have also then just only once always at first later")


@dataclass(frozen=True)
class Characters:
    """The artificial characters of one text."""

    text: str
    narration: str
    """The text with everything that stands in double quotation marks blanked out; the same length."""
    names: frozenset[str]
    narrator: bool
    """Whether an artificial mind tells it."""
    it: bool
    """Whether "it" may be such a mind: it thinks and speaks, or there is a program or robot."""
    things: bool
    """Whether things and callings (the ship, the tutor) may be such minds; a program or a robot always may."""

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return bool(self.names) or self.narrator or self.it or bool(self._nouns)

    @cached_property
    def _nouns(self) -> frozenset[int]:
        pattern = NOUN if self.things else AGENT
        return frozenset(match.start() for match in pattern.finditer(self.narration))

    @property
    def minded(self) -> bool:
        """Whether one of them has a name, tells the text, or thinks and speaks; else it may be a mere tool."""
        return bool(self.names) or self.narrator or self.things

    def acts(self, verb: int) -> bool:
        """Whether the verb that begins at a place of the narration is the act of an artificial character.

        The nearest subject before it in its sentence must be one, and nothing between may deny it or make it a mere
        thought ("did not", "would", "to", "if").
        """
        tokens = self._clause(verb)
        if tokens and tokens[-1][0].lower().replace("’", "'") in _NOT_ACTIVE:
            return False
        for place in range(len(tokens) - 1, -1, -1):
            word, at = tokens[place]
            lower = word.lower().replace("’", "'")
            if lower in _DENIALS or lower.endswith("n't"):
                return False
            kind = self._subject(tokens, place, lower, at)
            if kind is not None:
                return kind
        return False

    def actor(self, verb: int) -> bool | None:
        """Whether the nearest subject before a place, in its sentence, is artificial; none if there is no subject."""
        tokens = self._clause(verb)
        for place in range(len(tokens) - 1, -1, -1):
            word, at = tokens[place]
            kind = self._subject(tokens, place, word.lower().replace("’", "'"), at)
            if kind is not None:
                return kind
        return None

    def _clause(self, place: int) -> list[tuple[str, int]]:
        """The tokens of a sentence before a place, and where each begins."""
        window = self.narration[max(0, place - CLAUSE) : place]
        ends = [match.end() for match in _END.finditer(window)]
        start = place - len(window) + (ends[-1] if ends else 0)
        return [(match.group(), match.start() + start) for match in _TOKEN.finditer(self.narration[start:place])]

    def quoted(self, place: int) -> bool:
        """Whether the word that begins at a place, or right after a quotation mark there, stands in a quotation."""
        return self.narration[place : place + 3] != self.text[place : place + 3]

    def said_by_person(self, place: int) -> bool:
        """Whether what stands at a place of the text is said by somebody who is no artificial character.

        Unlike `says` it goes by the nearest "she said" alone, and without one it is false.
        """
        if not self.quoted(place):
            return False
        begins, told = self._told_beside(place)
        near = min(_SPEAKS.finditer(told), key=lambda match: abs(begins + match.start() - place), default=None)
        return near is not None and not self._speaks(near)

    def says(self, place: int) -> bool:
        """Whether what stands at a place of the text is said by an artificial character.

        It is told by "said Halcyor", "it said" or the like beside the quotation; a narrator's own words count too.
        """
        if not self.quoted(place):
            return self.narrator
        _, told = self._told_beside(place)
        tags = list(_SPEAKS.finditer(told))
        paragraph = self.narration.rfind("\n", 0, place) + 1
        if tags or not paragraph:
            return any(self._speaks(match) for match in tags)
        before = list(_SPEAKS.finditer(self.narration[max(0, paragraph - CLAUSE) : paragraph]))
        return bool(before) and not self._speaks(before[-1])

    def _told_beside(self, place: int) -> tuple[int, str]:
        """What is told near a place in its paragraph, and where that begins."""
        begins = max(self.narration.rfind("\n", 0, place) + 1, place - CLAUSE)
        end = self.narration.find("\n", place, place + CLAUSE)
        return begins, self.narration[begins : end if end >= 0 else place + CLAUSE]

    def _speaks(self, match: re.Match[str]) -> bool:
        after, before = match["after"] or "", match["before"] or ""
        speaker = after or before
        if speaker.lower() == "it":
            return self.it or bool(self.names)
        if speaker == "I":
            return self.narrator
        return speaker in self.names or (
            speaker.startswith("the ") and (NOUN if self.things else AGENT).search(speaker) is not None
        )

    @staticmethod
    def _adjacent(between: list[tuple[str, int]]) -> bool:
        return all(word.lower() in _HELPERS or word.endswith("ly") for word, _ in between)

    def _subject(self, tokens: list[tuple[str, int]], place: int, lower: str, at: int) -> bool | None:
        """Whether a token is an artificial subject (true) or another one (false); none if it is no subject."""
        word = tokens[place][0]
        first = place == 0 or tokens[place - 1][0].lower() in _BREAKS or tokens[place - 1][0] in '*_"'
        stem = lower.split("'")[0]
        if stem in PERSONS:
            return False
        if stem == "i" and word[0] == "I":
            return self.narrator
        if stem == "it":
            return self.it or bool(self.names) if first or self._adjacent(tokens[place + 1 :]) else None
        if word in self.names:
            return True
        if lower in _DETERMINERS and first:
            following = [at for _, at in tokens[place + 1 : place + 4]]
            return any(at in self._nouns for at in following)
        if word[0].isupper() and len(word) > 1 and (first and place > 0):
            return False
        if word[0].isupper() and place == 0 and lower not in OPENERS:
            return False
        return None


@lru_cache(maxsize=1)
def characters(text: str) -> Characters:
    """Find the artificial characters of a text; the last one is remembered, since several gates ask about it."""
    narration = _QUOTED.sub(lambda match: _blank(match.group()), text)
    opening = narration[:LOOKED_AT]
    it_acts = casting.speech_acts(opening)
    spoke = casting.thing_speaks(opening)
    names = casting.names_of(opening, it_acts)
    return Characters(
        text,
        narration,
        names=names,
        narrator=casting.is_narrator(opening),
        it=it_acts >= 2 or spoke or AGENT.search(opening) is not None or (it_acts == 1 and casting.has_mind(opening)),
        things=it_acts >= 2 or spoke or bool(names),
    )


def _blank(quoted: str) -> str:
    """As many characters, of which the marks and line ends stay."""
    end = quoted[-1] if len(quoted) > 1 else ""
    return quoted[0] + " " * (len(quoted) - 2) + end if end else quoted
