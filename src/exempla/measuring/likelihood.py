"""Likelihoods of continuations, the shared prefix computed once.

An item becomes a small tree of tokens: the prefix, and each continuation as a branch that sees the prefix and itself.
Trees of several items are laid side by side in one row; a mask keeps them apart and position ids restart in each. One
forward pass over the row then gives exactly what separate passes would give, without padding and without computing a
prefix twice. A model whose attention does not honour such a mask is found out by a check on loading and is run plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from exempla.models.subject import Subject
from exempla.records import Answer, Item, Likelihood

ROW_TOKENS = {"cpu": 384, "cuda": 8192, "mps": 2048}
"""Tokens laid in one row. Attention over a row is quadratic, so a CPU wants short rows (384 was the fastest of 384,
512, 768 and 1024 with the embedded model on two cores) and a GPU long ones."""

PROBE = Item(
    id="probe",
    instrument="probe",
    kind="sensible",
    prefix="The lamp in the hall had gone out again, and the old woman",
    continuations={"a": " lit it with a match.", "b": " went to bed in the dark, humming."},
)


@dataclass
class Branch:
    """Token ids of a piece of text, and which name its log-probability is kept under."""

    name: str
    ids: list[int]


@dataclass
class Tree:
    """A root and the branches that go on from it."""

    root: list[int]
    branches: list[Branch] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.root) + sum(len(branch.ids) for branch in self.branches)


Scorer = Callable[[Subject, Sequence[Tree]], list[dict[str, float]]]


def answer_items(subject: Subject, items: Iterable[Item]) -> Iterator[Answer]:
    """The likelihood of each item's continuations, item by item in the given order.

    Raises:
        ValueError: an item is longer than the model's context.
    """
    score = packed_scores if honours_masks(subject) else plain_scores
    limit = ROW_TOKENS.get(subject.device.type, 384)
    waiting: list[tuple[Item, list[Tree]]] = []
    size = 0
    for item in items:
        trees = plant(subject, item)
        length = sum(len(tree) for tree in trees)
        if waiting and size + length > limit:
            yield from _answers(subject, waiting, score, limit)
            waiting, size = [], 0
        waiting.append((item, trees))
        size += length
    if waiting:
        yield from _answers(subject, waiting, score, limit)


def plant(subject: Subject, item: Item) -> list[Tree]:
    """The trees of an item: one with its prefix as the root, and one per continuation alone."""
    prefix = subject.tokens(item.prefix)
    whole = {name: subject.tokens(item.prefix + text) for name, text in item.continuations.items()}
    # Some tokenizers merge across the seam; what is shared is what all of them begin with.
    shared = len(prefix)
    for ids in whole.values():
        while ids[:shared] != prefix[:shared]:
            shared -= 1
    start = [subject.separator]
    given = Tree(start + prefix[:shared], [Branch(f"given {name}", ids[shared:]) for name, ids in whole.items()])
    alone = [
        Tree(
            start,
            [Branch(f"alone {name}", subject.tokens(text)) for name, text in item.continuations.items()],
        )
    ]
    longest = max(len(given.root) + len(branch.ids) for branch in given.branches)
    context = getattr(subject.model.config, "max_position_embeddings", None)
    if context and longest > context:
        raise ValueError(f"item {item.id} has {longest} tokens, more than the model's context of {context}")
    return [given, *alone]


def _answers(
    subject: Subject, waiting: Sequence[tuple[Item, list[Tree]]], score: Scorer, limit: int
) -> Iterator[Answer]:
    trees = [tree for _, grown in waiting for tree in grown]
    scores: list[dict[str, float]] = []
    row: list[Tree] = []
    for tree in trees:
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
        sizes = {branch.name: len(branch.ids) for tree in grown for branch in tree.branches}
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
    ids: list[int] = []
    positions: list[int] = []
    segment: list[int] = []
    parent: list[int] = []
    keep: list[int] = []
    targets: list[int] = []
    spans: list[tuple[int, str, int]] = []
    for number, tree in enumerate(trees):
        root = len(parent)
        parent.append(-1)
        root_end = len(ids) + len(tree.root) - 1
        ids += tree.root
        positions += range(len(tree.root))
        segment += [root] * len(tree.root)
        for branch in tree.branches:
            own = len(parent)
            parent.append(root)
            start = len(ids)
            ids += branch.ids
            positions += range(len(tree.root), len(tree.root) + len(branch.ids))
            segment += [own] * len(branch.ids)
            keep += [root_end, *range(start, start + len(branch.ids) - 1)]
            targets += branch.ids
            spans.append((number, branch.name, len(branch.ids)))
    device = subject.device
    belongs = torch.tensor(segment, device=device)
    above = torch.tensor(parent, device=device)[belongs]
    visible = (belongs[None, :] == belongs[:, None]) | (belongs[None, :] == above[:, None])
    visible &= torch.ones_like(visible).tril()
    mask = torch.zeros(visible.shape, dtype=subject.dtype, device=device)
    mask.masked_fill_(~visible, torch.finfo(subject.dtype).min)
    logits = subject.model(
        input_ids=torch.tensor([ids], device=device),
        attention_mask=mask[None, None],
        position_ids=torch.tensor([positions], device=device),
        logits_to_keep=torch.tensor(keep, device=device),
        use_cache=False,
    ).logits[0]
    values = _log_probabilities(logits, torch.tensor(targets, device=device)).cpu()
    scores: list[dict[str, float]] = [{} for _ in trees]
    for (number, name, _), part in zip(spans, torch.split(values, [length for _, _, length in spans]), strict=True):
        scores[number][name] = float(part.double().sum())
    return scores


@torch.inference_mode()
def plain_scores(subject: Subject, trees: Sequence[Tree]) -> list[dict[str, float]]:
    """The same by one ordinary forward pass a branch."""
    scores: list[dict[str, float]] = []
    for tree in trees:
        found: dict[str, float] = {}
        for branch in tree.branches:
            ids = torch.tensor([tree.root + branch.ids], device=subject.device)
            logits = subject.model(input_ids=ids, use_cache=False).logits[0, len(tree.root) - 1 : -1]
            values = _log_probabilities(logits, ids[0, len(tree.root) :])
            found[branch.name] = float(values.double().sum())
        scores.append(found)
    return scores


def _log_probabilities(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target token (n,) under its row of logits (n, vocabulary), in float32."""
    chosen = logits.gather(-1, targets[:, None])[:, 0].float()
    return chosen - torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, 128)])


def honours_masks(subject: Subject) -> bool:
    """Whether packed scores equal plain ones on a probe, within what the arithmetic allows."""
    trees = plant(subject, PROBE)
    try:
        packed = packed_scores(subject, trees)
    except (TypeError, ValueError, RuntimeError, IndexError):
        return False  # the model takes no such mask or no `logits_to_keep`
    plain = plain_scores(subject, trees)
    per_token = 1e-3 if subject.dtype == torch.float32 else 0.05
    return all(
        abs(packed[number][branch.name] - plain[number][branch.name]) <= per_token * len(branch.ids)
        for number, tree in enumerate(trees)
        for branch in tree.branches
    )
