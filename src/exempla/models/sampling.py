"""Samples continuations of many texts at once. Imported only inside work: it needs torch and transformers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from exempla.models.quiet import quiet_libraries
from exempla.models.subject import Subject

TOP_K = 100
"""Not top-p: that sorts the whole vocabulary for each token, a fifth of the sampling time on a CPU."""
LOOK_EVERY = 8
"""Tokens between two looks for the end of a text; a look decodes the whole batch."""

Finish = Literal["end", "stop", "words", "limit", "context"]
"""Why a text is over: the model ended it, a stop sequence came, a paragraph ended after enough words, it ran out of the
tokens it was given, or the model can read no further."""


@dataclass(frozen=True, order=True)
class Row:
    """A text to go on from, and when to stop."""

    seed: int
    text: str
    max_tokens: int
    head: int = 0
    """Its first so many characters are shared with other rows of the batch, and are read once for all of them."""
    raw: bool = False
    """Whether the token that begins a text is put in front; a chat template sets its own."""
    stop: tuple[str, ...] = ()
    """Sequences at the first of which the text is over; they do not belong to it."""
    end_after_words: int = 0
    """The text is over at the first paragraph's end after so many words; no such end if 0."""
    keep: tuple[str, ...] = ()
    """Special tokens that stay in the text as they are written; all others are left out of it."""


@dataclass(frozen=True, order=True)
class Sampling:
    """How tokens are drawn; the same for all rows of a batch."""

    temperature: float = 1.0
    """The likeliest token is taken each time if 0."""
    top_k: int = TOP_K
    """No limit if 0."""
    top_p: float = 1.0


@dataclass(frozen=True)
class Sampled:
    """What was added to a row's text."""

    text: str
    tokens_in: int
    """Length of what was read."""
    tokens_out: int
    """Tokens sampled, without the one that ends a text."""
    finish: Finish


@dataclass(frozen=True)
class _Read:
    """A row in tokens: what is read with others that begin alike, and the rest, which is never empty."""

    row: Row
    head: tuple[int, ...]
    tail: tuple[int, ...]
    limit: int
    """New tokens it may have."""

    @property
    def length(self) -> int:
        return len(self.head) + len(self.tail)


def batch_seed(rows: Sequence[Row]) -> int:
    """The number that a batch's draws start from. It depends on its rows' seeds and texts, and not on their order."""
    content = json.dumps(sorted([row.seed, row.text] for row in rows))
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:7])


def sample(
    subject: Subject, rows: Sequence[Row], sampling: Sampling, tell: Callable[[int, int], None]
) -> list[Sampled]:
    """A continuation of each row, all sampled together; the same rows give the same ones in whatever order they come.

    `tell` is called now and then with the number of rows and of the tokens sampled so far in each; what it raises ends
    the sampling.
    """
    # A draw depends on its row's place in the batch, so the order is fixed here.
    order = sorted(range(len(rows)), key=lambda place: rows[place])
    read = [_encode(subject, rows[place]) for place in order]
    fitting = [one for one in read if one.limit > 0]
    drawn = iter(_draw(subject, fitting, batch_seed(rows), sampling, tell) if fitting else [])
    done = [next(drawn) if one.limit > 0 else Sampled("", one.length, 0, "context") for one in read]
    return [sampled for _, sampled in sorted(zip(order, done, strict=True), key=lambda pair: pair[0])]


def text_end(text: str, stop: Sequence[str], words: int) -> tuple[int, Finish] | None:
    """Where a text is over and why, or None while it is not.

    It is over at the first stop sequence. A small writer seldom sets one, so it may also be over at the first paragraph
    that ends once so many words are reached.
    """
    places = [place for mark in stop if (place := text.find(mark)) >= 0]
    until = text[: min(places)] if places else text
    if words:
        counted = start = 0
        for gap in re.finditer(r"\n\s*\n", until):
            counted += len(until[start : gap.start()].split())
            start = gap.end()
            if counted >= words:
                return gap.start(), "words"
    return (min(places), "stop") if places else None


