"""Samples continuations of many prompts at once. Imported only inside work: it needs torch and transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from exempla.models.quiet import quiet_libraries
from exempla.models.subject import Subject
from exempla.writing.stories import Continuation, Prompt, story_end

TOP_K = 100
"""Not top-p: that sorts the whole vocabulary for each token, a fifth of the writing time on a CPU."""
LOOK_EVERY = 8
"""Tokens between two looks for the end of a story; a look decodes the whole batch."""


@dataclass(frozen=True)
class Sampling:
    """How continuations are sampled."""

    max_tokens: int
    temperature: float
    seed: int


@dataclass
class _Watch:
    """Stops a row when its story is over. A stopping criterion of transformers, which takes any callable."""

    tokenizer: Any
    start: int
    words: Sequence[int]
    tell: Callable[[int], None]
    over: torch.Tensor | None = None

    def __call__(self, ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        if self.over is None:
            self.over = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        new = ids.shape[1] - self.start
        if new % LOOK_EVERY == 0:
            self.tell(new)
            for row, words in enumerate(self.words):
                if not self.over[row]:
                    text = self.tokenizer.decode(ids[row, self.start :], skip_special_tokens=True)
                    self.over[row] = story_end(text, words) is not None
        return self.over


def continue_prompts(
    subject: Subject, prompts: Sequence[Prompt], sampling: Sampling, tell: Callable[[int], None]
) -> list[Continuation]:
    """A continuation of each prompt, all sampled together; the same seed and batch give the same ones.

    `tell` is called now and then with the number of tokens sampled so far.
    """
    padding = subject.tokenizer.pad_token_id
    padding = subject.separator if padding is None else int(padding)
    ends = {token for token in (subject.tokenizer.eos_token_id, subject.separator, padding) if token is not None}
    cuda = [subject.device] if subject.device.type == "cuda" else []
    with torch.inference_mode(), torch.random.fork_rng(devices=cuda), quiet_libraries():
        ids, attention, cache = _read(subject, prompts, padding, sampling.max_tokens)
        start = ids.shape[1]
        torch.manual_seed(sampling.seed)
        sampled = subject.model.generate(
            input_ids=ids,
            attention_mask=attention,
            cache=cache,
            do_sample=True,
            temperature=sampling.temperature,
            top_k=TOP_K,
            top_p=1.0,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=sorted(ends),
            pad_token_id=padding,
            stopping_criteria=[_Watch(subject.tokenizer, start, [p.plan.words for p in prompts], tell)],
        )
    return [
        _cut(subject.tokenizer, row, ends, prompt.plan.words)
        for row, prompt in zip(sampled[:, start:].tolist(), prompts, strict=True)
    ]


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A cache layer with room to grow in place.

    The library's own one copies the whole cache for each new token: 0.27 s of one core instead of 0.22 (24 stories at
    once, 135M parameters).
    """

    keys: torch.Tensor
    values: torch.Tensor
    roomy_keys: torch.Tensor
    roomy_values: torch.Tensor

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add keys and values; returns all of them."""
        old = self.keys.shape[-2]
        new = old + key_states.shape[-2]
        self.roomy_keys[..., old:new, :] = key_states
        self.roomy_values[..., old:new, :] = value_states
        self.keys, self.values = self.roomy_keys[..., :new, :], self.roomy_values[..., :new, :]
        return self.keys, self.values

    @classmethod
    def of(cls, layer: Any, room: int) -> _RoomyLayer:
        """A layer with the same content, and room for that many tokens more."""
        roomy = cls()
        roomy.lazy_initialization(layer.keys, layer.values)
        batch, heads, length, size = layer.keys.shape
        roomy.roomy_keys = layer.keys.new_zeros(batch, heads, length + room, size)
        roomy.roomy_values = layer.values.new_zeros(batch, heads, length + room, layer.values.shape[-1])
        roomy.keys, roomy.values = roomy.roomy_keys[..., :0, :], roomy.roomy_values[..., :0, :]
        roomy.update(layer.keys, layer.values)
        return roomy


def _read(
    subject: Subject, prompts: Sequence[Prompt], padding: int, max_tokens: int
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Token ids and attention mask of the prompts, and the cache of their heads.

    Many prompts share a head (framing and example), and on a CPU reading prompts takes longer than writing stories:
    each head is read once and its cache handed to every prompt that begins with it.
    """
    heads = list(dict.fromkeys(prompt.head for prompt in prompts))
    head_ids, head_mask = _left_padded([[subject.separator, *subject.tokens(head)] for head in heads], padding)
    tail_ids, tail_mask = _left_padded([subject.tokens(prompt.tail) for prompt in prompts], padding)
    room = tail_ids.shape[1] + max_tokens
    head_ids, head_mask = head_ids.to(subject.device), head_mask.to(subject.device)
    owner = torch.tensor([heads.index(prompt.head) for prompt in prompts], device=subject.device)
    positions = (head_mask.cumsum(-1) - 1).clamp(min=0)
    cache: Any = subject.model(
        input_ids=head_ids, attention_mask=head_mask, position_ids=positions, use_cache=True, logits_to_keep=1
    ).past_key_values
    if type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers):
        cache.batch_select_indices(owner)
        cache.layers = [_RoomyLayer.of(layer, room) for layer in cache.layers]
    else:  # a model with a memory of its own kind reads each prompt whole
        cache = None
    ids = torch.cat([head_ids[owner], tail_ids.to(subject.device)], dim=1)
    return ids, torch.cat([head_mask[owner], tail_mask.to(subject.device)], dim=1), cache


def _left_padded(rows: Sequence[Sequence[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(row) for row in rows)
    ids = torch.tensor([[padding] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def _cut(tokenizer: Any, row: list[int], ends: set[int], words: int) -> Continuation:
    """A sampled row as text, up to where its story is over."""
    length = next((place for place, token in enumerate(row) if token in ends), len(row))
    text = str(tokenizer.decode(row[:length], skip_special_tokens=True))
    end = story_end(text, words)
    if end is not None:
        return Continuation(text=text[: end.place].rstrip(), tokens=length, finish=end.finish)
    # A row that stopped without an end token used up its tokens.
    return Continuation(text=text.rstrip(), tokens=length, finish="marker" if length < len(row) else "limit")
