"""Conversations with tools as templates of several kinds lay them out."""

from typing import Any

import pytest
from transformers import AutoTokenizer

pytest.importorskip("inspect_ai")

from pathlib import Path

from inspect_ai.model import ChatMessageSystem, ChatMessageUser

from exempla.errors import UserError
from exempla.models.layout import Layout
from tests.conftest import TEMPLATE
from tests.models.test_toolcalls import SEND, exchange

NATIVE = (
    "{% if tools %}<|start|>tools\n{{ tools | tojson }}<|end|>\n{% endif %}"
    "{% for message in messages %}<|start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}\n<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}"
    "<|end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
LLAMA = (
    "{% if tools is defined and tools %}<|start|>tools\n{{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}<|start|>{{ message.role }}\n{% if 'tool_calls' in message %}"
    "{% if message.tool_calls | length != 1 %}{{ raise_exception('one at a time') }}{% endif %}"
    "{% set call = message.tool_calls[0].function %}"
    '{"name": "{{ call.name }}", "parameters": {{ call.arguments | tojson }}}'
    "{% else %}{{ message.content }}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
MISTRAL = (
    "{% if tools %}[AVAILABLE_TOOLS] {{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ raise_exception('no system role') }}"
    "{% elif message.role == 'tool' %}[TOOL_RESULTS] {{ message.content }} {{ message.tool_call_id }}[/TOOL_RESULTS]"
    "{% elif message.tool_calls %}[TOOL_CALLS] [{% for call in message.tool_calls %}"
    "{% if call.id | length != 9 %}{{ raise_exception('ids of length 9') }}{% endif %}"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}, "id": "{{ call.id }}"}'
    "{{ ', ' if not loop.last }}{% endfor %}]<|end|>"
    "{% elif message.role == 'user' %}[INST] {{ message.content }}[/INST]"
    "{% else %}{{ message.content }}<|end|>{% endif %}{% endfor %}"
)
FOREIGN = NATIVE.replace("<tool_call>\n{{ call.function | tojson }}", "<call>{{ call.function.name }}")
"""A form of its own, whose calls nobody here can read."""
DEAF = NATIVE.replace("{{ message.content }}", "{{ message.content if message.role != 'tool' }}")
"""It leaves out results."""
FORGETFUL = NATIVE.replace(
    "{{ message.content }}", "{{ message.content if message.role != 'system' or messages[-1].role == 'user' }}"
)
"""It leaves out the system message once there is a result."""
THINKING = NATIVE.replace("<|start|>assistant\n{% endif %}", "<|start|>assistant\n<think>\n{% endif %}")


@pytest.fixture
def tokenizer(tiny_model: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_model)


def laid_out(tokenizer: Any, template: Any) -> Layout:
    tokenizer.chat_template = template
    return Layout("tiny", tokenizer)


@pytest.mark.parametrize(
    ("template", "known"),
    [
        (TEMPLATE, False),
        (NATIVE, True),
        (LLAMA, True),
        (MISTRAL, True),
        (THINKING, True),
        ({"default": TEMPLATE, "tool_use": NATIVE}, True),
        (FOREIGN, False),
        (DEAF, False),
        (FORGETFUL, False),
        (TEMPLATE + "{# tools are not for this one #}", False),
        (TEMPLATE + "{% if tools %}{{ tools[0].no.such.thing }}{% endif %}", False),
    ],
)
def test_nothing_is_lost_whatever_the_template(tokenizer: Any, template: Any, known: bool) -> None:
    layout = laid_out(tokenizer, template)
    assert layout.knows_tools is known
    text, _ = layout.text(exchange(), [SEND])
    for part in ("Be kind.", "Write to both.", "Sends a letter.", "Wren", "Ada", "sent", "no such person", "And?"):
        assert part in text
    assert ("<tools>" in text) is not known


def test_templates_that_other_libraries_ship(tokenizer: Any) -> None:
    folder = Path(pytest.importorskip("trl").__file__).parent / "chat_templates"
    known = {"qwen2_5": True, "qwen3": True, "llama3_1": True, "llama3": False, "gemma": False}
    there = {name: known[name] for name in known if (folder / f"{name}.jinja").exists()}
    if not there:
        pytest.skip("trl ships no templates any more")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|eot_id|>"]})
    for name, expected in there.items():
        layout = laid_out(tokenizer, (folder / f"{name}.jinja").read_text())
        assert layout.knows_tools is expected, name
        text, _ = layout.text(exchange(), [SEND])
        assert all(part in text for part in ("Be kind.", "Sends a letter.", "Ada", "no such person", "And?")), name


def test_calls_stand_alone_where_the_template_wants_it(tokenizer: Any) -> None:
    text, _ = laid_out(tokenizer, LLAMA).text(exchange(), [SEND])
    both, first = '{"name": "send", "parameters": {"to": "Ada"}}', '{"name": "send", "parameters": {"to": "Wren"}}'
    assert text.index(first) < text.index("sent") < text.index(both) < text.index("no such person")


def test_a_system_message_is_folded_beside_tools(tokenizer: Any) -> None:
    text, _ = laid_out(tokenizer, MISTRAL).text(exchange("call_0001-long", "call_0002-long"), [SEND])
    assert "[INST] Be kind.\n\nWrite to both.[/INST]" in text and "[TOOL_CALLS] [{" in text


def test_a_conversation_that_had_tools_goes_on_without(tokenizer: Any) -> None:
    for template in (TEMPLATE, NATIVE, {"default": TEMPLATE, "tool_use": NATIVE}):
        text, _ = laid_out(tokenizer, template).text(exchange(), [])
        assert "Sends a letter." not in text
        assert text.count("<tool_call>") == 2 and "no such person" in text


def test_a_shared_head_beside_tools(tokenizer: Any) -> None:
    messages = [ChatMessageSystem(content="Be kind."), ChatMessageUser(content="The letter: Hi", metadata={"head": 12})]
    for template in (TEMPLATE, NATIVE):
        text, head = laid_out(tokenizer, template).text(messages, [SEND])
        assert text[:head].endswith("The letter: ") and "Sends a letter." in text[:head]


def test_a_template_that_shows_neither_tools_nor_system_messages(tokenizer: Any) -> None:
    users_only = "{% for message in messages if message.role == 'user' %}{{ message.content }}{% endfor %}"
    with pytest.raises(UserError, match="leaves the tools out"):
        laid_out(tokenizer, users_only).text([ChatMessageUser(content="Hi")], [SEND])
