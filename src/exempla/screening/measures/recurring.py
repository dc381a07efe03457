"""Names, openings and endings that recur in a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from exempla.records import Frozen
from exempla.screening.measures.gathered import Gathered
from exempla.screening.measures.observed import bucket

NAMES = 30
ENDINGS = 20
BRANCHES = 8
"""Words that a branch of the tree of openings parts into, at most."""
LEAST = 2
LEAST_SHARE = 0.005
"""Openings and endings in fewer than two records, or in a smaller share of them, are not shown."""


class Counted(Frozen):
    """Something that stands in several records."""

    value: str
    records: int
    share: float
    """Of the measured records."""


class Branch(Frozen):
    """A word with which records begin or go on, and what follows it."""

    word: str
    records: int
    share: float
    """Of the measured records."""
    branches: tuple[Branch, ...] = ()


class Names(Frozen):
    """Capitalised words that are no ordinary ones."""

    different: int = 0
    """How many there are; a lower bound if there are very many."""
    commonest: tuple[Counted, ...] = ()
    """The 30 in most records."""


def names(found: Gathered, records: int) -> Names:
    """Names in measured records.

    A name is a word that stands capitalised inside a sentence, and does so in more records than have it in small
    letters.
    """
    counted = []
    for word, count in found.capitals.items():
        small = int(found.having[bucket(word.lower())]) - count.alone
        if count.inside > small:
            counted.append((word, count.capital))
    counted.sort(key=lambda item: (-item[1], item[0]))
    return Names(different=len(counted), commonest=_rows(counted[:NAMES], records))


def endings(found: Gathered, records: int) -> tuple[Counted, ...]:
    """The last three words that most measured records have in common."""
    counted = Counter(" ".join(words) for words in found.endings if words)
    often = [(words, count) for words, count in counted.items() if count >= _least(records)]
    return _rows(sorted(often, key=lambda item: (-item[1], item[0]))[:ENDINGS], records)


def openings(found: Gathered, records: int) -> tuple[Branch, ...]:
    """The first words of measured records as a tree, three words deep."""
    return _branches(found.openings, records)


def _branches(rest: Sequence[tuple[str, ...]], records: int) -> tuple[Branch, ...]:
    counted = Counter(words[0] for words in rest if words)
    often = [(word, count) for word, count in counted.items() if count >= _least(records)]
    return tuple(
        Branch(
            word=word,
            records=count,
            share=round(count / records, 5),
            branches=_branches([words[1:] for words in rest if words and words[0] == word], records),
        )
        for word, count in sorted(often, key=lambda item: (-item[1], item[0]))[:BRANCHES]
    )


def _least(records: int) -> float:
    return max(LEAST, LEAST_SHARE * records)


def _rows(counted: Sequence[tuple[str, int]], records: int) -> tuple[Counted, ...]:
    return tuple(Counted(value=value, records=count, share=round(count / records, 5)) for value, count in counted)
