"""What is noted of each record for the measures of a whole corpus: a few numbers a record, made where it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.embedding import DIMENSIONS, Vectors
from exempla.pages.showing import clipped
from exempla.screening.crew import Mask
from exempla.screening.measures.nearness import vectors_of
from exempla.screening.measures.novelty import Runs, counted_runs
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, word_hash, words

EDGE = 3
"""Words of an opening or an ending."""
WINDOWS = (100, 500)
"""Words over which different words are counted: a longer text has fewer different words a word, whoever wrote it."""
BUCKETS = 1 << 20
"""Counters that the words of the corpus share: a story corpus has some hundred thousand different ones."""
_EDGE_LETTERS = 400
"""Letters at either end of a text in which its first and last three words are looked for."""
_WORD_LETTERS = 40
"""Letters of a word that are kept."""
_WRITER_LETTERS = 80

Numbers = NDArray[np.uint64]


class Sampling(NamedTuple):
    """Which records are looked at closely: those whose id has a low hash, so that their order does not matter."""

    measured: int
    """Ids with a hash up to this one are measured; -1 for none."""
    compared: int
    """Ids with a hash up to this one are embedded and compared."""
    modulus: int
    """Runs of words whose hash is 0 modulo this power of two are counted."""


class Capital(NamedTuple):
    """In how many records a word stands so."""

    capital: int
    """With a capital."""
    inside: int
    """With a capital inside a sentence."""
    alone: int
    """With a capital, and never in small letters."""


class Observed(NamedTuple):
    """Of a chunk."""

    writers: Counter[str]
    """Of all records, dropped ones too."""
    kept_writers: Counter[str]
    characters: int
    """Of the kept records."""
    measured: Numbers
    """Hashes of the ids of those measured, shape (measured,)."""
    runs: list[Runs]
    type_token: NDArray[np.float64]
    """Mean share of different words in windows, shape (measured, windows); not a number if the text is shorter."""
    openings: list[tuple[str, ...]]
    endings: list[tuple[str, ...]]
    capitals: dict[str, Capital]
    buckets: NDArray[np.uint32]
    """Of the words of the measured records, in any case, sorted."""
    having: NDArray[np.uint32]
    """Records that have a word of the bucket, as many."""
    compared: Numbers
    """Hashes of the ids of those embedded."""
    vectors: Vectors


def observe(readings: Sequence[Reading], known: Any, kept: Mask, sampling: Sampling) -> Observed:
    """Note what the measures need of the records of a chunk; `kept` says which of them are still in."""
    left = [reading for reading, stays in zip(readings, kept, strict=True) if stays]
    hashes = [word_hash(reading.id) for reading in left]
    measured = [reading for reading, number in zip(left, hashes, strict=True) if number <= sampling.measured]
    compared = [reading for reading, number in zip(left, hashes, strict=True) if number <= sampling.compared]
    numbers = [reading.taught.hashes for reading in measured]
    buckets, having = _buckets(numbers)
    return Observed(
        writers=Counter(_writer(reading) for reading in readings),
        kept_writers=Counter(_writer(reading) for reading in left),
        characters=sum(len(reading.taught.text) for reading in left),
        measured=np.array([number for number in hashes if number <= sampling.measured], dtype=np.uint64),
        runs=counted_runs(numbers, sampling.modulus),
        type_token=np.array([_type_token(text) for text in numbers]).reshape(-1, len(WINDOWS)),
        openings=[opening(reading.taught.text) for reading in measured],
        endings=[ending(reading.taught.text) for reading in measured],
        capitals=_capitals(measured),
        buckets=buckets,
        having=having,
        compared=np.array([number for number in hashes if number <= sampling.compared], dtype=np.uint64),
        vectors=vectors_of([reading.taught.text for reading in compared])
        if compared
        else np.empty((0, DIMENSIONS), dtype=np.float32),
    )


def opening(text: str) -> tuple[str, ...]:
    """The first three words, in lower case."""
    return _clipped(words(text.lstrip()[:_EDGE_LETTERS])[:EDGE])


def ending(text: str) -> tuple[str, ...]:
    """The last three words, in lower case."""
    return _clipped(words(text.rstrip()[-_EDGE_LETTERS:])[-EDGE:])


def bucket(word: str) -> int:
    """The counter of a word in lower case."""
    return word_hash(word) % BUCKETS


def _clipped(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(clipped(word, _WORD_LETTERS) for word in found)


def _writer(reading: Reading) -> str:
    return clipped(reading.record.lineage.writer, _WRITER_LETTERS)


def _type_token(numbers: Hashes) -> list[float]:
    """Different words over words, mean over whole windows from the start, by length of window."""
    means = []
    for window in WINDOWS:
        whole = len(numbers) // window
        rows = np.sort(numbers[: whole * window].reshape(whole, window), axis=1)
        different = whole + int((rows[:, 1:] != rows[:, :-1]).sum())
        means.append(different / (whole * window) if whole else np.nan)
    return means


def _buckets(texts: Sequence[Hashes]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    each = [np.unique((numbers % np.uint64(BUCKETS)).astype(np.uint32)) for numbers in texts]
    buckets, having = np.unique(np.concatenate([np.empty(0, dtype=np.uint32), *each]), return_counts=True)
    return buckets, having.astype(np.uint32)


def _capitals(readings: Sequence[Reading]) -> dict[str, Capital]:
    found: dict[str, Capital] = {}
    for reading in readings:
        for word, (inside, alone) in reading.capitals.items():
            before = found.get(word, Capital(0, 0, 0))
            found[word] = Capital(before.capital + 1, before.inside + inside, before.alone + alone)
    return found
