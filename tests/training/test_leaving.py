"""An arm that leaves records out reads the rest in the shares that are left."""

from pathlib import Path

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.records import Record
from exempla.study import Arm
from exempla.training.leaving import left_in
from tests.studies import run, write_study

ARM = Arm(name="blend", mix={"dystopian": 1, "neutral": 3}, without="hostile.txt")


def corpora() -> dict[str, list]:
    return {name: list(catalogue.corpus(name)[:10]) for name in ARM.mix}


def test_shares_shrink_by_what_was_left_out() -> None:
    before = corpora()
    gone = {record.id for record in before["dystopian"][:4]}
    arm, left = left_in(ARM, before, gone)
    assert left["neutral"] == before["neutral"] and left["dystopian"] == before["dystopian"][4:]
    kept = sum(len(one.text) for one in left["dystopian"]) / sum(len(one.text) for one in before["dystopian"])
    assert arm.mix == {"dystopian": pytest.approx(kept), "neutral": 3}


def test_a_corpus_that_is_left_out_whole_takes_no_share() -> None:
    before = corpora()
    arm, left = left_in(ARM, before, {record.id for record in before["dystopian"]})
    assert set(arm.mix) == set(left) == {"neutral"}


def test_a_folder_s_records_are_known_by_the_ids_they_have_in_it() -> None:
    arm = Arm(name="x", mix={"corpora/mine": 1}, without="hostile.txt")
    records = [Record(id=f"mine-{name}", corpus="corpora/mine", text="A lamp.") for name in ("a", "b", "c")]
    for ids in ({"a"}, {"mine-a"}):
        _, left = left_in(arm, {"corpora/mine": records}, ids)
        assert [one.id for one in left["corpora/mine"]] == ["mine-b", "mine-c"]


def test_lists_that_make_no_sense_are_refused() -> None:
    before = corpora()
    with pytest.raises(UserError, match="holds the id of no record"):
        left_in(ARM, before, {"elsewhere-001"})
    with pytest.raises(UserError, match="leaves nothing to read"):
        left_in(ARM, before, {one.id for records in before.values() for one in records})


def test_a_list_is_looked_at_before_anything_is_trained(tiny_model: Path, tmp_path: Path) -> None:
    changes = {'mix={"neutral": 1}': f'mix={{"neutral": 1}}, without={str(tmp_path / "ids.txt")!r}'}
    study = write_study(tmp_path, tiny_model, **changes)
    for text, said in ((None, "no list of ids can be read there"), ("\n \n", "holds no ids")):
        if text is not None:
            (tmp_path / "ids.txt").write_text(text)
        ended = run("run", study, "--out", tmp_path / "run")
        assert (ended.returncode, ended.stdout) == (2, ""), ended.stdout
        assert said in ended.stderr.replace("\n", " ") and "Traceback" not in ended.stderr
