"""A subject in memory: any causal language model that transformers can load, on the best device there is."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from exempla.errors import UserError
from exempla.models import embedded
from exempla.models.identity import is_adapter, local_folder, standing_on, tokenizer_of
from exempla.models.quiet import quiet_libraries
from exempla.study import EMBEDDED


@dataclass(frozen=True)
class Subject:
    """A model, its tokenizer, and where and how it computes."""

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text without special tokens."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    @property
    def separator(self) -> int:
        """The token between texts."""
        return end_token(self.tokenizer)

    @property
    def start(self) -> int:
        """The token in front of a text whose likelihood is taken: the one the tokenizer itself puts there, for models
        that know no text without it, or else the one between texts."""
        bare, dressed = self.tokens("a"), self.tokenizer("a")["input_ids"]
        return int(dressed[0]) if len(dressed) > len(bare) and dressed[0] != bare[0] else self.separator


def end_token(tokenizer: Any) -> int:
    """The token that ends a text.

    Raises:
        UserError: the tokenizer has neither an end nor a beginning token.
    """
    for token in (tokenizer.eos_token_id, tokenizer.bos_token_id):
        if token is not None:
            return int(token)
    raise UserError(f"{tokenizer.name_or_path}: the tokenizer has neither an end nor a beginning token")


def best_device() -> torch.device:
    """A CUDA or Apple GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware computes in it, else float32.

    On a CPU without bfloat16 instructions the same arithmetic would be emulated, several times slower than float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _cpu_computes_in_bfloat16() else torch.float32


def _cpu_computes_in_bfloat16() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    # On x86 torch calls bfloat16 supported wherever AVX-512 is, emulated or not.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def device_in_words() -> str:
    """The device that subjects run on and the number format they are loaded in by default, such as `cpu, bfloat16`."""
    device = best_device()
    name = torch.cuda.get_device_name(0) if device.type == "cuda" else device.type
    return f"{name}, {str(best_dtype(device)).removeprefix('torch.')}"


def load_subject(name: str, checkpoint: Path | None = None, dtype: torch.dtype | None = None) -> Subject:
    """Load a subject, or one of its trained checkpoints (a whole model, or a LoRA adapter beside it).

    Args:
        name: `embedded`, a folder of a model or of a LoRA adapter, or a model's name on a hub.
        checkpoint: a folder that the train stage wrote; the subject as it comes if None.
        dtype: of the weights; chosen for the machine if None.

    Raises:
        UserError: there is no such model, or it cannot be read.
    """
    device = best_device()
    dtype = dtype or best_dtype(device)
    base, adapters = standing_on(name)
    if checkpoint is not None:
        adapters = (*adapters, checkpoint) if is_adapter(checkpoint) else ()
    whole = checkpoint is not None and not adapters
    with load_errors(name), quiet_libraries():
        tokenizer = AutoTokenizer.from_pretrained(resolve(tokenizer_of(name)))
        model = AutoModelForCausalLM.from_pretrained(str(checkpoint) if whole else resolve(base), dtype=dtype)
        for adapter in adapters:
            model = _with_adapter(model, adapter)
    return Subject(model=model.to(device).eval(), tokenizer=tokenizer, device=device, dtype=dtype)


def _with_adapter(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    # What is trained next stands on the merged model: peft writes this into a new adapter as the name of its base.
    merged.name_or_path = str(adapter.absolute())
    return merged


def load_tokenizer(name: str) -> Any:
    """The subject's tokenizer alone."""
    with load_errors(name), quiet_libraries():
        return AutoTokenizer.from_pretrained(resolve(tokenizer_of(name)))


@contextlib.contextmanager
def load_errors(name: str) -> Iterator[None]:
    """Turn what the libraries say of a model that cannot be loaded into one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{name}: cannot be loaded as a model ({reason}); give `{EMBEDDED}`, a model folder, or a model's hub name"
        ) from error


def resolve(name: str) -> str:
    """What transformers is to load for a name: a folder's whole path, or a hub's name.

    Training an adapter writes it down as the adapter's base, which must be found from any other folder.
    """
    folder = embedded.fetch() if name == EMBEDDED else local_folder(name)
    return name if folder is None else str(folder.absolute())