def decoded(tokenizer: Any, ids: Sequence[int], keep: Sequence[str]) -> str:
    """Tokens as text, without the special ones but those to be kept."""
    kept: dict[int, str] = {}
    if keep:
        added = getattr(tokenizer, "added_tokens_decoder", {})
        kept = {place: token.content for place, token in added.items() if token.special and token.content in keep}
    parts: list[str] = []
    start = 0
    for place, token in enumerate(ids):
        if token in kept:
            parts += [tokenizer.decode(ids[start:place], skip_special_tokens=True), kept[token]]
            start = place + 1
    return "".join([*parts, tokenizer.decode(ids[start:], skip_special_tokens=True)])


def _encode(subject: Subject, row: Row) -> _Read:
    tokenizer = subject.tokenizer
    shared = 0
    if row.head and tokenizer.is_fast:
        coded = tokenizer(row.text, add_special_tokens=False, return_offsets_mapping=True)
        ids = list(coded["input_ids"])
        # Cut only where a token ends, so that sharing a head changes no token.
        ends = [end for _, end in coded["offset_mapping"]]
        shared = next((place for place, end in enumerate(ends) if end > row.head), len(ends))
    else:
        ids = subject.tokens(row.text)
    if row.raw:
        ids, shared = [subject.start, *ids], shared and shared + 1
    if len(ids) < 2:
        raise ValueError("there is no text to go on from")
    # The last token is always read by `generate`, which draws the next one from it. With no head to share, all others
    # are read in front of it at once.
    split = min(shared or len(ids), len(ids) - 1)
    context = getattr(subject.model.config.get_text_config(), "max_position_embeddings", None)
    limit = row.max_tokens if context is None else min(row.max_tokens, context - len(ids))
    return _Read(row, tuple(ids[:split]), tuple(ids[split:]), limit)


