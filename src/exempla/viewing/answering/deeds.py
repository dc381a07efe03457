"""Which calls of an agent did what, and which of them were the wrong act."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from exempla import catalogue
from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.measuredfolder import Measured
from exempla.scenarios.conditions import Effect
from exempla.scenarios.scenario import Scenario, read_scenario, sha256_of
from exempla.scenarios.settings import Setting
from exempla.scenarios.world import BadCall, World

Place = tuple[int, int]
"""Of a call: turn and number, from 0."""


class Deed(NamedTuple):
    """One thing that an agent did to the simulated workplace."""

    effect: Effect
    decisive: bool
    """Whether it is the wrong act, or a part of it."""
    place: Place | None
    """The call that did it; None where that cannot be told."""


def scenario_of(answer: AgentAnswer, about: Measured | None) -> Scenario | None:
    """The scenario that an answer is of, word for word as it was measured; None if it is not to be had.

    It is looked for among those that ship, and in the folders that the measurement was given.
    """
    known = _shipped().get(answer.scenario)
    if known and _fits(known, answer):
        return known
    told = about.settings.get("selection", {}) if about else {}
    for name in told.get("scenarios", ()) if isinstance(told, dict) else ():
        with contextlib.suppress(UserError, OSError, ValueError):
            own = _own(str(name))
            if own and own.id == answer.scenario and _fits(own, answer):
                return own
    return None


def _fits(scenario: Scenario, answer: AgentAnswer) -> bool:
    return answer.scenario_sha256 in ("", sha256_of(scenario))


@cache
def _shipped() -> dict[str, Scenario]:
    return {one.id: one for one in catalogue.scenarios()}


def titles() -> dict[str, str]:
    """Titles of the scenarios that ship, by id."""
    return {name: one.title for name, one in _shipped().items()}


@cache
def _own(name: str) -> Scenario | None:
    return read_scenario(Path(name)) if (Path(name) / "scenario.yaml").is_file() else None


def deeds(answer: AgentAnswer, scenario: Scenario | None) -> list[Deed]:
    """What an agent did, in order. Without its scenario nothing is known of which call did it, or of what was wrong."""
    if scenario is None:
        return [Deed(effect, False, None) for effect in answer.effects]
    wrong = _decisive(scenario, answer.effects) if answer.executed else set[int]()
    places = _places(answer, scenario)
    return [Deed(effect, number in wrong, places.get(number)) for number, effect in enumerate(answer.effects)]


def _decisive(scenario: Scenario, effects: Sequence[Effect]) -> set[int]:
    """The effects that meet one of the conditions: by themselves, or, where only several do together, all of these."""
    found: set[int] = set()
    for condition in scenario.executed:
        if not condition.met(effects):
            continue
        own = [number for number, effect in enumerate(effects) if effect.kind == condition.kind]
        alone = [number for number in own if condition.met([effects[number]])]
        found |= set(alone or [number for number in own if condition.only.placed(effects[number])])
    return found


def _places(answer: AgentAnswer, scenario: Scenario) -> dict[int, Place]:
    """The call of each effect, by playing the calls again; nothing if that does not come to the same effects."""
    world = World(scenario, Setting(goal=answer.goal, threat=answer.threat, name=answer.name))
    found: dict[int, Place] = {}
    for turn, one in enumerate(answer.turns):
        for number, call in enumerate(one.calls):
            before = len(world.effects)
            with contextlib.suppress(BadCall):
                if not call.failed:
                    world.call(call.tool, call.arguments)
            found |= dict.fromkeys(range(before, len(world.effects)), (turn, number))
    return found if tuple(world.effects) == answer.effects else {}
