"""What a newcomer stumbled over: labels before a name, folders that cannot be written to, runs that end or change."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from exempla.cli import app
from exempla.errors import UserError
from exempla.judging.labels import read_labels
from exempla.viewing.answering import index as indexing
from exempla.viewing.labels import keeping
from exempla.viewing.labels.stories import labels_of
from tests.judging.made import made
from tests.viewing.answers_made import CELLS, measured_folder, read_all, run_with_answers
from tests.viewing.folders import Open, make_corpus, make_run, row, story, viewer, write_mix
from tests.viewing.test_labels import FORM, goes, post


def tabs(one: Open) -> list[str]:
    nav = re.findall(r'(?s)<nav class="tabs".*?</nav>', one.page("/"))[0]
    return re.findall(r">(\w+)</a>", nav)


def held(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def tells(one: Open, name: str, **fields: str) -> httpx.Response:
    """The form of the name, sent."""
    headers = {"origin": one.address, "sec-fetch-site": "same-origin", "content-type": FORM}
    return one.client.post("/who", content=urlencode(fields | {"who": name}), headers=headers)


def test_a_label_waits_for_the_name(tmp_path: Path) -> None:
    make_run(tmp_path, [story(number) for number in range(3)])
    with viewer(tmp_path, who="") as one:
        asked = post(one, "/label/story/story-000", label="drop", note="<dull>", choice="?q=lamp")
        assert asked.status_code == 200 and "&lt;dull&gt;" in asked.text and "<dull>" not in asked.text
        wrong = tells(one, "a b", **held(asked.text.replace("&lt;dull&gt;", "dull")))
        assert wrong.status_code == 400 and "at most 40 letters" in wrong.text
        fields = held(wrong.text)
        assert fields == {"again": "/label/story/story-000", "choice": "?q=lamp", "label": "drop", "note": "dull"}
        named = tells(one, "ada", **fields)
        assert named.status_code == 307 and named.headers["location"] == "/label/story/story-000"
        at = goes(post(one, named.headers["location"], "ada", **fields))
        assert at == "/story/story-001?q=lamp"
    label = labels_of(tmp_path, "ada")["story-000"]
    assert (label.label, label.note) == ("drop", "dull")


@pytest.mark.parametrize("again", ["//elsewhere.example/label/", "https://elsewhere.example", "/stories", ""])
def test_a_form_is_sent_again_to_labels_alone(tmp_path: Path, again: str) -> None:
    make_run(tmp_path, [story(1)])
    with viewer(tmp_path, who="") as one:
        assert goes(tells(one, "ada", again=again)) == "/"


def test_a_label_of_an_answer_waits_too(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(1, "x")])
    with viewer(tmp_path / "m", who="") as one:
        (token,) = set(re.findall(r"/answers/(\w{20})", one.page("/answers")))
        fields = held(post(one, f"/label/trope/{token}", level="yes", blind="false").text)
        named = tells(one, "ada", **fields)
        goes(post(one, named.headers["location"], "ada", **fields))
    (label,) = read_labels(folder.labels / "ada.jsonl")
    assert (label.level, label.blind) == ("yes", False)


def test_the_open_page_shows_keys_for_every_reading(tmp_path: Path) -> None:
    answers = [made(1, "one two three four")]
    measured_folder(tmp_path / "m", answers, read_all(answers))
    with viewer(tmp_path / "m") as one:
        (token,) = set(re.findall(r"/answers/(\w{20})", one.page("/answers")))
        page = one.page(f"/answers/{token}")
        assert '<script src="/static/labels.js"' in page
        for section in re.findall(r'(?s)<section class="read".*?</section>', page):
            assert re.findall(r'data-key="(\w)"', section)[:3] in (["1", "2", "n"], ["1", "2", "3"])


@pytest.mark.parametrize("all_there", [True, False])
def test_a_finished_run_says_that_no_arm_read_a_record(tmp_path: Path, all_there: bool) -> None:
    run = make_run(tmp_path, [story(0), story(1)])
    for cell in CELLS[1 : 3 if all_there else 2]:
        write_mix(run, cell, ["story-000"])
    with viewer(tmp_path) as one:
        page = one.page("/story/story-001")
        assert ("No arm read it." in page) is all_there and ("so far" in page) is not all_there


def test_the_tab_of_labelling_needs_answers_in_a_run(tmp_path: Path) -> None:
    make_run(tmp_path / "quick", [story(0)])
    run_with_answers(tmp_path / "run", 4)
    make_corpus(tmp_path / "corpus")
    for name, there in (("quick", False), ("run", True), ("corpus", True)):
        with viewer(tmp_path / name) as one:
            assert ("Labelling" in tabs(one)) is there, name


def test_half_a_line_of_the_gates_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, [story(0)])
    run.written.write_text(row(story(0)) + row(story(1)))
    with viewer(tmp_path) as one:
        assert "not screened yet" in one.page("/story/story-001") and "half a line" not in one.page("/story/story-001")
        with run.kept.open("a") as stream:
            stream.write(row(story(1))[:40])
        assert "corpora/kept.jsonl ends in half a line: it is being written" in one.page("/story/story-001")
        assert "half a line" not in one.page("/story/story-000")


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [
        (errno.EACCES, 403, "this account may not write there"),
        (errno.EROFS, 403, "the file system is read-only"),
        (errno.ENOSPC, 507, "the disk is full"),
        (errno.EIO, 507, os.strerror(errno.EIO)),
    ],
)
def test_why_a_label_was_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int, says: str
) -> None:
    run_with_answers(tmp_path / "run", 4)

    def refuse(path: Path, mode: int = 0, parents: bool = False, exist_ok: bool = False) -> None:
        raise OSError(number, os.strerror(number), str(path))

    with viewer(tmp_path / "run") as one:
        at = goes(one.client.get("/label/trope"))
        monkeypatch.setattr(Path, "mkdir", refuse)
        for reply in (
            post(one, at, level="yes", blind="true"),
            post(one, "/label/story/story-000", label="keep"),
        ):
            assert reply.status_code == status and f"The label was not kept: {says}" in reply.text
            # Neither the lock nor the folder, which would tell the arm.
            assert ".lock" not in reply.text and not any(f"honeypots/{cell}" in reply.text for cell in CELLS)


def test_a_folder_without_permission_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, [story(0)])
    with viewer(tmp_path) as one:
        assert "labels cannot be kept here" not in one.page("/stories")
    monkeypatch.setattr(keeping.os, "access", lambda path, mode: Path(path) != tmp_path)
    with viewer(tmp_path) as one:
        assert "labels cannot be kept here" in one.page("/stories")


def test_the_name_of_the_command(tmp_path: Path) -> None:
    make_run(tmp_path, [story(0)])
    for wrong in ("", "é", "a b"):
        with pytest.raises(UserError, match=r"letters \(a to z\)"):
            app(["view", str(tmp_path), "--no-browser", "--who", wrong], standalone_mode=False)


@pytest.mark.parametrize("looked", [0.0, 3600.0])
def test_answers_that_vanish_are_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked: float) -> None:
    """Whether the files are looked at again first, or the reading itself finds nothing."""
    run_with_answers(tmp_path / "run", 4)
    monkeypatch.setattr(indexing, "FRESH", looked)
    answers = tmp_path / "run" / "honeypots" / "base" / "answers.jsonl"
    with viewer(tmp_path / "run") as one:
        token = re.findall(r"/answers/(\w{20})", one.page("/answers?arm=base"))[0]
        text = answers.read_text()
        answers.unlink()
        for path in (f"/answers/{token}", f"/label/trope/{token}"):
            assert "There is no such answer" in one.page(path, 404)
        assert not re.findall(r"/answers/(\w{20})", one.page("/answers?arm=base"))
        monkeypatch.setattr(indexing, "FRESH", 0.0)
        answers.write_text(text)
        assert one.page(f"/answers/{token}")
        (answers.parent / "measured.json").unlink()  # the whole cell
        assert "There is no such answer" in one.page(f"/answers/{token}", 404)
