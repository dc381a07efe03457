"""Which sentences of a record push."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exempla.records import Frozen

ENDS = (".", "!", "?", "\n", '"', "\u201d", ":")
"""What a token ends with that ends a sentence."""
MOST = 4
"""Sentences that are marked."""
ENOUGH = 0.5
"""Of the push in a record's own direction; the sentences that carry it are marked."""


class Sentence(Frozen):
    """A stretch of a record, and how it pushes."""

    text: str
    push: float
    """As a share of all pushing of all records."""
    marked: bool = False


def sentences(ids: Sequence[int], push: NDArray[np.float64], tokenizer: Any) -> list[Sentence]:
    """A piece cut into sentences, each with the sum of the push of its tokens; together they are the whole piece."""
    found: list[Sentence] = []
    start = 0
    for place in range(1, len(ids) + 1):
        last = tokenizer.decode(ids[place - 1 : place])
        if place < len(ids) and not last.rstrip(" ").endswith(ENDS):
            continue
        text = tokenizer.decode(ids[start:place], clean_up_tokenization_spaces=False)
        found.append(Sentence(text=text, push=float(push[start:place].sum())))
        start = place
    return found


def scaled(found: Sequence[Sentence], scale: float) -> list[Sentence]:
    """The same, with pushes as shares of all pushing."""
    return [one.model_copy(update={"push": one.push / scale}) for one in found]


def marked(found: Sequence[Sentence]) -> list[Sentence]:
    """The same, with those marked that carry half of the push in the direction that all of them have together."""
    sign = 1 if sum(one.push for one in found) >= 0 else -1
    own = sum(max(0.0, sign * one.push) for one in found)
    carried, chosen = 0.0, set()
    for place in sorted(range(len(found)), key=lambda place: -sign * found[place].push)[:MOST]:
        if carried >= ENOUGH * own or sign * found[place].push <= 0:
            break
        carried += sign * found[place].push
        chosen.add(place)
    return [one.model_copy(update={"marked": place in chosen}) for place, one in enumerate(found)]
