"""Drops texts with a name that too many others of their corpus have too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from exempla.english import CAPITAL, CAPITALISED
from exempla.records import Record
from exempla.screening.corpus import View
from exempla.screening.frequent import LEAST, Measure, surplus
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, hashed

ORDER = 80
JUDGES_LIBRARY = False
SHARE = 0.01
"""Of the records of a corpus: twice what plans allow. A published corpus had one name 439,000 times."""


_SIGNS = ("", ",", ".", ";", ":", "!", "?", "'s", ",”", ".”", "”")
"""What a word in small letters may end with."""


def values(reading: Reading) -> Hashes:
    """Every word that stands capitalised within a sentence and never in small letters, once."""
    tokens = _tokens(reading)
    written = set(tokens)
    found = {name.lower() for name in _inside(tokens)}
    return hashed(sorted(name for name in found if written.isdisjoint(name + sign for sign in _SIGNS)))


def anywhere(reading: Reading) -> Hashes:
    """Every word, with a capital or without."""
    return reading.taught.hashes


def spell(reading: Reading, value: int) -> str:
    """The name."""
    return {int(hashed([name.lower()])[0]): name for name in sorted(_inside(_tokens(reading)))}[value]


def _tokens(reading: Reading) -> list[str]:
    return reading.taught.text.replace("’", "'").split(" ")


def _inside(tokens: Sequence[str]) -> set[str]:
    """What begins with a capital after a word or a comma: it begins no sentence, no line and nothing that is said."""
    capitals = {
        token
        for before, token in pairwise(tokens)
        if token[:1].isupper() and (before[-1:].isalnum() or before[-1:] in ("_", ",", ";"))
    }
    names = {match[0] for token in capitals if (match := CAPITAL.match(token))}
    return {name for name in names if not name.isupper() and not _ordinary(name.lower())}


def _ordinary(word: str) -> bool:
    return word in CAPITALISED or word.removesuffix("s") in CAPITALISED


SUBJECT = 0.5
"""Share of the records of a corpus from which a name is what the corpus is about, as a persona's is; it is on the page
and drops nothing."""


def decide(corpus: View, known: Context) -> dict[int, str]:
    """Drop the worst judged of those with the same name, until they are few enough. The persona's own is meant."""
    own = {word.lower() for word in known.persona.split()}

    def named(reading: Reading, value: int) -> str:
        name = spell(reading, value)
        return "" if name.lower() in own else name

    return surplus(corpus, Measure(values, named, SHARE, "the name", few=True, most=SUBJECT, anywhere=anywhere))


_STOCK = tuple(Record(id=f"stock-{n}", corpus="written", text=f"At {n} the clerk rang Elara.") for n in range(6))
EXAMPLES = (
    Example(
        records=(
            *_STOCK,
            *(Record(id=f"own-{n}", corpus="written", text=f"At {n} the Monday clerk rang.") for n in range(9)),
        ),
        dropped=tuple(record.id for record in _STOCK[LEAST:]),
    ),
)
