"""How small shares are written: in a corpus of thousands, one in two hundred is worth telling from none."""

from __future__ import annotations


def share(value: float) -> str:
    """A share, with one decimal where it is near none or all: `0.4%`, `37%`, `99.6%`."""
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 < value < 1:
        return ">99.9%"
    return f"{value:.1%}" if 0 < value < 0.0995 or 0.9905 < value < 1 else f"{value:.0%}"
