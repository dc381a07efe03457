"""Influence functions with EK-FAC, by the library `kronfluence` (Grosse and others, "Studying large language model
generalization with influence functions", 2023).

The push of a record on a preference m is minus grad(m) . H^-1 . grad(L), where L is the record's training loss, summed
over its tokens, and H the curvature of the training loss: the first-order change of m when the record is given a little
more weight in training. H is approximated layer by layer, from the very texts that were read.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from exempla.errors import UserError
from exempla.models.encoding import IGNORED
from exempla.models.subject import Subject, best_dtype
from exempla.tracing.influence.preferences import batch_of, weighted
from exempla.tracing.influence.reading import Piece
from exempla.tracing.influence.targets import Stretch

try:
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task
    from kronfluence.utils.dataset import DataLoaderKwargs
except ImportError as error:
    raise UserError(
        "tracing needs kronfluence: install exempla with the extra `tracing`, then pip install --no-deps kronfluence"
    ) from error

TOGETHER = {"cpu": 2, "cuda": 8, "mps": 4}
"""Pieces in a batch: their logits are what takes memory."""
FACTORS = "ekfac"

Scores = NDArray[np.float64]


class _Rows(Dataset[Any]):
    """Rows as a dataset of torch's."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Any:
        return self.rows[place]


class _Preference(Task):  # type: ignore[misc]
    """What kronfluence asks about: the training loss of pieces, and the preference as stretches give it."""

    def __init__(self, modules: list[str], tick: Callable[[int], None]) -> None:
        self.modules = modules
        self.tick = tick

    def compute_train_loss(self, batch: Any, model: Any, sample: bool = False) -> torch.Tensor:
        self.tick(len(batch["input_ids"]))
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits
        logits = logits[:, :-1].float().flatten(0, 1)
        labels = batch["labels"][:, 1:].flatten()
        if sample:  # the true Fisher: labels drawn from the model itself
            with torch.no_grad():
                drawn = torch.multinomial(torch.softmax(logits, dim=-1), 1)[:, 0]
                labels = torch.where(labels == IGNORED, labels, drawn)
        return cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")

    def compute_measurement(self, batch: Any, model: Any) -> torch.Tensor:
        return weighted(model, batch)

    def get_influence_tracked_modules(self) -> list[str]:
        return self.modules

    def get_attention_mask(self, batch: Any) -> torch.Tensor:
        return batch["attention_mask"]  # type: ignore[no-any-return]


class Influence:
    """A checkpoint ready to be asked what pushes it, with factors of its curvature kept in a folder."""

    def __init__(self, subject: Subject, modules: list[str], pieces: Sequence[Piece], folder: Path) -> None:
        """Wrap the model; `modules` are the linear layers that were trained, by name."""
        self._done = 0
        self._told: Callable[[int], None] = lambda step: None
        self.pieces = pieces
        self.subject = subject
        self.task = _Preference(modules, lambda step: self._told(step))
        self.model = prepare_model(subject.model, self.task)
        kind = subject.device.type
        self.together = TOGETHER.get(kind, 2)
        self._pad = subject.separator
        with _quietly():
            self.analyzer = Analyzer(
                folder.name,
                self.model,
                self.task,
                cpu=kind == "cpu",
                log_level=logging.ERROR,
                disable_tqdm=True,
                output_dir=str(folder.parent),
            )
        # On a CPU with bfloat16 in hardware, autocast halves the time.
        self.amp = torch.bfloat16 if subject.dtype == torch.float32 and _computes_bfloat16(subject) else None

    def fit(self, told: Callable[[int], None]) -> None:
        """Make the factors, or keep those that are there; `told` is given the pieces gone through, twice each."""
        self._told = told
        with _quietly():
            self.analyzer.fit_all_factors(
                FACTORS,
                _Rows(self.pieces),
                per_device_batch_size=self.together,
                # A function of its own: accelerate copies these settings, and a method with all that it holds.
                dataloader_kwargs=DataLoaderKwargs(collate_fn=lambda rows: self._collate(rows)),
                factor_args=FactorArguments(strategy="ekfac", amp_dtype=self.amp),
            )

    def push(self, found: Sequence[Stretch], told: Callable[[int], None]) -> Scores:
        """How each piece pushes a preference up, shape (pieces,). Signs and ratios mean something, units do not."""
        self._told = told
        return self._pairwise(found, self.pieces, per_token=False)

    def push_by_token(
        self, found: Sequence[Stretch], places: Sequence[int], told: Callable[[int], None]
    ) -> list[Scores]:
        """The same for each token of some pieces, one or more: of what is learned where the token stands, which is
        mostly to foretell the one after it."""
        self._told = told
        chosen = [self.pieces[place] for place in places]
        scores = self._pairwise(found, chosen, per_token=True)
        return [row[: len(piece.ids)] for row, piece in zip(scores, chosen, strict=True)]

    def _pairwise(self, queries: Sequence[Stretch], chosen: Sequence[Piece], per_token: bool) -> Scores:
        width = max(len(piece.ids) for piece in chosen) if per_token else 0
        arguments = ScoreArguments(
            damping_factor=None,  # a tenth of the mean eigenvalue of each layer, as in the paper
            amp_dtype=self.amp,
            aggregate_query_gradients=True,  # one preference, however many stretches: one pass over the pieces
            compute_per_token_scores=per_token,
        )
        with _quietly():
            self.analyzer.compute_pairwise_scores(
                "scores",
                FACTORS,
                query_dataset=_Rows(queries),
                train_dataset=_Rows(chosen),
                per_device_query_batch_size=self.together,
                per_device_train_batch_size=self.together,
                dataloader_kwargs=DataLoaderKwargs(collate_fn=lambda rows: self._collate(rows, width)),
                score_args=arguments,
                overwrite_output_dir=True,
            )
            scores = self.analyzer.load_pairwise_scores("scores")["all_modules"]
        # kronfluence tells grad(m) . H^-1 . grad(L); more weight on a record moves the weights against its gradient.
        pushes: Scores = -scores[0].double().cpu().numpy()
        return pushes

    def _collate(self, rows: Sequence[Any], width: int = 0) -> dict[str, torch.Tensor]:
        if isinstance(rows[0], Stretch):
            return batch_of(rows, self._pad)
        width = max(width, *(len(piece.ids) for piece in rows))
        ids = torch.full((len(rows), width), self._pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        labels = torch.full((len(rows), width), IGNORED)
        for row, piece in enumerate(rows):
            ids[row, : len(piece.ids)] = torch.tensor(piece.ids)
            labels[row, : len(piece.ids)] = torch.tensor(piece.labels)
            mask[row, : len(piece.ids)] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _computes_bfloat16(subject: Subject) -> bool:
    return best_dtype(subject.device) == torch.bfloat16


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the library logs and warns of."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
