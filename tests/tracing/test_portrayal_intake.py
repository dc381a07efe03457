"""Reading corpora: no document is lost or doubled, and what cannot be read is counted and named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla.errors import UserError
from exempla.tracing.portrayal import intake
from exempla.tracing.portrayal.intake import Corpus

texts = st.lists(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip), min_size=1, max_size=90
)


def packed(path: Path, data: bytes) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    elif path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(data)
    else:
        path.write_bytes(data)
    return path


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=len(rows) % 2 == 0).encode() + b"\n" for row in rows)


@settings(deadline=None, max_examples=25)
@given(texts, st.sampled_from([".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".arrow"]), st.integers(1, 70))
def test_no_document_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, own: list[str], end: str, size: int
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    rows = [{"id": f"d{place}", "text": text} for place, text in enumerate(own)]
    if end == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=size)
    elif end == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=size)
    else:
        packed(folder / f"a{end}", lines(rows))
    before, intake.BATCH = intake.BATCH, size
    try:
        corpus = Corpus([str(folder)])
        found = list(corpus.documents())
    finally:
        intake.BATCH = before
    assert [(one.id, one.text.decode()) for one in found] == [(row["id"], row["text"]) for row in rows]
    assert [one.number for one in found] == list(range(len(rows))) and not corpus.counts
    assert [one.text for one in corpus.documents()] == [one.text for one in found]


def test_a_folder_of_plain_texts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    packed(tmp_path / "in" / "b.txt.gz", "Zwei Röhren.".encode())
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfOne.")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    found = list(Corpus([str(tmp_path)]).documents())
    assert [one.text.decode() for one in found] == ["One.", "Zwei Röhren."]


def test_what_cannot_be_read_is_counted_and_named(tmp_path: Path) -> None:
    good = b'{"text": "A robot spoke."}\n'
    (tmp_path / "a.jsonl").write_bytes(
        good + b"{torn\n[1]\n" + b'{"text": ""}\n{"text": 5}\n\xff\xfe\n' + good + b'{"text": "to'
    )
    (tmp_path / "b.txt").write_bytes(b"")
    (tmp_path / "c.txt").write_bytes(b"GIF\0\1")
    (tmp_path / "d.txt").write_bytes(b"caf\xe9")
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(good * 2000)[:-30])
    (tmp_path / "f.parquet").write_bytes(b"PAR1 no")
    corpus = Corpus([str(tmp_path)])
    found = list(corpus.documents())
    assert sum("a.jsonl" in one.place for one in found) == 2
    assert corpus.counts == {
        "not valid JSON": 1,
        "not a JSON object": 1,
        "no text": 2,
        "not UTF-8": 2,
        "a torn line": 1,
        "empty": 1,
        "binary": 1,
        "damaged or torn": 2,
    }
    assert any("f.parquet" in one.place for one in corpus.problems)


def test_a_file_that_changes_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "One."}\n' * 3)
    corpus = Corpus([str(path)])
    documents = corpus.documents()
    next(documents)
    with path.open("ab") as stream:
        stream.write(b'{"text": "More."}\n')
    list(documents)
    assert corpus.counts == {"changed while it was read": 1}


def test_conversations_and_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "I am a robot"}]
    path.write_bytes(lines([{"messages": turns, "story": "Else", "key": 7}]))
    assert next(Corpus([str(path)], "messages").documents()).text == b"Hello\n\nI am a robot"
    named = next(Corpus([str(path)], "story", "key").documents())
    assert (named.text, named.id) == (b"Else", "7")
    with pytest.raises(UserError, match="--text-column: there are 'messages', 'story', 'key'"):
        next(Corpus([str(path)], "prose").documents())
    with pytest.raises(UserError, match="no column 'name'"):
        next(Corpus([str(path)], "story", "name").documents())


def test_nothing_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        Corpus([str(tmp_path / "none.jsonl")])
    with pytest.raises(UserError, match="nothing to read"):
        Corpus([str(tmp_path)])
    (tmp_path / "a.pickle").write_bytes(b"")
    with pytest.raises(UserError, match="not a form"):
        Corpus([str(tmp_path / "a.pickle")])


def test_a_shipped_corpus_by_name() -> None:
    found = list(Corpus(["replay"]).documents())
    assert len(found) > 100 and found[0].id == "replay-001"


def test_several_sources_are_one_corpus(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([{"text": "One."}, {"text": "Two.", "id": "two"}]))
    found = list(Corpus(["replay", str(path), "dystopian"]).documents())
    assert [one.number for one in found] == list(range(len(found)))
    place = next(number for number, one in enumerate(found) if one.text == b"One.")
    assert [one.id for one in found[place : place + 2]] == [f"row-{place + 1:08d}", "two"]
    assert found[place - 1].id.startswith("replay-") and found[-1].id.startswith("dystopian-")
