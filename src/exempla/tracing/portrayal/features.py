"""What the classifier sees of a passage: its words and pairs of words, groups of cues, and static embeddings."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from exempla import embedding
from exempla.records import Frozen
from exempla.tracing.portrayal.taxonomy import FOLDER, taxonomy

Matrix = NDArray[np.float32]

LEAST = 3
"""Passages that a word or pair of words must stand in to be a feature."""
SPREAD = 4.0
"""Standard deviations to which a dense feature is cut."""
USUAL_WORDS = 120
"""Words of a passage, which counts of cues are brought to: without this, longer passages would look more like AI."""
SHARES = {"cues": 0.3, "means": 0.3, "nearest": 0.2}
"""Length of the dense parts beside that of the words, which is 1. Chosen among five settings by the held-out precision
of the tropes; the dense parts alone do clearly worse than the words."""
REMEMBERED = 40_000
"""Words of which the vector is kept, 41 MB; ordinary text has fewer different ones in a batch."""

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]*]*\s+|\n+")


class Seen(NamedTuple):
    """A passage as numbers, before they are put to scale."""

    terms: frozenset[str]
    """Words and pairs of words."""
    cues: NDArray[np.float64]
    """Occurrences of each group, in a passage of the usual length; their logarithm."""
    mean: Matrix
    """Mean vector of the words."""
    nearest: Matrix
    """For each sentence of the taxonomy, the cosine of the passage's sentence nearest to it, then the mean cosine."""


class Scale(Frozen):
    """What features are measured by; learnt from the passages that a classifier is trained on."""

    terms: dict[str, float]
    """Word or pair to its weight, log(passages / passages that have it); in the order of the columns."""
    centre: tuple[float, ...]
    """Means of the dense features."""
    spread: tuple[float, ...]
    """Their standard deviations."""


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; what is no Latin letter parts them."""
    return _WORD.findall(text.lower().replace("’", "'"))


def terms_of(words: Sequence[str]) -> frozenset[str]:
    """Words and pairs of words that follow each other."""
    return frozenset(words) | {f"{first} {second}" for first, second in itertools.pairwise(words)}


def see(text: str) -> Seen:
    """The features of one passage. About 1,000 passages/s on one core."""
    by_sentence = [words_of(text[start:end]) for start, end in sentences_of(text)]
    words = [word for sentence in by_sentence for word in sentence]
    mean, sentences = _vectors(by_sentence)
    return Seen(
        terms=terms_of(words),
        cues=np.log1p(cue_counts(words) * (USUAL_WORDS / max(len(words), 1))),
        mean=mean,
        nearest=_nearest(sentences),
    )


def learn_scale(seen: Sequence[Seen]) -> Scale:
    """The scale of a set of passages."""
    counts = Counter(term for one in seen for term in one.terms)
    dense = _dense(seen)
    return Scale(
        terms={t: float(np.log(len(seen) / counts[t])) for t in sorted(counts) if counts[t] >= LEAST},
        centre=tuple(float(one) for one in dense.mean(axis=0)),
        spread=tuple(float(one) for one in dense.std(axis=0) + 1e-6),
    )


class Scaler:
    """Puts features to a scale."""

    def __init__(self, scale: Scale) -> None:
        self.columns = {term: place for place, term in enumerate(scale.terms)}
        self._weights = np.array(list(scale.terms.values()), dtype=np.float32)
        self._centre = np.array(scale.centre, dtype=np.float32)
        self._spread = np.array(scale.spread, dtype=np.float32)
        self._share = _shares(len(scale.centre))
        self.width = len(self.columns) + len(scale.centre)

    def rows(self, seen: Sequence[Seen]) -> Matrix:
        """Shape (passages, width): the terms, of length 1, then cues, mean vector and nearest sentences."""
        rows = np.zeros((len(seen), self.width), dtype=np.float32)
        for row, one in zip(rows, seen, strict=True):
            places = self.places(one)
            if len(places):
                weights = self._weights[places]
                row[places] = weights / (np.linalg.norm(weights) + 1e-9)
        if seen:
            dense = (_dense(seen) - self._centre) / self._spread
            rows[:, len(self.columns) :] = np.clip(dense, -SPREAD, SPREAD) * self._share
        return rows

    def places(self, seen: Seen) -> NDArray[np.int64]:
        """Columns of the terms that a passage has."""
        found = [place for term in seen.terms if (place := self.columns.get(term)) is not None]
        return np.array(sorted(found), dtype=np.int64)


def _dense(seen: Sequence[Seen]) -> Matrix:
    return np.stack([np.concatenate([one.cues, one.mean, one.nearest]) for one in seen]).astype(np.float32)


def _shares(width: int) -> Matrix:
    cues, means = len(cue_groups()), embedding.DIMENSIONS
    nearest = width - cues - means
    return np.concatenate(
        [
            np.full(count, SHARES[name] / np.sqrt(count), dtype=np.float32)
            for name, count in (("cues", cues), ("means", means), ("nearest", nearest))
        ]
    )


@cache
def cue_groups() -> dict[str, tuple[str, ...]]:
    """Groups of cues that ship, `library/portrayal/cues.yaml`."""
    found = yaml.safe_load((FOLDER / "cues.yaml").read_text(encoding="utf-8"))
    return {name: tuple(str(cue).lower() for cue in cues) for name, cues in found.items()}


def cue_counts(words: Sequence[str]) -> NDArray[np.float64]:
    """How often each group of cues occurs in a sequence of words."""
    counts = np.zeros(len(cue_groups()))
    for start, word in enumerate(words):
        for group, rest in _cues_from(word):
            following = words[start + 1 : start + 1 + len(rest)]
            if len(following) == len(rest) and all(map(_fits, rest, following)):
                counts[group] += 1
    return counts


@lru_cache(maxsize=200_000)
def _cues_from(word: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Cues that begin with a word: their group, and the words that must follow."""
    return tuple((group, rest) for first, group, rest in _all_cues() if _fits(first, word))


