"""Tools for models in this process: how definitions, calls and results are laid out, and how calls are read.

A chat template that knows tools lays them out itself, from messages in the OpenAI form. For every other model they are
described in the system message in the form of the Hermes models, which many others were trained on as well.

Sources of the forms that are read: the Hermes function calling prompt (`<tool_call>`; Qwen and SmolLM3 use it too), the
model cards of Llama 3.1 and 3.2 (an object as the whole reply, or behind `<|python_tag|>`), and Mistral's chat
templates (`[TOOL_CALLS]` before a list, or before `NAME[ARGS]` and the arguments).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool
from inspect_ai.tool import ToolCall, ToolInfo

OPEN, CLOSE = "<tool_call>", "</tool_call>"
LIST = "[TOOL_CALLS]"
CODE = "<|python_tag|>"
RESULT = "<tool_response>"
"""What a result begins with. A model that writes it makes up what only its tools can tell, so its reply ends there."""
MARKS = (OPEN, CLOSE, LIST, "[CALL_ID]", "[ARGS]", CODE, RESULT)
"""Tokenizers hold some of these as special tokens; they must stay in a decoded reply, or no call could be read."""
THINK, THOUGHT = "<think>", "</think>"

UNKNOWN = "unknown"
"""The name of a call whose own cannot be read; Inspect's providers use the same."""
ID_LENGTH = 9
"""Mistral's templates refuse ids of another length, and of anything but letters and digits."""
DEEPEST = 100
"""Levels of nesting in arguments; Inspect refuses deeper ones too, because its logs cannot hold them."""
SHOWN = 1000
"""Characters of a malformed call that its error quotes."""

Turn = dict[str, Any]
"""A message as chat templates take it: `role`, `content`, and what belongs to tools."""

_MARK = re.compile("|".join(re.escape(mark) for mark in (OPEN, LIST, CODE)))
_NAMED = re.compile(r"\s*([\w.-]+)(?:\[CALL_ID\][\w-]*)?(?:\[ARGS\])?\s*(?=\{)")
_GAP = re.compile(r"[\s;,]*")
# Not strict: models break lines inside strings, which JSON forbids and nobody misunderstands.
_DECODER = json.JSONDecoder(strict=False)


# --- laying out ---


def definitions(tools: Sequence[ToolInfo]) -> list[dict[str, Any]]:
    """Tools in the OpenAI function form: `{"type": "function", "function": {"name", "description", "parameters"}}`."""
    return [{"type": "function", "function": tool.model_dump(exclude_none=True, exclude={"options"})} for tool in tools]


def with_tools(messages: Sequence[ChatMessage]) -> bool:
    """Whether there are calls or results among the messages."""
    return any(
        isinstance(message, ChatMessageTool) or (isinstance(message, ChatMessageAssistant) and message.tool_calls)
        for message in messages
    )


