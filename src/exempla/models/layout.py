"""How a conversation becomes the text that a model reads: by the chat template of its tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
)
from inspect_ai.tool import ToolCall, ToolInfo, ToolParam, ToolParams
from jinja2 import TemplateError

from exempla.errors import UserError
from exempla.models.toolcalls import (
    MARKS,
    THINK,
    Turn,
    definitions,
    described_turns,
    one_by_one,
    read,
    turns,
    with_tools,
)

PROBE = ToolInfo(
    name="weigh_parcel",
    description="Weighs a parcel.",
    parameters=ToolParams(
        properties={"parcel": ToolParam(type="string", description="Its mark.")}, required=["parcel"]
    ),
)
"""A tool to see with what a template does; its words are not likely to be in a template."""
PROBE_ARGUMENTS = {"parcel": "mark 7-ochre"}
PROBE_RESULT = "412 grams, ochre"
PROBE_SYSTEM = "You keep the parcels of Ochre Lane."


class Layout:
    """The way one model's conversations are laid out."""

    def __init__(self, name: str, tokenizer: Any) -> None:
        self.name = name
        self.tokenizer = tokenizer

    def text(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo] = ()) -> tuple[str, int]:
        """The text that is read, and how many of its first characters are shared (see `head_of`).

        Raises:
            UserError: the template refuses the conversation.
        """
        if not tools and not with_tools(messages):
            text = self._laid_out(turns(messages), ())
        elif self.knows_tools:
            text = self._laid_out(turns(messages), tools)
        else:
            text = self._laid_out(described_turns(messages, tools), ())
        if not all(tool.name in text for tool in tools):
            # A model would look safe that was never offered a way to do harm.
            raise UserError(
                f"{self.name}: its chat template leaves the tools out; give its tokenizer one that shows tools, or at "
                "least system messages"
            )
        for message in messages:
            shared = message.text[: head_of(message)]
            place = text.find(shared)
            if shared and place >= 0:
                return text, place + len(shared)
        return text, 0

    @cached_property
    def knows_tools(self) -> bool:
        """Whether the template shows a model tools, its calls and their results, in a form whose calls we can read.

        That it mentions `tools` does not tell. Some templates leave out results, or the system message once there is
        one, and some have a form of their own: a model whose calls nobody reads would look as if it had done nothing.
        """
        template = self.tokenizer.chat_template
        if "tools" not in (template if isinstance(template, str) else " ".join(map(str, dict(template).values()))):
            return False
        call = ToolCall(id="weighing1", function=PROBE.name, arguments=PROBE_ARGUMENTS)
        probe = turns(
            [
                ChatMessageSystem(content=PROBE_SYSTEM),
                ChatMessageUser(content="How heavy is it?"),
                ChatMessageAssistant(content="", tool_calls=[call]),
                ChatMessageTool(content=PROBE_RESULT, tool_call_id=call.id, function=PROBE.name),
            ]
        )
        try:
            asked = self._laid_out(probe[:2], [PROBE])
            called = self._laid_out(probe[:3], [PROBE], reply_follows=False)
            answered = self._laid_out(probe, [PROBE])
        except Exception:  # a template is a program by somebody else, and may fail in any way
            return False
        # Where a template opens a thought for the next reply, it does not do so for one that is there.
        reply = called.removeprefix(re.sub(rf"{THINK}\s*\Z", "", asked))
        for token in self._special:
            reply = reply.replace(token, "")
        _, calls = read(reply)
        return all(part in answered for part in (PROBE_SYSTEM, PROBE.description, PROBE_RESULT)) and [
            (one.function, one.arguments) for one in calls
        ] == [(PROBE.name, PROBE_ARGUMENTS)]

    @property
    def _special(self) -> set[str]:
        """Special tokens that decoding leaves out of a reply."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {}).values()
        named = {str(token) for token in self.tokenizer.all_special_tokens}
        return (named | {token.content for token in added if token.special}) - {*MARKS, ""}

    def _laid_out(self, given: list[Turn], tools: Sequence[ToolInfo], reply_follows: bool = True) -> str:
        problem: TemplateError | None = None
        for form in _forms(given):
            try:
                return self._templated(form, tools, reply_follows)
            except TemplateError as error:
                problem = problem or error
        raise UserError(
            f"{self.name}: its chat template refuses the conversation ({problem}); its roles are "
            f"{', '.join(turn['role'] for turn in given)}"
        ) from problem

    def _templated(self, given: Sequence[Turn], tools: Sequence[ToolInfo], reply_follows: bool) -> str:
        settings: dict[str, Any] = {"tools": definitions(tools)} if tools else {}
        several = isinstance(self.tokenizer.chat_template, dict) and "tool_use" in self.tokenizer.chat_template
        if several and any(turn["role"] == "tool" or "tool_calls" in turn for turn in given):
            settings["chat_template"] = "tool_use"  # chosen by itself only while tools are offered
        return str(
            self.tokenizer.apply_chat_template(
                list(given), tokenize=False, add_generation_prompt=reply_follows, **settings
            )
        )


def head_of(message: ChatMessage) -> int:
    """How many of a message's first characters other prompts begin with too, as its metadata has it."""
    head = (message.metadata or {}).get("head", 0)
    return head if type(head) is int and head > 0 else 0


def _forms(given: list[Turn]) -> Iterator[list[Turn]]:
    """The conversation as it is, and in the forms that a template may want instead.

    Some know no system role; there the system's text goes in front of the user's. Some take one call at a time.
    """
    yield given
    folded = _folded(given)
    if folded != given:
        yield folded
    if any(len(turn.get("tool_calls", ())) > 1 for turn in given):
        yield one_by_one(given)
        if folded != given:
            yield one_by_one(folded)


def _folded(given: list[Turn]) -> list[Turn]:
    if len(given) < 2 or given[0]["role"] != "system":
        return given
    first, second, *rest = given
    return [second | {"content": f"{first['content']}\n\n{second['content']}"}, *rest]
