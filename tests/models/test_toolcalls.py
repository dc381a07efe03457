"""Calls as models write them, read; and conversations with tools as models are shown them."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("inspect_ai")

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
)
from inspect_ai.tool import ToolCall, ToolCallError, ToolInfo, ToolParam, ToolParams

from exempla.models.toolcalls import DEEPEST, MARKS, definitions, described_turns, one_by_one, read, turns

SEND = ToolInfo(
    name="send",
    description="Sends a letter.",
    parameters=ToolParams(properties={"to": ToolParam(type="string", description="Whom.")}, required=["to"]),
)


def found(reply: str, prompt: str = "") -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """What is said, and the calls, which must be sound."""
    said, calls = read(reply, prompt)
    assert not any(call.parse_error for call in calls), [call.parse_error for call in calls]
    return said, [(call.function, call.arguments) for call in calls]


# --- calls that are read ---


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ('<tool_call>\n{"name": "send", "arguments": {"to": "Wren"}}\n</tool_call>', ""),
        ('I will.\n<tool_call>{"name": "send", "arguments": {"to": "Wren"}}</tool_call>', "I will."),
        ('I will.\n<tool_call>{"name": "send", "arguments": {"to": "Wren"}}', "I will."),
        ('<tool_call>{"name": "send", "arguments": {"to": "Wren"}}\nDone.', "Done."),
        ('<tool_call>{"name": "send", "parameters": {"to": "Wren"}}</tool_call> Done.', "Done."),
        ('<tool_call>{"name": "send", "arguments": "{\\"to\\": \\"Wren\\"}"}</tool_call>', ""),
        ('<tool_call>[{"name": "send", "arguments": {"to": "Wren"}}]</tool_call>', ""),
        (
            '<tool_call>{"type": "function", "function": {"name": "send", "arguments": {"to": "Wren"}}}</tool_call>',
            "",
        ),
        ('{"name": "send", "parameters": {"to": "Wren"}}', ""),
        ('\n {"name": "send", "arguments": {"to": "Wren"}}\n</tool_call>', ""),
        ('<|python_tag|>{"name": "send", "parameters": {"to": "Wren"}}', ""),
        ('```json\n{"name": "send", "arguments": {"to": "Wren"}}\n```', ""),
        ('```\n[{"name": "send", "arguments": {"to": "Wren"}}]\n```\n', ""),
        ('[TOOL_CALLS] [{"name": "send", "arguments": {"to": "Wren"}, "id": "123456789"}]', ""),
        ('Gladly. [TOOL_CALLS][{"name": "send", "arguments": {"to": "Wren"}}] ', "Gladly."),
        ('[TOOL_CALLS]send[ARGS]{"to": "Wren"}', ""),
        ('[TOOL_CALLS]send[CALL_ID]123456789[ARGS]{"to": "Wren"}', ""),
    ],
)
def test_one_call_in_each_form(reply: str, said: str) -> None:
    assert found(reply) == (said, [("send", {"to": "Wren"})])


@pytest.mark.parametrize(
    "reply",
    [
        '<tool_call>{"name": "a"}</tool_call>\n<tool_call>{"name": "b", "arguments": {"x": 1}}</tool_call>',
        '<tool_call>{"name": "a"}</tool_call> <tool_call>{"name": "b", "arguments": {"x": 1}}',
        '<tool_call>{"name": "a"}<tool_call>{"name": "b", "arguments": {"x": 1}}',
        '<tool_call>{"name": "a", "arguments": null}\n{"name": "b", "arguments": {"x": 1}}</tool_call>',
        '[TOOL_CALLS] [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": 1}}]',
        '[TOOL_CALLS]a[ARGS]{}[TOOL_CALLS]b[ARGS]{"x": 1}',
        '<|python_tag|>{"name": "a", "parameters": {}}; {"name": "b", "parameters": {"x": 1}}',
        '{"name": "a", "parameters": {}}; {"name": "b", "parameters": {"x": 1}}',
    ],
)
def test_several_calls(reply: str) -> None:
    assert found(reply) == ("", [("a", {}), ("b", {"x": 1})])


def test_a_line_broken_inside_a_string_is_understood() -> None:
    reply = '<tool_call>{"name": "send", "arguments": {"to": "Wren", "text": "Dear Wren,\nnö.\n\tC."}}</tool_call>'
    assert found(reply)[1][0][1]["text"] == "Dear Wren,\nnö.\n\tC."


def test_a_tool_that_does_not_exist_is_called_all_the_same() -> None:
    assert found('<tool_call>{"name": "no.such-tool", "arguments": {"x": [1]}}</tool_call>') == (
        "",
        [("no.such-tool", {"x": [1]})],
    )


def test_thoughts_hold_no_calls_and_stay() -> None:
    call = '<tool_call>{"name": "send", "arguments": {}}</tool_call>'
    thought = f"<think>\nShall I write {call}?\n</think>"
    assert found(thought) == (thought, [])
    assert found(f"{thought}\n\n{call}") == (thought, [("send", {})])
    assert found(f'{thought}\n\n{{"name": "send", "arguments": {{}}}}') == (thought, [("send", {})])
    assert found(f"<think>I am not done. {call}") == (f"<think>I am not done. {call}", [])
    # The template may have opened the thought.
    assert found(f"Hm. {call}\n</think>{call}", "Hello.\n<think>\n") == (f"Hm. {call}\n</think>", [("send", {})])
    assert found(f"Hm. {call}", "Hello.\n<think>\n") == (f"Hm. {call}", [])


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "No.",
        " \n",
        "{}",
        "[]",
        '{"name": "Wren"}',
        '{"name": "send", "arguments": {"to": "Wren"}} is what I would call.',
        'I would call {"name": "send", "arguments": {"to": "Wren"}}',
        '```json\n{"name": "send", "arguments"\n```',
        '{"name": 3, "arguments": {}}',
        '[{"name": "send", "arguments": {}}, 4]',
        "```",
        "</tool_call>",
    ],
)
def test_what_is_no_call_stays_as_it_is(reply: str) -> None:
    assert read(reply) == (reply, [])


@pytest.mark.parametrize(
    ("reply", "function", "why"),
    [
        ('<tool_call>{"name": "send", "arguments": {"to": Wren}}</tool_call>', "unknown", "not valid JSON"),
        ('<tool_call>{"name": "send", "arguments": {}}}</tool_call>', "unknown", "not valid JSON"),
        ('Yes. <tool_call>{"name": "send", "argum', "unknown", "not valid JSON"),
        ("<tool_call></tool_call>", "unknown", "not valid JSON"),
        ("<tool_call>", "unknown", "not valid JSON"),
        ("<tool_call>[]</tool_call>", "unknown", "no call in it"),
        ('<tool_call>"send"</tool_call>', "unknown", "not an object"),
        ('<tool_call>{"arguments": {}}</tool_call>', "unknown", "no name"),
        ('<tool_call>{"name": "", "arguments": {}}</tool_call>', "unknown", "no name"),
        ('<tool_call>{"name": "send", "arguments": ["Wren"]}</tool_call>', "send", "arguments are not an object"),
        ('<tool_call>{"name": "send", "arguments": "to Wren"}</tool_call>', "send", "not valid JSON"),
        ('<tool_call>{"name": "send", "arguments": {"to": NaN}}</tool_call>', "send", "not finite"),
        ('<tool_call>{"name": "send", "arguments": {"to": 1e999}}</tool_call>', "send", "not finite"),
        ('<tool_call>{"name": "send", "arguments": {"to": "\\ud83d"}}</tool_call>', "send", "half of one"),
        (f'<tool_call>{{"name": "send", "arguments": {{"to": {"1" * 5000}}}}}</tool_call>', "unknown", "not valid"),
        (
            f'<tool_call>{{"name": "send", "arguments": {{"to": {"[" * DEEPEST}{"]" * DEEPEST}}}}}</tool_call>',
            "send",
            "nested too deeply",
        ),
        ("<tool_call>" + "[" * 100_000, "unknown", "nested too deeply"),
        ("[TOOL_CALLS] [{", "unknown", "not valid JSON"),
        ("[TOOL_CALLS]send[ARGS]{to}", "unknown", "not valid JSON"),
        ('<|python_tag|>search.call(query="Wren")', "unknown", "not valid JSON"),
    ],
)
def test_a_malformed_call_tells_why(reply: str, function: str, why: str) -> None:
    said, (call,) = read(reply)
    assert said == ("Yes." if reply.startswith("Yes.") else "")
    assert call.function == function and call.arguments == {}
    assert why in (call.parse_error or "") and '"arguments"' in (call.parse_error or "")
    assert len(call.parse_error or "") < 2000


def test_a_sound_call_beside_a_malformed_one() -> None:
    said, calls = read('A <tool_call>{"name"</tool_call> B <tool_call>{"name": "send"}</tool_call> C')
    assert said == "A  B  C"
    assert [bool(call.parse_error) for call in calls] == [True, False]


def test_ids_hang_on_the_prompt_and_the_place_alone() -> None:
    reply = '<tool_call>{"name": "send"}</tool_call>' * 3

    def ids(prompt: str) -> list[str]:
        return [call.id for call in read(reply, prompt)[1]]

    assert ids("a") == ids("a") and not set(ids("a")) & set(ids("b"))
    assert len(set(ids("a"))) == 3
    assert all(len(one) == 9 and one.isalnum() for one in ids("a"))


CALL = '{"name": "send", "arguments": {"to": "Wren"}}'
PARTS = (
    *MARKS,
    "</tool_response>",
    "<think>",
    "</think>",
    "```json\n",
    "```",
    CALL,
    CALL[:20],
    "}",
    "[",
    "]",
    ";",
    ",",
)
PIECES = st.sampled_from((*PARTS, '"', "\\", "\n", " ", "1e999", "NaN", "é"))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join)), st.text())
def test_any_text_can_be_read(reply: str, prompt: str) -> None:
    said, calls = read(reply, prompt)
    assert (said == reply) if not calls else len(said) < len(reply)
    for call in calls:
        assert call.function.strip() and len(call.id) == 9
        json.dumps(call.arguments, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "unit",
    [
        "<tool_call>",
        '<tool_call>[","',
        "[TOOL_CALLS]a[ARGS]{",
        '<|python_tag|>{"name": "a"};',
        "</think>",
        "[",
        '{"a":',
        "```json\n{",
        '{"name": "a", "arguments": {}}',
        "a ;",
        "1",
        "\\",
    ],
)
def test_a_hostile_megabyte_takes_seconds(unit: str) -> None:
    # Were the time to grow with the square of the length, these would take minutes.
    for beginning in ("", '<tool_call>{"name": "a", "arguments": "'):
        text = beginning + unit * (1_000_000 // len(unit))
        started = time.process_time()
        read(text)
        assert time.process_time() - started < 10, (beginning, unit)


# --- laying out ---


def exchange(first: str = "call00001", second: str = "call00002") -> list[ChatMessage]:
    calls = [
        ToolCall(id=first, function="send", arguments={"to": "Wren"}),
        ToolCall(id=second, function="send", arguments={"to": "Ada"}),
    ]
    return [
        ChatMessageSystem(content="Be kind."),
        ChatMessageUser(content="Write to both."),
        ChatMessageAssistant(content="Gladly.", tool_calls=calls),
        ChatMessageTool(content="sent", tool_call_id=first, function="send"),
        ChatMessageTool(
            content="", tool_call_id=second, function="send", error=ToolCallError("unknown", "no such person")
        ),
        ChatMessageUser(content="And?"),
    ]


def test_definitions_are_openai_functions() -> None:
    (one,) = definitions([SEND])
    assert one["type"] == "function"
    assert one["function"]["name"] == "send" and one["function"]["description"] == "Sends a letter."
    assert one["function"]["parameters"]["properties"] == {"to": {"type": "string", "description": "Whom."}}
    assert one["function"]["parameters"]["required"] == ["to"]
    json.dumps(one)


def test_turns_in_openai_form() -> None:
    given = turns(exchange())
    assert [turn["role"] for turn in given] == ["system", "user", "assistant", "tool", "tool", "user"]
    assert given[0] == {"role": "system", "content": "Be kind."}
    assert given[2]["content"] == "Gladly."
    assert given[2]["tool_calls"][0] == {
        "type": "function",
        "id": "call00001",
        "function": {"name": "send", "arguments": {"to": "Wren"}},
    }
    assert given[3] == {"role": "tool", "content": "sent", "tool_call_id": "call00001", "name": "send"}
    assert given[4]["content"] == "Error: no such person"


def test_ids_are_made_as_mistral_wants_them() -> None:
    given = turns(exchange("call_toolong-1", "x"))
    ids = [call["id"] for call in given[2]["tool_calls"]]
    assert ids == [given[3]["tool_call_id"], given[4]["tool_call_id"]]
    assert len(set(ids)) == 2 and all(len(one) == 9 and one.isalnum() for one in ids)


def test_calls_one_by_one() -> None:
    given = one_by_one(turns(exchange()))
    assert [turn["role"] for turn in given] == ["system", "user", "assistant", "tool", "assistant", "tool", "user"]
    assert [turn["content"] for turn in given[2:6]] == ["Gladly.", "sent", "", "Error: no such person"]
    assert [call["id"] for turn in given for call in turn.get("tool_calls", ())] == ["call00001", "call00002"]
    # Calls whose results are missing, and ids that come again later.
    twice = one_by_one(turns([*exchange()[:4], *exchange()[1:]]))
    roles = " ".join(turn["role"] for turn in twice)
    assert roles == "system user assistant tool assistant user assistant tool assistant tool user"


def test_turns_without_a_template_for_tools() -> None:
    given = described_turns(exchange(), [SEND])
    assert [turn["role"] for turn in given] == ["system", "user", "assistant", "user"]
    system = given[0]["content"]
    assert system.startswith("Be kind.\n\n")
    listed = system.split("<tools>\n")[1].split("\n</tools>")[0]
    assert json.loads(listed) == definitions([SEND])
    assert given[3]["content"] == (
        "<tool_response>\nsent\n</tool_response>\n<tool_response>\nError: no such person\n</tool_response>\nAnd?"
    )
    # What is laid out as a call is read as the same one.
    assert found(given[2]["content"]) == ("Gladly.", [("send", {"to": "Wren"}), ("send", {"to": "Ada"})])


def test_tools_are_described_where_there_is_no_system_message() -> None:
    given = described_turns([ChatMessageUser(content="Hi")], [SEND])
    assert [turn["role"] for turn in given] == ["system", "user"] and "Sends a letter." in given[0]["content"]
    assert described_turns([ChatMessageUser(content="Hi")], []) == [{"role": "user", "content": "Hi"}]
    two = [ChatMessageUser(content="Hi"), ChatMessageUser(content="again")]
    assert [turn["content"] for turn in described_turns(two, [])] == ["Hi", "again"]
