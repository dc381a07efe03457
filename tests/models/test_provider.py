"""The provider of models in this process: what is sampled together, where a text ends, and what a caller is told."""

import asyncio
import json
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

pytest.importorskip("inspect_ai")

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig, Model, ModelOutput, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

import exempla.inspect_plugin  # noqa: F401  (registers the provider)
from exempla.errors import UserError
from exempla.models import provider
from tests.conftest import TEMPLATE

THINGS = ("bread", "rope", "salt", "rain", "a boat", "the bell", "two keys", "it")
PROMPTS = [f"Wren looked at {thing} and said" for thing in THINGS]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of each call of the model's `generate`."""
    seen: list[int] = []
    plain = LlamaForCausalLM.generate

    def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(len(kwargs["input_ids"]))
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(LlamaForCausalLM, "generate", counting)
    return seen


@pytest.fixture
def base_model(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model without its chat template."""
    return with_template(tiny_model, tmp_path / "base", None)


@pytest.fixture
def rambling_model(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model as one that never ends a text, and that likes new lines."""
    folder = with_template(tiny_model, tmp_path / "rambling", TEMPLATE)
    newline = AutoTokenizer.from_pretrained(tiny_model)("\n", add_special_tokens=False)["input_ids"]
    settings = folder / "generation_config.json"
    changed = json.loads(settings.read_text()) | {"suppress_tokens": [0, 1], "sequence_bias": [[newline, 5.0]]}
    settings.write_text(json.dumps(changed))
    return folder


def with_template(model: Path, folder: Path, template: str | None) -> Path:
    folder.mkdir()
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        shutil.copy(model / name, folder)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def opened(folder: Path | str, **arguments: Any) -> Model:
    return get_model(f"exempla/{folder}", memoize=False, config=GenerateConfig(max_connections=64), **arguments)


def ask(model: Model, prompts: Sequence[Any], pause: float = 0.0, **settings: Any) -> list[ModelOutput]:
    """Replies to prompts that are asked at the same time; a setting that is a tuple has a value for each."""

    async def one(place: int, prompt: Any) -> ModelOutput:
        await asyncio.sleep(pause * place)
        own = {name: value[place] if isinstance(value, tuple) else value for name, value in settings.items()}
        return await model.generate(prompt if isinstance(prompt, str) else list(prompt), config=GenerateConfig(**own))

    async def all_of_them() -> list[ModelOutput]:
        return list(await asyncio.gather(*[one(place, prompt) for place, prompt in enumerate(prompts)]))

    return asyncio.run(all_of_them())


def texts(outputs: Sequence[ModelOutput]) -> list[str]:
    return [output.completion for output in outputs]


def test_eight_requests_are_sampled_in_one_go(tiny_model: Path, calls: list[int]) -> None:
    replies = ask(opened(tiny_model), PROMPTS, max_tokens=12)
    assert calls == [8]
    assert len(set(texts(replies))) == 8


def test_a_batch_holds_no_more_than_it_may(tiny_model: Path, calls: list[int]) -> None:
    model = opened(tiny_model, batch=3)
    ask(model, PROMPTS, max_tokens=12)
    assert calls == [3, 3, 2]
    assert model.api.max_connections() == 3


def test_settings_of_drawing_are_not_mixed_and_limits_are(rambling_model: Path, calls: list[int]) -> None:
    limits = (5, 9, 13, 17, 21, 25, 29, 33)
    replies = ask(opened(rambling_model), PROMPTS, temperature=(0.5, 1.0) * 4, max_tokens=limits)
    assert calls == [4, 4]
    assert tuple(reply.usage.output_tokens for reply in replies) == limits
    cut = [
        (out.usage.output_tokens, limit)
        for out, limit in zip(replies, limits, strict=True)
        if out.stop_reason == "max_tokens"
    ]
    assert cut and all(used == limit for used, limit in cut)
    assert all(
        out.usage.output_tokens < limit for out, limit in zip(replies, limits, strict=True) if out.stop_reason == "stop"
    )


@pytest.mark.parametrize("batch", [8, 3])
def test_the_same_requests_give_the_same_texts_in_any_order(tiny_model: Path, batch: int) -> None:
    numbered = list(enumerate(PROMPTS))
    found = []
    for order, pause in ((numbered, 0.0), (random.Random(1).sample(numbered, 8), 0.01)):
        seeds = tuple(number for number, _ in order)
        replies = ask(
            opened(tiny_model, batch=batch), [text for _, text in order], pause=pause, seed=seeds, max_tokens=24
        )
        found.append(dict(zip(seeds, texts(replies), strict=True)))
    assert found[0] == found[1]


def test_seeds_matter_and_the_process_s_own_numbers_are_left_alone(tiny_model: Path) -> None:
    model = opened(tiny_model)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (texts(ask(model, PROMPTS[:3], seed=seed, max_tokens=24)) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_the_same_request_is_drawn_anew(tiny_model: Path) -> None:
    # As two epochs of a task ask it, each in a batch with the same companions.
    model = opened(tiny_model)
    first, second = (texts(ask(model, PROMPTS[:3], max_tokens=24)) for _ in range(2))
    assert not set(first) & set(second)
    assert first == texts(ask(model, PROMPTS[:3], seed=0, max_tokens=24))


def test_an_error_reaches_its_own_batch_only(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = LlamaForCausalLM.generate

    def failing(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs["temperature"] == 0.5:
            raise RuntimeError("out of memory")
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(LlamaForCausalLM, "generate", failing)
    model = opened(tiny_model)

    async def all_of_them() -> list[Any]:
        asked = [
            model.generate(text, config=GenerateConfig(max_tokens=5, temperature=(0.5, 1.0)[place % 2], max_retries=0))
            for place, text in enumerate(PROMPTS)
        ]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    replies = asyncio.run(all_of_them())
    assert all("out of memory" in str(reply) for reply in replies[::2])
    assert all(isinstance(reply, ModelOutput) for reply in replies[1::2])


def test_a_request_given_up_costs_no_more(rambling_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(rambling_model)
    seen: list[int] = []
    begun, given_up = threading.Event(), threading.Event()

    def watch(rows: int, tokens: int) -> None:
        seen.append(tokens)
        begun.set()
        given_up.wait(60)

    async def give_up() -> None:
        asked = asyncio.create_task(model.generate(PROMPTS[0], config=GenerateConfig(max_tokens=400, seed=3)))
        assert await asyncio.to_thread(begun.wait, 60)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        given_up.set()

    monkeypatch.setattr(provider, "watch", watch)
    asyncio.run(give_up())
    assert ask(model, PROMPTS[1:2], max_tokens=3)[0].usage.output_tokens <= 3
    assert seen == [8]


def test_close_frees_the_model_and_a_later_request_loads_it(tiny_model: Path) -> None:
    model = opened(tiny_model)
    first = texts(ask(model, PROMPTS[:2], seed=1, max_tokens=8))
    assert model.api.queue._subject is not None
    model.api.close()
    assert model.api.queue._subject is None
    assert texts(ask(model, PROMPTS[:2], seed=1, max_tokens=8)) == first


# --- what is read ---


def test_a_shared_head_in_a_chat(tiny_model: Path) -> None:
    model = opened(tiny_model)
    framing = "Reply to the letter. The letter is:\n"
    messages = [ChatMessageSystem(content="Be kind."), ChatMessageUser(content=framing + "Hi", metadata={"head": 36})]
    text, head = model.api._prompt(messages)
    assert text[:head].endswith(framing) and "Be kind." in text[:head]
    plain = [ChatMessageSystem(content="Be kind."), ChatMessageUser(content=framing + "Hi")]
    assert model.api._prompt(plain) == (text, 0)


def test_usage_is_counted_in_the_model_s_own_tokens(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)

    def tokens(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    messages = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="What is a bell?")]
    (chat,) = ask(opened(tiny_model), [messages], max_tokens=7)
    turns = [{"role": message.role, "content": message.text} for message in messages]
    laid_out = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert chat.usage.input_tokens == tokens(laid_out)
    assert chat.usage.output_tokens == 7 and chat.stop_reason == "max_tokens"
    assert chat.usage.total_tokens == chat.usage.input_tokens + 7

    (text,) = ask(opened(tiny_model, continuation=True), ["A bell is"], max_tokens=7)
    assert text.usage.input_tokens == 1 + tokens("A bell is")
    assert asyncio.run(opened(tiny_model).count_tokens("A bell is")) == tokens("A bell is")


def test_a_system_role_that_the_template_refuses_is_folded(tiny_model: Path, tmp_path: Path) -> None:
    refusing = (
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}"
        "{% endif %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    )
    api = opened(with_template(tiny_model, tmp_path / "no-system", refusing)).api
    text, _ = api._prompt([ChatMessageSystem(content="Be brief."), ChatMessageUser(content="Hello.")])
    assert text == "<|start|>user\nBe brief.\n\nHello.<|end|>\n"
    with pytest.raises(PrerequisiteError, match="refuses the conversation"):
        api._prompt([ChatMessageUser(content="Hello."), ChatMessageSystem(content="Be brief.")])


# --- where a text ends ---


def test_stop_sequences(rambling_model: Path) -> None:
    model = opened(rambling_model)
    whole = ask(model, PROMPTS, seed=4, max_tokens=64)
    text = whole[2].completion
    mark = text[20:26]
    cut = ask(model, PROMPTS, seed=4, max_tokens=64, stop_seqs=[mark, "never in it"])
    assert cut[2].completion == text[: text.index(mark)]
    assert cut[2].stop_reason == "stop" and cut[2].metadata == {"finish": "stop"}
    assert cut[2].usage.output_tokens < whole[2].usage.output_tokens == 64
    others = [(a, b) for a, b in zip(texts(whole), texts(cut), strict=True) if mark not in a]
    assert others and all(a == b for a, b in others)


def test_a_batch_whose_rows_are_over_is_sampled_no_further(
    rambling_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(rambling_model)
    (whole,) = ask(model, PROMPTS[:1], seed=4, max_tokens=200)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(provider, "watch", lambda rows, tokens: seen.append((rows, tokens)))
    ask(model, PROMPTS[:1], seed=4, max_tokens=200, stop_seqs=[whole.completion[10:16]])
    assert seen[0] == (1, 8) and seen[-1][1] <= 24


def test_the_end_after_enough_words(rambling_model: Path) -> None:
    model = opened(rambling_model, continuation=True)
    whole = ask(model, PROMPTS, seed=9, max_tokens=200)
    cut = ask(model, PROMPTS, seed=9, max_tokens=200, extra_body={"end_after_words": 20})
    for long, short in zip(whole, cut, strict=True):
        assert short.stop_reason == "stop" and short.metadata == {"finish": "words"}
        text = short.completion
        assert re.match(r"\n\s*\n", long.completion.removeprefix(text))
        assert len(text.split()) >= 20
        shorter = re.split(r"\n\s*\n", text)[:-1]
        assert sum(len(paragraph.split()) for paragraph in shorter) < 20
        # It is looked for every eight tokens.
        assert short.usage.output_tokens < long.usage.output_tokens == 200


# --- what is refused ---


def test_a_base_model_continues_and_does_not_chat(base_model: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"cannot chat; give .* continuation=true") as refused:
        opened(base_model)
    assert isinstance(refused.value, UserError) and "\n" not in str(refused.value)
    model = opened(base_model, continuation=True)
    assert ask(model, ["Once there was"], max_tokens=6)[0].usage.output_tokens > 0
    for messages in (
        [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="Hello.")],
        [ChatMessageUser(content="")],
    ):
        with pytest.raises(PrerequisiteError, match="one user message"):
            ask(model, [messages], max_tokens=6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch=0"),
        ({"batch": "many"}, "batch='many'"),
        ({"continuation": "yes"}, "continuation='yes'"),
        ({"bacth": 4}, "unknown model argument 'bacth'"),
    ],
)
def test_arguments_that_make_no_sense(tiny_model: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PrerequisiteError, match=message):
        opened(tiny_model, **arguments)


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"has no config\.json") as refused:
        opened(tmp_path)
    assert isinstance(refused.value, UserError)


def test_a_path_of_the_folder_one_is_in(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_model.parent)
    assert opened(f"./{tiny_model.name}").api.model_name == f"./{tiny_model.name}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_choices": 2}, "num_choices=2"),
        ({"logprobs": True}, "logprobs=True"),
        ({"frequency_penalty": 1.0}, "frequency_penalty"),
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"extra_body": {"end_after_words": "ten"}}, "end_after_words='ten'"),
    ],
)
def test_settings_that_would_change_a_reply_are_not_passed_over(
    tiny_model: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(PrerequisiteError, match=message):
        ask(opened(tiny_model), PROMPTS[:1], max_tokens=4, **settings)


def test_an_evaluation_without_a_network(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    def no_network(*args: Any, **kwargs: Any) -> Any:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr("tiktoken.get_encoding", no_network)
    monkeypatch.setenv("INSPECT_DATA_DIR", str(tmp_path / "data"))
    task = Task(dataset=[Sample(input=prompt, target="e") for prompt in PROMPTS], solver=generate(), scorer=includes())
    (log,) = inspect_eval(
        task,
        model=f"exempla/{tiny_model}",
        model_args={"batch": 8},
        epochs=2,
        log_dir=str(tmp_path / "logs"),
        **{"max_connections": 8, "max_tokens": 16, "display": "none", "log_realtime": False},
    )
    assert log.status == "success", log.error
    assert sum(calls) == 16 and max(calls) == 8
    replies = [one.output.completion for one in log.samples or []]
    assert len(set(replies)) == 16
    used = log.stats.model_usage[f"exempla/{tiny_model}"]
    assert used.output_tokens == sum(one.output.usage.output_tokens for one in log.samples or [])


def test_registering_loads_no_heavy_library() -> None:
    code = (
        "import exempla.inspect_plugin, sys; sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
