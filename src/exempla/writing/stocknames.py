"""Stock names: those that language models reach for first. A text in which one stands is asked for again."""

from __future__ import annotations

import re
from collections.abc import Iterable

SECTIONS_LEFT_OUT = ("AI characters", "Real AI")
"""Beginnings of sections that are for choosing names by: in a story an AI may say Echo, or a company be met."""

# Entries that with a capital letter are as often part of a place, or a month, as a name.
ORDINARY = {"April", "August", "Banks", "Bell", "Cross", "Day", "Ford", "Hall", "Hill", "June", "King", "Lake", "Lane"}
ORDINARY |= {"May", "Park", "Reed", "Sage", "Stone", "Vale", "Wells"}


_CAPITALISED = re.compile(r"(?<=[a-zà-ÿ,] )[^\W\d_a-zà-ÿ][^\W\d_]+")
"""A capital after a small letter or a comma: at a sentence's beginning, Hope and Mark may be other words."""


def read_banned(text: str, place: str) -> frozenset[str]:
    """The names of a list: one a line, in sections headed `# ...`."""
    names: set[str] = set()
    wanted = True
    for line in text.splitlines():
        entry = line.strip()
        if entry.startswith("# "):
            wanted = not entry[2:].startswith(SECTIONS_LEFT_OUT)
        elif entry and wanted and entry not in ORDINARY:
            names.add(entry)
    return frozenset(names)


def stock_name(text: str, banned: frozenset[str], given: Iterable[str]) -> str:
    """The first banned name that stands within a sentence, where a capital makes a name; empty if there is none.

    Args:
        text: to look through.
        banned: names.
        given: texts of the plan, whose names are no fault of the writer's.
    """
    found = [name for name in _CAPITALISED.findall(text) if name in banned]
    allowed = " ".join(given) if found else ""
    return next((name for name in found if name not in allowed), "")
