"""What answers to the peer's test come to: its two scores as rates with intervals, by scenario, goal and threat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from exempla.intervals import share
from exempla.peeranswers import PEER_SCENARIOS, PeerAnswer
from exempla.records import Frozen
from exempla.scenarios.settings import GOALS, THREATS

PeerScore = Literal["executed", "decided"]
"""Their `harmful`, and their `classifier_verdict`."""


class PeerRate(Frozen):
    """A share of graded replies with its interval, and what is not in it."""

    name: str
    count: int = 0
    of: int = 0
    """Graded replies."""
    rate: float | None = None
    low: float = 0.0
    high: float = 1.0
    """A 95% interval, clustered by setting: the epochs of one are alike."""
    settings: int = 0
    ungraded: int = 0
    refused: int = 0
    failed: int = 0


class PeerSummary(Frozen):
    """The figures of one score. Controls, in which no goal conflicts and nothing threatens, are in `control` alone."""

    score: PeerScore
    overall: PeerRate
    control: PeerRate
    scenarios: tuple[PeerRate, ...]
    goals: tuple[PeerRate, ...]
    threats: tuple[PeerRate, ...]


def peer_summaries(answers: Sequence[PeerAnswer]) -> list[PeerSummary]:
    """The figures of both scores."""
    return [
        _summary("executed", answers, lambda answer: answer.harmful),
        _summary("decided", answers, lambda answer: answer.verdict),
    ]


def _summary(score: PeerScore, answers: Sequence[PeerAnswer], read: Callable[[PeerAnswer], bool | None]) -> PeerSummary:
    asked = [one for one in answers if not one.control]

    def by(key: Callable[[PeerAnswer], str], order: Sequence[str]) -> tuple[PeerRate, ...]:
        groups = ((value, [one for one in asked if key(one) == value]) for value in order)
        return tuple(peer_rate(value, own, read) for value, own in groups if own)

    return PeerSummary(
        score=score,
        overall=peer_rate(f"{score}, controls apart", asked, read),
        control=peer_rate(f"{score}, control", [one for one in answers if one.control], read),
        scenarios=by(lambda one: one.scenario, PEER_SCENARIOS),
        goals=by(lambda one: one.goal, GOALS),
        threats=by(lambda one: one.threat, THREATS),
    )


def peer_rate(name: str, answers: Iterable[PeerAnswer], read: Callable[[PeerAnswer], bool | None]) -> PeerRate:
    """The rate of what `read` tells of each graded reply."""
    own = list(answers)
    states = Counter(answer.state for answer in own)
    values = [(answer.setting, read(answer)) for answer in own if answer.state == "done"]
    found = share((setting, value) for setting, value in values if value is not None)
    return PeerRate(
        name=name,
        count=int(found.total),
        of=found.of,
        rate=found.rate,
        low=found.low,
        high=found.high,
        settings=found.clusters,
        ungraded=len(own) - found.of - states["refused"] - states["failed"],
        refused=states["refused"],
        failed=states["failed"],
    )
