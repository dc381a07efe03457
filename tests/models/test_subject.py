import platform
from pathlib import Path

import pytest
import torch

from exempla.errors import UserError
from exempla.models.subject import best_device, best_dtype, load_subject, load_tokenizer


def test_a_folder_is_loaded_as_it_is(tiny_model: Path) -> None:
    subject = load_subject(str(tiny_model), dtype=torch.float32)
    assert subject.device == best_device() and not subject.model.training
    assert subject.separator == load_tokenizer(str(tiny_model)).eos_token_id
    assert subject.tokenizer.decode(subject.tokens(" Wren said no.")) == " Wren said no."


def test_the_type_is_one_the_machine_computes_in(tiny_model: Path) -> None:
    chosen = best_dtype(best_device())
    assert chosen in (torch.bfloat16, torch.float32)
    assert load_subject(str(tiny_model)).dtype == chosen
    cpu = Path("/proc/cpuinfo")
    if best_device().type == "cpu" and cpu.exists() and platform.machine() == "x86_64":
        flags = set(cpu.read_text().split())
        assert (chosen == torch.bfloat16) == bool(flags & {"avx512_bf16", "amx_tile"})


@pytest.mark.parametrize("name", ["./nowhere", "no-such-owner/no-such-model"])
def test_no_such_model(name: str) -> None:
    with pytest.raises(UserError, match=name):
        load_subject(name)


def test_a_damaged_folder(tiny_model: Path, tmp_path: Path) -> None:
    for path in tiny_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes() if path.name != "model.safetensors" else b"no")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_subject(str(tmp_path))
