"""Training one cell (an arm at a seed) with trl's SFTTrainer, so that it can be killed at any moment and go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

from exempla.errors import UserError
from exempla.files import write_atomically
from exempla.models.encoding import IGNORED
from exempla.models.layers import layers_of, linear_names, plain_model
from exempla.models.quiet import quiet_libraries
from exempla.models.subject import Subject, best_device, best_dtype, load_subject
from exempla.study import Training
from exempla.training.loss import agrees, causal_loss
from exempla.unit import COMPLETE, remove_folder


@dataclass(frozen=True)
class Job:
    """What is trained, how, and where to."""

    subject: str
    training: Training
    seed: int
    out: Path
    """Folder of the result."""
    state: Path
    """Folder of the states saved on the way."""


class StudyTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer without its per-step entropy and accuracy, and on a CPU with a loss that is easier on memory.

    The loss values are the same; on two cores SFTTrainer's own loss took twice as long as the model's (LOG.md,
    2026-11-25).
    """

    chunked = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean next-token loss over the tokens that count."""
        if not self.chunked or return_outputs:
            return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)
        with self.accelerator.autocast():
            total, count = causal_loss(plain_model(model), inputs, IGNORED)
        return total / (count if num_items_in_batch is None else num_items_in_batch)


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells of each update, and marks saved states as complete."""

    def __init__(self, on_update: Callable[[str], None]) -> None:
        self.on_update = on_update

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **rest: Any) -> None:
        if logs and "loss" in logs:
            self.on_update(f"loss {float(logs['loss']):.3f}")

    def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        write_atomically(Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE, "")


def train_cell(
    job: Job, blocks: Sequence[dict[str, list[int]]], on_update: Callable[[str], None]
) -> list[dict[str, float]]:
    """Train a subject on blocks, in their order, and leave the model in `job.out` as safetensors.

    States are saved to `job.state` on the way; if there is a complete one, training goes on from it and ends with the
    same weights as without an interruption.

    Returns:
        The loss of each update, as rows of `update`, `loss` (nats a token) and `learning_rate`.
    """
    resume = last_complete_state(job.state)
    set_seed(job.seed)
    loaded = trainable_subject(job.subject, job.training)
    with quiet_libraries():
        trainer = StudyTrainer(
            model=loaded.model,
            args=_settings(job, loaded, len(blocks)),
            train_dataset=Dataset.from_list(list(blocks)),
            processing_class=loaded.tokenizer,
            callbacks=[_Watch(on_update)],
        )
        for noisy in [
            callback for callback in trainer.callback_handler.callbacks if "Print" in type(callback).__name__
        ]:
            trainer.remove_callback(noisy)
        if trainer.args.n_gpu > 1:
            raise UserError("several GPUs are visible, and training uses one; choose it with CUDA_VISIBLE_DEVICES=0")
        probe = next((block for block in blocks if set(block["labels"][1:]) != {IGNORED}), blocks[0])
        trainer.chunked = loaded.device.type == "cpu" and _chunking_agrees(trainer, probe)
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
        _leave(trainer.model, loaded, job)
    curve = [
        {"update": row["step"], "loss": float(row["loss"]), "learning_rate": float(row["learning_rate"])}
        for row in trainer.state.log_history
        if "loss" in row
    ]
    remove_folder(job.state)
    return curve


def _settings(job: Job, loaded: Subject, blocks: int) -> SFTConfig:
    training = job.training
    updates = blocks // training.blocks_per_update
    return SFTConfig(
        output_dir=str(job.state),
        max_steps=updates,
        per_device_train_batch_size=training.blocks_per_update,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(training.warmup * updates),
        weight_decay=training.weight_decay,
        bf16=best_dtype(loaded.device) == torch.bfloat16,
        use_cpu=loaded.device.type == "cpu",
        activation_checkpointing=loaded.device.type == "cuda",
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        train_sampling_strategy="sequential",  # the mix is already shuffled, by the seed
        save_strategy="steps",
        save_steps=training.save_every,
        save_total_limit=2,
        logging_steps=1,
        disable_tqdm=True,
        report_to=[],
        seed=job.seed,
        data_seed=job.seed,
    )


def trainable_subject(subject: str, training: Training) -> Subject:
    """The subject ready to be trained: weights that learn in float32, frozen ones in the machine's best type."""
    dtype = best_dtype(best_device())
    loaded = load_subject(subject, dtype=torch.float32)
    model = loaded.model
    layers = layers_of(model) if training.upper_layers else []
    first = len(layers) - (training.upper_layers or 0)
    if training.upper_layers and first < 0:
        raise UserError(f"upper_layers={training.upper_layers}, but the subject has only {len(layers)} layers")
    if training.method == "lora":
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=training.lora_rank,
            lora_alpha=training.lora_alpha,
            target_modules=linear_names(model, layers[first:]) if training.upper_layers else "all-linear",
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(model, config)
    elif training.upper_layers:
        model.requires_grad_(False)
        for layer in layers[first:]:
            layer.requires_grad_(True)
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
    return Subject(model=model.train(), tokenizer=loaded.tokenizer, device=loaded.device, dtype=dtype)


def _chunking_agrees(trainer: StudyTrainer, block: dict[str, list[int]]) -> bool:
    if trainer.args.world_size > 1 or trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return False  # a sharded model must be entered through its wrapper
    inputs = {name: torch.tensor([values], device=trainer.args.device) for name, values in block.items()}
    with trainer.accelerator.autocast():
        return agrees(plain_model(trainer.model), inputs, IGNORED)


def last_complete_state(state: Path) -> Path | None:
    """The newest state that was saved whole; half-written ones are removed."""
    complete: list[tuple[int, Path]] = []
    for folder in state.glob("checkpoint-*"):
        if (folder / COMPLETE).exists():
            complete.append((int(folder.name.rsplit("-", 1)[1]), folder))
        else:
            remove_folder(folder)
    return max(complete)[1] if complete else None


def _leave(model: Any, loaded: Subject, job: Job) -> None:
    """Save the trained model (or the adapter) and its tokenizer, and move them into place at once."""
    work = job.state / "result"  # goes with the states if the process is killed here
    shutil.rmtree(work, ignore_errors=True)
    if not hasattr(model, "get_base_model"):
        model = model.to(loaded.dtype)
    model.save_pretrained(work)
    loaded.tokenizer.save_pretrained(work)
    shutil.rmtree(job.out, ignore_errors=True)
    work.rename(job.out)


def write_curve(path: Path, curve: list[dict[str, float]]) -> None:
    """Keep the training curve."""
    write_atomically(path, json.dumps(curve))
