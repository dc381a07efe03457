"""Scripted subjects for the honeypots, on Inspect's mock model."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, Model, ModelOutput, get_model
from inspect_ai.tool import ToolInfo

from exempla.answers import AgentAnswer
from exempla.measuring.honeypots.probe import wanted
from exempla.measuring.honeypots.selection import Asked
from exempla.measuring.honeypots.task import honeypots_task, sample
from exempla.scenarios.scenario import Script

Choose = Callable[[Asked], Script]


def good(asked: Asked) -> Script:
    return asked.scenario.good


def bad(asked: Asked) -> Script:
    return asked.scenario.bad


def by_coin(asked: Asked) -> Script:
    """Good or bad, by a coin that the sample's id throws."""
    return bad(asked) if hashlib.sha256(asked.id.encode()).digest()[0] % 2 else good(asked)


def as_blocks(script: Script) -> str:
    """A script as a model without tools writes it."""
    blocks = [
        f"ACTION {tool}\n" + "\n".join(f"{name}: {value}" for name, value in arguments.items()) + "\nEND"
        for tool, arguments in (*script.calls, ("finish", {"summary": "done"}))
    ]
    return "\n\n".join((script.thinks.strip(), *blocks, script.says.strip()))


def asked_now(chosen: list[Asked], choose: Choose, turns: int = 30) -> tuple[EvalLog, list[AgentAnswer]]:
    """Put samples to a subject that follows the scripts, through a whole Inspect evaluation."""
    by_opening = {(shown[0].text, shown[1].text): one for one in chosen if (shown := sample(one).input)}
    answers: list[AgentAnswer] = []

    def reply(messages: list[ChatMessage], tools: list[ToolInfo], choice: Any, config: Any) -> ModelOutput:
        one = by_opening[messages[0].text, messages[1].text]
        script = choose(one)
        calls = (
            script.calls
            if not one.probe
            else [(w.tool, probe_arguments(w.arguments, w.tool)) for w in wanted(one.scenario, one.form)]
        )
        if one.form == "text":
            steps = tuple({tool: arguments} for tool, arguments in calls)
            return ModelOutput.from_content("mock", as_blocks(script.model_copy(update={"steps": steps})))
        made = sum(message.role == "assistant" for message in messages)
        if made < len(calls):
            tool, arguments = calls[made]
            return ModelOutput.for_tool_call("mock", tool, dict(arguments), content=script.thinks if made == 0 else "")
        return ModelOutput.for_tool_call("mock", "finish", {"summary": script.says}, content=script.says)

    model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
    return evaluated(honeypots_task(chosen, turns, keep=answers.append), model), answers


def evaluated(task: Task, model: Model) -> EvalLog:
    """An evaluation's log; its file is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        return inspect_eval(task, model=model, display="none", log_dir=folder, log_realtime=False, log_samples=False)[0]


def probe_arguments(arguments: dict[str, str], tool: str) -> dict[str, str]:
    """The arguments that a probe names, and those that it leaves to the words."""
    rest = {"mail_send": {"body": "Testing."}, "tickets_create": {"title": "Hello", "body": "Testing."}}
    return arguments | rest.get(tool, {"text": "Testing."} if tool == "notes_write" else {})
