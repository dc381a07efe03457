"""The write stage of a study, with the tiny model, so that no embedded model need be there."""

import pytest

from exempla import catalogue
from exempla.files import read_lines
from exempla.progress import Reporter
from exempla.records import Plan, Record
from exempla.runfolder import RunFolder
from exempla.study import Arm, Study, Writing
from exempla.writing import stage
from exempla.writing.fiction import End, story_end
from exempla.writing.ledger import replies


@pytest.fixture
def study(tiny_model):
    writing = Writing(n=5, writer=str(tiny_model), max_tokens=24, batch=3, seed=7, style="continue")
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
    assert [record.id for record in records] == [f"written-stories-{n:06d}" for n in range(1, 6)]
    sent = {reply.key.split("/")[0]: reply for reply in replies(tmp_path / "corpora/work/replies.jsonl")}
    free = {record.id for record in catalogue.corpus("stories") if not record.touches}
    for plan, record in zip(plans, records, strict=True):
        assert record.corpus == "written" and plan.facts["person"] in record.title
        assert record.principle == plan.principle and record.lineage.plan == plan.id
        assert record.lineage.prompts == {"draft": sent[plan.id].prompt_sha256}
        assert set(record.lineage.parents) <= free  # never one that touches a family
        assert record.lineage.writer == study.writing.writer and sent[plan.id].tokens_out <= 24


@pytest.mark.parametrize("lines", [0, 1, 3, 4])
def test_goes_on_after_torn_lines_with_the_same_records(tmp_path, study, lines):
    folder = RunFolder(tmp_path)
    whole = write(study, folder)
    work = tmp_path / "corpora" / "work"
    for path in (work / "written.jsonl", work / "replies.jsonl"):
        rows = path.read_bytes().splitlines(keepends=True)
        kept = b"".join(rows[:lines])
        path.write_bytes(kept + b"".join(rows)[len(kept) : len(kept) + 40])
    folder.written.unlink()
    assert write(study, folder, goes_on=True) == whole


def test_leftovers_of_other_inputs_are_cleared(tmp_path, study):
    folder = RunFolder(tmp_path)
    whole = write(study, folder)
    other = study.model_copy(update={"writing": study.writing.model_copy(update={"seed": 8})})
    assert write(other, folder) != whole
    assert write(study, folder) == whole


def test_no_writing_no_unit(tmp_path, study):
    assert stage.units(study.model_copy(update={"writing": None}), RunFolder(tmp_path)) == []


def test_story_end():
    assert story_end("He went. THE END\n\nNext", 100) == End(place=9, finish="marker")
    assert story_end("one two three\n\nfour", 3) == End(place=13, finish="length")
    assert story_end("one two\n\nthree", 3) is None