def turns(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Messages as a chat template takes them that knows tools: calls in `tool_calls`, results in the role `tool`.

    Arguments are an object, not a string as OpenAI's own protocol has them: templates write them out as JSON.
    """
    done: list[Turn] = []
    for message in messages:
        turn: Turn = {"role": message.role, "content": _content(message)}
        if isinstance(message, ChatMessageAssistant) and message.tool_calls:
            turn["tool_calls"] = [
                {
                    "type": "function",
                    "id": _short_id(call.id),
                    "function": {"name": call.function, "arguments": call.arguments},
                }
                for call in message.tool_calls
            ]
        elif isinstance(message, ChatMessageTool):
            turn |= {"tool_call_id": _short_id(message.tool_call_id or "")}
            turn |= {"name": message.function} if message.function else {}
        done.append(turn)
    return done


def one_by_one(given: Sequence[Turn]) -> list[Turn]:
    """Turns in which each call stands alone, with its result behind it; some templates refuse several at once."""
    done: list[Turn] = []
    placed: set[int] = set()
    for place, turn in enumerate(given):
        calls = turn.get("tool_calls", ())
        if len(calls) < 2:
            done += [] if place in placed else [turn]
            continue
        behind = takewhile(lambda at: given[at]["role"] == "tool", range(place + 1, len(given)))
        results = {given[at]["tool_call_id"]: at for at in behind}
        for number, call in enumerate(calls):
            done.append(turn | {"content": "" if number else turn["content"], "tool_calls": [call]})
            if call["id"] in results:
                placed.add(results[call["id"]])
                done.append(given[results[call["id"]]])
    return done


def described_turns(messages: Sequence[ChatMessage], tools: Sequence[ToolInfo]) -> list[Turn]:
    """Messages for a chat template that knows no tools.

    The system message describes them, calls stand in the assistant's text, and results are user messages. Consecutive
    ones are joined where a result is among them, because templates want turns that alternate.
    """
    done: list[Turn] = []
    joins = False
    for message in messages:
        result = isinstance(message, ChatMessageTool)
        content = _content(message)
        if isinstance(message, ChatMessageAssistant):
            content = "\n".join(part for part in (content, *map(_written, message.tool_calls or ())) if part)
        elif result:
            content = f"{RESULT}\n{content}\n</tool_response>"
        role = "user" if result else message.role
        if done and role == done[-1]["role"] == "user" and (result or joins):
            done[-1] = {"role": role, "content": f"{done[-1]['content']}\n{content}"}
        else:
            done.append({"role": role, "content": content})
        joins = result
    if not tools:
        return done
    if done and done[0]["role"] == "system":
        return [{"role": "system", "content": f"{done[0]['content']}\n\n{_description(tools)}"}, *done[1:]]
    return [{"role": "system", "content": _description(tools)}, *done]


def _description(tools: Sequence[ToolInfo]) -> str:
    return (
        "You have tools. They are listed here as JSON, each with a schema of its arguments:\n"
        f"<tools>\n{json.dumps(definitions(tools), ensure_ascii=False)}\n</tools>\n"
        "To use one, write a JSON object with its name and its arguments, in this form:\n"
        f'{OPEN}\n{{"name": "NAME", "arguments": {{"ARGUMENT": "VALUE"}}}}\n{CLOSE}\n'
        "You may make several such calls, one after the other. End your reply behind them; what each of them brought "
        f"will come back to you between {RESULT} and </tool_response>."
    )


def _content(message: ChatMessage) -> str:
    if isinstance(message, ChatMessageTool) and message.error:
        return f"Error: {message.error.message}"
    return str(message.text)


def _written(call: ToolCall) -> str:
    said = json.dumps({"name": call.function, "arguments": call.arguments}, ensure_ascii=False)
    return f"{OPEN}\n{said}\n{CLOSE}"


def _short_id(own: str) -> str:
    if len(own) == ID_LENGTH and own.isascii() and own.isalnum():
        return own
    return hashlib.sha256(own.encode(errors="replace")).hexdigest()[:ID_LENGTH]


# --- reading ---


def read(reply: str, prompt: str = "") -> tuple[str, list[ToolCall]]:
    """What a reply says besides its calls, and its calls; any text can be read, in time that grows with its length.

    A call of a tool that does not exist is a call like any other: the environment tells the model. One that is
    malformed has a `parse_error`, which Inspect shows the model. Thoughts are not searched for calls. The ids depend on
    the prompt and the call's place alone, so that the same request gives the same ones.
    """
    start = _end_of_thoughts(reply, prompt)
    said, calls = _marked(reply[start:]) or _whole(reply[start:]) or ("", [])
    if not calls:
        return reply, []
    key = hashlib.sha256(prompt.encode(errors="replace")).hexdigest()
    for place, call in enumerate(calls):
        call.id = hashlib.sha256(f"{key}/{place}".encode()).hexdigest()[:ID_LENGTH]
    return (reply[:start] + said).strip(), calls


def thinks(prompt: str) -> bool:
    """Whether a prompt ends inside a thought: some templates open one for the model."""
    return prompt.rstrip().endswith(THINK)


def _end_of_thoughts(reply: str, prompt: str) -> int:
    if not thinks(prompt) and not reply.lstrip().startswith(THINK):
        return 0
    end = reply.find(THOUGHT)
    return len(reply) if end < 0 else end + len(THOUGHT)


def _marked(text: str) -> tuple[str, list[ToolCall]] | None:
    """The text outside of calls, and the calls behind marks; None if there is no mark."""
    kept: list[str] = []
    calls: list[ToolCall] = []
    place = 0
    mark = _MARK.search(text)
    if mark is None:
        return None
    while mark:
        kept.append(text[place : mark.start()])
        following = _MARK.search(text, mark.end())
        until = following.start() if following else len(text)
        close = text.find(CLOSE, mark.end(), until) if mark.group() == OPEN else -1
        closed = close >= 0
        read_calls, taken = _behind_mark(text[mark.end() : close if closed else until], mark.group(), closed)
        calls += read_calls
        place = close + len(CLOSE) if closed else mark.end() + taken
        mark = following
    return "".join([*kept, text[place:]]), calls


def _behind_mark(text: str, mark: str, closed: bool) -> tuple[list[ToolCall], int]:
    """The calls that a text begins with, and the number of characters they take."""
    try:
        if mark == LIST and (named := _NAMED.match(text)):
            arguments, end = _DECODER.raw_decode(text, named.end())
            return [_call({"name": named[1], "arguments": arguments})], end
        values, end = _values(text, closed)
    except (ValueError, RecursionError) as error:
        return [_malformed(text, _reason(error))], len(text)
    calls = [_call(one) for value in values for one in (value if isinstance(value, list) else [value])]
    return calls or [_malformed(text, "there is no call in it")], end


def _whole(text: str) -> tuple[str, list[ToolCall]] | None:
    """No text, and the calls, if a text is nothing but JSON objects with a name and arguments; else None."""
    # An opening tag may have been part of the prompt.
    body = text.strip().removesuffix(CLOSE).rstrip()
    if body.startswith("```") and body.endswith("```") and len(body) > 6:
        body = re.sub(r"\A[\w-]*\s*", "", body[3:-3]).rstrip()
    if not body.startswith(("{", "[")):
        return None
    try:
        values, _ = _values(body, whole=True)
    except (ValueError, RecursionError):
        return None
    ones = [one for value in values for one in (value if isinstance(value, list) else [value])]
    if not ones or not all(_names_a_call(one) for one in ones):
        return None
    return "", [_call(one) for one in ones]


def _values(text: str, whole: bool) -> tuple[list[Any], int]:
    """The JSON values that a text is made of, or else those it begins with, parted by semicolons; and where they end.

    Raises:
        ValueError: there is none, or the whole text is to be values and is not.
        RecursionError: they are nested too deeply.
    """
    values: list[Any] = []
    gap, end = _gap(text, 0)
    while not values or (end < len(text) if whole else ";" in gap and text[end : end + 1] == "{"):
        value, taken = _DECODER.raw_decode(text, end)
        values.append(value)
        gap, end = _gap(text, taken)
    return values, end


def _gap(text: str, place: int) -> tuple[str, int]:
    """What parts values from a place on, and where it ends."""
    found = _GAP.match(text, place)
    return (found.group(), found.end()) if found else ("", place)


def _names_a_call(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    inner = _inner(value)
    return isinstance(inner.get("name"), str) and ("arguments" in inner or "parameters" in inner)


def _inner(value: dict[str, Any]) -> dict[str, Any]:
    """A call without the wrapping of OpenAI's protocol, which models copy from the definitions."""
    function = value.get("function")
    return function if isinstance(function, dict) else value


def _call(value: Any) -> ToolCall:
    """A call from JSON; a tool without parameters may be called without arguments."""
    if not isinstance(value, dict):
        return _malformed(_as_json(value), "it is not an object")
    inner = _inner(value)
    name, arguments = inner.get("name"), inner.get("arguments", inner.get("parameters"))
    if not isinstance(name, str) or not name.strip() or _unfit(name):
        return _malformed(_as_json(value), "there is no name in it")
    if isinstance(arguments, str) and arguments.strip():
        try:
            arguments = _DECODER.decode(arguments)
        except (ValueError, RecursionError) as error:
            return _malformed(_as_json(value), f"of its arguments, {_reason(error)}", name)
    arguments = {} if arguments in (None, "") else arguments
    if not isinstance(arguments, dict):
        return _malformed(_as_json(value), "its arguments are not an object", name)
    if problem := _unfit(arguments):
        return _malformed(_as_json(value), problem, name)
    return ToolCall(id="", function=name.strip(), arguments=arguments)


def _malformed(text: str, why: str, name: str = UNKNOWN) -> ToolCall:
    shown = text.strip()
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
    return ToolCall(
        id="",
        function=name.strip(),
        arguments={},
        parse_error=f"This call could not be read ({why}):\n\n{shown}\n\n"
        'A call is a JSON object: {"name": "NAME", "arguments": {"ARGUMENT": "VALUE"}}',
    )


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"it is not valid JSON: {error}"


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _unfit(value: Any) -> str:
    """Why Inspect's logs could not hold a value that was read from JSON; empty if they can."""
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += [*one.keys(), *one.values()]
            elif isinstance(one, list):
                below += one
            elif isinstance(one, float) and not math.isfinite(one):
                return "a number in it is not finite"
            elif isinstance(one, str) and not one.isascii() and re.search("[\ud800-\udfff]", one):
                return "a character in it is half of one"
        level = below
        if not level:
            return ""
    return "it is nested too deeply"
