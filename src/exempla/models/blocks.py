"""Attention of a row that is laid out of texts which do not see one another, one text at a time.

A mask over the whole row gives the same, but then attention is computed, and thrown away, between every two texts: its
cost grows with the square of the row. Text by text, rows may be long, which is what the matrix products want.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "exempla_blocks"
"""Under which transformers knows this attention."""

_SIZES: ContextVar[tuple[int, ...]] = ContextVar("sizes of the texts in the row", default=())


@contextmanager
def attending_in_blocks(model: Any) -> Iterator[None]:
    """Have a model attend within the blocks that `laid_out` tells, wherever it tells any, as long as the context lasts.

    A model that cannot take part (it has attention of its own, or not torch's, or parts with different ones) is left as
    it is.

    Args:
        model: a model of transformers.
    """
    if not _can(model):
        yield
        return
    try:
        model.set_attn_implementation(NAME)
        yield
    finally:
        model.set_attn_implementation("sdpa")


def _can(model: Any) -> bool:
    """Whether a model's attention can be changed here, and changed back."""
    settable = getattr(model, "_can_set_attn_implementation", None)
    if settable is None or getattr(model.config, "_attn_implementation", None) != "sdpa":
        return False
    return not getattr(model.config, "sub_configs", None) and bool(settable())


@contextmanager
def laid_out(sizes: Sequence[int]) -> Iterator[None]:
    """Tell that a row is made of consecutive blocks, in this thread, as long as the context lasts.

    The caller's mask is still what counts within a block. It must hide the blocks from one another, so that a model
    which does not take part finds the same, only more slowly.

    Args:
        sizes: tokens of each block; together, the row's.
    """
    token = _SIZES.set(tuple(sizes))
    try:
        yield
    finally:
        _SIZES.reset(token)


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in the shapes of transformers: (1, heads, row, width) in, (1, row, heads, width) out."""
    sizes = _SIZES.get()
    if len(sizes) < 2 or attention_mask is None or query.shape[2] != sum(sizes) or key.shape[2] != sum(sizes):
        whole: tuple[torch.Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **others)
        return whole
    found: list[torch.Tensor] = []
    start = 0
    for size in sizes:
        own = slice(start, start + size)
        part = (query[:, :, own], key[:, :, own], value[:, :, own], attention_mask[:, :, own, own])
        found.append(sdpa_attention_forward(module, *part, **others)[0])
        start += size
    return torch.cat(found, dim=1), None


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
