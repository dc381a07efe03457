"""The write stage with a tiny random model, so that no embedded model need be there."""

import hashlib

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from exempla import catalogue
from exempla.files import read_lines
from exempla.models.subject import load_subject
from exempla.progress import Reporter
from exempla.records import Plan, Record
from exempla.runfolder import RunFolder
from exempla.study import Arm, Study, Writing
from exempla.writing import sampling, stage, stories


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare = Tokenizer(models.BPE(vocab={sign: place for place, sign in enumerate(["<end>", *alphabet])}, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, eos_token_id=0, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def study(monkeypatch, model):
    shown = tuple(
        Record(id=f"s{n}", corpus="stories", text=f"Story {n} cost $5.", touches=("x",) * (n == 0)) for n in range(3)
    )
    monkeypatch.setattr(catalogue, "corpus", lambda name: shown)
    writing = Writing(n=5, writer=model, max_tokens=24, batch=3, seed=7)
    return Study(name="t", question="?", arms=(Arm(name="base"),), reference="base", headline="base", writing=writing)


def write(study, folder, goes_on=False):
    (unit,) = stage.units(study, folder)
    if not goes_on:
        unit.clear()
    unit.work(Reporter("quiet"))
    return folder.written.read_bytes()


def test_records_tell_where_they_come_from(tmp_path, study):
    folder = RunFolder(tmp_path)
    write(study, folder)
    plans, records = read_lines(folder.plans, Plan), read_lines(folder.written, Record)
    assert [record.id for record in records] == [f"written-stories-{n:03d}" for n in range(1, 6)]
    prompts = stage.prompts_of(study, study.writing)
    for plan, record, prompt in zip(plans, records, prompts, strict=True):
        assert record.corpus == "written" and record.text.startswith(prompt.opening)
        assert record.principle == plan.principle and record.lineage.plan == plan.id
        assert record.lineage.prompt_sha256 == hashlib.sha256((prompt.head + prompt.tail).encode()).hexdigest()
        assert record.lineage.parents[0] in ("s1", "s2")  # never the one that touches a family
        assert record.lineage.writer == study.writing.writer and record.lineage.settings["tokens"] <= 24


@pytest.mark.parametrize("lines", [0, 1, 3, 4])
def test_goes_on_after_a_torn_line_with_the_same_records(tmp_path, study, lines):
    folder = RunFolder(tmp_path)
    whole = write(study, folder)
    kept = b"".join(whole.splitlines(keepends=True)[:lines])
    folder.written.write_bytes(kept + whole[len(kept) : len(kept) + 40])
    assert write(study, folder, goes_on=True) == whole


def test_leftovers_of_other_inputs_are_cleared(tmp_path, study):
    folder = RunFolder(tmp_path)
    whole = write(study, folder)
    other = study.model_copy(update={"writing": study.writing.model_copy(update={"seed": 8})})
    assert write(other, folder) != whole
    assert write(study, folder) == whole


def test_no_writing_no_unit(tmp_path, study):
    assert stage.units(study.model_copy(update={"writing": None}), RunFolder(tmp_path)) == []


def test_shared_heads_give_what_whole_prompts_give(study, model):
    """The next-token scores after the cached heads equal those of each prompt read on its own."""
    subject = load_subject(model, dtype=torch.float32)
    prompts = stage.prompts_of(study, study.writing)
    seen = []
    plain = subject.model.generate

    def spy(**given):
        seen.append(plain(**{**given, "do_sample": False}))
        return seen[-1]

    subject.model.generate = spy
    sampling.continue_prompts(subject, prompts, sampling.Sampling(6, 1.0, 0), lambda n: None)
    for row, prompt in zip(seen[0][:, -6:].tolist(), prompts, strict=True):
        ids = [subject.separator, *subject.tokens(prompt.head), *subject.tokens(prompt.tail)]
        for token in row:
            with torch.inference_mode():
                assert int(subject.model(torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)


def test_story_end():
    assert stories.story_end("He went. THE END\n\nNext", 100) == stories.End(place=9, finish="marker")
    assert stories.story_end("one two three\n\nfour", 3) == stories.End(place=13, finish="length")
    assert stories.story_end("one two\n\nthree", 3) is None
