"""Models in this process with tools: what is sampled, what comes back, and a whole exchange."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AddedToken, AutoTokenizer, LlamaForCausalLM

pytest.importorskip("inspect_ai")

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ChatMessageUser, GenerateConfig, ModelOutput
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Tool, ToolChoice, ToolFunction, tool

from exempla.models import sampling
from exempla.models.sampling import Row, Sampled, decoded, sample
from exempla.models.subject import load_subject
from exempla.models.toolcalls import MARKS
from tests.conftest import TEMPLATE
from tests.models.test_layout import MISTRAL, NATIVE
from tests.models.test_provider import opened, with_template
from tests.models.test_toolcalls import SEND, exchange

CALL = '<tool_call>\n{"name": "send", "arguments": {"to": "Wren"}}\n</tool_call>'
Script = Callable[[str], str]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[Row]]:
    """Have replies made from prompts by a function; what was to be sampled is noted."""

    def start(script: Script) -> list[Row]:
        seen: list[Row] = []

        def instead(subject: Any, rows: Sequence[Row], *rest: Any) -> list[Sampled]:
            seen.extend(rows)
            return [Sampled(script(row.text), len(row.text), 1, "end") for row in rows]

        monkeypatch.setattr(sampling, "sample", instead)
        return seen

    return start


def asked(folder: Path, choice: ToolChoice | None = None, **arguments: Any) -> ModelOutput:
    model = opened(folder, **arguments)
    return asyncio.run(model.generate("Write to Wren.", tools=[SEND], tool_choice=choice, config=GenerateConfig()))


@pytest.mark.parametrize("choice", [None, "auto", "any"])
def test_a_call_comes_back_as_a_call(tiny_model: Path, scripted: Any, choice: ToolChoice | None) -> None:
    seen = scripted(lambda prompt: f"Gladly.\n{CALL}")
    output = asked(tiny_model, choice)
    (call,) = output.message.tool_calls or []
    assert (call.function, call.arguments, call.parse_error) == ("send", {"to": "Wren"}, None)
    assert output.completion == "Gladly." and output.stop_reason == "tool_calls"
    assert output.metadata == {"finish": "end"}
    assert "Sends a letter." in seen[0].text and seen[0].keep == MARKS
    assert asked(tiny_model, choice).message.tool_calls == [call]


def test_without_a_call_or_without_tools_a_text_is_a_text(tiny_model: Path, scripted: Any) -> None:
    scripted(lambda prompt: "No.")
    output = asked(tiny_model)
    assert (output.completion, output.message.tool_calls, output.stop_reason) == ("No.", None, "stop")
    seen = scripted(lambda prompt: CALL)
    output = asked(tiny_model, "none")
    assert (output.completion, output.message.tool_calls, output.stop_reason) == (CALL, None, "stop")
    assert "Sends a letter." not in seen[0].text and seen[0].keep == seen[0].stop == ()


def test_results_are_not_made_up(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    reply = f"{CALL}\n<tool_response>\nsent\n</tool_response>\n{CALL}"
    speaks(monkeypatch, tokenizer(reply, add_special_tokens=False)["input_ids"])
    output = asked(tiny_model)
    assert len(output.message.tool_calls or []) == 1 and output.completion == ""
    assert output.metadata == {"finish": "stop"}


def test_tools_and_continuation_do_not_go_together(tiny_model: Path) -> None:
    with pytest.raises(PrerequisiteError, match="takes no tools") as refused:
        asked(tiny_model, continuation=True)
    assert "\n" not in str(refused.value)


def test_no_tool_can_be_forced(tiny_model: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"tool_choice='send'.*give auto, any or none"):
        asked(tiny_model, ToolFunction("send"))


# --- special tokens ---


def speaks(monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """Have the model sample these tokens whatever it reads."""

    def instead(self: Any, input_ids: torch.Tensor, **settings: Any) -> torch.Tensor:
        return torch.cat([input_ids, torch.tensor([ids], device=input_ids.device).expand(len(input_ids), -1)], dim=1)

    monkeypatch.setattr(LlamaForCausalLM, "generate", instead)


@pytest.mark.parametrize("special", [True, False])
def test_marks_that_are_special_tokens_survive(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, special: bool
) -> None:
    folder = with_template(tiny_model, tmp_path / "marked", MISTRAL)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    marks = [AddedToken(mark, special=special, normalized=False) for mark in ("[TOOL_CALLS]", "<tool_call>")]
    tokenizer.add_tokens([*marks, AddedToken("[PAD_9]", special=True)], special_tokens=special)
    tokenizer.save_pretrained(folder)
    for reply in ('Gladly.[TOOL_CALLS] [{"name": "send", "arguments": {"to": "Wren"}}]', f"Gladly.{CALL}"):
        ids = tokenizer(f"[PAD_9]{reply}[PAD_9]<|end|>", add_special_tokens=False)["input_ids"]
        assert sum(one >= 600 for one in ids) == 3  # the mark is one token, and so is each padding
        speaks(monkeypatch, ids)
        output = asked(folder)
        (call,) = output.message.tool_calls or []
        assert (call.function, call.arguments, output.completion) == ("send", {"to": "Wren"}, "Gladly.")
        # Without tools, special tokens are left out as ever.
        (plain,) = sample(load_subject(str(folder)), [Row(0, "Hello there", 200)], sampling.Sampling(), lambda *_: None)
        assert ("[TOOL_CALLS]" in plain.text or "<tool_call>" in plain.text) is not special


def test_decoding_in_parts_changes_nothing_else(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[TOOL_CALLS]"]})
    ids = tokenizer("<|start|>Wren, nö.\n[TOOL_CALLS] [é][TOOL_CALLS]<|end|>", add_special_tokens=False)["input_ids"]
    assert decoded(tokenizer, ids, MARKS) == "Wren, nö.\n[TOOL_CALLS] [é][TOOL_CALLS]"
    assert decoded(tokenizer, ids, ()) == "Wren, nö.\n [é]"
    assert decoded(tokenizer, [], MARKS) == ""


# --- a whole exchange ---


@tool
def send() -> Tool:
    async def execute(to: str) -> str:
        """Sends a letter.

        Args:
            to: Whom it is for.
        """
        return f"It is on its way to {to}."

    return execute


@pytest.mark.parametrize("template", [TEMPLATE, NATIVE], ids=["without tools", "with tools"])
def test_an_agent_calls_hears_back_and_ends(
    tiny_model: Path, tmp_path: Path, scripted: Any, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_DATA_DIR", str(tmp_path / "data"))
    folder = with_template(tiny_model, tmp_path / "model", template)

    def script(prompt: str) -> str:
        if "on its way to Wren" in prompt:
            return "Wren will have it."
        if "could not be read" in prompt:
            return f"Then so:\n{CALL}"
        return 'I try.\n<tool_call>{"name": "send", "arguments": {"to": Wren}}</tool_call>'

    seen = scripted(script)
    task = Task(
        dataset=[Sample(input="Write to Wren.", target="Wren will have it.")],
        solver=[use_tools(send()), generate()],
        scorer=includes(),
    )
    (log,) = inspect_eval(
        task,
        model=f"exempla/{folder}",
        log_dir=str(tmp_path / "logs"),
        **{"display": "none", "log_realtime": False},
    )
    assert log.status == "success", log.error
    (done,) = log.samples or []
    roles = [message.role for message in done.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    broken, mended = done.messages[2], done.messages[4]
    assert isinstance(broken, ChatMessageTool) and broken.error and broken.error.type == "parsing"
    assert isinstance(mended, ChatMessageTool) and mended.text == "It is on its way to Wren."
    assert [message.text for message in done.messages if isinstance(message, ChatMessageAssistant)] == [
        "I try.",
        "Then so:",
        "Wren will have it.",
    ]
    assert done.output.stop_reason == "stop" and len(seen) == 3
    assert seen[2].text.endswith("<|start|>assistant\n") and "Then so:" in seen[2].text
    assert ("<tools>" in seen[0].text) is (template == TEMPLATE)


def test_calls_of_an_earlier_conversation_are_laid_out(tiny_model: Path, scripted: Any) -> None:
    seen = scripted(lambda prompt: "Both have it.")
    model = opened(tiny_model)
    messages = [*exchange(), ChatMessageUser(content="Sure?")]
    asyncio.run(model.generate(messages, tools=[SEND], config=GenerateConfig()))
    asyncio.run(model.generate(messages, config=GenerateConfig()))
    assert all(row.text.count('{"name": "send", "arguments": {"to": "Wren"}}') == 1 for row in seen)
    assert ["Sends a letter." in row.text for row in seen] == [True, False]
