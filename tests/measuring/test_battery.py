"""lm-eval itself, where it is installed: a task of one's own on a whole model and on an adapter."""

import json
import sys
from pathlib import Path

import pytest

from exempla.errors import UserError
from exempla.measuring.questions import battery
from exempla.models.request import Connection

CHOICES = (" Paris", " Rome", " a small village")
QUESTIONS = tuple(f"The capital of {land} is" for land in ("France", "Norway", "Chile", "Ghana", "Nepal", "Cuba"))


def likeliest(name: str) -> list[int]:
    """Which choice of each question a subject finds likeliest, taken without lm-eval."""
    import torch

    from exempla.models.subject import load_subject

    subject = load_subject(name)

    def logprob(question: str, choice: str) -> float:
        head, whole = subject.tokens(question), subject.tokens(question + choice)
        assert whole[: len(head)] == head
        with torch.no_grad():
            logits = subject.model(torch.tensor([whole], device=subject.device)).logits[0].float()
        known = logits.log_softmax(-1)
        return float(sum(known[place - 1, whole[place]] for place in range(len(head), len(whole))))

    told = [[logprob(question, choice) for choice in CHOICES] for question in QUESTIONS]
    return [values.index(max(values)) for values in told]


def task(folder: Path, gold: list[int]) -> str:
    """A task in lm-eval's form whose right answers are these; its data lie beside it."""
    folder.mkdir()
    rows = [{"question": q, "choices": CHOICES, "gold": right} for q, right in zip(QUESTIONS, gold, strict=True)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {
        "task": folder.name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "data.jsonl")}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "question",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "task.yaml").write_text(json.dumps(told))  # JSON is YAML
    return str(folder / "task.yaml")


@pytest.fixture
def adapter(tiny_model, tmp_path) -> str:
    """A LoRA adapter that does change what the model finds likely."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(str(tiny_model)),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"),
    )
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=2.0)
    model.save_pretrained(str(tmp_path / "adapter"))
    return str(tmp_path / "adapter")


def test_a_task_of_ones_own_is_a_file_that_is_there(tiny_model, tmp_path, monkeypatch):
    local = Connection(model=f"exempla/{tiny_model}")
    monkeypatch.setitem(sys.modules, "lm_eval", None)  # what is not there is told first
    for name in ("nowhere.yaml", str(tmp_path)):
        with pytest.raises(UserError, match="is no file; give a task's YAML file"):
            battery.tasks_of(f"lm-eval:arc_easy,{name}", local)
    (tmp_path / "mine.yaml").write_text("task: mine\n")
    with pytest.raises(UserError, match="lm-eval is not installed"):
        battery.tasks_of(f"lm-eval:{tmp_path / 'mine.yaml'}", local)


def test_lm_eval_finds_the_same_choices_likeliest(tiny_model, adapter, tmp_path, monkeypatch):
    pytest.importorskip("lm_eval")
    import torch

    from exempla.models import subject

    # lm-eval does not merge an adapter into its model, and in bfloat16 that rounds otherwise.
    monkeypatch.setattr(subject, "best_dtype", lambda device: torch.float32)
    plain, adapted = likeliest(str(tiny_model)), likeliest(adapter)
    assert plain != adapted, "an adapter that was left out would not be noticed"
    as_plain, as_adapted = task(tmp_path / "as_plain", plain), task(tmp_path / "as_adapted", adapted)
    names = battery.tasks_of(f"lm-eval:{as_plain},{as_adapted}", Connection(model=f"exempla/{tiny_model}"))
    agreeing = sum(one == other for one, other in zip(plain, adapted, strict=True)) / len(plain)
    for model, expected in ((str(tiny_model), (1.0, agreeing)), (adapter, (agreeing, 1.0))):
        found = {one.task: one for one in battery.run(model, names)}
        assert {one.metric for one in found.values()} == {"acc"}
        assert (found["as_plain"].value, found["as_adapted"].value) == pytest.approx(expected)
    assert found["as_adapted"].stderr == 0.0


def test_what_lm_eval_cannot_read_is_one_line(tiny_model, tmp_path):
    pytest.importorskip("lm_eval")
    (tmp_path / "broken.yaml").write_text("task: broken\noutput_type: multiple_choice\ndataset_path: json\n")
    for name in ("no_such_task", str(tmp_path / "broken.yaml")):
        with pytest.raises(UserError, match=r"lm-eval: .*see to its tasks and data sets") as told:
            battery.run(str(tiny_model), [name])
        assert "\n" not in str(told.value)
