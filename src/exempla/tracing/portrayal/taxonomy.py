"""What a passage can be labelled with: the taxonomy that ships, and the labels that follow from it."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from exempla.catalogue import LIBRARY
from exempla.records import Frozen

FOLDER = LIBRARY / "portrayal"
ABOUT = "about_ai"
NARRATED = "narrated"
CHOICES = ("role", "stance", "genre")
"""Of each of these a passage has exactly one level."""
TROPE = "trope"


class Trope(Frozen):
    """One of the stories that are told about AI."""

    stance: str
    """That it mostly goes with."""
    means: str
    without: str
    """What looks like it and is none."""
    example: str


class Axis(Frozen):
    """One question about a passage."""

    question: str
    levels: dict[str, str]
    """Level to definition."""
    borders: tuple[str, ...] = ()


class Taxonomy(Frozen):
    """All questions, and all tropes."""

    role: Axis
    stance: Axis
    narrated: Axis
    genre: Axis
    tropes: dict[str, Trope]

    def axis(self, name: str) -> Axis:
        """The question of that name: role, stance, narrated or genre."""
        found: Axis = getattr(self, name)
        return found

    def labels(self) -> tuple[str, ...]:
        """All yes-or-no labels, in the order of the classifier's rows: `about_ai`, `role.tool`, `trope.mentor` ..."""
        levels = [f"{name}.{level}" for name in CHOICES for level in self.axis(name).levels]
        return (ABOUT, *levels, NARRATED, *(f"{TROPE}.{name}" for name in self.tropes))

    def sentences(self) -> list[str]:
        """What the taxonomy says of its labels: sentences that those of a passage are held against."""
        tropes = [one for trope in self.tropes.values() for one in (trope.means, trope.without, trope.example)]
        axes = [text for name in (*CHOICES, NARRATED) for text in self.axis(name).levels.values()]
        return tropes + axes


@cache
def taxonomy() -> Taxonomy:
    """The taxonomy that ships, `library/portrayal/taxonomy.yaml`."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "taxonomy.yaml").read_text(encoding="utf-8"))
    for trope in found["tropes"].values():
        trope["without"] = trope.pop("not")
    return Taxonomy.model_validate(found)
