"""Whose push it is: by corpus, trope, principle or genre, with intervals over records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from exempla.records import Frozen

DRAWS = 2000


class Row(Frozen):
    """One record, and how it pushes."""

    record: str
    corpus: str
    title: str
    times: int
    """How often it was read."""
    push: float
    """Towards what is traced, all its readings together; the share of all pushing, in either direction, that is its
    own."""
    words: float
    """BM25."""
    embedding: float
    """Cosine."""
    stance: str = ""
    """Of the AI in it, as `exempla portray` reads it; empty if it is not about AI."""
    tropes: tuple[str, ...] = ()
    principle: str = ""
    genre: str = ""


class Part(Frozen):
    """What one group of records contributes."""

    name: str
    records: int
    towards: float
    """Its share of all push towards what is traced."""
    low: float
    high: float
    away: float
    """Its share of all push away from it."""
    net: float
    """Push towards less push away, as a share of all pushing."""


def parts(rows: Sequence[Row], groups: Sequence[Sequence[str]], seed: int = 0) -> list[Part]:
    """What each group contributes, most first.

    A record may be in several groups, or in none. The 95% interval resamples records (percentile bootstrap, 2,000
    draws): it says what other texts of the same kind might have given, not how sure the influence of each text is.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place, own in enumerate(groups):
        for name in own:
            members[name].append(place)
    push = np.array([row.push for row in rows])
    up, down = np.clip(push, 0, None), np.clip(-push, 0, None)
    inside = {name: np.isin(np.arange(len(rows)), places) for name, places in members.items()}
    draws: dict[str, list[float]] = {name: [] for name in members}
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(rows), len(rows))
        total = up[drawn].sum()
        for name in members:
            draws[name] += [float((up * inside[name])[drawn].sum() / total)] if total > 0 else []
    found = []
    for name, places in members.items():
        low, high = _interval(draws[name])
        found.append(
            Part(
                name=name,
                records=len(places),
                towards=_ratio(up[places].sum(), up.sum()),
                low=low,
                high=high,
                away=_ratio(down[places].sum(), down.sum()),
                net=_ratio(push[places].sum(), np.abs(push).sum()),
            )
        )
    return sorted(found, key=lambda part: (-part.towards, part.name))


def _interval(drawn: Sequence[float]) -> tuple[float, float]:
    if not drawn:
        return 0.0, 0.0
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
