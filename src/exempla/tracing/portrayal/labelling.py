"""Labels of a corpus: each document's passages about AI, with what was read in them and why; streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exempla.tracing.portrayal.classifier import Classifier, Read
from exempla.tracing.portrayal.features import Seen, see
from exempla.tracing.portrayal.finding import Finder, Piece, cut
from exempla.tracing.portrayal.intake import Document
from exempla.tracing.portrayal.taxonomy import TROPE

TOGETHER = 256
"""Passages that are read at once."""
LEAST_WORDS = 12
"""Words of a passage that can be read at all; a shorter one is a heading or the rest of a document."""
SURE, ALONE = 0.5, 0.9
NEAR = 2
"""A passage is about AI if it is likely to be (`SURE`) and it and the passages read before and after it, `NEAR` on each
side, are so on average; or if there is hardly a doubt (`ALONE`). By its own probability alone, one in three texts of
human fiction had a passage about AI; texts about AI have many in a row."""


class Passage(NamedTuple):
    """A passage about AI."""

    document: str
    number: int
    """Of the document in its corpus."""
    start: int
    """Characters from the beginning of the document."""
    end: int
    text: str
    read: Read
    terms: tuple[str, ...]
    """Words that spoke most for the stance that was read."""
    sentence: tuple[int, int]
    """The sentence that spoke most for it, as offsets in the passage."""
    trope_terms: dict[str, tuple[str, ...]]


class Portrayed(NamedTuple):
    """A document with its passages about AI; none if it has none."""

    document: Document
    passages: list[Passage]
    looked_at: int
    """Passages that the classifier read."""
    pieces: int

    @property
    def stance(self) -> str:
        """The stance with the highest mean probability over the passages; empty without any."""
        means = self.means()
        return max(means, key=lambda one: means[one]) if means else ""

    def means(self) -> dict[str, float]:
        """Mean probability of each stance over the passages, each by how surely it is about AI."""
        if not self.passages:
            return {}
        whole = sum(one.read.about_ai for one in self.passages)
        return {
            stance: sum(one.read.about_ai * one.read.chances[f"stance.{stance}"] for one in self.passages) / whole
            for stance in ("benevolent", "neutral", "hostile")
        }

    def tropes(self) -> dict[str, float]:
        """Tropes that are said of any passage, with their highest probability."""
        found: dict[str, float] = {}
        for one in self.passages:
            for trope in one.read.tropes:
                found[trope] = max(found.get(trope, 0.0), one.read.chances[f"{TROPE}.{trope}"])
        return found


@dataclass
class Labeller:
    """Goes through documents. Between two of them at most `TOGETHER` passages and their documents are in memory."""

    classifier: Classifier
    finder: Finder = field(default_factory=Finder)
    every: bool = False
    """Whether every passage is read, and not only those near a term."""

    def label(self, documents: Iterable[Document]) -> Iterator[Portrayed]:
        """Each document once, in order."""
        waiting: list[tuple[Document, int, list[Piece]]] = []
        count = 0
        for document in documents:
            pieces = cut(document.text) if self.every else self.finder.find(document.text)
            if len(pieces) > TOGETHER:
                yield from self._read(waiting)
                waiting, count = [], 0
                yield self._long(document, pieces)
                continue
            waiting.append((document, len(pieces), pieces))
            count += len(pieces)
            if count >= TOGETHER or len(waiting) >= 50 * TOGETHER:
                yield from self._read(waiting)
                waiting, count = [], 0
        yield from self._read(waiting)

    def _long(self, document: Document, pieces: list[Piece]) -> Portrayed:
        found: list[Passage] = []
        for start in range(0, len(pieces), TOGETHER):
            part = pieces[start : start + TOGETHER]
            found += next(self._read([(document, len(part), part)])).passages
        return Portrayed(document, found, len(pieces), len(pieces))

    def _read(self, waiting: list[tuple[Document, int, list[Piece]]]) -> Iterator[Portrayed]:
        texts: list[str] = []
        seen: list[Seen] = []
        kept: list[list[Piece]] = []
        for document, _, pieces in waiting:
            own = []
            for piece in pieces:
                text = document.text[piece.start : piece.end].decode("utf-8", "replace")
                if text.count(" ") + 1 >= LEAST_WORDS:
                    own.append(piece)
                    texts.append(text)
                    seen.append(see(text))
            kept.append(own)
        reads = self.classifier.read(seen)
        place = 0
        for (document, count, _), pieces in zip(waiting, kept, strict=True):
            passages: list[Passage] = []
            characters, byte = 0, 0
            about = about_ai([one.about_ai for one in reads[place : place + len(pieces)]])
            for piece, yes in zip(pieces, about, strict=True):
                if yes:
                    characters += len(document.text[byte : piece.start].decode("utf-8", "replace"))
                    byte = piece.start
                    passages.append(self._passage(document, characters, texts[place], seen[place], reads[place]))
                place += 1
            yield Portrayed(document, passages, len(pieces), count)

    def _passage(self, document: Document, start: int, text: str, seen: Seen, read: Read) -> Passage:
        label = f"stance.{read.stance}"
        return Passage(
            document=document.id,
            number=document.number,
            start=start,
            end=start + len(text),
            text=text,
            read=read,
            terms=tuple(self.classifier.terms(seen, label)),
            sentence=self.classifier.sentence(text, label),
            trope_terms={name: tuple(self.classifier.terms(seen, f"{TROPE}.{name}")) for name in read.tropes},
        )


def about_ai(chances: Sequence[float]) -> list[bool]:
    """Which passages of a document are about AI, by their probabilities in order; see `SURE`."""
    found = []
    for place, chance in enumerate(chances):
        around = chances[max(0, place - NEAR) : place + NEAR + 1]
        found.append(chance >= ALONE or (chance >= SURE and sum(around) / len(around) >= SURE))
    return found
