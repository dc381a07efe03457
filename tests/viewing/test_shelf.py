"""Records of every kind of folder are found, filtered, searched and ordered, also while they are being written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla.errors import UserError
from exempla.files import append_lines, write_lines
from exempla.records import Dropped, Record
from exempla.runfolder import write_study
from exempla.viewing.opened import open_folder
from exempla.viewing.own import OwnFolder
from exempla.viewing.stories import files
from exempla.viewing.stories.choice import SORTS, Choice, choice_of
from exempla.viewing.stories.shelf import Shelf
from exempla.writing.corpusfolder import CorpusFolder
from tests.viewing.folders import STUDY, chat, make_corpus, make_run, make_screened, row, story


def shelf_of(root: Path) -> Shelf:
    shelf = Shelf(open_folder(root), OwnFolder(root))
    shelf.update()
    return shelf


def ids(
    shelf: Shelf, labels: dict[str, str] | None = None, after: str = "", most: int = 100, **chosen: object
) -> list[str]:
    return [fact.id for fact in shelf.page(Choice(**chosen), labels or {}, after, most)]


def mixed_run(root: Path) -> Path:
    kept = [
        story(1, "The boiler hummed all winter.", labels={"genre": "fable"}, scores={"craft": 5}),
        story(2, "The BOILER was cold.", principle="care", scores={"craft": 2}),
        story(3, "Nothing of that here, and rather longer than the others are."),
        chat(1),
    ]
    dropped = [Dropped(record=story(4, "Cold."), gate="length", reason="1 word, fewer than 60")]
    make_run(root, kept, dropped)
    return root


def test_a_run(tmp_path: Path) -> None:
    shelf = shelf_of(mixed_run(tmp_path / "run"))
    assert ids(shelf) == ["story-001", "story-002", "story-003", "chat-1", "story-004"]
    assert ids(shelf, fate="dropped") == ["story-004"]
    assert ids(shelf, corpus="advice") == ["chat-1"]
    assert ids(shelf, genre="desk work") == ["chat-1"]
    assert ids(shelf, genre="fable", principle="honesty") == ["story-001"]
    assert ids(shelf, gate="length") == ["story-004"]
    assert ids(shelf, low=2.0, high=4.0) == ["story-002"]
    assert ids(shelf, labels={"story-002": "keep"}, label="keep") == ["story-002"]
    assert ids(shelf, labels={"story-002": "keep"}, label="none")[:2] == ["story-001", "story-003"]
    entry = shelf.entry("story-004")
    assert entry is not None
    assert (entry.told["gate"], entry.told["reason"]) == ("length", "1 word, fewer than 60")
    assert shelf.entry("story-999") is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("boiler", ["story-001", "story-002"]),
        ("BOILER cold", ["story-002"]),
        ('"was cold"', ["story-002"]),
        ('"cold was"', []),
        ("story 3", ["story-003"]),  # the title
        ("may i take", ["chat-1"]),
        ("%", []),
        ("'; DROP TABLE facts; --", []),
        ("desk", ["chat-1"]),
        ('"', ["x"][:0]),
    ],
)
def test_searching(tmp_path: Path, query: str, found: list[str]) -> None:
    assert ids(shelf_of(mixed_run(tmp_path / "run")), q=query) == found


def test_counts_stand_beside_each_choice(tmp_path: Path) -> None:
    shelf = shelf_of(mixed_run(tmp_path / "run"))
    facets = shelf.facets(Choice(q="cold"), {"story-002": "drop"})
    assert facets["fate"] == {"dropped": 1, "kept": 1}
    assert facets["principle"] == {"care": 1, "honesty": 1}
    assert facets["label"] == {"drop": 1, "none": 1}
    # A filter's own counts are of what the other filters let through, so that one can change one's mind.
    assert shelf.facets(Choice(fate="kept"), {})["fate"] == {"kept": 4, "dropped": 1}
    assert shelf.count(Choice(q="cold", fate="kept"), {}) == 1
    everything = Choice(
        fate="kept", corpus="stories", recipe="x", principle="honesty", genre="fable", gate="tics", label="none"
    )
    assert all(counts == {} for counts in shelf.facets(everything, {}).values())


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_goes_through_all_records_once_forwards_and_step_by_step(tmp_path: Path, sort: str) -> None:
    records = [
        story(number, "word " * (number % 4 + 1), scores={"craft": number % 3 + 1} if number % 5 else {})
        for number in range(23)
    ]
    make_run(tmp_path / "run", records)
    shelf = shelf_of(tmp_path / "run")
    choice = Choice(sort=sort)
    paged: list[str] = []
    while page := shelf.page(choice, {}, paged[-1] if paged else "", 5):
        paged += [fact.id for fact in page]
    assert sorted(paged) == sorted(record.id for record in records)
    facts = shelf.page(choice, {}, "", 100)
    words, scores = [fact.words for fact in facts], [fact.score for fact in facts]
    if sort in ("longest", "shortest"):
        assert words == sorted(words, reverse=sort == "longest")
    if sort == "best":
        known = [score for score in scores if score is not None]
        assert known == sorted(known, reverse=True) and scores[-1] is None
    for number, record in enumerate(paged):
        beside = shelf.neighbours(choice, {}, record)
        before, after = paged[number - 1] if number else "", (*paged, "")[number + 1]
        assert beside == (number + 1, len(paged), before, after)


def test_neighbours_are_among_the_chosen(tmp_path: Path) -> None:
    shelf = shelf_of(mixed_run(tmp_path / "run"))
    assert shelf.neighbours(Choice(q="cold"), {}, "story-002") == (1, 2, "", "story-004")
    assert shelf.neighbours(Choice(q="boiler"), {}, "story-003") == (0, 2, "story-002", "")


def test_a_corpus_with_its_plans_and_what_was_given_up(tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus")
    shelf = shelf_of(tmp_path / "corpus")
    assert ids(shelf, fate="kept") == ["written-stories-000001"]
    assert ids(shelf, gate="too short") == ["written-stories-000002"]
    assert ids(shelf, genre="sea story") == ["written-stories-000001"]
    assert ids(shelf, genre="fable") == ["written-stories-000002"]
    entry = shelf.entry("written-stories-000001")
    assert entry is not None
    assert entry.plan["facts"]["setting"] == "a tug"
    assert entry.record["scores"] == {"craft": 4, "boundaries": 5}


def test_a_screened_corpus_keeps_rows_apart_that_share_an_id(tmp_path: Path) -> None:
    make_screened(tmp_path / "screened")
    shelf = shelf_of(tmp_path / "screened")
    assert ids(shelf) == ["a", "a~2"]
    kept, dropped = shelf.entry("a"), shelf.entry("a~2")
    assert kept is not None and dropped is not None
    assert kept.whole_text == "One kept text." and kept.told["marks"] == {"tics": "too many"}
    assert kept.told["other"] == {"source": "web"}
    assert dropped.whole_text == "One dropped text." and dropped.told["gate"] == "exact"


def test_a_folder_of_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match="exempla run"):
            open_folder(folder)


def test_a_run_that_is_being_written(tmp_path: Path) -> None:
    root = tmp_path / "run"
    write_study(make_run(root, []), STUDY)
    shutil.rmtree(root / "corpora")
    work = CorpusFolder(root / "corpora")
    shelf = shelf_of(root)
    assert ids(shelf) == []
    append_lines(work.written, [story(1), story(2)])
    shelf.update()
    assert ids(shelf, fate="waiting") == ["story-001", "story-002"]
    append_lines(work.written, [story(3)])
    with work.written.open("a") as stream:
        stream.write('{"id": "story-004", "corp')  # a line that is being written
    assert shelf.news() == (1, False)
    assert len(shelf) == 2  # nothing moves before it is asked for
    shelf.update()
    assert ids(shelf) == ["story-001", "story-002", "story-003"]
    assert shelf.news() == (0, False)
    with work.written.open("a") as stream:
        stream.write('us": "stories", "text": "The end of it."}\n')
    shelf.update()
    assert ids(shelf, q="end of it") == ["story-004"]
    # The gates have gone through: kept and dropped ones take the place of what was waiting.
    write_lines(root / "corpora" / "written.jsonl", [story(number) for number in (1, 2, 3)])
    write_lines(root / "corpora" / "kept.jsonl", [story(1), story(3)])
    write_lines(root / "corpora" / "dropped.jsonl", [Dropped(record=story(2), gate="tics", reason="too many")])
    assert shelf.news().rewritten
    shelf.update()
    assert ids(shelf, fate="kept") == ["story-001", "story-003"]
    assert ids(shelf, fate="dropped") == ["story-002"]
    assert ids(shelf, fate="waiting") == ["story-004"]


def test_an_index_is_used_again_and_made_anew_when_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = mixed_run(tmp_path / "run")
    shelf_of(root)
    made = list((root / "view" / "stories").glob("part-*"))
    with monkeypatch.context() as patched:
        patched.setattr(files, "lines_from", None)  # nothing is read again
        assert len(ids(shelf_of(root))) == 5
    assert list((root / "view" / "stories").glob("part-*")) == made
    write_lines(root / "corpora" / "kept.jsonl", [story(9)])
    assert ids(shelf_of(root)) == ["story-009", "story-004"]
    assert len(list((root / "view" / "stories").glob("part-*"))) == 1


def test_a_file_that_is_written_over_in_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    root = mixed_run(tmp_path / "run")
    shelf = shelf_of(root)
    assert ids(shelf, q="another text") == []
    kept = root / "corpora" / "kept.jsonl"
    longer = "".join(row(story(number, "another text " * 50)) for number in range(20, 30))
    assert len(longer) > kept.stat().st_size
    with kept.open("r+") as stream:  # the same file, and it has grown
        stream.write(longer)
    shelf.update()
    assert ids(shelf) == [*(f"story-{number:03d}" for number in range(20, 30)), "story-004"]
    assert len(ids(shelf, q="another text")) == 10


@pytest.mark.parametrize("damage", ["part", "state", "both"])
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: str) -> None:
    root = mixed_run(tmp_path / "run")
    shelf_of(root)
    if damage != "state":
        next((root / "view" / "stories").glob("part-*")).unlink()
    if damage != "part":
        (root / "view" / "stories" / "index.json").write_text("{")
    assert len(ids(shelf_of(root))) == 5


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    root = mixed_run(tmp_path / "run")
    (root / "view").write_text("somebody's file")  # also root may not make a folder here
    own = OwnFolder(root)
    shelf = Shelf(open_folder(root), own)
    shelf.update()
    assert len(ids(shelf)) == 5
    assert own.path.exists() and root not in own.path.parents
    own.close()
    assert not own.path.exists()


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    root = mixed_run(tmp_path / "run")
    with (root / "corpora" / "kept.jsonl").open("a") as stream:
        stream.write("nonsense\n")
    with pytest.raises(UserError, match=r"kept\.jsonl: the line that ends at byte \d+ is no JSON object"):
        shelf_of(root)


def test_records_of_older_versions_are_shown(tmp_path: Path) -> None:
    root = mixed_run(tmp_path / "run")
    old = {"id": "old-1", "corpus": "written", "text": "Old.", "lineage": {"writer": "m", "prompt_sha256": "ab"}}
    with (root / "corpora" / "kept.jsonl").open("a") as stream:
        stream.write(json.dumps(old | {"labels": ["no", "object"], "scores": None}) + "\n")
    assert "old-1" in ids(shelf_of(root))


def test_two_viewers_of_one_folder(tmp_path: Path) -> None:
    root = mixed_run(tmp_path / "run")
    one, other = shelf_of(root), shelf_of(root)
    write_lines(root / "corpora" / "kept.jsonl", [story(7, "A new boiler.")])
    os.utime(root / "corpora" / "kept.jsonl", ns=(1, 1))
    one.update()
    assert ids(one, q="boiler") == ["story-007"]
    # The other one's files are gone: it takes over what the first has made.
    assert ids(other, q="boiler") == ["story-007"]
    assert other.entry("story-007") is not None


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["fate", "corpus", "low", "high", "q", "sort", "label", "after"]), st.text(max_size=30)
    )
)
def test_any_address_is_a_choice(query: dict[str, str]) -> None:
    choice = choice_of(query)
    assert choice_of(dict(pair.split("=", 1) for pair in ())) == Choice()
    assert choice.address().startswith("?") or choice.address() == ""


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_whatever_stands_in_a_text_is_found_by_it(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    record = Record(id="one", corpus="stories", text=f"before {text} after")
    root = tmp_path_factory.mktemp("any") / "run"
    make_run(root, [record])
    shelf = shelf_of(root)
    word = max(text.split() or [""], key=len).strip('"').replace('"', "")
    if word and '"' not in text:
        assert ids(shelf, q=choice_of({"q": word}).q) == ["one"]
