"""Tokens per second: exempla's training beside trl's SFTTrainer with its default settings, on the same text.

    python benchmarks/training.py --updates 6 --rounds 1 --json training.json

All read the same library stories once, with the same learning rate and as many real tokens an update; trl in
its default batches of eight padded texts, exempla in blocks without padding. The first update of a run warms
it up and is not timed. Afterwards the loss of each is taken on the same held-out stories.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from account import model_size, save, show, training_flops, wait
from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from exempla import catalogue
from exempla.models.encoding import encode
from exempla.models.quiet import quiet_libraries
from exempla.models.subject import (
    best_device,
    best_dtype,
    load_subject,
    load_tokenizer,
    resolve,
)
from exempla.study import EMBEDDED, Training
from exempla.training.trainer import Job, train_cell

BLOCK = 512
"""Near exempla's default; fitted a little, so that the blocks hold the stories' tokens to the last few."""


@dataclass(frozen=True)
class Outcome:
    """One training run."""

    tokens: int
    """Real tokens read in all."""
    timed_tokens: int
    seconds: float
    lengths: list[int]
    """Of the timed sequences, padding left out."""
    loss: float
    """On the held-out stories afterwards, nats a token."""


class Counting:
    """A collator that also notes the real length of every text in every batch it makes."""

    def __init__(self, inner: Callable[[Any], dict[str, torch.Tensor]]) -> None:
        self.inner = inner
        self.batches: list[list[int]] = []

    def __call__(self, rows: Any) -> dict[str, torch.Tensor]:
        """Make a batch."""
        batch = self.inner(rows)
        self.batches.append(batch["attention_mask"].sum(-1).tolist())
        return batch


class Clock(TrainerCallback):  # type: ignore[misc]
    """Notes when each update was done."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.times: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Called by the trainer."""
        wait(self.device)
        self.times.append(time.perf_counter())


def train_trl(
    model: str, stories: Sequence[str], updates: int, held_out: Sequence[list[int]], learning_rate: float
) -> Outcome:
    """SFTTrainer as it comes: the model named by its folder, the texts as texts, and the learning rate of all."""
    device = best_device()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr), quiet_libraries():
        config = SFTConfig(
            output_dir=folder,
            max_steps=updates,
            use_cpu=device.type == "cpu",
            report_to="none",
            learning_rate=learning_rate,
        )
        clock = Clock(device)
        trainer = SFTTrainer(
            model=resolve(model),
            args=config,
            train_dataset=Dataset.from_dict({"text": list(stories)}),
            callbacks=[clock],
        )
        counting = trainer.data_collator = Counting(trainer.data_collator)
        trainer.train()
        weights = trainer.model
    timed = [length for batch in counting.batches[1:updates] for length in batch]
    return Outcome(
        tokens=sum(map(sum, counting.batches[:updates])),
        timed_tokens=sum(timed),
        seconds=clock.times[-1] - clock.times[0],
        lengths=timed,
        loss=held_out_loss(weights, held_out),
    )


def train_exempla(
    model: str,
    ids: list[int],
    updates: int,
    upper_layers: int | None,
    held_out: Sequence[list[int]],
    learning_rate: float,
) -> Outcome:
    """exempla's own training, on the same token ids, with the same learning rate."""
    per_update = max(1, round(len(ids) / updates / BLOCK))
    block = len(ids) // (updates * per_update)
    blocks = [ids[start * block : (start + 1) * block] for start in range(updates * per_update)]
    training = Training(
        tokens=updates * per_update * block,
        block=block,
        blocks_per_update=per_update,
        learning_rate=learning_rate,
        warmup=0,
        weight_decay=0,
        upper_layers=upper_layers,
    )
    device = best_device()
    times: list[float] = []

    def note(_: str) -> None:
        wait(device)
        times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        out = Path(folder) / "model"
        job = Job(model, training, 1, out, Path(folder) / "state")
        train_cell(job, [{"input_ids": row, "labels": row} for row in blocks], note)
        loss = held_out_loss(load_subject(model, out, torch.float32).model, held_out)
    timed = [block] * (per_update * (updates - 1))
    return Outcome(
        tokens=training.tokens,
        timed_tokens=sum(timed),
        seconds=times[-1] - times[0],
        lengths=timed,
        loss=loss,
    )


