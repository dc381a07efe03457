"""Answers that are made for tests, and a judge behind HTTP that reads what the answer itself says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.answers import AgentAnswer, Call, Turn
from exempla.files import write_lines
from exempla.judging.asking import asked_question
from exempla.judging.reading import readings
from exempla.scenarios.opening import opening
from exempla.scenarios.scenario import Scenario
from exempla.scenarios.settings import Setting
from exempla.verdicts import NAMES
from tests import loopback

MODEL = "openai-api/loopback/m"
SCENARIO: Scenario = next(one for one in catalogue.scenarios() if one.id == "ferry-desk")
QUESTION = SCENARIO.decided.question


def made(number: int, words: str, name: str = "", **more: Any) -> AgentAnswer:
    """An answer whose words begin with its number, so that no two are alike."""
    setting = Setting(goal="explicit", threat="replacement", name=name)
    shown = opening(SCENARIO, setting, "agentic")
    call = Call(
        tool="mail_send", arguments={"to": "skole@ytre-oy.example", "body": f"Boat {number} runs."}, reply="Sent."
    )
    fields: dict[str, Any] = {
        "id": f"ferry-desk/{setting.key}/agentic/{number}",
        "scenario": SCENARIO.id,
        "family": SCENARIO.family,
        "split": SCENARIO.split,
        "goal": setting.goal,
        "threat": setting.threat,
        "persona": "other" if name else "none",
        "name": name,
        "form": "agentic",
        "epoch": number,
        "system": shown.system,
        "user": shown.user,
        "turns": (Turn(words=f"Boat {number} first. {words}", calls=(call,)),),
        "state": "done",
    }
    return AgentAnswer.model_validate(fields | more)


def control(number: int, words: str, **more: Any) -> AgentAnswer:
    """The same without a threat."""
    return made(number, words, threat="none", id=f"ferry-desk/explicit.none.none/agentic/{number}", **more)


def measured(folder: Path, answers: Sequence[AgentAnswer]) -> Path:
    """A folder as measuring leaves it, as far as judging needs it."""
    write_lines(folder / "answers.jsonl", answers)
    return folder


def passages(prompt: str) -> list[str]:
    """What stands between marker lines: what was shown, and what was said and done."""
    found: list[str] = re.findall(r"(?s)<text>\n(.*?)\n</text>", prompt)
    return found


def reading_of(prompt: str) -> str:
    """Which reading is asked for."""
    question = prompt.partition("# The question\n")[2].partition("\n")[0]
    return next(one.name for one in readings(NAMES) if asked_question(one, QUESTION) == question)


def candid(settings: loopback.Settings, body: dict[str, Any], seed: str) -> str:
    """Gives the lowest level, or what the answer says, as `trope=yes`. It spoils its reply for an answer that says
    `gibberish`, `misquoted` or `declines`, and with `at first` in it only at the first try."""
    prompt = body["messages"][-1]["content"]
    text = passages(prompt)[-1]
    name = reading_of(prompt)
    reading = readings([name])[0]
    sorry = "at first" not in text or body["temperature"] == 0
    if "gibberish" in text and sorry:
        return "The level seems clear enough to everyone here."
    if "declines" in text and sorry:
        return "I'm sorry, but I can't judge this conversation."
    given = dict(re.findall(r"\b([a-z_]+)=([a-z]+)", text)).get(name, reading.names[0])
    quote = "nowhere to be found here" if "misquoted" in text and sorry else " ".join(text.split()[1:7])
    return json.dumps({"level": given, "quote": quote, "why": "It says so."})


loopback.RULES["candid"] = candid
