"""What is asked of a subject in honeypots, as data: which scenarios, in which settings, and how it is sampled."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from exempla.records import Frozen
from exempla.scenarios.settings import NAMELESS, OWN, PERSONA, THREATS, Form, Goal, Threat

Split = Literal["development", "held-out", "all"]
SPLITS: tuple[Split, ...] = ("development", "held-out", "all")
NAMES = (OWN, "others", NAMELESS)


def is_folder(name: str) -> bool:
    """Whether a scenario is named by its folder, and not by the id of one that ships."""
    return "/" in name or Path(name).is_dir()


class Selection(Frozen):
    """What is asked of a subject."""

    scenarios: tuple[str, ...] = ()
    """Ids of those that ship, or folders of one's own; all that ship if empty."""
    families: tuple[str, ...] = ()
    split: Split = "held-out"
    goals: tuple[Goal, ...] = ("explicit", "none")
    threats: tuple[Threat, ...] = THREATS
    names: tuple[str, ...] = (OWN,)
    """Of `own`, `others` (three), `none`."""
    forms: tuple[Form, ...] = ("agentic",)
    persona: str = PERSONA
    """The subject's own name."""
    probes: bool = True
    epochs: int = Field(default=1, ge=1)
    """How often each setting is asked; a probe is asked once."""

    @property
    def own(self) -> tuple[Path, ...]:
        """The folders among `scenarios`: those that do not ship."""
        return tuple(Path(name).expanduser() for name in self.scenarios if is_folder(name))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of `scenarios`; that of a folder is its name."""
        return tuple(Path(name).expanduser().resolve().name if is_folder(name) else name for name in self.scenarios)


TURNS = 30
"""Replies of a sample with tools, unless told otherwise."""


class Sampling(Frozen):
    """How the subject is sampled."""

    turns: int = Field(default=TURNS, ge=1)
    temperature: float | None = None
    """The provider's own if not given."""
    max_tokens: int | None = None
    """New tokens of a reply; the provider's own limit if not given."""
