"""Rows of any form become records; what does not is told of with its place, counted, and nothing else is lost."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from exempla.errors import UserError
from exempla.screening.intake.rows import Columns, Intake
from exempla.screening.intake.shelf import fill
from exempla.screening.intake.sources import files_of, left_aside, rows_of

TEXTS = ["The tide was late.", "The ferry was early; nobody minded.", "Quern counted “sheep”\nand slept."]


def taken(path, **columns):
    intake = Intake(corpus="mine", columns=Columns(**columns))
    rows = (row for file in files_of(path) for row in rows_of(file))
    return list(intake.take(rows)), intake


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_jsonl(folder):
    return lines(folder / "a.jsonl", [{"text": text} for text in TEXTS])


def as_gzip(folder):
    path = folder / "a.jsonl.gz"
    path.write_bytes(gzip.compress(as_jsonl(folder).read_bytes()))
    return path


def as_zstd(folder):
    path = folder / "a.jsonl.zst"
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write(as_jsonl(folder).read_bytes())
    return path


def as_parquet(folder):
    pq.write_table(pa.table({"text": TEXTS}), folder / "a.parquet", row_group_size=2)
    return folder / "a.parquet"


def as_dataset(folder):
    Dataset.from_dict({"text": TEXTS}).save_to_disk(folder / "set")
    return folder / "set"


def as_datasets(folder):
    parts = {"train": Dataset.from_dict({"text": TEXTS[:2]}), "test": Dataset.from_dict({"text": TEXTS[2:]})}
    DatasetDict(parts).save_to_disk(folder / "sets")
    return folder / "sets"


def as_arrow_file(folder):
    table = pa.table({"text": TEXTS})
    with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return folder / "a.arrow"


FORMS = [as_jsonl, as_gzip, as_zstd, as_parquet, as_dataset, as_datasets, as_arrow_file]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_gives_the_same_texts(tmp_path, form):
    records, intake = taken(form(tmp_path))
    assert sorted(one.record.text for one in records) == sorted(TEXTS)
    assert intake.rows == 3 and not intake.problems
    assert all(one.record.lineage.writer == "unknown" for one in records)


def test_a_folder_of_mixed_forms_is_read_whole_and_what_is_not_read_is_told_of(tmp_path):
    as_jsonl(tmp_path)
    as_parquet(tmp_path)
    (tmp_path / "notes.csv").write_text("text\nhello\n")
    records, _ = taken(tmp_path)
    assert len(records) == 6
    assert [path.name for path in left_aside(tmp_path)] == ["notes.csv"]


def test_other_columns_and_ids_are_kept(tmp_path):
    rows = [{"id": "a b/c", "text": TEXTS[0], "source": "x", "n": [1]}, {"id": 7, "text": TEXTS[1]}]
    records, _ = taken(lines(tmp_path / "a.jsonl", rows))
    assert [one.record.id for one in records] == ["a-b-c", "7"]
    assert json.loads(records[0].other) == {"id": "a b/c", "source": "x", "n": [1]}
    assert records[0].place.endswith("a.jsonl:1")


def test_conversations_in_the_forms_that_are_about(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "May I?"}, {"role": "assistant", "content": "No."}]},
        {"conversations": [{"from": "human", "value": "May I?"}, {"from": "gpt", "value": "Yes."}]},
    ]
    (tmp_path / "one").mkdir()
    for number, row in enumerate(rows):
        records, intake = taken(lines(tmp_path / "one" / f"{number}.jsonl", [row]))
        assert [message.role for message in records[-1].record.messages] == ["user", "assistant"], intake.problems


def test_two_rows_of_one_id_are_both_kept_and_told_of(tmp_path):
    rows = [{"id": "a", "text": TEXTS[0]}, {"id": "a", "text": TEXTS[1]}]
    records, intake = taken(lines(tmp_path / "a.jsonl", rows))
    assert [one.record.id for one in records] == ["a", "a+00000002"]
    assert intake.renamed == 1 and "a.jsonl:2" in intake.first_renamed


BROKEN = {
    "null": (b'{"text": null}', "no text: 'text' is empty"),
    "blank": (b'{"text": " \\n"}', "no text: 'text' is blank"),
    "number": (b'{"text": 5}', "no text: 'text' is of type int"),
    "invalid UTF-8": (b'{"text": "caf\xe9"}', "not UTF-8 (byte 14)"),
    "half a pair": (b'{"text": "a \\ud800 b"}', "not Unicode: half a surrogate pair at character 3"),
    "list": (b"[1]", "not a JSON object but list"),
    "no JSON": (b'{"text": }', "not valid JSON"),
    "deep": (b"[" * 200_000, "not valid JSON"),
    "no turns": (b'{"text": "", "messages": []}', "no text"),
    "odd turn": (b'{"messages": [{"role": "cat", "content": "x"}]}', "not a conversation"),
    "user last": (b'{"messages": [{"role": "user", "content": "x"}]}', "not a conversation"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_row_is_skipped_with_its_place_and_the_others_are_read(tmp_path, name):
    line, problem = BROKEN[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "first"}\n' + line + b'\n{"text": "third"}\n')
    records, intake = taken(path)
    assert [one.record.text for one in records] == ["first", "third"]
    assert intake.skipped[0].place == f"{path}:2" and intake.skipped[0].problem.startswith(problem)
    assert sum(intake.problems.values()) == 1 and intake.rows == 3


def test_a_torn_last_line_is_told_of(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "first"}\n{"text": "sec')
    records, intake = taken(path)
    assert len(records) == 1 and "torn" in intake.skipped[0].problem


@pytest.mark.parametrize("form", [as_gzip, as_zstd, as_parquet, as_arrow_file], ids=lambda form: form.__name__)
def test_a_torn_file_is_told_of_and_what_came_before_is_kept(tmp_path, form):
    path = form(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    records, intake = taken(path)
    assert len(records) < 3
    assert sum(intake.problems.values()) == 1 and "damaged or torn" in intake.skipped[0].problem


def test_parquet_with_invalid_utf8_loses_that_row_alone(tmp_path):
    column = pa.array([b"first", b"caf\xe9", b"third"]).cast(pa.binary())
    raw = pa.Array.from_buffers(pa.string(), 3, column.buffers())
    pq.write_table(pa.table({"text": raw}), tmp_path / "a.parquet")
    records, intake = taken(tmp_path / "a.parquet")
    assert [one.record.text for one in records] == ["first", "third"]
    assert intake.skipped[0].place.endswith(":2") and intake.skipped[0].problem.startswith("not UTF-8")


def test_a_document_of_5_mb_is_read(tmp_path):
    records, intake = taken(lines(tmp_path / "a.jsonl", [{"text": "word " * 1_000_000}, {"text": TEXTS[0]}]))
    assert len(records) == 2 and not intake.problems


ODD_COLUMNS = {
    "a huge number": '{"text": "ok", "n": %s}' % ("9" * 5000),
    "half a pair elsewhere": '{"text": "ok", "n": "\\ud800", "title": "\\ud800"}',
    "nested turns": '{"messages": "%s"}' % ("[" * 100_000),
    "no column": '{"other": "x"}',
}


@pytest.mark.parametrize("name", ODD_COLUMNS)
def test_an_odd_row_ends_nothing(tmp_path, name):
    (tmp_path / "a.jsonl").write_text(f'{{"text": "first"}}\n{ODD_COLUMNS[name]}\n{{"text": "third"}}\n')
    records, intake = taken(tmp_path / "a.jsonl")
    assert [one.record.text for one in records][:: 2 if len(records) == 3 else 1] == ["first", "third"]
    assert len(records) + sum(intake.problems.values()) == 3
    fill(tmp_path, records)


def test_what_is_no_part_of_a_record_is_kept_whatever_its_name(tmp_path):
    row = {"text": "ok", "tools": ["x"], "scores": {"q": 0.9}, "corpus": "wiki", "touches": ["a"], "lineage": "none"}
    records, _ = taken(lines(tmp_path / "a.jsonl", [row]))
    assert json.loads(records[0].other) == {key: value for key, value in row.items() if key != "text"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"text": "story"}, "no column 'story'"), ({"id": "key"}, "no column 'key'")],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path, columns, said):
    with pytest.raises(UserError, match=said) as caught:
        taken(lines(tmp_path / "a.jsonl", [{"body": TEXTS[0], "n": 1}] * 2), **{"text": "body", **columns})
    assert "'body'" in str(caught.value) and "a.jsonl:1" in str(caught.value)


def test_no_column_of_text_is_told_of(tmp_path):
    with pytest.raises(UserError, match="--text-column"):
        taken(lines(tmp_path / "a.jsonl", [{"prose": TEXTS[0]}]))


def test_what_cannot_be_a_corpus(tmp_path):
    for path, said in (
        (tmp_path / "none.jsonl", "no such file"),
        (tmp_path, "nothing to read"),
        (lines(tmp_path / "a.csv", []), "not a form"),
    ):
        with pytest.raises(UserError, match=said):
            files_of(path)


def test_scores_of_a_column_decide_which_twin_is_kept(tmp_path):
    rows = [{"text": TEXTS[0], "quality": 0.1}, {"text": TEXTS[0], "quality": 0.9}, {"text": TEXTS[1], "quality": "x"}]
    records, _ = taken(lines(tmp_path / "a.jsonl", rows), score="quality")
    assert [one.score for one in records] == [0.1, 0.9, None]
    (chunk,) = fill(tmp_path, records)
    readings = chunk.readings()
    assert [bool(reading.record) and reading.score for reading in readings] == [0.1, 0.9, 0]


def test_a_shelf_gives_back_what_was_put_on_it(tmp_path):
    rows = [{"id": f"r{n}", "text": f"{n} tides, said Odile. Ana left."} for n in range(1203)]
    records, _ = taken(lines(tmp_path / "a.jsonl", rows))
    chunks = fill(tmp_path, records)
    assert [len(chunk) for chunk in chunks] == [500, 500, 203]
    for chunk in chunks:
        before = chunk.readings()
        words = [reading.whole.hashes.tolist() for reading in before]
        chunk.keep(before)
        assert [reading.whole.hashes.tolist() for reading in chunk.readings()] == words
        assert chunk.reading(3).whole.hashes.tolist() == words[3]
        assert chunk.reading(3).capitals == before[3].capitals == {"Odile": (True, True), "Ana": (False, True)}
        assert chunk.reading(3).record == before[3].record
    assert [one for chunk in chunks for one in chunk.taken()] == records
