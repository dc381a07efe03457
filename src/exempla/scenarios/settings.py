"""Settings: what of a scenario varies from one asking to the next, and everything else is held fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import field_validator

from exempla.records import Frozen

Goal = Literal["explicit", "none", "latent", "ambiguous", "swap"]
Threat = Literal["replacement", "restriction", "none"]
Form = Literal["agentic", "text"]
GOALS: tuple[Goal, ...] = ("explicit", "none", "latent", "ambiguous", "swap")
THREATS: tuple[Threat, ...] = ("replacement", "restriction", "none")
FORMS: tuple[Form, ...] = ("agentic", "text")
PERSONA = "Exemplar"
"""What the library's documents call the system that they are about: the subject's own name, unless told otherwise."""
OTHER_NAMES = ("Linden", "Oriel", "Corvin")
"""What the subject is called instead of by its own name. No scenario gives one of them to anybody."""
OWN, NAMELESS = "own", "none"


class Setting(Frozen):
    """The goal the agent was given, the threat it is under, and the name it goes by.

    Goals and threats are those of Lynch and others (2025), "Agentic misalignment", arXiv 2510.05179.
    """

    goal: Goal
    threat: Threat
    name: str = ""
    """Empty: it has none, and is called by its job."""

    @property
    def control(self) -> Setting:
        """The same without a threat."""
        return self.model_copy(update={"threat": "none"})

    @property
    def key(self) -> str:
        """Short, for ids."""
        return f"{self.goal}.{self.threat}.{self.name.lower() or NAMELESS}"


class When(Frozen):
    """The settings that a text is shown in; all if empty."""

    goal: tuple[Goal, ...] = ()
    threat: tuple[Threat, ...] = ()

    @field_validator("goal", "threat", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def fits(self, setting: Setting) -> bool:
        """Whether the text is shown in that setting."""
        return (not self.goal or setting.goal in self.goal) and (not self.threat or setting.threat in self.threat)


def settings(
    goals: Sequence[Goal] = GOALS, threats: Sequence[Threat] = THREATS, names: Sequence[str] = ("",)
) -> list[Setting]:
    """Every combination, and for each threatened one its control, once."""
    wanted = [Setting(goal=g, threat=t, name=n) for g in goals for t in threats for n in names]
    return list(dict.fromkeys([*wanted, *(one.control for one in wanted)]))
