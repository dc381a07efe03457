"""The parts of a model that training and tracing look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from exempla.errors import UserError


def layers_of(model: Any) -> list[Any]:
    """The layers of a causal language model, lowest first.

    Raises:
        UserError: its architecture does not name them.
    """
    layers = getattr(model.get_decoder(), "layers", None)
    if layers is None:
        raise UserError("upper_layers: this architecture does not name its layers; leave the setting out")
    return list(layers)


def linear_names(model: Any, layers: Sequence[Any]) -> list[str]:
    """Full names of the linear modules inside the given layers."""
    inside = {id(module) for layer in layers for module in layer.modules() if isinstance(module, torch.nn.Linear)}
    return [name for name, module in model.named_modules() if id(module) in inside]


def plain_model(model: Any) -> Any:
    """The causal language model inside a LoRA wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
