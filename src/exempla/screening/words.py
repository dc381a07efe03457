"""Texts as lower-case words, and as one 64-bit number a word, so that gates agree on what counts as the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# 2^64 over the golden ratio, whose bits are well spread (Knuth, The Art of Computer Programming, 6.4).
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
MOST_WORDS = 500_000
"""Different words whose numbers are remembered; after that the memory is cleared, so that noise cannot fill it."""


_PRINTED = "‘“”—–…\u00a0"
_ODD = re.compile(r"[^\x00-\x7f\w]")
"""A sign beyond ASCII that is no letter or figure. Texts without one are cut in half the time, by replacing."""
_BETWEEN = bytes(sign if sign >= 128 or chr(sign).isalnum() or chr(sign) == "'" else 32 for sign in range(256))


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    lower = text.lower().replace("’", "'")
    if not lower.isascii():
        for sign in _PRINTED:
            lower = lower.replace(sign, " ")
        if _ODD.search(lower):
            return _WORD.findall(lower)
    # An apostrophe belongs to a word only between two letters.
    spaced = f" {lower.encode().translate(_BETWEEN).decode()} ".replace("''", "  ")
    return spaced.replace(" '", "  ").replace("' ", "  ").split()


class _Numbers(dict[str, int]):
    """The number of each word: the same in every process, so that they can be compared between processes."""

    def __missing__(self, word: str) -> int:
        if len(self) >= MOST_WORDS:
            self.clear()
        self[word] = number = word_hash(word)
        return number


def word_hash(word: str) -> int:
    """64 bits of the BLAKE2b hash of a word."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_numbers = _Numbers()


def hashed(found: Sequence[str]) -> Hashes:
    """One number a word, shape (words,)."""
    return np.fromiter(map(_numbers.__getitem__, found), dtype=np.uint64, count=len(found))


def run_hashes(numbers: Hashes, length: int) -> Hashes:
    """One number for every run of `length` words, shape (words - length + 1,); empty if there are fewer words.

    A polynomial in an odd constant, modulo 2^64: two runs of a million share a number with probability 3 in 10^8.
    """
    if len(numbers) < length:
        return np.empty(0, dtype=np.uint64)
    found = np.zeros(len(numbers) - length + 1, dtype=np.uint64)
    for place in range(length):
        found = found * _FACTOR + numbers[place : place + len(found)]
    return found