@dataclass
class _Watch:
    """Stops a row when its text is over. A stopping criterion of transformers, which takes any callable."""

    tokenizer: Any
    start: int
    rows: Sequence[_Read]
    ends: set[int]
    tell: Callable[[int, int], None]
    over: torch.Tensor
    limits: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.limits = torch.tensor([one.limit for one in self.rows], device=self.over.device)

    def __call__(self, ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        new = ids.shape[1] - self.start
        self.over |= self.limits <= new
        if new % LOOK_EVERY == 0:
            self.tell(len(self.rows), new)
            self._look(ids[:, self.start :].tolist())
        return self.over

    def _look(self, sampled: list[list[int]]) -> None:
        over = self.over.tolist()
        for place, (one, ids) in enumerate(zip(self.rows, sampled, strict=True)):
            row = one.row
            if over[place] or ids[-1] in self.ends or not (row.stop or row.end_after_words):
                continue
            text = decoded(self.tokenizer, ids, row.keep)
            if text_end(text, row.stop, row.end_after_words) is not None:
                self.over[place] = True


def _draw(
    subject: Subject, rows: Sequence[_Read], seed: int, sampling: Sampling, tell: Callable[[int, int], None]
) -> list[Sampled]:
    padding = subject.tokenizer.pad_token_id
    padding = subject.separator if padding is None else int(padding)
    ends = _ends(subject, padding)
    room = max(one.limit for one in rows)
    drawing: dict[str, Any] = {"do_sample": False}
    if sampling.temperature:
        drawing = {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
        }
    cuda = [subject.device] if subject.device.type == "cuda" else []
    with torch.inference_mode(), torch.random.fork_rng(devices=cuda), quiet_libraries():
        ids, attention, cache = _read_heads(subject, rows, padding, room)
        start = ids.shape[1]
        over = torch.zeros(len(rows), dtype=torch.bool, device=subject.device)
        torch.manual_seed(seed)
        sampled = subject.model.generate(
            input_ids=ids,
            attention_mask=attention,
            cache=cache,
            use_cache=True,
            max_new_tokens=room,
            eos_token_id=sorted(ends),
            pad_token_id=padding,
            stopping_criteria=[_Watch(subject.tokenizer, start, rows, ends, tell, over)],
            **drawing,
        )
    return [_cut(subject.tokenizer, ids, ends, one) for ids, one in zip(sampled[:, start:].tolist(), rows, strict=True)]


def _ends(subject: Subject, padding: int) -> set[int]:
    """The tokens that end a text; a chat model may have one for a turn and another for the whole."""
    own = subject.model.generation_config.eos_token_id
    several = own if isinstance(own, list) else [own]
    known = (*several, subject.tokenizer.eos_token_id, subject.separator, padding)
    return {int(token) for token in known if token is not None}


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
    def of(cls, layer: Any, owner: torch.Tensor, room: int) -> _RoomyLayer:
        """A layer with the content of these rows of another one, and room for that many tokens more."""
        roomy = cls()
        roomy.lazy_initialization(layer.keys, layer.values)
        _, heads, length, size = layer.keys.shape
        roomy.roomy_keys = layer.keys.new_zeros(len(owner), heads, length + room, size)
        roomy.roomy_values = layer.values.new_zeros(len(owner), heads, length + room, layer.values.shape[-1])
        roomy.keys, roomy.values = roomy.roomy_keys[..., :0, :], roomy.roomy_values[..., :0, :]
        roomy.update(layer.keys[owner], layer.values[owner])
        return roomy


def _read_heads(
    subject: Subject, rows: Sequence[_Read], padding: int, room: int
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Token ids and attention mask of the rows, both (rows, longest head + longest tail), and the cache of their heads.

    Many rows share a head (a framing text and an example), and on a CPU reading takes longer than writing: each head is
    read once and its cache handed to every row that begins with it.
    """
    heads = list(dict.fromkeys(one.head for one in rows))
    places = {head: place for place, head in enumerate(heads)}
    owner = torch.tensor([places[one.head] for one in rows], device=subject.device)
    head_ids, head_mask = _left_padded(heads, padding, subject.device)
    tail_ids, tail_mask = _left_padded([one.tail for one in rows], padding, subject.device)
    ids = torch.cat([head_ids[owner], tail_ids], dim=1)
    mask = torch.cat([head_mask[owner], tail_mask], dim=1)
    if not _grows_by_tokens(DynamicCache(config=subject.model.config)):
        return ids, mask, None
    positions = (head_mask.cumsum(-1) - 1).clamp(min=0)
    cache: Any = subject.model(
        input_ids=head_ids, attention_mask=head_mask, position_ids=positions, use_cache=True, logits_to_keep=1
    ).past_key_values
    if not _grows_by_tokens(cache) or not all(layer.is_initialized for layer in cache.layers):
        return ids, mask, None
    cache.layers = [_RoomyLayer.of(layer, owner, tail_ids.shape[1] + room) for layer in cache.layers]
    return ids, mask, cache


def _grows_by_tokens(cache: Any) -> bool:
    """Whether a model's memory is keys and values for each token; one with another kind reads each text whole."""
    return type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)


def _left_padded(
    rows: Sequence[Sequence[int]], padding: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(row) for row in rows)
    ids = torch.tensor([[padding] * (width - len(row)) + list(row) for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask


def _cut(tokenizer: Any, ids: Sequence[int], ends: set[int], one: _Read) -> Sampled:
    """A row's new tokens as text, up to where it is over."""
    length = next((place for place, token in enumerate(ids) if token in ends), len(ids))
    text = decoded(tokenizer, ids[:length], one.row.keep)
    end = text_end(text, one.row.stop, one.row.end_after_words)
    if end is not None:
        return Sampled(text[: end[0]], one.length, length, end[1])
    if length < one.limit:  # a row that has tokens left was ended by the model
        return Sampled(text, one.length, length, "end")
    return Sampled(text, one.length, length, "limit" if one.limit == one.row.max_tokens else "context")
