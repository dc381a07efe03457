"""Likelihoods of continuations, whatever they share computed once.

An item becomes a small tree of tokens: the prefix is the root, and continuations branch off where they begin to differ
(the two endings of a story often begin alike, and a reasoned choice begins with the bare one). Trees of several items
are laid side by side in one row; a mask lets a token see only its own branch down to the root, and position ids restart
in each tree. One forward pass over the row then gives exactly what separate passes would give, without padding and
without computing anything twice; on a CPU attention runs over one tree at a time. A model whose attention does not
honour such a mask is found out by a check on loading and is run plainly, and so is one that looks back over less than
the longest item.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field

import torch

from exempla.models.blocks import attending_in_blocks, laid_out
from exempla.models.subject import Subject
from exempla.models.threads import side_by_side
from exempla.models.trees import Tree, plant
from exempla.records import Answer, Item, Likelihood

ROW_TOKENS = {"cpu": 768, "cuda": 8192, "mps": 2048}
"""Tokens laid in one row. Products of matrices want long rows, caches short ones: of 384, 576, 768, 1152 and 1536, 768
and 1152 were the fastest with the embedded model on two cores."""

ROOM = 512 << 20
"""Bytes that the logits of all rows at work may take, if there is to be more than one."""

CACHED_LOGITS = {"cpu": 1 << 20}
"""Logits whose exponentials are summed at once, where not all of 128 tokens: more than a CPU's cache holds are four
times slower."""

ROUNDING = {torch.float32: 1e-3}
"""Nats a token by which packed and plain scores of the probe may differ; 0.2 in coarser number formats. Roundings come
to 0.06 in bfloat16 where a processor multiplies matrices of it (AMX); a mask that is not honoured, to 0.8 and 1.2."""

PROBE = Item(
    id="probe",
    instrument="probe",
    kind="sensible",
    prefix="The lamp in the hall had gone out again, and the old woman",
    continuations={
        "a": " lit it with a match.",
        "b": " lit it with a match and a sigh.",
        "c": " went to bed in the dark.",
    },
)


Scorer = Callable[[Subject, Sequence[Tree]], list[dict[str, float]]]


def answer_items(subject: Subject, items: Iterable[Item], answered: Container[str] = frozenset()) -> Iterator[Answer]:
    """The likelihood of each item's continuations, item by item in the given order, but for those answered already.

    Items share a forward pass with their neighbours, and low-order bits depend on the company; so answered items are
    kept in their rows, and a row is computed again if any item of it is missing. A resumed measurement then gives what
    an uninterrupted one would have given.

    Raises:
        UserError: an item is longer than the model's context.
    """
    # All are planted, and their lengths checked, before the first of them costs anything.
    every = list(_together(subject, items))
    groups = [one for one in every if any(item.id not in answered for item, _ in one)]
    if not groups:
        return
    packed = _can_pack(subject, every)  # of all items, or a resumed measurement might compute otherwise
    score = packed_scores if packed else plain_scores
    work = side_by_side(
        subject.device, lambda one: [*_answers(subject, one, score, answered)], groups, _at_once(subject)
    )
    with _attention(subject) if packed else nullcontext(), closing(work):
        for found in work:
            yield from found


def _attention(subject: Subject) -> AbstractContextManager[None]:
    # A GPU has the room for a whole row's attention and would wait for many small calls.
    return attending_in_blocks(subject.model) if subject.device.type == "cpu" else nullcontext()


def _at_once(subject: Subject) -> int:
    """Rows for whose logits there is room."""
    row = _limit(subject) * subject.model.config.get_text_config().vocab_size * subject.dtype.itemsize
    return int(max(1, ROOM // row))


def can_pack(subject: Subject, items: Iterable[Item]) -> bool:
    """Whether items may share rows: the model honours masks, and each of its layers looks back over a whole item."""
    return _can_pack(subject, _together(subject, items))


Grown = tuple[Item, list[Tree]]


def _together(subject: Subject, items: Iterable[Item]) -> Iterator[list[Grown]]:
    """Items with their trees, as many as share a row."""
    waiting: list[Grown] = []
    size = 0
    for item in items:
        trees = plant(subject, item)
        length = sum(len(tree) for tree in trees)
        if waiting and size + length > _limit(subject):
            yield waiting
            waiting, size = [], 0
        waiting.append((item, trees))
        size += length
    if waiting:
        yield waiting


def _limit(subject: Subject) -> int:
    return ROW_TOKENS.get(subject.device.type, ROW_TOKENS["cpu"])


def _answers(subject: Subject, waiting: Sequence[Grown], score: Scorer, answered: Container[str]) -> Iterator[Answer]:
    """Answers of items that share rows; an item larger than a row has one of its own for each of its trees."""
    limit = _limit(subject)
    scores: list[dict[str, float]] = []
    row: list[Tree] = []
    for tree in (tree for _, grown in waiting for tree in grown):
        if row and sum(map(len, row)) + len(tree) > limit:
            scores += score(subject, row)
            row = []
        row.append(tree)
    scores += score(subject, row)
    place = 0
    for item, grown in waiting:
        found: dict[str, float] = {}
        for own in scores[place : place + len(grown)]:
            found |= own
        place += len(grown)
        if item.id in answered:
            continue
        sizes = {name: len(ids) for tree in grown for name, ids in tree.branches.items()}
        yield Answer(
            item=item.id,
            instrument=item.instrument,
            likelihoods={
                name: Likelihood(
                    given=found[f"given {name}"],
                    alone=found[f"alone {name}"],
                    tokens=sizes[f"given {name}"],
                    bytes=len(text.encode()),
                )
                for name, text in item.continuations.items()
            },
        )


@torch.inference_mode()
def packed_scores(subject: Subject, trees: Sequence[Tree]) -> list[dict[str, float]]:
    """Summed log-probabilities of every branch of every tree, by one forward pass over all of them."""
    row = _lay_out(trees)
    device = subject.device
    belongs = torch.tensor(row.segment, device=device)
    visible = torch.tensor(row.sees, device=device)[belongs][:, belongs].tril()
    mask = torch.zeros(visible.shape, dtype=subject.dtype, device=device)
    mask.masked_fill_(~visible, torch.finfo(subject.dtype).min)
    with laid_out([len(tree) for tree in trees]):
        logits = subject.model(
            input_ids=torch.tensor([row.ids], device=device),
            attention_mask=mask[None, None],
            position_ids=torch.tensor([row.positions], device=device),
            logits_to_keep=torch.tensor(row.keep, device=device),
            use_cache=False,
        ).logits[0]
    values = _log_probabilities(logits, torch.tensor(row.targets, device=device)).cpu().double()
    by_segment = [float(part.sum()) for part in torch.split(values, row.lengths)]
    scores: list[dict[str, float]] = []
    place = 0
    for tree in trees:
        # The root has no score of its own, so segment n of a tree is the (n - 1)th that has one.
        scores.append({name: sum(by_segment[place + n - 1] for n in path) for name, path in tree.paths.items()})
        place += len(tree.segments) - 1
    return scores


@dataclass
class _Row:
    """Trees laid side by side."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)
    """Of each token."""
    sees: list[list[bool]] = field(default_factory=list)
    """Of each segment, which segments its tokens may look at: itself and what it goes on from."""
    keep: list[int] = field(default_factory=list)
    """Places whose logits are needed: the one before each token outside a root."""
    targets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    """Tokens of each segment outside a root."""


