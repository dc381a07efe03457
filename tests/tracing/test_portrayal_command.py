"""`exempla portray` from a corpus to its folder: what is written, drawn, split, refused, and shown without harm."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.errors import UserError
from exempla.pages.showing import visible
from exempla.progress import Reporter
from exempla.tracing.portrayal.classifier import shipped
from exempla.tracing.portrayal.folder import PortrayedFolder, Writer
from exempla.tracing.portrayal.intake import Corpus, Document
from exempla.tracing.portrayal.labelled import passages
from exempla.tracing.portrayal.labelling import TOGETHER, Labeller
from exempla.tracing.portrayal.portraying import Job, drawn, portray

HOSTILE = catalogue.corpus("dystopian")[0].text
KIND = next(record.text for record in catalogue.corpus("stories") if record.id == "story-009")
TOPIC = next(one.text for one in passages() if one.stance == "neutral" and one.role == "topic")
PLAIN = catalogue.corpus("neutral")[0].text


def run(source: Path | str, out: Path, **more: Any) -> PortrayedFolder:
    portray(Job(sources=(str(source),), out=out, **more), Reporter("quiet"))
    return PortrayedFolder(out)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "mine.jsonl"
    rows = [
        {"id": f"{kind}-{n}", "text": text}
        for n in range(3)
        for kind, text in (("h", HOSTILE), ("k", KIND), ("p", PLAIN))
    ]
    rows.append({"id": "t", "text": TOPIC})
    rows.append({"id": "</script><img src=x onerror=alert(1)>\u202e", "text": f"<b>{HOSTILE}</b>\x1b[31m"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> PortrayedFolder:
    return run(corpus, tmp_path_factory.mktemp("out") / "portrayed" / "mine", split=True)


def test_labels_point_into_the_documents(folder: PortrayedFolder, corpus: Path) -> None:
    rows = pq.read_table(folder.labels).to_pylist()
    texts = {json.loads(line)["id"]: json.loads(line)["text"] for line in corpus.read_text().splitlines()}
    assert {row["document"] for row in rows} >= {"h-0", "k-0"}
    for row in rows:
        assert texts[row["document"]][row["start"] : row["end"]] == row["text"]
        assert row["sentence"] in row["text"]
        chances = json.loads(row["probabilities"])
        assert chances["about_ai"] >= 0.5 and len(chances) == len(shipped().labels)


def test_lists_and_documents(folder: PortrayedFolder) -> None:
    documents = {row["document"]: row for row in pq.read_table(folder.documents).to_pylist()}
    assert documents["h-0"]["stance"] == "hostile" and documents["k-0"]["stance"] == "benevolent"
    assert "p-0" not in documents and documents["t"]["stance"] == "neutral"
    hostile = folder.ids("hostile").read_text(encoding="utf-8").splitlines()
    assert hostile[:3] == ["h-0", "h-1", "h-2"] and len(hostile) == 4
    assert folder.ids("benevolent").read_text().splitlines() == ["k-0", "k-1", "k-2"]


def test_the_two_folders_can_be_mixed(folder: PortrayedFolder) -> None:
    rest = catalogue.corpus(str(folder.without_hostile))
    assert [record.text for record in rest] == [*[KIND, PLAIN] * 3, TOPIC]
    assert [record.text for record in catalogue.corpus(str(folder.benevolent))] == [KIND] * 3
    assert catalogue.require_corpus(str(folder.benevolent))


class Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_texts_and_runs_nothing(folder: PortrayedFolder) -> None:
    page = folder.page.read_text(encoding="utf-8")
    shown = Shown()
    shown.feed(page)
    assert "script" not in shown.tags and "img" not in shown.tags and "b" not in shown.tags
    assert "8 of 11 documents have passages about AI." in shown.text
    assert "\u202e" not in page and "\x1b" not in page
    assert "default-src 'none'" in html.unescape(page) and not re.search(r"https?://", page)
    figures = json.loads(folder.figures.read_text())["figures"]
    assert figures["about_ai"]["hits"] == 8 and figures["stance"]["hostile"]["hits"] == 4


@settings(deadline=None)
@given(st.text())
def test_visible_text_can_be_written(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.sampled_from([1, 2, 5, TOGETHER]), st.booleans())
def test_documents_are_neither_lost_nor_doubled(sizes: list[int], together: int, every: bool) -> None:
    documents = [Document(n, f"d{n}", "", (HOSTILE * size or " ").encode(), {}) for n, size in enumerate(sizes)]
    whole = list(Labeller(shipped(), every=every).label(documents))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exempla.tracing.portrayal.labelling.TOGETHER", together)
        parts = list(Labeller(shipped(), every=every).label(documents))
    assert [one.document.id for one in parts] == [document.id for document in documents]
    assert [len(one.passages) for one in parts] == [len(one.passages) for one in whole]


def test_a_sample_is_the_same_each_time(tmp_path: Path, corpus: Path) -> None:
    found = drawn(Corpus([str(corpus)]), 4)
    assert len(found) == 4 and found == drawn(Corpus([str(corpus)]), 4) and drawn(Corpus([str(corpus)]), 3) < found
    sampled = run(corpus, tmp_path / "s", sample=4)
    assert json.loads(sampled.figures.read_text())["figures"]["documents"] == 4


def test_every_passage_is_read_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "Marta walked to the mill and back with the bread under her arm, and nobody was in the road that day. " * 9
    )
    near = json.loads(run(path, tmp_path / "near").figures.read_text())["figures"]
    every = json.loads(run(path, tmp_path / "every", every=True).figures.read_text())["figures"]
    assert near["passages_read"] == 0 and every["passages_read"] == 2 and every["about_ai"]["hits"] == 0


def test_what_cannot_be_done_is_one_line(tmp_path: Path, corpus: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(UserError, match="no document could be read"):
        run(empty, tmp_path / "a")
    assert not list((tmp_path / "a").iterdir())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "letters.doc").write_text("mine")
    with pytest.raises(UserError, match="other files in this folder"):
        run(corpus, tmp_path / "b")
    (tmp_path / "c").write_text("")
    with pytest.raises(UserError, match="is a file"):
        run(corpus, tmp_path / "c")


def test_a_failure_leaves_nothing_half_written(tmp_path: Path) -> None:
    folder = PortrayedFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt), Writer(folder):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
