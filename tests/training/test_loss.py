from pathlib import Path

import pytest
import torch

from exempla.models.subject import best_device, load_subject
from exempla.training.loss import HeadLoss, agrees, causal_loss


def batch(length: int = 300) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 600, (2, length), generator=torch.Generator().manual_seed(1)).to(best_device())
    labels = ids.clone()
    labels[0, :100] = -100
    return {"input_ids": ids, "labels": labels}


def test_chunked_loss_and_its_gradients_equal_the_models_own(tiny_model: Path) -> None:
    model = load_subject(str(tiny_model), dtype=torch.float32).model
    inputs = batch()
    own = model(**inputs).loss
    own.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    total, count = causal_loss(model, inputs, -100)
    (total / count).backward()
    assert float(total.detach()) / count == pytest.approx(float(own.detach()), rel=1e-5)
    assert count == 199 + 299 + 1
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-3, atol=1e-6)


def test_a_model_that_scales_its_logits_is_found_out(tiny_model: Path) -> None:
    model = load_subject(str(tiny_model), dtype=torch.float32).model
    assert agrees(model, batch(), -100)
    head = model.get_output_embeddings()
    head.register_forward_hook(lambda module, inputs, output: output * 3.0)
    assert not agrees(model, batch(), -100)


def test_frozen_head_gets_no_gradient() -> None:
    hidden = torch.randn(7, 4, requires_grad=True)
    weight = torch.randn(9, 4)
    HeadLoss.apply(hidden, weight, torch.arange(7)).backward()
    assert hidden.grad is not None and weight.grad is None