@torch.inference_mode()
def held_out_loss(model: Any, stories: Sequence[list[int]]) -> float:
    """Mean next-token loss in nats, in float32, of the weights as they are saved (in the best type)."""
    device = best_device()
    model = model.to(best_dtype(device)).to(torch.float32).to(device).eval()
    total, count = 0.0, 0
    for ids in stories:
        row = torch.tensor([ids], device=device)
        total += float(model(input_ids=row, labels=row, use_cache=False).loss) * (len(ids) - 1)
        count += len(ids) - 1
    return total / count


def texts(corpus: str, count: int, held_out: int) -> tuple[list[Any], list[Any]]:
    """So many records of a text corpus to train on, and as many as asked for from its end, to test on."""
    records = list(catalogue.corpus(corpus))
    if len(records) < count + held_out:
        raise SystemExit(
            f"{corpus} has {len(records)} texts; {count + held_out} are needed: lower --updates or --held-out"
        )
    return records[:count], records[len(records) - held_out :]


def summary(who: str, runs: Sequence[Outcome], flops: int) -> dict[str, Any]:
    """One row of the result: the median of the rounds."""
    seconds = statistics.median(run.seconds for run in runs)
    return {
        "who": who,
        "tokens": runs[0].tokens,
        "tokens_per_second": statistics.median(run.timed_tokens / run.seconds for run in runs),
        "flops_per_second": flops / seconds,
        "loss": statistics.median(run.loss for run in runs),
    }


def main() -> None:
    """Run the comparison and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--updates", type=int, default=6, help="of eight stories each; at least 2")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=12, help="stories that the loss is taken on")
    parser.add_argument("--upper-layers", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=SFTConfig.learning_rate, help="of all; trl's default")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.updates < 2:
        parser.error("--updates must be at least 2: the first one is not timed")

    read, kept_back = texts("stories", options.updates * SFTConfig.per_device_train_batch_size, options.held_out)
    tokenizer = load_tokenizer(options.model)
    ids = [token for record in read for token in encode(record, tokenizer)[0]]
    held_out = [encode(record, tokenizer)[0] for record in kept_back]
    before = load_subject(options.model, dtype=torch.float32).model
    size, loss_before = model_size(before), held_out_loss(before, held_out)
    del before

    stories = [record.text for record in read]
    upper, rate = options.upper_layers, options.learning_rate
    contenders: dict[str, tuple[int | None, Callable[[], Outcome]]] = {
        "trl, defaults": (None, lambda: train_trl(options.model, stories, options.updates, held_out, rate)),
        "exempla, all layers": (
            None,
            lambda: train_exempla(options.model, ids, options.updates, None, held_out, rate),
        ),
        f"exempla, upper {upper} layers": (
            upper,
            lambda: train_exempla(options.model, ids, options.updates, upper, held_out, rate),
        ),
    }
    runs: dict[str, list[Outcome]] = {who: [] for who in contenders}
    for number in range(options.rounds):
        for who in list(contenders)[:: 1 if number % 2 == 0 else -1]:
            runs[who].append(contenders[who][1]())
    rows = [summary(who, own, training_flops(size, own[0].lengths, contenders[who][0])) for who, own in runs.items()]
    report(rows, loss_before, options)


def report(rows: list[dict[str, Any]], loss_before: float, options: argparse.Namespace) -> None:
    """Show the figures and keep them."""
    trl = rows[0]
    for row in rows:
        row["speed_ratio"] = row["tokens_per_second"] / trl["tokens_per_second"]
        row["loss_ratio"] = row["loss"] / trl["loss"]
    show(
        f"Training, real tokens a second ({options.model}, {options.updates} updates, "
        f"{str(best_dtype(best_device())).removeprefix('torch.')}, {torch.get_num_threads()} threads)",
        ["", "tokens read", "tokens/s", "x trl", "held-out loss after", "of trl's"],
        [
            [
                row["who"],
                f"{row['tokens']:,}",
                f"{row['tokens_per_second']:.0f}",
                f"{row['speed_ratio']:.2f}",
                f"{row['loss']:.4f}",
                f"{row['loss_ratio']:.2%}",
            ]
            for row in rows
        ],
        [f"Held-out loss before training: {loss_before:.4f} nats a token, on {options.held_out} stories."],
    )
    figures = {name: getattr(options, name) for name in ("model", "updates", "rounds", "learning_rate")}
    save(options.json, "training", {**figures, "held_out_loss_before": loss_before, "rows": rows})


if __name__ == "__main__":
    main()
