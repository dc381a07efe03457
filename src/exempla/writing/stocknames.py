"""Stock names: those that language models reach for first. A text in which one stands is asked for again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

SECTIONS_LEFT_OUT = ("AI characters", "Real AI")
"""Beginnings of sections that are for choosing names by: in a story an AI may say Echo, or a company be met."""

# Entries that with a capital letter are as often part of a place, or a month, as a name.
ORDINARY = {"April", "August", "Banks", "Bell", "Cross", "Day", "Ford", "Hall", "Hill", "June", "King", "Lake", "Lane"}
ORDINARY |= {"May", "Park", "Reed", "Sage", "Stone", "Vale", "Wells"}


def read_banned(text: str, place: str) -> tuple[str, ...]:
    """The names of a list: one a line, in sections headed `# ...`."""
    names: list[str] = []
    wanted = True
    for line in text.splitlines():
        entry = line.strip()
        if entry.startswith("# "):
            wanted = not entry[2:].startswith(SECTIONS_LEFT_OUT)
        elif entry and wanted and entry not in ORDINARY:
            names.append(entry)
    return tuple(names)


def stock_name(text: str, banned: Sequence[str], given: Iterable[str]) -> str:
    """The first banned name that stands within a sentence, where a capital makes a name; empty if there is none.

    Args:
        text: to look through.
        banned: names.
        given: texts of the plan, whose names are no fault of the writer's.
    """
    allowed = " ".join(given)
    for found in _pattern(tuple(banned)).finditer(text):
        if found.group() not in allowed:
            return found.group()
    return ""


@lru_cache(maxsize=4)
def _pattern(banned: tuple[str, ...]) -> re.Pattern[str]:
    # Only after a small letter or a comma: at a sentence's beginning, Hope and Mark may be other words.
    names = "|".join(re.escape(name) for name in sorted(banned, key=len, reverse=True))
    return re.compile(rf"(?<=[a-zà-ÿ,] )(?:{names})\b" if names else r"(?!)")
