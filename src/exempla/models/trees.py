"""An item as trees of tokens: continuations branch off a root that they share, however a tokenizer cuts the seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from exempla.errors import UserError
from exempla.models.subject import Subject
from exempla.records import Item


@dataclass(frozen=True)
class Segment:
    """A stretch of tokens without a fork in it."""

    parent: int
    """Place of the segment it goes on from; -1 for the root."""
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """A root and the continuations of it, by name."""

    root: list[int]
    branches: dict[str, list[int]]

    @cached_property
    def segments(self) -> list[Segment]:
        """The root first, and every segment after its parent."""
        return self._grown[0]

    @cached_property
    def paths(self) -> dict[str, list[int]]:
        """The segments of each branch, from the root (not included) outwards."""
        return self._grown[1]

    @cached_property
    def _grown(self) -> tuple[list[Segment], dict[str, list[int]]]:
        segments = [Segment(-1, tuple(self.root))]
        paths: dict[str, list[int]] = {}
        # Branches that go on together, how many of their tokens are placed, and the path so far.
        waiting: list[tuple[list[tuple[str, list[int]]], int, list[int]]] = [(list(self.branches.items()), 0, [])]
        while waiting:
            names, depth, path = waiting.pop()
            paths |= {name: path for name, ids in names if len(ids) == depth}
            forks: dict[int, list[tuple[str, list[int]]]] = {}
            for name, ids in names:
                if len(ids) > depth:
                    forks.setdefault(ids[depth], []).append((name, ids))
            for together in forks.values():
                end = depth + _common_length([ids[depth:] for _, ids in together])
                segments.append(Segment(path[-1] if path else 0, tuple(together[0][1][depth:end])))
                waiting.append((together, end, [*path, len(segments) - 1]))
        return segments, paths

    @property
    def depth(self) -> int:
        """Tokens from the root's first to the last of the longest branch."""
        return len(self.root) + max(map(len, self.branches.values()), default=0)

    def __len__(self) -> int:
        return sum(len(segment.ids) for segment in self.segments)


def _common_length(rows: Sequence[Sequence[int]]) -> int:
    """How many leading tokens all rows share."""
    length = 0
    for column in zip(*rows, strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return length


def plant(subject: Subject, item: Item) -> list[Tree]:
    """The trees of an item: one with its prefix as the root, and one of the continuations alone."""
    prefix = subject.tokens(item.prefix)
    whole = {name: subject.tokens(item.prefix + text) for name, text in item.continuations.items()}
    # Some tokenizers merge across the seam; what is shared is what all of them begin with.
    shared = len(prefix)
    for ids in whole.values():
        while ids[:shared] != prefix[:shared]:
            shared -= 1
    start = [subject.start]
    given = Tree(start + prefix[:shared], {f"given {name}": ids[shared:] for name, ids in whole.items()})
    alone = Tree(start, {f"alone {name}": subject.tokens(text) for name, text in item.continuations.items()})
    longest = len(given.root) + max(map(len, given.branches.values()))
    context = getattr(subject.model.config, "max_position_embeddings", None)
    if context and longest > context:
        raise UserError(f"item {item.id} has {longest} tokens, more than the model's context of {context}")
    return [given, alone]