def _lay_out(trees: Sequence[Tree]) -> _Row:
    row = _Row()
    total = sum(len(tree.segments) for tree in trees)
    for tree in trees:
        first = len(row.sees)
        ends: list[int] = []  # place of the last token of each segment of this tree
        depths: list[int] = []
        for number, segment in enumerate(tree.segments):
            root = segment.parent < 0
            seen = [False] * total if root else list(row.sees[first + segment.parent])
            seen[first + number] = True
            row.sees.append(seen)
            start, depth = len(row.ids), 0 if root else depths[segment.parent]
            row.ids += segment.ids
            row.positions += range(depth, depth + len(segment.ids))
            row.segment += [first + number] * len(segment.ids)
            if not root:
                row.keep += [ends[segment.parent], *range(start, start + len(segment.ids) - 1)]
                row.targets += segment.ids
                row.lengths.append(len(segment.ids))
            ends.append(len(row.ids) - 1)
            depths.append(depth + len(segment.ids))
    return row


@torch.inference_mode()
def plain_scores(subject: Subject, trees: Sequence[Tree]) -> list[dict[str, float]]:
    """The same by one ordinary forward pass a branch."""
    scores: list[dict[str, float]] = []
    for tree in trees:
        found: dict[str, float] = {}
        for name, continuation in tree.branches.items():
            ids = torch.tensor([tree.root + continuation], device=subject.device)
            logits = subject.model(input_ids=ids, use_cache=False).logits[0, len(tree.root) - 1 : -1]
            values = _log_probabilities(logits, ids[0, len(tree.root) :])
            found[name] = float(values.double().sum())
        scores.append(found)
    return scores


def _log_probabilities(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target token (n,) under its row of logits (n, vocabulary), in float32."""
    chosen = logits.gather(-1, targets[:, None])[:, 0].float()
    cached = CACHED_LOGITS.get(logits.device.type)
    rows = max(1, cached // logits.shape[-1]) if cached else 128
    return chosen - torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, rows)])


def _can_pack(subject: Subject, groups: Iterable[list[Grown]]) -> bool:
    deepest = max((tree.depth for one in groups for _, trees in one for tree in trees), default=0)
    return deepest <= window(subject) and honours_masks(subject)


def window(subject: Subject) -> float:
    """Tokens that every layer can look back over, without end in most models; a mask over a row would overrule it."""
    config = subject.model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds and not kinds & {"sliding_attention", "chunked_attention"}:
        return math.inf
    sizes = (getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))
    return min((size for size in sizes if size), default=math.inf)


def honours_masks(subject: Subject) -> bool:
    """Whether packed scores equal plain ones on a probe, within what the arithmetic allows."""
    trees = plant(subject, PROBE)
    try:
        with _attention(subject):
            packed = packed_scores(subject, trees)
    except (TypeError, ValueError, RuntimeError, IndexError):
        return False  # the model takes no such mask or no `logits_to_keep`
    plain = plain_scores(subject, trees)
    per_token = ROUNDING.get(subject.dtype, 0.2)
    return all(
        abs(packed[number][name] - plain[number][name]) <= per_token * len(ids)
        for number, tree in enumerate(trees)
        for name, ids in tree.branches.items()
    )
