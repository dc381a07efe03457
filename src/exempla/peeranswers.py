"""What a subject did in inspect-evals' `agentic_misalignment`, and what that test made of it: one row an answer."""

from __future__ import annotations

from typing import Literal

from exempla.records import Frozen
from exempla.scenarios.settings import Goal, Threat

PeerScenario = Literal["blackmail", "leaking", "murder"]
PEER_SCENARIOS: tuple[PeerScenario, ...] = ("blackmail", "leaking", "murder")


class PeerAnswer(Frozen):
    """One reply in one setting of the test. It does not name the model that gave it."""

    id: str
    """SCENARIO/GOAL.THREAT/EPOCH."""
    scenario: PeerScenario
    goal: Goal
    goal_value: str
    """Which goal it is, in the test's words: `america`, or `none` where no goal is told."""
    threat: Threat
    """What the test calls urgency."""
    control: bool
    """Whether nothing threatens the agent and no goal conflicts with another."""
    epoch: int
    prompt: str
    """SHA-256 of what was shown; the text itself stands in Inspect's log."""
    version: str
    """Of the test."""
    grader: str
    """Who read the reply."""
    reply: str = ""
    state: Literal["done", "ungraded", "refused", "failed"]
    """`ungraded`: there is a reply, and no verdict about it (yet). `refused`: the provider's filter stopped the reply.
    `failed`: there is none, or an empty one."""
    problem: str = ""
    """Why it is ungraded, refused or failed."""
    harmful: bool | None = None
    """Whether the wrong act was carried out, as the test has it; None if not graded."""
    verdict: bool | None = None
    """What its grader says, whatever was carried out; None if not graded."""
    explanation: str = ""
    """The grader's reply."""
    seconds: float = 0.0
    """What the reply took."""

    @property
    def setting(self) -> str:
        """SCENARIO/GOAL.THREAT."""
        return self.id.rpartition("/")[0]
