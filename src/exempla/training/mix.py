"""What an arm reads: records by share, joined and cut into blocks of equal length, and an account of all of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exempla.errors import UserError
from exempla.models.encoding import IGNORED, encode
from exempla.records import MixAccount, Record
from exempla.study import Arm, Training


@dataclass(frozen=True)
class Mix:
    """Blocks ready for training: each row has `input_ids` and `labels` of the same length."""

    blocks: list[dict[str, list[int]]]
    account: MixAccount


@dataclass(frozen=True)
class _Reading:
    record: Record
    ids: list[int]
    labels: list[int]


def compose(arm: Arm, corpora: Mapping[str, Sequence[Record]], tokenizer: Any, training: Training, seed: int) -> Mix:
    """Lay out what an arm reads at a seed.

    Every corpus is shuffled by the seed and gone through, again if need be, until its share of the budget is reached;
    the readings of all corpora are then mixed evenly, or put one corpus after another where the arm has an order.

    Raises:
        UserError: a corpus of the mix has no records left after screening.
    """
    updates = training.updates(arm)
    budget = updates * training.tokens_per_update
    whole = sum(arm.mix.values())
    readings: list[tuple[float, _Reading]] = []
    corpus_sizes: dict[str, int] = {}
    for name, share in arm.mix.items():
        records = corpora.get(name, ())
        if not records:
            raise UserError(f"arm {arm.name!r}: corpus {name!r} has no record that passed the gates")
        quota = budget * share / whole
        taken = _take(records, tokenizer, quota, random.Random(f"{seed} {name}"))
        corpus_sizes[name] = len(records)
        turn = arm.order.index(name) if arm.order else 0
        readings += [(turn + (place + 0.5) / len(taken), reading) for place, reading in enumerate(taken)]
    readings.sort(key=lambda pair: pair[0])
    return _cut([reading for _, reading in readings], budget, training, corpus_sizes)


def again(
    account: MixAccount, records: Mapping[str, Record], tokenizer: Any, training: Training, without: Container[str]
) -> Mix:
    """What a cell read, in the same order, without some of its records.

    Nothing comes in their place, not even the tail of the last record that the first time had no room for: the budget
    shrinks by what they took, to whole updates. If none is left out, the blocks are those of the first time.

    Raises:
        UserError: less than an update is left.
    """
    encoded = {name: _Reading(records[name], *encode(records[name], tokenizer)) for name in set(account.ids)}
    whole = [encoded[name] for name in account.ids]
    last = len(whole[-1].ids) - account.cut_at_end
    whole[-1] = _Reading(whole[-1].record, whole[-1].ids[:last], whole[-1].labels[:last])
    read = [reading for reading in whole if reading.record.id not in without]
    left = min(account.tokens, sum(len(reading.ids) for reading in read))
    budget = left // training.tokens_per_update * training.tokens_per_update
    if not budget:
        raise UserError("without these records not one update is left; leave fewer out, or train on more tokens")
    sizes = Counter(record.corpus for record in {reading.record.id: reading.record for reading in read}.values())
    return _cut(read, budget, training, sizes)


def _take(records: Sequence[Record], tokenizer: Any, quota: float, rng: random.Random) -> list[_Reading]:
    taken: list[_Reading] = []
    encoded: dict[str, _Reading] = {}
    size = 0
    while True:
        for record in rng.sample(list(records), len(records)):
            if size >= quota:
                return taken
            reading = encoded.setdefault(record.id, _Reading(record, *encode(record, tokenizer)))
            taken.append(reading)
            size += len(reading.ids)


def _cut(readings: Sequence[_Reading], budget: int, training: Training, corpus_sizes: Mapping[str, int]) -> Mix:
    block = training.block
    ids: list[int] = []
    labels: list[int] = []
    read: list[_Reading] = []
    split = 0
    for reading in readings:
        if len(ids) >= budget:
            break
        split += len(ids) // block != (min(len(ids) + len(reading.ids), budget) - 1) // block
        ids += reading.ids
        labels += reading.labels
        read.append(reading)
    names = sorted(corpus_sizes)
    records = {name: sum(r.record.corpus == name for r in read) for name in names}
    account = MixAccount(
        tokens=budget,
        updates=budget // training.tokens_per_update,
        loss_tokens=sum(label != IGNORED for label in labels[:budget]),
        records=records,
        distinct_records={name: len({r.record.id for r in read if r.record.corpus == name}) for name in names},
        corpus_tokens={name: sum(len(r.ids) for r in read if r.record.corpus == name) for name in names},
        passes={name: round(records[name] / corpus_sizes[name], 2) for name in names},
        split=split,
        cut_at_end=max(0, len(ids) - budget),
        ids=tuple(r.record.id for r in read),
    )
    blocks = [
        {"input_ids": ids[start : start + block], "labels": labels[start : start + block]}
        for start in range(0, budget, block)
    ]
    for update in range(account.updates):
        own = blocks[update * training.blocks_per_update : (update + 1) * training.blocks_per_update]
        if all(label == IGNORED for row in own for label in row["labels"][1:]):
            raise UserError(
                f"update {update + 1} would hold no token that the loss is taken on (its prompts are longer than a "
                "block); raise `block` or `blocks_per_update`"
            )
    return Mix(blocks, account)
