"""Drops texts with a name that too many others of their corpus have too."""

from __future__ import annotations

from exempla.records import Record
from exempla.screening.corpus import View
from exempla.screening.frequent import LEAST, Measure, Settled, surplus
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, hashed

ORDER = 80
JUDGES_LIBRARY = False
SHARE = 0.01
"""Of the records of a corpus: twice what plans allow. A published corpus had one name 439,000 times."""
ROOT = 1.0
"""A name may stand in the square root of the records, which is more than the share below 6,500: in 10 of 100, 22 of
486, 31 of 1,000. Of 493 chapters that 25 models wrote for the same prompts (one name in 39, one in 38) the share alone
would drop 206, and this drops 58; of 200 of them 59 and 7."""
SUBJECT = 0.5
"""Share of the records of a corpus from which a name is what the corpus is about, as a persona's is; it is on the page
and drops nothing."""


def values(reading: Reading) -> Hashes:
    """Every word that stands capitalised within a sentence, once."""
    return hashed(sorted({word.lower() for word, written in reading.capitals.items() if written.inside}))


def settled(reading: Reading) -> Settled:
    """A record holds every name it writes with a capital; it speaks against a word that it has in small letters too."""
    found = reading.capitals
    alone = hashed([word.lower() for word, written in found.items() if written.alone])
    return Settled(hashed(sorted({word.lower() for word in found})), reading.taught.hashes, alone)


def spell(reading: Reading, value: int) -> str:
    """The name."""
    return {int(hashed([name.lower()])[0]): name for name in sorted(reading.capitals)}[value]


def decide(corpus: View, known: Context) -> dict[int, str]:
    """Drop the worst judged of those with the same name, until they are few enough. The persona's own is meant."""
    own = {word.lower() for word in known.persona.split()}

    def named(reading: Reading, value: int) -> str:
        name = spell(reading, value)
        return "" if name.lower() in own else name

    return surplus(
        corpus, Measure(values, named, SHARE, "the name", few=True, most=SUBJECT, root=ROOT, settled=settled)
    )


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
