"""Passages as vectors by a transformer of the user's: mean over tokens of the last layer, of unit length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from exempla.errors import UserError
from exempla.models.quiet import quiet_libraries

LONGEST = 256
"""Tokens of a passage that are read: 120 words have some 160."""
BATCH = 64


def open_encoder(name: str) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """A function from passages to vectors, shape (passages, width), float32.

    Raises:
        UserError: there is no such model.
    """
    try:
        with quiet_libraries():
            tokenizer = AutoTokenizer.from_pretrained(name)
            model = AutoModel.from_pretrained(name).eval()
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:160]
        raise UserError(f"--embedding {name}: no model there that can be loaded ({said})") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    width = int(model.config.hidden_size)

    @torch.inference_mode()
    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        found = [np.zeros((0, width), dtype=np.float32)]
        for start in range(0, len(texts), BATCH):
            batch = tokenizer(
                list(texts[start : start + BATCH]),
                padding=True,
                truncation=True,
                max_length=LONGEST,
                return_tensors="pt",
            ).to(device)
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            means = (hidden * mask).sum(1) / mask.sum(1)
            found.append(torch.nn.functional.normalize(means.float(), dim=1).cpu().numpy())
        return np.concatenate(found)

    return encode
