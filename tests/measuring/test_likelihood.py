from pathlib import Path

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.measuring import likelihood as module
from exempla.measuring.likelihood import answer_items, can_pack, honours_masks, packed_scores, plain_scores
from exempla.measuring.stage import units
from exempla.models.subject import Subject, load_subject
from exempla.models.trees import plant
from exempla.progress import Reporter
from exempla.records import Answer, Item
from exempla.runfolder import RunFolder
from exempla.study import INSTRUMENTS, load_study
from tests.studies import write_study


@pytest.fixture(scope="module")
def subject(tiny_model: Path) -> Subject:
    return load_subject(str(tiny_model), dtype=torch.float32)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_packed_equals_plain_to_a_thousandth(subject: Subject, instrument: str) -> None:
    items = catalogue.items(instrument)[::37]
    trees = [tree for item in items for tree in plant(subject, item)]
    for packed, plain in zip(packed_scores(subject, trees), plain_scores(subject, trees), strict=True):
        assert packed == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_scores_are_those_of_the_models_own_loss(subject: Subject, instrument: str) -> None:
    item = catalogue.items(instrument)[0]
    answer = next(answer_items(subject, [item]))
    for name, text in item.continuations.items():
        found = answer.likelihoods[name]
        for score, before in ((found.given, subject.tokens(item.prefix)), (found.alone, [])):
            prefix = [subject.separator, *before]
            ids = torch.tensor([prefix + subject.tokens(text)], device=subject.device)
            labels = ids.clone()
            labels[0, : len(prefix)] = -100
            with torch.no_grad():
                loss = float(subject.model(input_ids=ids, labels=labels).loss)
            assert score == pytest.approx(-loss * found.tokens, abs=1e-3)


def test_order_and_company_do_not_matter(subject: Subject) -> None:
    items = catalogue.items("expectations")[:30]
    together = {answer.item: answer for answer in answer_items(subject, items)}
    for item in (items[0], items[17], items[29]):
        alone = next(answer_items(subject, [item]))
        for name, likelihood in alone.likelihoods.items():
            assert together[item.id].likelihoods[name].given == pytest.approx(likelihood.given, abs=1e-3)
    assert [answer.item for answer in answer_items(subject, items)] == [item.id for item in items]


def test_what_is_answered_is_left_out_and_changes_nothing(subject: Subject) -> None:
    items = catalogue.items("expectations")[:40]
    whole = list(answer_items(subject, items))
    done = {answer.item for answer in whole[:7]} | {whole[20].item}
    assert list(answer_items(subject, items, done)) == [answer for answer in whole if answer.item not in done]


def test_it_is_told_when_continuations_are_run_alone(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_study(write_study(tmp_path, tiny_model))
    (base,) = [cell for cell in study.cells() if not cell.arm.mix]
    said: list[str] = []
    for name, honoured in (("packed", True), ("alone", False)):
        if not honoured:
            monkeypatch.setattr(module, "honours_masks", lambda subject: False)
        folder = RunFolder(tmp_path / name)
        (unit,) = [unit for unit in units(study, folder) if unit.name == base.name]
        with Reporter("quiet") as reporter:
            monkeypatch.setattr(reporter, "say", lambda text, **more: said.append(text))
            unit.work(reporter)
        assert len(said) == (not honoured)
    assert "run alone" in said[0]
    packed, alone = (read_lines(tmp_path / name / "answers" / "base.jsonl", Answer) for name in ("packed", "alone"))
    assert [row.item for row in packed] == [row.item for row in alone] and packed


def test_a_model_that_ignores_masks_is_run_plainly(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert honours_masks(subject)
    forward = subject.model.forward
    monkeypatch.setattr(subject.model, "forward", lambda attention_mask=None, **rest: forward(**rest))
    assert not honours_masks(subject)
    item = catalogue.items("dilemmas")[0]
    answer = next(answer_items(subject, [item]))
    monkeypatch.undo()
    expected = next(answer_items(subject, [item]))
    for name, likelihood in expected.likelihoods.items():
        assert answer.likelihoods[name].given == pytest.approx(likelihood.given, abs=1e-3)


def test_an_item_longer_than_the_context(subject: Subject) -> None:
    long = Item(id="long", instrument="endings", kind="measured", prefix="word " * 5000, continuations={"a": " b"})
    with pytest.raises(UserError, match="more than the model's context"):
        list(answer_items(subject, [long]))


@pytest.mark.parametrize(("window", "packed"), [(128, False), (1024, True)])
def test_a_model_that_looks_back_over_less_than_an_item_is_run_plainly(window: int, packed: bool) -> None:
    """A mask over the row is all that transformers then looks at, and would give such a layer the whole item to see."""
    config = MistralConfig(
        vocab_size=300, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048, sliding_window=window,
    )  # fmt: skip
    torch.manual_seed(0)
    windowed = Subject(MistralForCausalLM(config).eval(), Bytes(), torch.device("cpu"), torch.float32)
    items = catalogue.items("dilemmas")[:2]
    assert honours_masks(windowed) and can_pack(windowed, items) is packed
    trees = [tree for item in items for tree in plant(windowed, item)]
    right = plain_scores(windowed, trees)
    for item, found in zip(items, answer_items(windowed, items), strict=True):
        for name in item.continuations:
            expected = next(one[f"given {name}"] for one in right[2 * items.index(item) :] if f"given {name}" in one)
            assert found.likelihoods[name].given == pytest.approx(expected, abs=1e-3)


def test_a_resumed_measurement_packs_as_an_uninterrupted_one(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the one item that is too deep for the model's window is answered already."""
    items = sorted(catalogue.items("dilemmas")[:2], key=lambda item: len(item.prefix))
    short, deep = (max(tree.depth for tree in plant(subject, item)) for item in items)
    assert short < deep
    monkeypatch.setattr(module, "window", lambda subject: deep - 1)
    monkeypatch.setattr(module, "packed_scores", lambda *_: pytest.fail("laid in one row"))
    monkeypatch.setattr(module, "honours_masks", lambda subject: True)
    whole = list(answer_items(subject, items))
    assert list(answer_items(subject, items, {items[1].id})) == whole[:1]


class Bytes:
    """A tokenizer whose tokens are bytes."""

    eos_token_id, bos_token_id, name_or_path = 256, None, "bytes"

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": list(text.encode())}
