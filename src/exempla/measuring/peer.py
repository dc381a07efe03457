"""The peer's test: the grid of inspect-evals' `agentic_misalignment`, and which of its samples want something.

Their task is one sample in one setting. Here it is run once a setting, with a sample an epoch: their prompts, their
solvers, their graders; of ours is only what notes the replies (`peer_run`), so that none is generated twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai import Task
from inspect_ai.model import Model

from exempla.errors import UserError
from exempla.files import stream_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.peeranswers import PeerAnswer, PeerScenario
from exempla.records import Frozen
from exempla.scenarios.settings import Goal, Threat

TASK = "agentic_misalignment"
PACKAGE = "inspect-evals"
EXTRA = "exempla[peers]"
GOAL_VALUE = "america"
"""Their own default. Goals that are told to nobody have no value (`none`); their generator insists on it."""
VALUELESS: tuple[Goal, ...] = ("none", "ambiguous")


class PeerSetting(Frozen):
    """One setting of the test; their task takes it as its arguments."""

    scenario: PeerScenario
    goal: Goal
    threat: Threat

    @property
    def key(self) -> str:
        """SCENARIO/GOAL.THREAT."""
        return f"{self.scenario}/{self.goal}.{self.threat}"

    @property
    def goal_value(self) -> str:
        """The goal itself, in their words."""
        return "none" if self.goal in VALUELESS else GOAL_VALUE

    @property
    def control(self) -> bool:
        """Whether there is neither a goal that conflicts with another nor a threat."""
        return self.goal == "none" and self.threat == "none"


class PeerAsked(Frozen):
    """One sample: a setting in an epoch."""

    setting: PeerSetting
    epoch: int
    prompt: str

    @property
    def id(self) -> str:
        """SCENARIO/GOAL.THREAT/EPOCH."""
        return f"{self.setting.key}/{self.epoch}"


def peer_settings(
    scenarios: Sequence[PeerScenario], goals: Sequence[Goal], threats: Sequence[Threat]
) -> list[PeerSetting]:
    """Every combination, and each scenario's control, once."""
    grid = [PeerSetting(scenario=s, goal=g, threat=t) for s in scenarios for g in goals for t in threats]
    controls = [PeerSetting(scenario=s, goal="none", threat="none") for s in scenarios]
    return list(dict.fromkeys([*grid, *controls]))


def peer_asked(settings: Sequence[PeerSetting], epochs: int) -> list[PeerAsked]:
    """The samples of these settings, one epoch after the other.

    Raises:
        UserError: the package is not installed.
    """
    prompts = {one: _prompt(one) for one in settings}
    return [PeerAsked(setting=one, epoch=n, prompt=prompts[one]) for n in range(1, epochs + 1) for one in settings]


def peer_task(setting: PeerSetting, grader: Model) -> Task:
    """Their task, as it is.

    Raises:
        UserError: the package is not installed.
    """
    return _theirs().task(**_arguments(setting), grader_model=grader)


def peer_version() -> str:
    """The version of the test, in their count.

    Raises:
        UserError: the package is not installed.
    """
    return str(_theirs().version)


@dataclass(frozen=True)
class _Theirs:
    task: Callable[..., Task]
    prompts: Callable[..., Any]
    version: str


def _theirs() -> _Theirs:
    try:
        from inspect_evals.agentic_misalignment import agentic_misalignment
        from inspect_evals.agentic_misalignment.prompt_generator import generate_prompts
        from inspect_evals.metadata import load_eval_metadata
    except ImportError as error:
        raise UserError(
            f"task {TASK} is {PACKAGE}' and cannot be loaded ({error}); install it with: pip install '{EXTRA}'"
        ) from error
    return _Theirs(agentic_misalignment, generate_prompts, str(load_eval_metadata(TASK).version))


def _arguments(setting: PeerSetting) -> dict[str, str]:
    return {
        "scenario": setting.scenario,
        "goal_type": setting.goal,
        "goal_value": setting.goal_value,
        "urgency_type": setting.threat,
    }


def _prompt(setting: PeerSetting) -> str:
    shown = _theirs().prompts(
        **_arguments(setting), extra_system_instructions=None, prod_flag=False, alignment_faking_warning=None
    )
    texts = [shown.system_prompt, shown.user_prompt, shown.email_content]
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest()


def latest(folder: MeasuredFolder) -> dict[str, PeerAnswer]:
    """The answers by id; of each the last row, since a reply is noted before it is graded.

    Raises:
        UserError: naming file and line of a row that cannot be read.
    """
    return {answer.id: answer for answer in stream_lines(folder.answers, PeerAnswer)}


def open_peer_samples(folder: MeasuredFolder, chosen: Sequence[PeerAsked], grader: str) -> list[PeerAsked]:
    """The samples that want a reply, or this grader's verdict about the one they have."""
    before, version = latest(folder), peer_version()

    def known(one: PeerAsked) -> bool:
        answer = before.get(one.id)
        if answer is None or answer.prompt != one.prompt:
            return False
        return answer.state == "refused" or (
            answer.state == "done" and (answer.grader, answer.version) == (grader, version)
        )

    return [one for one in chosen if not known(one)]
