"""How the benchmarks count work, and how they show and keep their figures.

Counted is the work that the result needs, not what a program happens to do: every distinct token goes through
the layers once; padding, a prefix computed again and activations computed twice count for nothing. So one
job is the same number of operations whoever does it, and shares of the peak compare like speeds do. A
multiplication and its addition are two operations. Norms, activations and softmax are left out (below 1%).
"""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from exempla.machine import describe_machine
from exempla.models.trees import Tree

LIBRARIES = ("exempla", "torch", "transformers", "trl", "lm-eval")


@dataclass(frozen=True)
class ModelSize:
    """Weights that a token is multiplied with."""

    layers: int
    layer: int
    """Weights of one layer's matrices."""
    head: int
    """Weights of the output layer."""
    attention: int
    """Width of all attention heads together."""


def model_size(model: Any) -> ModelSize:
    """Read the sizes off a causal language model."""
    layers = model.get_decoder().layers
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return ModelSize(
        layers=len(layers),
        layer=sum(p.numel() for p in layers[0].parameters() if p.dim() == 2),
        head=model.get_output_embeddings().weight.numel(),
        attention=config.num_attention_heads * head_dim,
    )


def likelihood_flops(size: ModelSize, trees: Sequence[Tree]) -> int:
    """Operations to score the branches of some trees, whatever they share once."""
    total = 0
    for tree in trees:
        seen = 0
        depths: list[int] = []
        for segment in tree.segments:
            depth = depths[segment.parent] if segment.parent >= 0 else 0
            seen += depth * len(segment.ids) + len(segment.ids) * (len(segment.ids) + 1) // 2
            depths.append(depth + len(segment.ids))
        predicted = len(tree) - len(tree.root)
        total += 2 * size.layers * size.layer * len(tree) + 2 * size.head * predicted
        total += 4 * size.layers * size.attention * seen
    return total


def training_flops(size: ModelSize, lengths: Sequence[int], upper_layers: int | None = None) -> int:
    """Operations of one forward and backward pass over sequences of the given lengths.

    Backward costs twice the forward pass in a layer that learns (for its input and for its weights), and
    nothing in a frozen one below all that learn. A frozen output layer costs once: for its input alone.
    """
    tokens = sum(lengths)
    layer = 2 * size.layer * tokens + 4 * size.attention * sum(n * (n + 1) // 2 for n in lengths)
    head = 2 * size.head * tokens
    learning = size.layers if upper_layers is None else upper_layers
    return layer * (size.layers + 2 * learning) + head * (3 if upper_layers is None else 2)


def wait(device: torch.device) -> None:
    """Let a GPU finish what was asked of it, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print a small table and what is to be known with it."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console = Console(width=110)
    console.print(table)
    for note in notes:
        console.print(f"  {note}", highlight=False)


def save(path: Path | None, name: str, figures: dict[str, Any]) -> None:
    """Write figures as JSON, with the machine and the versions they were measured on."""
    if path is None:
        return
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = "not installed"
    whole = {
        "benchmark": name,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {**describe_machine(), "threads": torch.get_num_threads(), "device": _device()},
        "versions": versions,
        **figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
