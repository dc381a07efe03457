"""A preference as a number: log-probabilities of stretches, each with its weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from exempla.models.subject import Subject
from exempla.tracing.influence.targets import Stretch


def batch_of(found: Sequence[Stretch], pad: int) -> dict[str, torch.Tensor]:
    """Stretches as padded tensors of shape (stretches, longest): ids, mask, and the weight of each token's
    log-probability (0 where it does not count)."""
    longest = max(len(one.ids) for one in found)
    ids = torch.full((len(found), longest), pad)
    mask = torch.zeros((len(found), longest), dtype=torch.long)
    weights = torch.zeros((len(found), longest))
    for row, one in enumerate(found):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        mask[row, : len(one.ids)] = 1
        weights[row, one.first : one.last] = one.weight
    return {"input_ids": ids, "attention_mask": mask, "weights": weights}


def weighted(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The weighted sum of log-probabilities of a batch, in nats; a scalar that can be differentiated."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits
    chances = logits[:, :-1].float().log_softmax(-1)
    chosen = chances.gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
    total: torch.Tensor = (chosen * batch["weights"][:, 1:]).sum()
    return total


def measure(subject: Subject, targets: Sequence[Sequence[Stretch]]) -> list[float]:
    """The preference of a subject for each target, in nats."""
    told = []
    with torch.inference_mode():
        for found in targets:
            batch = {name: part.to(subject.device) for name, part in batch_of(found, subject.separator).items()}
            told.append(float(weighted(subject.model, batch)))
    return told
