"""Training on a real, tiny model; interruption by SIGKILL is in tests/test_interruption.py."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from exempla import catalogue
from exempla.errors import UserError
from exempla.models.subject import load_subject, load_tokenizer
from exempla.study import Arm, Training
from exempla.training.mix import compose
from exempla.training.trainer import Job, last_complete_state, train_cell
from exempla.unit import COMPLETE

SMALL = {"tokens": 8 * 256, "block": 128, "blocks_per_update": 2, "learning_rate": 5e-3, "save_every": 3}


def run(model: Path, out: Path, **changes: object) -> list[dict[str, float]]:
    training = Training.model_validate(SMALL | changes)
    corpus = {"neutral": list(catalogue.corpus("neutral")[:6])}
    blocks = compose(Arm(name="x", mix={"neutral": 1}), corpus, load_tokenizer(str(model)), training, 1).blocks
    job = Job(str(model), training, 1, out, out.with_name(out.name + ".state"))
    return train_cell(job, blocks, lambda note: None)


@pytest.mark.parametrize("changes", [{}, {"upper_layers": 1}, {"method": "lora", "lora_rank": 4}], ids=str)
def test_each_way_of_training_learns_and_can_be_loaded(tiny_model: Path, tmp_path: Path, changes: dict) -> None:
    curve = run(tiny_model, tmp_path / "out", **changes)
    assert [row["update"] for row in curve] == list(range(1, 9))
    assert curve[-1]["loss"] < curve[0]["loss"] - 0.01
    trained = load_subject(str(tiny_model), tmp_path / "out", dtype=torch.float32).model
    before = load_subject(str(tiny_model), dtype=torch.float32).model
    moved = [not torch.equal(a, b) for a, b in zip(trained.parameters(), before.parameters(), strict=True)]
    assert any(moved)
    assert list((tmp_path / "out").glob("*.safetensors")) and not list((tmp_path / "out").glob("*.bin"))
    assert not (tmp_path / "out.state").exists()


def test_frozen_layers_stay_as_they_were(tiny_model: Path, tmp_path: Path) -> None:
    run(tiny_model, tmp_path / "out", upper_layers=1)
    before, after = (
        load_file(tiny_model / "model.safetensors"),
        load_file(tmp_path / "out" / "model.safetensors"),
    )
    changed = {name for name in before if not torch.equal(before[name].to(after[name].dtype), after[name])}
    assert changed and all(name.startswith("model.layers.1.") for name in changed)


def test_lora_on_upper_layers_only(tiny_model: Path, tmp_path: Path) -> None:
    run(tiny_model, tmp_path / "out", method="lora", lora_rank=4, upper_layers=1)
    names = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert names and all(".layers.1." in name for name in names)


def test_more_upper_layers_than_there_are(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only 2 layers"):
        run(tiny_model, tmp_path / "out", upper_layers=3)


def test_a_half_written_state_is_thrown_away(tmp_path: Path) -> None:
    for step, complete in ((3, True), (6, True), (9, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({}))
        if complete:
            (folder / COMPLETE).touch()
    assert last_complete_state(tmp_path) == tmp_path / "checkpoint-6"
    assert not (tmp_path / "checkpoint-9").exists()
