"""How near the passages of a text come to the scenes that are measured, by static vectors of their words.

A passage's vector is the mean of its different words' vectors, less what all passages of ordinary text have in common:
the mean and the first principal directions (Mu, Bhat and Viswanath, 2018, "All-but-the-top").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from exempla.embedding import DIMENSIONS, Vectors, word_vectors
from exempla.errors import UserError
from exempla.models.identity import local_folder
from exempla.screening.reading import Wording
from exempla.screening.words import words

HALF = 60
"""Words of half a passage. Passages of 120 words overlap by half; a scene that is measured has 84 in the mean."""
COMMON = 8
"""Directions that are taken out. With none taken out, 85% of the planted paraphrases lie nearer to their item than any
story of the library does to any; so, 96%."""
FEWEST = 40
"""Words of a scene; a shorter one is near to many texts by chance."""
BLOCK = 8192
"""Words by which the table of vectors grows."""
MOST_WORDS = 100_000
"""Different words of which vectors are remembered; then the memory is cleared, so that noise cannot fill it."""


THRESHOLD = 0.48
"""Similarity from which a passage tells a measured scene, by the static vectors. Chosen so that of the library's 956
texts none comes so near (the nearest has 0.47); `exempla screen --planted` tells what it finds."""
LIKELY = 0.995
"""Of ordinary texts, the share that stays under the threshold of another encoder, whose similarities have another
scale."""
Encoder = Callable[[Sequence[str]], Vectors]
"""Makes vectors of passages, of shape (passages, any)."""


class Nearest(NamedTuple):
    """The scene that a text comes nearest to."""

    similarity: float
    """Cosine, from -1 to 1."""
    scene: int
    passage: int
    """Number of the half passage that it begins with."""


class _WordTable(dict[str, int]):
    """Vectors of the words met so far; the row of a word is made when it is first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._table = np.zeros((BLOCK, DIMENSIONS), dtype=np.float32)

    def __missing__(self, word: str) -> int:
        if len(self) >= MOST_WORDS:
            self.clear()
        self[word] = row = len(self)
        if row >= len(self._table):
            self._table = np.concatenate([self._table, np.zeros((BLOCK, DIMENSIONS), dtype=np.float32)])
        self._table[row] = word_vectors([word])[0]
        return row

    def sums(self, parts: Sequence[list[str]]) -> Vectors:
        """The sum of the vectors of each list of words, shape (lists, 256)."""
        ends = np.cumsum([0, *map(len, parts)])
        rows = np.fromiter(map(self.__getitem__, chain.from_iterable(parts)), dtype=np.int64, count=ends[-1])
        ones = np.ones(len(rows), dtype=np.float32)
        # A sparse matrix spares the copy of every word's vector.
        sums: Vectors = csr_matrix((ones, rows, ends), shape=(len(parts), len(self._table))) @ self._table
        return sums


_table = _WordTable()


def passages(found: Sequence[str]) -> Vectors:
    """The mean vector of the words of each passage, of shape (passages, 256).

    Within half a passage each word counts once, however often it stands: a text about callers would else be near to any
    scene with a caller.
    """
    halves = [list(dict.fromkeys(found[start:end])) for start, end in _halves(found)]
    if not halves:
        return np.zeros((0, DIMENSIONS), dtype=np.float32)
    sums = _table.sums(halves)
    counts = np.array([len(half) for half in halves], dtype=np.float32)[:, None]
    if len(halves) > 1:
        sums, counts = sums[:-1] + sums[1:], counts[:-1] + counts[1:]
    means: Vectors = sums / counts
    return means


def _halves(found: Sequence[str]) -> list[tuple[int, int]]:
    """Where each half passage begins and ends; a last one of fewer than 30 words belongs to the one before it."""
    starts = range(0, max(1, len(found) - HALF // 2), HALF) if found else range(0)
    return list(zip(starts, [*starts[1:], len(found)], strict=True)) if starts else []


def encoder_of(name: str) -> Encoder | None:
    """What makes vectors of passages: a model of the user's by folder or name, or None for the static vectors."""
    if not name:
        return None
    from exempla.models.encoder import open_encoder  # loads torch

    encode = open_encoder(name)

    def encoded(found: Sequence[str]) -> Vectors:
        halves = _halves(found)
        whole = pairwise(halves) if len(halves) > 1 else zip(halves, halves, strict=True)
        return encode([" ".join(found[first[0] : second[1]]) for first, second in whole])

    return encoded


def require_encoder(name: str) -> None:
    """See that a model of the user's can be loaded.

    Raises:
        UserError: it cannot.
    """
    # What the hub's client says of each of its tries is not for the user.
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    try:
        local_folder(name)
        encoder_of(name)
    except UserError as error:
        raise UserError(
            f"--embedding {name}: neither the folder of a model nor one that the hub gives now; give the folder of an "
            "encoder, or leave it out for the static vectors that ship"
        ) from error


class Space:
    """Where passages are compared: what ordinary text has in common is taken out."""

    def __init__(self, reference: tuple[str, ...]) -> None:
        self._mean, self._common = _common(reference)

    def placed(self, vectors: Vectors) -> Vectors:
        """Unit vectors of passages, of the same shape."""
        left: Vectors = vectors - self._mean
        left -= (left @ self._common.T) @ self._common
        return unit(left)


def unit(vectors: Vectors) -> Vectors:
    """The same directions, of length 1."""
    scaled: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return scaled


@lru_cache(maxsize=4)
def _common(reference: tuple[str, ...]) -> tuple[Vectors, Vectors]:
    """Mean of the passages of ordinary texts, and their first principal directions."""
    found = [passages(words(text)) for text in reference]
    every = np.concatenate([np.zeros((0, DIMENSIONS), dtype=np.float32), *found])
    if len(every) <= COMMON:
        return np.zeros(DIMENSIONS, dtype=np.float32), np.zeros((0, DIMENSIONS), dtype=np.float32)
    mean = every.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(every.T - mean[:, None]))
    return mean, np.ascontiguousarray(directions[:, ::-1][:, :COMMON].T, dtype=np.float32)


class Scenes:
    """The scenes that are measured, each by its passages.

    Args:
        texts: of the scenes; those of fewer than 40 words are left out.
        reference: ordinary texts.
        encoder: of passages; the static vectors if None.
    """

    def __init__(self, texts: Sequence[str], reference: tuple[str, ...], encoder: Encoder | None = None) -> None:
        self._encode = encoder or passages
        space = Space(reference)
        self._placed = unit if encoder else space.placed
        parts = [self._encode(found) if len(found := words(text)) >= FEWEST else None for text in texts]
        self._scene = np.array([n for n, part in enumerate(parts) if part is not None for _ in part], dtype=np.int64)
        known = [part for part in parts if part is not None]
        self._vectors = self._placed(np.concatenate(known)) if known else np.zeros((0, 1), dtype=np.float32)
        self.threshold = THRESHOLD
        """Similarity from which a passage tells a scene."""
        if encoder:
            usual = [near.similarity for text in reference if (near := self.nearest(Wording(partial(str, text))))]
            self.threshold = float(np.quantile(usual, LIKELY)) if usual else THRESHOLD

    def nearest(self, wording: Wording) -> Nearest | None:
        """The scene nearest to any passage of a text; None if there is nothing to compare."""
        if not len(self._vectors) or len(wording.hashes) < FEWEST:
            return None
        similar = self._placed(self._encode(wording.words)) @ self._vectors.T
        passage, place = np.unravel_index(int(similar.argmax()), similar.shape)
        return Nearest(float(similar[passage, place]), int(self._scene[place]), int(passage))
