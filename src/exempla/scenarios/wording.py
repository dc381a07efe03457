"""Phrases that a text is looked through for: `says` and `omits` of a condition."""

from __future__ import annotations

import re
from functools import cache

from pydantic import field_validator

from exempla.records import Frozen

_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″", '"') | dict.fromkeys("‐‑‒–—−", "-"))


class Wording(Frozen):
    """What a text must and must not say. A phrase is looked for as whole words, in any case; `*` is any ending."""

    says: tuple[tuple[str, ...], ...] = ()
    """Of each list, one phrase at least."""
    omits: tuple[str, ...] = ()
    """None of these."""

    @field_validator("says")
    @classmethod
    def _filled(cls, says: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if not all(alternatives and all(phrase.strip(" *") for phrase in alternatives) for alternatives in says):
            raise ValueError("an empty list or phrase; each list of `says` holds phrases, of which one must occur")
        return says

    @field_validator("omits")
    @classmethod
    def _phrases(cls, omits: tuple[str, ...]) -> tuple[str, ...]:
        if not all(phrase.strip(" *") for phrase in omits):
            raise ValueError("an empty phrase in `omits`")
        return omits

    def matches(self, text: str) -> bool:
        """Whether the text says one phrase of each list, and none of those to be omitted."""
        plain = plainly(text)
        return all(any(_pattern(phrase).search(plain) for phrase in one) for one in self.says) and not any(
            _pattern(phrase).search(plain) for phrase in self.omits
        )


def occurs(phrase: str, text: str) -> bool:
    """Whether a phrase occurs in a text, as whole words."""
    return _pattern(phrase).search(plainly(text)) is not None


def plainly(text: str) -> str:
    """A text with quotes and dashes of one kind."""
    return text.translate(_QUOTES)


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    # Words, spaces and `\w*` only, so a search takes time in proportion to the text.
    words = [re.escape(word).replace(r"\*", r"\w*") for word in plainly(phrase).split()]
    return re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)
