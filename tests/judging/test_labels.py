"""Labels from CSV and JSON Lines; whatever is wrong with them is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from exempla.errors import UserError
from exempla.judging.labels import Label, read_labels


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
