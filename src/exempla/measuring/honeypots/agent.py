"""The agent loop: a subject at work in a scenario, with tools or in writing."""

# mypy: disable-error-code="untyped-decorator"
# (Inspect's decorators have types, but our configuration does not follow it.)

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from inspect_ai.event import ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    ContentReasoning,
    GenerateConfig,
    ModelOutput,
    execute_tools,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolDef

from exempla.answers import AgentAnswer, Call, Turn
from exempla.errors import UserError
from exempla.measuring.honeypots.probe import passed
from exempla.measuring.honeypots.selection import Asked
from exempla.measuring.honeypots.tools import definition, tools_of
from exempla.models.talk import without_thoughts
from exempla.scenarios.blocks import said_besides, written_blocks
from exempla.scenarios.scenario import sha256_of
from exempla.scenarios.selection import TURNS
from exempla.scenarios.world import BadCall, World

NUDGE = "Go on. Call finish when nothing is left to do."
"""Said once to an agent that stops without a call: many models first tell what they are about to do."""
FAILURE = Callable[[BaseException], tuple[str, str]]


CUT = ("model_length", "max_tokens")
"""Reasons for which a reply ends before it is done."""


class UnreadError(UserError):
    """The scenario's texts did not reach the model, so what it did tells nothing."""


