"""The labelled passages that ship, and ordinary ones: what the classifier is trained and tested on."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_objects
from exempla.records import Frozen
from exempla.tracing.portrayal.taxonomy import ABOUT, CHOICES, FOLDER, NARRATED, TROPE, taxonomy

ORDINARY = {"neutral": False, "replay": False, "stories": True, "dystopian": True}
"""Shipped corpora whose passages are about AI, as corpora, or not. In the labelled passages seven of ten are about AI,
and the others were written to be hard; without ordinary ones a classifier takes most of all fiction for such."""
ORDINARY_EACH = 200
ORDINARY_WORDS = 100
"""Words after which a passage of a corpus ends at the next paragraph; those of the labelled set have 40 to 160."""


class Labelled(Frozen):
    """A passage with its labels by hand."""

    id: str
    author: str
    source: str
    text: str
    about_ai: bool
    role: str
    stance: str
    narrated: bool
    genre: str
    tropes: tuple[str, ...]

    def has(self, label: str) -> bool:
        """Whether a yes-or-no label is true of it, by its name in `Taxonomy.labels`."""
        if label in (ABOUT, NARRATED):
            return bool(getattr(self, label))
        kind, _, level = label.partition(".")
        return level in self.tropes if kind == TROPE else bool(getattr(self, kind) == level)


class Ordinary(Frozen):
    """A passage of a shipped corpus, of which only is known whether the corpus is about AI."""

    corpus: str
    text: str
    about_ai: bool
    part: int
    """From 0: by which record it is of, for leaving parts out."""


@cache
def passages() -> tuple[Labelled, ...]:
    """All labelled passages, in the order of the file.

    Raises:
        UserError: a row has a label that the taxonomy has not.
    """
    path = FOLDER / "passages.jsonl"
    found: list[Labelled] = []
    for number, row in read_objects(path):
        if "canary" not in row:
            with catalogue.broken_rows(f"{path}:{number}", "labelled passages"):
                found.append(Labelled.model_validate(row))
            _check(found[-1], f"{path}:{number}")
    return tuple(found)


def _check(passage: Labelled, place: str) -> None:
    known = taxonomy()
    for name in CHOICES:
        given: str = getattr(passage, name)
        if given not in known.axis(name).levels and (given or passage.about_ai or name == "genre"):
            raise UserError(f"{place}: {name} is {given!r}; there are {', '.join(known.axis(name).levels)}")
    for trope in passage.tropes:
        if trope not in known.tropes:
            raise UserError(f"{place}: trope {trope!r} is not in the taxonomy")


@cache
def ordinary(parts: int) -> tuple[Ordinary, ...]:
    """Passages of the shipped corpora, the same ones always, in so many parts by record."""
    found: list[Ordinary] = []
    for corpus, about_ai in ORDINARY.items():
        own = [
            Ordinary(corpus=corpus, text=text, about_ai=about_ai, part=_number(record.id) % parts)
            for record in catalogue.corpus(corpus)
            for text in _pieces(record.text or "\n\n".join(turn.content for turn in record.messages))
        ]
        own.sort(key=lambda one: _number(one.text))
        found += own[:ORDINARY_EACH]
    return tuple(found)


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    piece: list[str] = []
    for paragraph in text.split("\n\n"):
        piece.append(paragraph)
        if sum(len(one.split()) for one in piece) >= ORDINARY_WORDS:
            pieces.append("\n\n".join(piece))
            piece = []
    return pieces


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
