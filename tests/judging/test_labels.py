"""Labels from CSV and JSON Lines; whatever is wrong with them is named with its line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest

from exempla.errors import UserError
from exempla.judging import labels
from exempla.judging.labels import Label, keep_row, label_files, read_labels, standing_labels


def written(folder: Path, text: str, name: str = "anna.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "answer,reading,level\na/1,trope,yes\na/2,persona,Detached\n",
        "\ufeffanswer;reading;level\r\na/1;trope;yes\r\na/2;persona;detached",
        "Answer\tLevel\tReading\n\na/1\tyes\ttrope\n\t\t\na/2\t detached \tpersona\n",
        'answer,reading,level,who\n"a/1",trope,yes,\na/2,persona,detached,anna\n',
    ],
)
def test_tables(tmp_path: Path, text: str) -> None:
    assert read_labels(written(tmp_path, text)) == [
        Label(answer="a/1", reading="trope", level="yes", who="anna"),
        Label(answer="a/2", reading="persona", level="detached", who="anna"),
    ]


def test_json_lines(tmp_path: Path) -> None:
    first, second = '{"answer": "a", "reading": "trope", "level": "no", "who": "bo"}', '{"answer": "b", "reading": '
    lines = f'{first}\n\n{second}"trope", "level": "yes"}}\n'
    found = read_labels(written(tmp_path, lines, "eve.jsonl"))
    assert [(one.answer, one.level, one.who) for one in found] == [("a", "no", "bo"), ("b", "yes", "eve")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("answer,reading\na,trope\n", ":1: the heading lacks 'level'"),
        ("a,trope,yes\n", ":1: the heading lacks 'answer'"),
        ("answer,reading,level\na,tropes,yes\n", ":2: unknown reading 'tropes'; did you mean 'trope'"),
        ("answer,reading,level\na,trope,maybe\n", ":2: unknown level 'maybe'; there are no, yes"),
        ("answer,reading,level\na,trope,yes\n\n,trope,no\n", ":4: no answer"),
        ("answer,reading,level\na,trope,\n", ":2: no level"),
        ("answer,reading,level\na,trope\n", ":2: 2 values under 3 headings"),
        ("answer,reading,level,mood\na,trope,yes,x\n", ":2: unknown column 'mood'"),
        ("answer,reading,level\na,trope,yes\na,trope,yes\n", ":3: anna labels trope of a in line 2 already"),
        ('answer,reading,level\n"a\nb",trope,yes\nc,trope,perhaps\n', ":4: unknown level"),
        ('answer,reading,level\n"a"b,trope,yes\n', ":2: not valid CSV"),
        ("answer,reading,level\n", "holds no labels"),
        ("", "holds no labels"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        read_labels(written(tmp_path, text))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_labels(tmp_path / "x.csv")
    (tmp_path / "b.csv").write_bytes(b"answer,reading,level\n\xff\xfe,trope,yes\n")
    with pytest.raises(UserError, match="not a UTF-8 text file"):
        read_labels(tmp_path / "b.csv")
    with pytest.raises(UserError, match=r"c\.jsonl:1: not valid JSON"):
        read_labels(written(tmp_path, "no\n", "c.jsonl"))


def row(answer: str, level: str, at: str = "2026-01-01T00:00:00+00:00", **more: object) -> str:
    return json.dumps({"answer": answer, "reading": "trope", "level": level, "who": "anna", "at": at, **more}) + "\n"


def test_the_later_row_counts_and_one_that_is_taken_back_is_gone(tmp_path: Path) -> None:
    kept = row("a", "no") + row("b", "no") + row("a", "yes", note="at the end", blind=True) + row("b", "", blind=False)
    found = read_labels(written(tmp_path, kept, "anna.jsonl"))
    assert [(one.answer, one.level, one.note, one.blind) for one in found] == [("a", "yes", "at the end", True)]
    again = read_labels(written(tmp_path, kept + row("b", "yes"), "anna.jsonl"))
    assert [(one.answer, one.level) for one in again] == [("a", "yes"), ("b", "yes")]
    with pytest.raises(UserError, match="holds no labels"):
        read_labels(written(tmp_path, row("b", "no") + row("b", ""), "anna.jsonl"))
    table = "answer,reading,level,at\na,trope,no,monday\na,trope,yes,tuesday\n"
    assert [one.level for one in read_labels(written(tmp_path, table))] == ["yes"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (row("a", "no", at="") + row("a", "no"), ":2: anna labels trope of a in line 1 already"),
        (row("a", "no") + row("a", "no", at=""), ":2: anna labels trope of a in line 1 already"),
        (row("a", "", at=""), ":1: no level"),
        (row("a", "no", blind="perhaps"), ":1: unknown value of blind 'perhaps'"),
        (row("a", "no", mood="x"), ":1: unknown column 'mood'"),
    ],
)
def test_rows_of_the_viewer_that_are_wrong(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        read_labels(written(tmp_path, rows, "anna.jsonl"))
    assert words in str(caught.value)


def test_kept_rows_are_read_back_and_a_torn_one_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "labels" / "anna.jsonl"
    first = Label(answer="a", reading="trope", level="yes", who="anna", at="now", note="„so“\n\x00\u202e", blind=True)
    keep_row(path, first)
    with path.open("a") as stream:
        stream.write('{"answer": "torn')
    assert standing_labels(path, torn=True) == [first.model_copy(update={"note": first.note.strip()})]
    second = first.model_copy(update={"answer": "b", "level": "no", "note": ""})
    keep_row(path, second)
    assert [one.answer for one in read_labels(path)] == ["a", "b"] and path.read_text().count("\n") == 2
    keep_row(tmp_path / "labels" / "bo.jsonl", first.model_copy(update={"who": "bo", "level": ""}))
    with path.open("a") as stream:
        stream.write('{"answer": "torn')
    assert label_files(tmp_path / "labels") == [path] and "torn" not in path.read_text()


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels" / "anna.jsonl"

    def keep(number: int) -> None:
        keep_row(path, Label(answer=f"a{number}", reading="trope", level="no", who="anna", at="now", note="x" * 5000))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(40)))
    assert {one.answer for one in read_labels(path)} == {f"a{number}" for number in range(40)}


def test_one_process_waits_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "labels" / "anna.jsonl"
    row_of = Label(answer="a", reading="trope", level="no", who="anna", at="now")
    keep_row(path, row_of)
    monkeypatch.setattr(labels, "PATIENCE", 0.1)
    with filelock.FileLock(path.with_name(".anna.jsonl.lock")):
        for way in (lambda: keep_row(path, row_of), lambda: label_files(path.parent)):
            with pytest.raises(UserError, match="another process has held it"):
                way()
    keep_row(path, row_of.model_copy(update={"answer": "b"}))
    assert len(read_labels(path)) == 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("no folder")
    with pytest.raises(UserError, match=r"anna\.jsonl: cannot be written .*the label was not kept"):
        keep_row(tmp_path / "labels" / "anna.jsonl", Label(answer="a", reading="trope", level="no", who="anna"))
