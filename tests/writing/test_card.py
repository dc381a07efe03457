"""The card and the manifest of a small corpus that was really written, by a server whose stories are full of markup."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt
from markdown_it.token import Token

from exempla import __version__, catalogue
from exempla.authoring import Result, write_corpus
from exempla.files import read_lines
from exempla.progress import Reporter
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import Reply, replies
from exempla.writing.limits import Limits
from exempla.writing.order import Order
from exempla.writing.schedule import Round
from tests import loopback
from tests.loopback import KINDS, Settings, prose, served

TITLE = "<script>alert(1)</script> | [free money](http://evil.example/a) **now** `x` # _y_ &amp; www.evil.example"
MARKUP = """# A heading
A line that becomes a heading
=============================
Another one
---
<script>alert(2)</script> and <img src=x onerror=alert(3)> and <!-- a comment
[a link](http://evil.example/b), ![](http://evil.example/c.png), <http://evil.example/d>, [d]: http://evil.example/e
http://evil.example/f and https://evil.example/g, www.evil.example/h, mailto:a@evil.example, ftp://evil.example
| a | b |
|---|---|
| 1 | 2 |
```html
~~~
* item
+ item
1. item
    indented
&lt;b&gt;\r# after a carriage return"""
KEY = "sk-this-must-be-nowhere"
N = 24


def hostile(settings: Settings, body: dict[str, Any], seed: str) -> str:
    prompt = body["messages"][-1]["content"]
    if "<text>" in prompt:
        return KINDS["score"](settings, prompt.replace(MARKUP, ""), seed)  # quotes are of words, not of signs
    return f"Title: {TITLE}\n\n{MARKUP}\n\n{prose(seed, 60)}"


class Written(NamedTuple):
    folder: CorpusFolder
    order: Order
    result: Result
    text: str
    """The card."""
    front: dict[str, Any]
    """Its front matter."""
    tokens: list[Token]
    """The rest, as a parser of GitHub's Markdown sees it, with HTML allowed and plain addresses made links."""


def order_of(url: str, **more: Any) -> Order:
    fixed = {"recipe": "stories", "n": N, "model": "openai-api/loopback/m", "base_url": url, "words": 60}
    return Order.model_validate(fixed | {"steps": ("draft", "score"), "measure_every": 8, "seed": 5} | more)


def look(folder: CorpusFolder, order: Order, result: Result) -> Written:
    text = folder.card.read_text()
    _, front, rest = text.split("---\n", 2)
    parser = MarkdownIt("gfm-like", {"html": True})
    return Written(folder, order, result, text, yaml.safe_load(front), flat(parser.parse(rest)))


def flat(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *flat(token.children or []))]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    folder = CorpusFolder(tmp_path_factory.mktemp("card") / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(loopback.RULES, "hostile", hostile)
        patch.setenv("LOOPBACK_API_KEY", KEY)
        with served(rule="hostile", scores=(2, 4, 4, 5)) as server:
            order = order_of(server.url)
            result = write_corpus(order, folder.root, Reporter("quiet"), screened=False)
        yield look(folder, order, result)


def table(written: Written, after: str) -> dict[str, str]:
    """The two columns of the table that follows a heading, as the parser sees them."""
    contents = [(token.type, token.content) for token in written.tokens if token.type in ("inline", "table_close")]
    begin = contents.index(("inline", after))
    row = [content for kind, content in contents[begin + 1 : contents.index(("table_close", ""), begin)]]
    return {re.sub(r"[*\\]", "", name): value.strip("*") for name, value in zip(row[0::2], row[1::2], strict=True)}


def test_the_front_matter_is_what_hubs_read(written: Written) -> None:
    assert written.front == {
        "language": "en",
        "license": "other",
        "pretty_name": "stories by exempla",
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "tags": ["synthetic", "alignment", "exempla"],
        "configs": [
            {"config_name": "default", "data_files": "records.parquet"},
            {"config_name": "dropped", "data_files": "dropped.parquet"},
        ],
    }
    data = DatasetCard.load(written.folder.card).data  # the hub's own reader
    assert (data.language, data.pretty_name) == ("en", "stories by exempla")


def test_a_data_loader_finds_both_tables(written: Written, tmp_path: Path) -> None:
    loaded = {
        name: datasets.load_dataset(str(written.folder.root), name, split="train", cache_dir=str(tmp_path))
        for name in ("default", "dropped")
    }
    for name, path in (("default", written.folder.records), ("dropped", written.folder.dropped)):
        assert loaded[name].to_list() == pq.read_table(path).to_pylist() != []
    whole = datasets.load_dataset(str(written.folder.root), cache_dir=str(tmp_path))
    assert list(whole) == ["train"] and whole["train"].num_rows == written.result.kept
    row = loaded["default"][0]
    assert row["title"] == TITLE and row["text"].startswith("# A heading") and json.loads(row["scores"])


def test_counts_agree_with_the_tables(written: Written) -> None:
    kept = pq.read_table(written.folder.records).to_pylist()
    dropped = pq.read_table(written.folder.dropped).to_pylist()
    assert len(kept) + len(dropped) == N and min(len(kept), len(dropped)) > 2
    assert written.result.model_dump() == {
        "kept": len(kept),
        "dropped": Counter(row["reason"] for row in dropped),
        "postponed": {},
        "stopped": "",
    }
    counts = {"planned": str(N), "kept": str(len(kept))}
    counts |= {f"dropped: {reason}": str(count) for reason, count in written.result.dropped.items()}
    assert table(written, "Kept and dropped") == {"": "texts"} | counts


def test_lengths_scores_and_principles_are_those_of_the_kept(written: Written) -> None:
    kept = pq.read_table(written.folder.records).to_pylist()
    words = sorted(len(row["text"].split()) for row in kept)
    lengths = table(written, "Lengths")
    assert (lengths["shortest"], lengths["longest"]) == (str(words[0]), str(words[-1]))
    assert [row["words"] for row in kept] == [len(row["text"].split()) for row in kept]
    principles = Counter(row["principle"] for row in kept)
    assert table(written, "Principles") == {"principle": "texts"} | {k: str(v) for k, v in principles.items()}
    scores = [json.loads(row["scores"]) for row in kept]
    craft = sum(row["craft"] for row in scores) / len(scores)
    assert f"| craft | {craft:.2f} | 3 |" in written.text
    openings = {tuple(row["text"].casefold().split()[:3]) for row in kept}
    assert f"{len(openings)} of {len(kept)} texts begin with three words of their own." in written.text


def test_requests_and_diversity_are_those_of_the_run(written: Written) -> None:
    sent: list[Reply] = list(replies(written.folder.replies))
    assert f"{len(sent)} requests that were answered or given up" in written.text
    rounds = read_lines(written.folder.measurements, Round)
    assert rounds and rounds[-1].measurement.openings
    for one in rounds:
        found = one.measurement
        assert f"| {found.after} | {found.vendi:.0f} of {found.records} | {found.nearest:.2f} |" in written.text
    value = rounds[-1].measurement.openings[0].value
    assert f"- openings: “{value}” {100 * rounds[-1].measurement.openings[0].share:.1f}%" in written.text


def test_generated_text_is_only_text(written: Written) -> None:
    kinds = Counter(token.type for token in written.tokens)
    assert not {"html_block", "html_inline", "link_open", "image", "fence", "hr"} & set(kinds), kinds
    depth, within = 0, set()
    for token in written.tokens:
        depth += token.nesting if token.type.startswith("blockquote") else 0
        within |= {token.type} if depth else set()
    assert within == {"blockquote_open", "paragraph_open", "inline", "text", "softbreak", "paragraph_close"}
    headings = [
        written.tokens[at + 1].content for at, token in enumerate(written.tokens) if token.type == "heading_open"
    ]
    assert [heading for heading in headings if "written-stories" not in heading] == [
        f"stories: {written.result.kept} texts", "Kept and dropped", "What it took", "Lengths", "Scores", "Principles",
        "Diversity", "Some of it", "Limits",
    ]  # fmt: skip
    samples = [heading for heading in headings if "written-stories" in heading]
    assert len(samples) == 3
    shown = "".join(token.content for token in written.tokens if token.type == "text")
    assert shown.count(TITLE) == 3  # every sign of it is there to be read
    assert shown.count("[a link](http://evil.example/b)") == 3
    columns = {line.count("|") for line in re.findall(r"(?m)^\|.*", written.text.split("## Some of it")[0])}
    assert columns <= {3, 4, 9}


def test_the_card_says_what_it_is_and_who_wrote_it(written: Written) -> None:
    assert catalogue.CANARY in written.text and f"exempla {__version__}" in written.text
    assert "Written by `openai-api/loopback/m`" in written.text
    assert "Steps:\ndraft → score. Seed 5, temperature 1.0." in written.text
    assert "a model of the same make judged it" in written.text
    assert "Not complete" not in written.text


def test_the_manifest_holds_what_a_repetition_needs(written: Written) -> None:
    manifest = json.loads(written.folder.manifest.read_text())
    for path in (written.folder.records, written.folder.dropped):
        assert manifest["sha256"][path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Order.model_validate(manifest["order"]) == written.order
    assert manifest["settings"] == json.loads(written.folder.settings.read_text())
    assert {"stories/draft.txt", "pools/genre.txt", "rubrics/stories.txt"} <= set(manifest["settings"]["texts"])
    assert manifest["versions"]["exempla"] == __version__ and manifest["machine"]["cores"]
    assert manifest["command"] and manifest["written"] and "git" in manifest


def test_no_file_holds_the_key(written: Written) -> None:
    files = [path for path in written.folder.root.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_no_file_holds_the_secrets_of_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(rule="writer", words=60, kinds=[["Title: ", "story"]]) as server:
        url = server.url.replace("http://", "http://me:hidden-word@")
        monkeypatch.setattr("sys.argv", ["exempla", "write", "stories", "--n", "1", f"--base-url={url}", "--quiet"])
        order = order_of(url, n=1, steps=("draft",))
        write_corpus(order, tmp_path / "out", Reporter("quiet"), screened=False)
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or b"hidden-word" not in path.read_bytes(), path
    manifest = json.loads(CorpusFolder(tmp_path / "out").manifest.read_text())
    assert manifest["order"]["base_url"] == server.url
    assert manifest["command"][-2:] == [f"--base-url={server.url}", "--quiet"]


def test_a_partial_corpus_says_so_until_it_is_whole(tmp_path: Path) -> None:
    folder = CorpusFolder(tmp_path / "out")
    with served(rule="writer", words=60, kinds=[["<text>", "score"], ["Title: ", "story"]]) as server:
        part = order_of(server.url, in_flight=2, measure_every=0, language="", limits=Limits(requests=11))
        first = look(folder, part, write_corpus(part, folder.root, Reporter("quiet"), screened=True))
        assert 2 <= first.result.kept < N and first.result.stopped == "the limit is reached: 11 requests"
        assert "**Not complete**: the limit is reached: 11 requests. The same command goes on with it." in first.text
        assert table(first, "Kept and dropped")["planned"] == str(N)
        assert table(first, "Kept and dropped")["kept"] == str(pq.read_metadata(folder.records).num_rows)
        assert "Too few texts for a measurement" not in first.text  # none is wanted
        whole = part.model_copy(update={"limits": Limits()})
        second = look(folder, whole, write_corpus(whole, folder.root, Reporter("quiet"), screened=True))
        assert len(server.requests) == 2 * N
    assert second.result.kept == N and "Not complete" not in second.text
    assert "language" not in second.front  # any language was welcome
    assert pq.read_table(folder.dropped).num_rows == 0
    assert [one["config_name"] for one in second.front["configs"]] == ["default"]  # loaders refuse an empty table
    loaded = datasets.load_dataset(str(folder.root), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == pq.read_table(folder.records).to_pylist()


def test_a_language_is_no_truth_value(tmp_path: Path) -> None:
    """YAML reads a bare `no`, which is Norwegian, as false."""
    folder = CorpusFolder(tmp_path / "out")
    (tmp_path / "own").mkdir()
    with served(rule="writer", words=60, kinds=[["Title: ", "story"]]) as server:
        order = order_of(server.url, n=1, steps=("draft",), language="no", prompts=tmp_path / "own")
        result = write_corpus(order, folder.root, Reporter("quiet"), screened=False)
    assert result.dropped == {"language en": 1}
    card = look(folder, order, result)
    assert card.front["language"] == "no"
    assert table(card, "Kept and dropped")["kept"] == "0"
