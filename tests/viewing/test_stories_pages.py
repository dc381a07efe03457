"""The list, the page of a record, mixes and news, by real HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from exempla import catalogue
from exempla.files import append_lines, fingerprint
from exempla.records import Dropped
from exempla.viewing.opened import open_folder
from exempla.viewing.stories.lineage import Drafts
from exempla.writing.constitution import read_constitution
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import Reply
from tests.viewing.folders import chat, make_corpus, make_run, make_screened, read, story, viewer, write_mix


def links(page: str, **wanted: str) -> list[str]:
    """Where the links of a page lead that have these attributes."""
    return [
        told["href"] or ""
        for tag, told in read(page).tags
        if tag == "a" and all(told.get(name) == value for name, value in wanted.items())
    ]


def titles(page: str) -> list[str]:
    return [text.strip().splitlines()[0] for text in read(page, "row").found]


def test_the_list_counts_filters_and_shows_hits(tmp_path: Path) -> None:
    kept = [story(1, "The boiler hummed. " + "x " * 300 + "All winter a boiler."), story(2, principle="care"), chat(1)]
    root = make_run(tmp_path / "run", kept, [Dropped(record=story(3), gate="tics", reason="too many")]).root
    with viewer(root) as server:
        page = server.page("/")  # leads to the list
        assert titles(page) == ["Story 1", "Story 2", "chat-1", "Story 3"]
        assert "4 records" in page
        assert "/stories?fate=dropped" in links(page)
        dropped = server.page("/stories?fate=dropped")
        assert titles(dropped) == ["Story 3"] and "1 record" in dropped and "of 4" in dropped
        # The chosen value is marked, and its link takes the choice back.
        assert links(dropped, **{"aria-current": "true"})[0] == "/stories?"
        hit = server.page("/stories?q=winter")
        (shown,) = read(hit, "opening").found
        assert shown.startswith("…x x x ") and shown.endswith("x All winter a boiler.") and len(shown) < 130
        assert "<mark>winter</mark>" in hit
        assert "/story/story-001?q=winter#hit" in links(hit)
        assert '<mark id="hit">winter</mark>' in server.page("/story/story-001?q=winter")
        nothing = server.page("/stories?q=nowhere")
        assert titles(nothing) == [] and "Nothing here is all of that" in nothing


def test_the_list_goes_on_where_it_ended(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", [story(number) for number in range(150)]).root
    with viewer(root) as server:
        page = server.page("/stories?sort=longest")
        seen, rows = titles(page), links(page)
        while more := [told["data-rows"] for tag, told in read(page).tags if tag == "a" and "data-rows" in told]:
            page = server.page(more[0] or "")
            assert "<html" not in page
            seen += titles(page)
        assert sorted(seen) == sorted(f"Story {number}" for number in range(150)) and len(rows) > 60
        # The same without a script: the link is a page.
        plain = server.page("/stories")
        after = next(told["href"] for tag, told in read(plain).tags if tag == "a" and "data-rows" in told) or ""
        assert titles(server.page(after))[0] == "Story 60"


def test_a_story_with_its_neighbours_and_its_readers(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", [story(1), story(2, principle="care"), story(3)])
    write_mix(folder, "stories-seed1", ["story-001", "story-003", "story-001"])
    write_mix(folder, "stories-seed2", ["story-001"])
    write_mix(folder, "stories+advice-seed10", ["story-001"])
    (folder.root / "mixes" / "old-seed1.json").write_text('{"of": "another version"}')
    with viewer(folder.root) as server:
        page = server.page("/story/story-001?principle=honesty")
        assert links(page, rel="next") == ["/story/story-003?principle=honesty"]
        assert links(page, rel="prev") == []
        assert links(page, rel="up") == ["/stories?principle=honesty"]
        assert "1 of 2" in page
        assert "/mix/stories-seed1" in links(page) and "/mix/stories%2Badvice-seed10" in links(page)
        assert "2 times" in page
        assert "Say what is true" in page  # the constitution's own words
        assert "it was written from a brief, and has no plan and no drafts" in page
        unread = server.page("/story/story-002")
        assert "No arm read it." in unread
        mixes = server.page("/mixes")
        assert [link for link in links(mixes) if link.startswith("/mix/")] == [
            "/mix/stories-seed1", "/mix/stories-seed2", "/mix/stories%2Badvice-seed10",
        ]  # fmt: skip
        mix = server.page("/mix/stories-seed1")
        order = [link for link in links(mix) if link.startswith("/story/")]
        assert order == ["/story/story-001", "/story/story-003", "/story/story-001"]
        write_mix(folder, "stories-seed2", ["story-002"] * 2500)
        pages = [server.page(f"/mix/stories-seed2?from={first}") for first in ("", "1001", "2001", "9" * 400, "-1")]
        assert [page.count('href="/story/story-002"') for page in pages] == [1000, 1000, 500, 1000, 1000]
        assert ["from=" in page for page in pages] == [True, True, False, True, True]
        assert "/mix/stories-seed2" in links(server.page("/story/story-002"))


def test_a_dropped_record_says_why(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", [], [Dropped(record=story(3), gate="tics", reason="says quiet 9 times")]).root
    with viewer(root) as server:
        page = server.page("/story/story-003")
    assert "dropped by tics" in page and read(page, "reason").found == ["says quiet 9 times"]


def test_a_conversation_is_shown_as_turns_with_its_tools(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", [chat(1)]).root
    with viewer(root) as server:
        page = server.page("/story/chat-1")
    assert read(page).found == ["You help at a desk.", "May I take it?", "No, and this is why."]
    assert [text.split()[0] for text in read(page, "turn").found] == ["system", "user", "assistant"]
    assert "mail_send" in page and "Send a mail." in page


def test_how_a_text_came_to_be(tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus")
    with viewer(tmp_path / "corpus") as server:
        page = server.page("/story/written-stories-000001")
        versions = read(page, "version").found
        assert [text.split()[0] for text in versions] == ["plan", "draft", "critique", "rewrite"]
        assert "a tug" in versions[0] and "It must not lie." in versions[2]
        assert "<del>lied</del>" in page and "<ins>told the truth</ins>" in page
        assert "1 reply not used" in page and "attempt 1" in page and "truncated" in page
        assert "ab" * 32 in page  # the hash of the prompt
        assert "Say what is true" not in page  # nothing says that this was the corpus's constitution
        lost = server.page("/story/written-stories-000002")
        assert "dropped by too short" in lost and "9 words" in lost
        assert [text.split()[0] for text in read(lost, "version").found] == ["plan", "draft"]
        CorpusFolder(tmp_path / "corpus").replies.unlink()
        gone = server.page("/story/written-stories-000001")
        assert "The replies of the writer are not in this folder" in gone


def test_replies_are_found_while_the_ledger_grows(tmp_path: Path) -> None:
    folder = make_corpus(tmp_path / "corpus")
    drafts = Drafts(open_folder(tmp_path / "corpus"))
    assert [said.step for said in drafts.of("stories-000001")] == ["draft", "draft", "critique", "rewrite"]
    assert drafts.of("stories-00000") == [] and drafts.of("") == []
    later = Reply(key="stories-000001/score/1", step="score", text='a "key":"stories-000009/x/1" in a text')
    line = f"[{later.model_dump_json()}]\n"
    with folder.replies.open("a") as stream:
        stream.write(line[:30])
        stream.flush()
        assert len(drafts.of("stories-000001")) == 4
        stream.write(line[30:])
    assert drafts.of("stories-000001")[-1].step == "score"
    assert drafts.of("stories-000009") == []
    folder.replies.write_text(line.replace("stories-000001", "stories-000007"))
    assert drafts.of("stories-000001") == []
    assert [said.step for said in drafts.of("stories-000007")] == ["score"]


def test_a_screened_corpus(tmp_path: Path) -> None:
    make_screened(tmp_path / "screened")
    (tmp_path / "screened" / "screening.html").write_text("<p>The gates")
    with viewer(tmp_path / "screened") as server:
        assert "/screening" in links(server.page("/stories")) and "/mixes" not in links(server.page("/stories"))
        page = server.page("/story/a")
        assert "mine.jsonl:1" in page and "too many" in page and "web" in page
        assert read(server.page("/story/a~2")).found == ["One dropped text."]
        assert server.page("/screening") == "<p>The gates"


def test_news_of_a_run_that_is_being_written(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", [story(1)]).root
    work = CorpusFolder(root / "corpora")
    append_lines(work.written, [story(2)])
    with viewer(root) as server:
        assert 'data-records="2"' in server.page("/stories")
        append_lines(work.written, [story(3), story(4)])
        assert json.loads(server.page("/state")) == {"records": 2, "new": 2, "rewritten": False, "unread": None}
        assert 'data-records="2"' in server.page("/story/story-001")  # nothing moves while one reads
        assert titles(server.page("/stories/rows?after=story-001")) == ["Story 2"]
        assert titles(server.page("/stories?after=story-001")) == ["Story 2"]
        assert titles(server.page("/stories")) == ["Story 1", "Story 2", "Story 3", "Story 4"]
        assert json.loads(server.page("/state")) == {"records": 4, "new": 0, "rewritten": False, "unread": None}


def test_a_file_that_breaks_while_the_viewer_runs_is_named_on_the_page(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", [story(1)]).root
    with viewer(root) as server:
        (root / "corpora" / "kept.jsonl").write_text("nonsense\n")
        page = server.page("/stories", 500)
        assert "kept.jsonl: the line that ends at byte 9 is no JSON object" in page


@pytest.mark.parametrize("made", ["nothing", "missing", "bad name"])
def test_a_command_that_cannot_work_says_so_in_one_line(tmp_path: Path, made: str) -> None:
    folder = tmp_path / "missing" if made == "missing" else tmp_path
    more = ["--who", "../x"] if made == "bad name" else []
    told = subprocess.run(
        [sys.executable, "-m", "exempla", "view", str(folder), "--no-browser", *more],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert told.returncode == 2 and told.stderr.startswith("exempla: ") and told.stderr.count("\n") == 1


def test_the_command_prints_its_address_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    make_run(tmp_path / "run", [story(1)])
    process = subprocess.Popen(
        [sys.executable, "-m", "exempla", "view", str(tmp_path / "run"), "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    address = line.split(": ")[1].split(" ")[0]
    for _ in range(200):
        try:
            with urllib.request.urlopen(address, timeout=10) as reply:
                assert b"Story 1" in reply.read()
            break
        except urllib.error.URLError:
            time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert errors == ""


@pytest.mark.parametrize("own", [True, False])
def test_a_principle_is_told_in_the_words_of_its_own_constitution(tmp_path: Path, own: bool) -> None:
    folder = make_corpus(tmp_path / "corpus")
    shipped = read_constitution(catalogue.constitution_path("default"))
    folder.settings.write_text(json.dumps({"constitution": fingerprint([] if own else list(shipped))}))
    with viewer(tmp_path / "corpus") as server:
        page = server.page("/story/written-stories-000001")
    assert ("its text is not in this folder" in page) == own
    assert ("Say what is true" in page) == (not own)