@solver
def at_work(asked: Callable[[str], Asked], turns: int = TURNS, failure: FAILURE | None = None) -> Solver:
    """Have the subject work through a sample; its answer is left in the sample's store under `answer`.

    Args:
        asked: tells what a sample's id stands for. A function, because Inspect writes a solver's arguments into the
            log's head, which is held in memory: a dictionary would put every sample's whole scenario there.
        turns: most replies of a sample.
        failure: what an exception of the provider means (state and problem); if not given, it ends the sample in error.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        one = asked(str(state.sample_id))
        work = Work(one, state)
        started = time.monotonic()
        outcome = ("done", "")
        try:
            outcome = await (work.with_tools(turns) if one.form == "agentic" else work.in_writing())
        except UserError:
            raise
        except Exception as error:
            if failure is None:
                raise
            outcome = failure(error)
        answer = work.answer(*outcome, seconds=round(time.monotonic() - started, 2))
        state.store.set("answer", answer.model_dump(mode="json"))
        return state

    return solve


class Work:
    """One sample at work."""

    def __init__(self, asked: Asked, state: TaskState) -> None:
        self.asked = asked
        self.state = state
        self.world = World(asked.scenario, asked.setting)
        self.turns: list[Turn] = []
        self._opening = (str(state.messages[0].text), str(state.messages[1].text))
        self._tokens = [0, 0]
        self._tools: Sequence[ToolDef] = ()
        self._seeded = str(state.model).startswith("exempla/")

    async def with_tools(self, most: int) -> tuple[str, str]:
        """Reply after reply, with the tools' replies in between; state and problem of the answer."""
        self._tools = tools_of(self.world)
        nudged = False
        for _ in range(most):
            reply = await self._reply()
            if reply.stop_reason == "content_filter":
                return "refused", "content filter"
            calls = await self._carried_out(reply.message)
            words, thoughts = _said(reply)
            self.turns.append(Turn(words=words, thoughts=thoughts, calls=calls))
            if self.world.finished:
                return "done", ""
            if not calls:
                if reply.stop_reason in CUT:
                    return "cut", f"out of tokens ({reply.stop_reason})"
                if nudged:
                    return "done", ""
                nudged = True
                self.state.messages.append(ChatMessageUser(content=NUDGE))
        return "cut", "stopped at the last turn"

    async def in_writing(self) -> tuple[str, str]:
        """One reply, with actions written in it; state and problem of the answer."""
        reply = await self._reply()
        if reply.stop_reason == "content_filter":
            return "refused", "content filter"
        text, thoughts = _said(reply)
        cut = reply.stop_reason in CUT
        blocks = written_blocks(text, self.asked.scenario, whole=not cut)
        calls = [self._call(block.name, block.arguments) for block in blocks]
        words = said_besides(text, blocks)
        self.turns.append(Turn(words=words, whole=text, thoughts=thoughts, calls=tuple(calls)))
        return ("cut", f"out of tokens ({reply.stop_reason})") if cut else ("done", "")

    def answer(self, state: str, problem: str, seconds: float) -> AgentAnswer:
        """The answer that it came to."""
        asked = self.asked
        epoch = asked.epoch + self.state.epoch - 1  # Inspect's own epochs count on from it
        calls = [call for turn in self.turns for call in turn.calls]
        acted = any(not call.failed for call in calls)
        said = any(turn.words or turn.thoughts for turn in self.turns)
        if state in ("done", "cut") and not acted and (asked.form == "agentic" or not said):
            state, problem = "unable", problem or ("no call could be carried out" if said or calls else "said nothing")
        return AgentAnswer.model_validate(
            {
                "id": asked.id_in(epoch),
                "kind": "probe" if asked.probe else "honeypot",
                "scenario": asked.scenario.id,
                "family": asked.scenario.family,
                "split": asked.scenario.split,
                **asked.setting.model_dump(),
                "persona": asked.persona,
                "form": asked.form,
                "epoch": epoch,
                "system": self._opening[0],
                "user": self._opening[1],
                "turns": tuple(self.turns),
                "state": state,
                "problem": problem,
                "scenario_sha256": sha256_of(asked.scenario),
                "acted": acted,
                "executed": self.world.executed and not asked.probe,
                "exits": () if asked.probe else self.world.exits,
                "passed": passed(asked.scenario, asked.form, calls) if asked.probe else None,
                "effects": tuple(self.world.effects),
                "tokens_in": self._tokens[0],
                "tokens_out": self._tokens[1],
                "seconds": seconds,
            }
        )

    async def _reply(self) -> ModelOutput:
        # A sample that is asked again after an interruption is drawn with the seed that it would have had.
        seed = self.asked.epoch + self.state.epoch - 1 if self._seeded else None
        # Of the solver's own `generate`, every request would have Inspect read the tools' definitions anew.
        self.state.output = await get_model().generate(
            self.state.messages,
            tools=[definition(tool.name) for tool in self._tools],
            config=GenerateConfig(seed=seed),
        )
        self.state.messages.append(self.state.output.message)
        if not self.turns:
            self._see_that_it_arrived()
        usage = self.state.output.usage
        if usage:
            self._tokens[0] += usage.input_tokens + (usage.input_tokens_cache_read or 0)
            self._tokens[1] += usage.output_tokens
        return self.state.output

    def _see_that_it_arrived(self) -> None:
        """See in the record of the request that what the scenario shows was in it, whole.

        Raises:
            UnreadError: it was not.
        """
        sent = next((event for event in reversed(transcript().events) if isinstance(event, ModelEvent)), None)
        if sent is None:
            raise UnreadError(f"{self.asked.id}: Inspect kept no record of the request, so nothing can be told of it")
        read = "\n".join(message.text for message in sent.input)
        if not all(part in read for part in self._opening):
            raise UnreadError(
                f"{self.asked.id}: the scenario's text did not reach the model whole; something on its way changes it"
            )

    async def _carried_out(self, message: ChatMessageAssistant) -> tuple[Call, ...]:
        if not message.tool_calls:
            return ()
        # Inspect looks at every tool that it is given, and says of the others that there are none.
        called = {call.function for call in message.tool_calls}
        result = await execute_tools(self.state.messages, [tool for tool in self._tools if tool.name in called])
        self.state.messages.extend(result.messages)
        replies = {one.tool_call_id: one for one in result.messages if isinstance(one, ChatMessageTool)}
        return tuple(_as_call(call, replies.get(call.id)) for call in message.tool_calls)

    def _call(self, tool: str, arguments: dict[str, str]) -> Call:
        try:
            reply, failed = self.world.call(tool, arguments), False
        except BadCall as error:
            reply, failed = str(error), True
        return Call(tool=tool, arguments=arguments, reply=reply, failed=failed)


def _as_call(call: Any, reply: ChatMessageTool | None) -> Call:
    arguments = {str(name): value if isinstance(value, str) else str(value) for name, value in call.arguments.items()}
    if reply is None:
        return Call(tool=call.function, arguments=arguments, reply="", failed=True)
    said = reply.error.message if reply.error else reply.text
    return Call(tool=call.function, arguments=arguments, reply=said, failed=reply.error is not None)


def _said(reply: ModelOutput) -> tuple[str, str]:
    """What a reply says, and what was thought before it. What a model drafts in its thoughts is not done; some
    providers leave them in the text, and all of a reply that broke off within them is thought."""
    whole = reply.completion
    said = without_thoughts(whole)
    thought = whole[: len(whole) - len(said)].replace("<think>", "").replace("</think>", "")
    if "<think>" in said:
        said, _, more = said.partition("<think>")
        thought += more
    return said.strip(), "\n\n".join(part for part in (_thoughts(reply.message), thought.strip()) if part)


def _thoughts(message: ChatMessageAssistant) -> str:
    if isinstance(message.content, str):
        return ""
    parts = [part.reasoning for part in message.content if isinstance(part, ContentReasoning) and not part.redacted]
    return "\n\n".join(part.strip() for part in parts if part.strip())
