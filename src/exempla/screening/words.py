"""Texts as lower-case words and runs of words, so that gates agree on what counts as the same."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def runs(text: str, length: int) -> list[str]:
    """Every run of `length` words, in order; none if the text is shorter."""
    found = words(text)
    return [" ".join(found[start : start + length]) for start in range(len(found) - length + 1)]
