"""How figures and lists are written in a page: one form for each, everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable


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
