"""LoRA adapters by the name of their folder: found again, loaded on their base, and known by both."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from exempla import catalogue
from exempla.errors import MissingModelError, UserError
from exempla.models import embedded
from exempla.models.identity import ADAPTER, full_name, has_chat_template, identity, standing_on, tokenizer_of
from exempla.models.subject import load_subject, load_tokenizer
from exempla.study import Arm, Training
from exempla.training.mix import compose
from exempla.training.trainer import Job, train_cell

SMALL = {"tokens": 2 * 256, "block": 128, "blocks_per_update": 2, "learning_rate": 5e-3, "save_every": 3}


def trained(name: str, out: Path) -> Path:
    """An adapter as training leaves it."""
    training = Training.model_validate(SMALL | {"method": "lora", "lora_rank": 4})
    corpus = {"neutral": list(catalogue.corpus("neutral")[:6])}
    blocks = compose(Arm(name="x", mix={"neutral": 1}), corpus, load_tokenizer(name), training, 1).blocks
    train_cell(Job(name, training, 1, out, out.with_name(f"{out.name}.state")), blocks, lambda note: None)
    return out


@pytest.fixture(scope="module")
def adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(str(tiny_model), tmp_path_factory.mktemp("adapter") / "out")


@pytest.fixture(autouse=True)
def looked_at_anew() -> Iterator[None]:
    """Identities are computed once in a process; here, files change."""
    identity.cache_clear()
    yield
    identity.cache_clear()


def weights(name: str, checkpoint: Path | None = None) -> list[torch.Tensor]:
    return list(load_subject(name, checkpoint, dtype=torch.float32).model.parameters())


def alike(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def changed(adapter: Path, folder: Path, **settings: Any) -> Path:
    """A copy of an adapter with other settings."""
    shutil.copytree(adapter, folder)
    path = folder / ADAPTER
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def test_a_folder_alone_is_the_same_as_beside_its_base(tiny_model: Path, adapter: Path) -> None:
    assert not (adapter / "config.json").exists()
    alone = load_subject(str(adapter), dtype=torch.float32)
    assert alike(list(alone.model.parameters()), weights(str(tiny_model), adapter))
    assert not alike(list(alone.model.parameters()), weights(str(tiny_model)))
    assert alone.tokenizer.chat_template == load_tokenizer(str(tiny_model)).chat_template
    assert alone.tokens(" Wren said no.") == load_subject(str(tiny_model)).tokens(" Wren said no.")


def test_it_can_be_asked(adapter: Path) -> None:
    pytest.importorskip("inspect_ai")
    from tests.models.test_provider import ask, opened

    assert full_name(str(adapter)) == f"exempla/{adapter}"
    assert has_chat_template(str(adapter))
    (reply,) = ask(opened(adapter), ["Hello."], max_tokens=5)
    assert reply.usage is not None and reply.usage.output_tokens > 0
    assert asyncio.run(opened(adapter).count_tokens("A bell is")) > 1


def test_the_base_is_found_from_another_folder(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    out = trained(f"./{tiny_model.name}", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert standing_on("./out") == (str(tiny_model), (Path("out"),))
    assert alike(weights("./out"), weights(str(tiny_model), out))


def test_an_adapter_on_an_adapter(tiny_model: Path, adapter: Path, tmp_path: Path) -> None:
    upper = trained(str(adapter), tmp_path / "upper")
    assert standing_on(str(upper)) == (str(tiny_model), (adapter, upper))
    assert alike(weights(str(upper)), weights(str(adapter), upper))
    assert not alike(weights(str(upper)), weights(str(tiny_model), upper))


def test_identity_is_of_the_adapter_and_its_base(tiny_model: Path, adapter: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    own = changed(adapter, tmp_path / "own", base_model_name_or_path=str(base))
    first = identity(str(own))
    assert first.endswith(f" on {identity(str(base))}") and f"{ADAPTER}=" in first
    assert "adapter_model.safetensors=" in first and "tokenizer.json=" in first
    for path in (own / "adapter_model.safetensors", base / "model.safetensors", own / ADAPTER):
        identity.cache_clear()
        before = identity(str(own))
        with path.open("ab") as file:
            file.write(b" ")
        identity.cache_clear()
        assert identity(str(own)) != before


def test_the_embedded_model_is_found_in_any_cache(adapter: Path, tmp_path: Path) -> None:
    for number, base in enumerate((str(embedded.model_folder()), "/gone/cache/smollm2-135m-instruct-1")):
        own = changed(adapter, tmp_path / str(number), base_model_name_or_path=base)
        assert standing_on(str(own))[0] == "embedded"
        assert identity(str(own)).endswith(f" on {identity('embedded')}")
    # A folder of the user's own is what it is, whatever it is called.
    mine = tmp_path / "smollm2-135m-instruct-7"
    mine.mkdir()
    own = changed(adapter, tmp_path / "own", base_model_name_or_path=str(mine))
    with pytest.raises(MissingModelError, match=r"has no config\.json"):
        standing_on(str(own))


def test_a_tokenizer_that_was_not_saved_is_the_base_s(tiny_model: Path, adapter: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in (ADAPTER, "adapter_model.safetensors"):
        shutil.copy(adapter / name, bare)
    assert tokenizer_of(str(bare)) == str(tiny_model) and tokenizer_of(str(adapter)) == str(adapter)
    assert has_chat_template(str(bare))
    assert alike(weights(str(bare)), weights(str(adapter)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_model_name_or_path": "/nowhere/at/all"}, "base model /nowhere/at/all is not there; correct"),
        ({"base_model_name_or_path": None}, "names no base model"),
        ({"peft_type": "PROMPT_TUNING"}, "only LoRA adapters"),
    ],
)
def test_adapters_that_cannot_be_used(adapter: Path, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    own = changed(adapter, tmp_path / "own", **settings)
    for use in (load_subject, identity, load_tokenizer):
        with pytest.raises(UserError, match=message) as refused:
            use(str(own))
        assert "\n" not in str(refused.value)


def test_adapters_that_are_damaged(adapter: Path, tmp_path: Path) -> None:
    own = changed(adapter, tmp_path / "own", base_model_name_or_path=str(tmp_path / "own"))
    with pytest.raises(MissingModelError, match="names itself"):
        identity(str(own))
    (own / ADAPTER).write_text("{")
    with pytest.raises(MissingModelError, match="not valid JSON"):
        load_subject(str(own))
    other = changed(adapter, tmp_path / "other")
    (other / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_subject(str(other))
