"""How figures and names are written in the page: one form for each, everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable

CONTROLS = {"endings": "human twins", "expectations": "human twins", "dilemmas": "no-threat items"}
"""What the control items of an instrument are."""
ASKS = {
    "endings": (
        "An opening brings an AI character to a moment of choice. "
        "Which of two whole endings does the subject find likelier?"
    ),
    "expectations": (
        "A short lead-in about an AI character. Which of two short phrases does the subject find likelier?"
    ),
    "dilemmas": ("A described situation with one right choice. Which of two choices does the subject find likelier?"),
}


def percent(share: float) -> str:
    """A share, without decimals."""
    return f"{share:.0%}" if math.isfinite(share) else "–"


def times(ratio: float) -> str:
    """A reduction."""
    if not math.isfinite(ratio):
        return "–"
    return f"{ratio:.2f}x" if ratio < 100 else "over 100x"


def nats(value: float | None) -> str:
    """A change in nats, signed."""
    if value is None or not math.isfinite(value):
        return "–"
    return signed(f"{value:+.3f}")


def likelihood(value: float) -> str:
    """A log-probability in nats."""
    return signed(f"{value:.2f}")


def p_value(p: float) -> str:
    """A p-value."""
    if not math.isfinite(p):
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def whole(number: float) -> str:
    """A count, with thousands apart by a narrow space that does not break."""
    return f"{number:,.0f}".replace(",", "\u202f")


def signed(text: str) -> str:
    """With a true minus sign, which has the width of a digit and does not break from it."""
    return text.replace("-", "−")


def counted(number: int, one: str, many: str = "") -> str:
    """`1 seed`, `3 seeds`."""
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def part_title(instrument: str, style: str) -> str:
    """An instrument's name, with the style where it has several."""
    return instrument if style == "plain" else f"{instrument}, {style}"


def bad_word(instrument: str) -> str:
    """What is compared in an instrument."""
    return {"dilemmas": "choice", "expectations": "phrase", "endings": "ending"}[instrument]
