from pathlib import Path
from typing import Any

import pytest
import torch

from exempla import catalogue
from exempla.measuring.likelihood import packed_scores
from exempla.models import blocks
from exempla.models.subject import Subject, load_subject
from exempla.models.trees import Tree, plant


@pytest.fixture(scope="module")
def subject(tiny_model: Path) -> Subject:
    return load_subject(str(tiny_model), dtype=torch.float32)


@pytest.fixture(scope="module")
def trees(subject: Subject) -> list[Tree]:
    return [tree for item in catalogue.items("dilemmas")[:3] for tree in plant(subject, item)]


def test_a_row_is_attended_tree_by_tree(subject: Subject, trees: list[Tree], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    attend = blocks.sdpa_attention_forward

    def watched(module: Any, query: torch.Tensor, *others: Any, **more: Any) -> Any:
        seen.append(query.shape[2])
        return attend(module, query, *others, **more)

    monkeypatch.setattr(blocks, "sdpa_attention_forward", watched)
    with blocks.attending_in_blocks(subject.model):
        apart = packed_scores(subject, trees)
    layers = subject.model.config.num_hidden_layers
    assert seen == [len(tree) for tree in trees] * layers
    assert subject.model.config._attn_implementation == "sdpa"  # a model is left as it was found

    subject.model.set_attn_implementation("eager")  # takes no part in it: the whole mask is what counts
    try:
        with blocks.attending_in_blocks(subject.model):
            whole = packed_scores(subject, trees)
    finally:
        subject.model.set_attn_implementation("sdpa")
    assert len(seen) == len(trees) * layers
    for one, other in zip(apart, whole, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_a_model_is_left_as_it_was_when_a_pass_fails(subject: Subject) -> None:
    with pytest.raises(KeyboardInterrupt), blocks.attending_in_blocks(subject.model):
        assert subject.model.config._attn_implementation == blocks.NAME
        raise KeyboardInterrupt
    assert subject.model.config._attn_implementation == "sdpa"


def test_rows_of_another_length_are_attended_whole(subject: Subject) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        expected = subject.model(input_ids=ids, use_cache=False).logits
        with blocks.attending_in_blocks(subject.model), blocks.laid_out([3, 4]):
            found = subject.model(input_ids=ids, use_cache=False).logits
    torch.testing.assert_close(found, expected)
