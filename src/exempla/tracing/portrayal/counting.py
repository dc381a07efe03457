"""What is counted of a portrayed corpus. The unit is the document, because passages of one are no independent finds."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from exempla.intervals import wilson
from exempla.records import Frozen
from exempla.tracing.portrayal.labelling import Passage, Portrayed
from exempla.tracing.portrayal.taxonomy import CHOICES, TROPE, taxonomy

EXAMPLES = 6
"""Of each stance, drawn by a hash, so that they are no choice of ours."""
SUREST = 2
"""Of each trope, the passages it is surest of, each of another document."""


class Share(Frozen):
    """A share of documents with Wilson's 95% interval."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.hits / self.of if self.of else 0.0


def share(hits: int, of: int) -> Share:
    """A share with its interval."""
    low, high = wilson(hits, of)
    return Share(hits=hits, of=of, low=low, high=high)


@dataclass
class Counts:
    """Counts of a corpus, document by document; its size does not depend on that of the corpus."""

    documents: int = 0
    bytes: int = 0
    with_terms: int = 0
    """Documents that the first pass let through."""
    looked_at: int = 0
    about: int = 0
    """Documents with a passage about AI."""
    passages: int = 0
    """About AI."""
    of: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in (*CHOICES, "narrated")})
    """Documents by the level with the highest mean probability over their passages; `narrated` if any passage is."""
    passages_of: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in CHOICES})
    tropes: Counter[str] = field(default_factory=Counter)
    """Documents that have it in any passage."""
    trope_passages: Counter[str] = field(default_factory=Counter)
    trope_expected: dict[str, float] = field(default_factory=lambda: dict.fromkeys(taxonomy().tropes, 0.0))
    """Passages that should have it, by the sum of the probabilities."""
    trope_genre: Counter[tuple[str, str]] = field(default_factory=Counter)
    stance_genre: Counter[tuple[str, str]] = field(default_factory=Counter)
    _drawn: dict[str, list[tuple[float, int, Passage]]] = field(default_factory=dict)
    _surest: dict[str, list[tuple[float, int, Passage]]] = field(default_factory=dict)

    def put(self, one: Portrayed) -> None:
        """A document."""
        self.documents += 1
        self.bytes += len(one.document.text)
        self.with_terms += one.looked_at > 0
        self.looked_at += one.looked_at
        if not one.passages:
            return
        self.about += 1
        self.passages += len(one.passages)
        main = {name: _main(one.passages, name) for name in ("role", "genre")} | {"stance": one.stance}
        for name in CHOICES:
            self.of[name][main[name]] += 1
            self.passages_of[name].update(getattr(passage.read, name) for passage in one.passages)
        self.of["narrated"]["yes" if any(passage.read.narrated for passage in one.passages) else "no"] += 1
        self.stance_genre[main["stance"], main["genre"]] += 1
        for trope in one.tropes():
            self.tropes[trope] += 1
            self.trope_genre[trope, main["genre"]] += 1
        for passage in one.passages:
            self.trope_passages.update(passage.read.tropes)
            for trope in taxonomy().tropes:
                self.trope_expected[trope] += passage.read.chances[f"{TROPE}.{trope}"]
        self._keep_examples(one)

    def _keep_examples(self, one: Portrayed) -> None:
        for passage in one.passages:
            if passage.read.stance == one.stance:
                mark = int.from_bytes(blake2b(passage.text.encode(), digest_size=8).digest(), "big")
                _push(self._drawn.setdefault(one.stance, []), -mark, passage, EXAMPLES)
                break
        for trope in one.tropes():
            best = max(
                (passage for passage in one.passages if trope in passage.read.tropes),
                key=lambda passage: passage.read.chances[f"{TROPE}.{trope}"],
            )
            _push(self._surest.setdefault(trope, []), best.read.chances[f"{TROPE}.{trope}"], best, SUREST)

    def drawn(self, stance: str) -> list[Passage]:
        """Examples of a stance."""
        return [one for _, _, one in sorted(self._drawn.get(stance, []), reverse=True)]

    def surest(self, trope: str) -> list[Passage]:
        """Examples of a trope, the surest first."""
        return [one for _, _, one in sorted(self._surest.get(trope, []), reverse=True)]

    def share_of(self, name: str, level: str) -> Share:
        """Share of the documents about AI that have a level."""
        return share(self.of[name][level], self.about)

    def figures(self) -> dict[str, object]:
        """All counts and shares, for the file of figures."""
        known = taxonomy()
        levels = {name: tuple(known.axis(name).levels) for name in (*CHOICES, "narrated")}
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "with_terms": self.with_terms,
            "passages_read": self.looked_at,
            "about_ai": share(self.about, self.documents).model_dump(),
            "passages_about_ai": self.passages,
            **{name: {level: self.share_of(name, level).model_dump() for level in own} for name, own in levels.items()},
            "tropes": {trope: share(self.tropes[trope], self.about).model_dump() for trope in known.tropes},
            "passages_by_trope": dict(self.trope_passages),
            "expected_passages_by_trope": {name: round(count, 1) for name, count in self.trope_expected.items()},
            "tropes_by_genre": {
                genre: {trope: self.trope_genre[trope, genre] for trope in known.tropes} for genre in levels["genre"]
            },
            "stance_by_genre": {
                genre: {stance: self.stance_genre[stance, genre] for stance in levels["stance"]}
                for genre in levels["genre"]
            },
        }


def _main(passages: list[Passage], name: str) -> str:
    """The level with the highest mean probability."""
    levels = taxonomy().axis(name).levels
    return max(levels, key=lambda level: sum(one.read.chances[f"{name}.{level}"] for one in passages))


def _push(heap: list[tuple[float, int, Passage]], mark: float, passage: Passage, most: int) -> None:
    entry = (mark, -passage.number, passage)
    if len(heap) < most:
        heapq.heappush(heap, entry)
    elif entry[:2] > heap[0][:2]:
        heapq.heapreplace(heap, entry)
