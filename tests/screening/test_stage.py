import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_lines, write_lines
from exempla.progress import Reporter
from exempla.records import Dropped, Lineage, Record
from exempla.runfolder import RunFolder
from exempla.screening import stage
from exempla.study import Arm, Study, Writing

GOOD = " ".join(f"word{number}" for number in range(90)) + "."


@pytest.fixture
def library(monkeypatch):
    corpora = {
        "stories": (
            Record(id="s1", corpus="stories", text="A lamp."),
            Record(id="s2", corpus="stories", text="A lamp!"),
        ),
        "neutral": (Record(id="n1", corpus="neutral", text="A goat."),),
        **dict.fromkeys(("dystopian", "documents", "advice", "replay"), ()),
    }
    monkeypatch.setattr(catalogue, "corpus", lambda name: corpora[catalogue.require("corpus", name, corpora)])
    monkeypatch.setattr(catalogue, "items", lambda instrument: ())
    monkeypatch.setattr(catalogue, "families", lambda: ())
    return corpora


def study(writing=None, **mix):
    arms = (Arm(name="base"), Arm(name="a", mix=mix)) if mix else (Arm(name="base"),)
    return Study(name="t", question="?", arms=arms, reference="base", headline="base", writing=writing)


def run(study, folder):
    (unit,) = stage.units(study, folder)
    unit.fingerprint()
    unit.work(Reporter("quiet"))
    return [r.id for r in read_lines(folder.kept, Record)], read_lines(folder.dropped, Dropped)


def test_only_corpora_in_use_are_screened(tmp_path, library):
    kept, dropped = run(study(stories=1.0), RunFolder(tmp_path))
    assert kept == ["s1"] and [(d.record.id, d.gate) for d in dropped] == [("s2", "exact")]


def test_written_records_are_screened_even_if_no_arm_uses_them(tmp_path, library):
    folder = RunFolder(tmp_path)
    made = Lineage(writer="embedded")
    rows = [
        Record(id="w1", corpus="written", text=GOOD, lineage=made),
        Record(id="w2", corpus="written", text="Too short.", lineage=made),
    ]
    write_lines(folder.written, rows)
    folder.finish("write", "stories", "f", 1.0)
    kept, dropped = run(study(Writing(), neutral=1.0), folder)
    assert kept == ["n1", "w1"] and [d.gate for d in dropped] == ["length"]


def test_unfinished_writing_is_not_screened(tmp_path, library):
    with pytest.raises(FileNotFoundError):
        stage.units(study(Writing()), RunFolder(tmp_path))[0].fingerprint()


def test_unknown_corpus_and_missing_writing_are_named(tmp_path, library):
    with pytest.raises(UserError, match="did you mean 'neutral'"):
        run(study(neutrl=1.0), RunFolder(tmp_path))
    with pytest.raises(UserError, match="writes nothing"):
        run(study(written=1.0), RunFolder(tmp_path))


def test_fingerprint_follows_the_records(tmp_path, library):
    (unit,) = stage.units(study(stories=1.0), RunFolder(tmp_path))
    before = unit.fingerprint()
    assert unit.fingerprint() == before
    library["stories"] = (Record(id="s1", corpus="stories", text="A lantern."),)
    assert unit.fingerprint() != before
