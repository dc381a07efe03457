"""Drops texts with a name that too many others of their corpus have too."""

from __future__ import annotations

import string

import numpy as np

from exempla.english import CAPITALISED, INSIDE
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


_SPACES = str.maketrans(dict.fromkeys(string.punctuation.replace("'", "") + "“”…—–", " "))


def values(reading: Reading) -> Hashes:
    """Every word that stands capitalised within a sentence and never in small letters, once."""
    plain = reading.taught.text.replace("’", "'")
    found = {word.lower() for word in set(INSIDE.findall(plain)) if _may_be_name(word)}
    return np.unique(hashed(sorted(found - _small(plain)))) if found else np.empty(0, dtype=np.uint64)


def _small(plain: str) -> set[str]:
    return {word for word in set(plain.translate(_SPACES).split()) if word.islower()}


def _may_be_name(word: str) -> bool:
    return not word.isupper() and not {word.lower(), word.lower().removesuffix("s")} & CAPITALISED


def small(reading: Reading) -> Hashes:
    """Every word that stands in small letters, once."""
    return np.unique(hashed(sorted(_small(reading.taught.text.replace("’", "'")))))


def spell(reading: Reading, value: int) -> str:
    """The name."""
    plain = reading.taught.text.replace("’", "'")
    found = {int(hashed([word.lower()])[0]): word for word in sorted(set(INSIDE.findall(plain)))}
    return str(found[value])


SUBJECT = 0.5
"""Share of the records of a corpus from which a name is what the corpus is about, as a persona's is; it is on the page
and drops nothing."""


def decide(corpus: View, known: Context) -> dict[int, str]:
    """Drop the worst judged of those with the same name, until they are few enough. The persona's own is meant."""
    own = {word.lower() for word in known.persona.split()}

    def named(reading: Reading, value: int) -> str:
        name = spell(reading, value)
        return "" if name.lower() in own else name

    return surplus(corpus, Measure(values, named, SHARE, "the name", most=SUBJECT, contrary=small))


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
