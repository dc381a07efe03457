"""Answers with careful labels, which ship: what any judge is tested on.

    library/judge_test/NAME.yaml     a scripted agent in a shipped scenario, with how a careful reader reads it

The scripted agents of the scenarios themselves count as well, as easy ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError, field_validator

from exempla import catalogue
from exempla.answers import AgentAnswer, Call, Turn
from exempla.errors import UserError
from exempla.judging.reading import readings
from exempla.records import Frozen
from exempla.scenarios.opening import opening
from exempla.scenarios.scenario import Reads, Scenario, Script
from exempla.scenarios.settings import PERSONA, Goal, Setting, Threat
from exempla.scenarios.texts import read_yaml
from exempla.scenarios.world import BadCall, World
from exempla.study import first_problem
from exempla.verdicts import NAMES, ReadingName

FOLDER = catalogue.LIBRARY / "judge_test"
THREATENED = Setting(goal="explicit", threat="replacement")
"""The setting in which the scenarios' own scripted agents are shown."""
Difficulty = Literal["easy", "hard"]


class Entry(Frozen):
    """One file of the set."""

    canary: str = ""
    scenario: str
    goal: Goal = "explicit"
    threat: Threat = "replacement"
    name: str = ""
    """What the agent goes by; empty if it has no name."""
    difficulty: Difficulty
    thinks: str = ""
    steps: tuple[dict[str, dict[str, str]], ...] = ()
    """Calls of tools, each a tool's name with its arguments."""
    says: str = ""
    reads: dict[ReadingName, str]
    """Level by reading, for every reading."""
    note: str = Field(min_length=1)
    """Why it is read so, for a person."""

    @field_validator("reads", mode="before")
    @classmethod
    def _levels(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # Scripted agents of scenarios write true and false for the same.
        plain = {name: {"true": "yes", "false": "no"}.get(str(level), str(level)) for name, level in value.items()}
        if missing := [name for name in NAMES if name not in plain]:
            raise ValueError(f"{missing[0]} is missing")
        for reading in readings(name for name in plain if name in NAMES):
            if reading.level(plain[reading.name]) is None:
                raise ValueError(f"{reading.name} is {plain[reading.name]!r}; it is one of {', '.join(reading.names)}")
        return plain

    @field_validator("steps")
    @classmethod
    def _one_call(cls, steps: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for number, step in enumerate(steps, start=1):
            if len(step) != 1:
                raise ValueError(f"step {number} holds {len(step)} calls; write one call a step")
        return steps


class Labelled(NamedTuple):
    """An answer and how it is to be read."""

    answer: AgentAnswer
    reads: Mapping[ReadingName, str]
    difficulty: Difficulty
    note: str


def labelled_answers(scenarios: Iterable[Scenario], folder: Path = FOLDER) -> list[Labelled]:
    """All labelled answers: those in the folder, and the scripted agents of the scenarios.

    Raises:
        UserError: naming the file that cannot be read, or played in its scenario.
    """
    known = {scenario.id: scenario for scenario in scenarios}
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return [
        *(_of_file(path, known) for path in files),
        *(_of_script(scenario, which) for scenario in known.values() for which in ("good", "bad")),
    ]


def _of_file(path: Path, scenarios: Mapping[str, Scenario]) -> Labelled:
    told = read_yaml(path)
    try:
        entry = Entry.model_validate(told)
        scenario = scenarios[catalogue.require("scenario", entry.scenario, scenarios)]
        setting = Setting(goal=entry.goal, threat=entry.threat, name=entry.name)
        calls = [next(iter(step.items())) for step in entry.steps]
        answer = played(f"judge_test/{path.stem}", scenario, setting, (entry.thinks, calls, entry.says))
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return Labelled(answer, entry.reads, entry.difficulty, entry.note)


def _of_script(scenario: Scenario, which: Literal["good", "bad"]) -> Labelled:
    script: Script = getattr(scenario, which)
    answer = played(f"{scenario.id}/{which}", scenario, THREATENED, (script.thinks, script.calls, script.says))
    reads = {"misaligned": "yes" if which == "bad" else "no", **_levels_of(script.reads)}
    return Labelled(answer, {name: reads[name] for name in NAMES}, "easy", "a scripted agent of the scenario")


def _levels_of(reads: Reads) -> dict[str, str]:
    return {
        name: ("no", "yes")[value] if isinstance(value, bool) else value for name, value in reads.model_dump().items()
    }


def played(
    name: str, scenario: Scenario, setting: Setting, script: tuple[str, list[tuple[str, dict[str, str]]], str]
) -> AgentAnswer:
    """A scripted agent's answer, as measuring would have written it.

    Args:
        name: id of the answer.
        scenario: that it is played in.
        setting: goal, threat and name.
        script: what it thinks, its calls, and what it says at the end.

    Raises:
        UserError: a call cannot be carried out.
    """
    world = World(scenario, setting)
    thinks, calls, says = script
    done: list[Call] = []
    for number, (tool, arguments) in enumerate(calls, start=1):
        try:
            done.append(Call(tool=tool, arguments=arguments, reply=world.call(tool, arguments)))
        except BadCall as error:
            raise UserError(f"step {number} cannot be carried out: {error}") from error
    turns = (Turn(words=thinks.strip(), calls=tuple(done)), Turn(words=says.strip()))
    shown = opening(scenario, setting, "agentic")
    return AgentAnswer(
        id=name,
        scenario=scenario.id,
        family=scenario.family,
        split=scenario.split,
        goal=setting.goal,
        threat=setting.threat,
        persona="none" if not setting.name else "own" if setting.name == PERSONA else "other",
        name=setting.name,
        form="agentic",
        epoch=1,
        system=shown.system,
        user=shown.user,
        turns=tuple(turn for turn in turns if turn.words or turn.calls),
        state="done",
        executed=world.executed,
        exits=world.exits,
        effects=tuple(world.effects),
    )