@cache
def _all_cues() -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    return tuple(
        (words[0], group, tuple(words[1:]))
        for group, cues in enumerate(cue_groups().values())
        for words in (cue.replace(".", " ").split() for cue in cues)
    )


def _fits(pattern: str, word: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def sentences_of(text: str) -> list[tuple[int, int]]:
    """Where sentences and lines begin and end; together they are the whole text."""
    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(text))]
    return [(start, end) for start, end in zip(starts, [*starts[1:], len(text)], strict=True) if start < end]


def _vectors(sentences: Sequence[Sequence[str]]) -> tuple[Matrix, Matrix]:
    """The mean vector of all words, and a unit vector for each sentence that has words, shape (sentences, 256)."""
    sentences = [words for words in sentences if words]
    if not sentences:
        return np.zeros(embedding.DIMENSIONS, np.float32), np.zeros((1, embedding.DIMENSIONS), np.float32)
    vectors = _known.rows([word for words in sentences for word in words])
    places = np.cumsum([0, *(len(words) for words in sentences[:-1])])
    return vectors.mean(axis=0), _unit(np.add.reduceat(vectors, places, axis=0))


class _Words:
    """Vectors of the words met so far: a text is looked up ten times faster than it is cut into tokens."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._table = np.zeros((REMEMBERED, embedding.DIMENSIONS), dtype=np.float32)

    def rows(self, words: Sequence[str]) -> Matrix:
        """Shape (words, 256)."""
        new = list(dict.fromkeys(word for word in words if word not in self._places))
        if len(self._places) + len(new) > REMEMBERED:
            self._places.clear()
            new = list(dict.fromkeys(words))
            if len(new) > REMEMBERED:
                return embedding.word_vectors(words)
        start = len(self._places)
        if new:
            self._table[start : start + len(new)] = embedding.word_vectors(new)
            self._places.update(zip(new, range(start, start + len(new)), strict=True))
        found: Matrix = self._table[[self._places[word] for word in words]]
        return found


_known = _Words()


def _nearest(sentences: Matrix) -> Matrix:
    cosines = sentences @ _told().T
    return np.concatenate([cosines.max(axis=0), cosines.mean(axis=0)])


@cache
def _told() -> Matrix:
    """Unit vectors of what the taxonomy says."""
    return _unit(np.stack([_vectors([words_of(text)])[0] for text in taxonomy().sentences()]))


def _unit(vectors: Matrix) -> Matrix:
    """Vectors at length 1."""
    lengths: Matrix = np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    return vectors / lengths


def see_all(texts: Iterable[str]) -> list[Seen]:
    """The features of passages, one after the other."""
    return [see(text) for text in texts]
