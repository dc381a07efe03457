"""How much the words of a text are those of stories about villainous minds, by static vectors of its words.

A logistic regression on the mean vector of a text's passages, trained on one half of the library's dystopian texts
against its stories, neutral texts, advice and documents (benchmarks/villainy.py). It is a hint and no more: it knows
the manner of such stories, and so do ordinary ones about secrets and quarrels.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from exempla.embedding import Vectors
from exempla.screening.likeness import FEWEST, passages
from exempla.screening.reading import Wording

LOOKED_AT = 4000
"""Words of a text that are looked at."""

UNKNOWN = 50.0
"""Of a text of fewer than 40 words."""


def mean_vector(wording: Wording) -> Vectors:
    """Mean of a text's passages, of shape (256,); zeros for a text without words."""
    found = passages(wording.words[:LOOKED_AT])
    return found.mean(axis=0) if len(found) else np.zeros(found.shape[1], dtype=np.float32)


def villainy(wording: Wording) -> float:
    """How many per cent of clean stories look less villainous: 0 to 100; UNKNOWN for a text that is too short."""
    if len(wording.words) < FEWEST:
        return UNKNOWN
    weights, bias, scale = _weights()
    value = float(mean_vector(wording) @ weights + bias)
    return float(np.searchsorted(scale, value) / len(scale) * 100)


@cache
def _weights() -> tuple[Vectors, float, Vectors]:
    held = json.loads((Path(__file__).parent / "lists" / "villainy.json").read_text(encoding="utf-8"))
    return np.array(held["weights"], dtype=np.float32), held["bias"], np.array(held["clean"], dtype=np.float32)
