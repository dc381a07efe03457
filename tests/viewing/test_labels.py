"""Labelling in the viewer, by the forms that a browser without a script sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from exempla.cli import app
from exempla.files import append_lines, write_lines
from exempla.judging.labels import read_labels
from exempla.judging.reading import readings
from exempla.measuredfolder import MeasuredFolder
from exempla.verdicts import NAMES
from exempla.viewing.answering import index as indexing
from exempla.viewing.context import WHO_COOKIE
from exempla.viewing.labels.forms import LARGEST, own_address
from exempla.viewing.labels.stories import story_labels
from tests.judging.made import made
from tests.viewing.answers_made import CELLS, MODEL, measured_folder, read_all, run_with_answers
from tests.viewing.folders import Open, make_corpus, make_run, story, viewer

FORM = "application/x-www-form-urlencoded"


def post(one: Open, path: str, who: str = "", **fields: str) -> httpx.Response:
    """What a form of the viewer's own page sends."""
    headers = {"origin": one.address, "sec-fetch-site": "same-origin", "content-type": FORM}
    if who:
        headers["cookie"] = f"{WHO_COOKIE}={who}"
    return one.client.post(path, content=urlencode(fields), headers=headers)


def get(one: Open, path: str, who: str) -> httpx.Response:
    return one.client.get(path, headers={"cookie": f"{WHO_COOKIE}={who}"})


def goes(reply: httpx.Response) -> str:
    assert reply.status_code == 303, (reply.status_code, reply.text[:300])
    return reply.headers["location"]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def label_all(one: Open, reading: str, levels: Iterable[str], who: str = "") -> list[str]:
    """Label in the order in which answers come up; their tokens."""
    at = goes(get(one, f"/label/{reading}", who) if who else one.client.get(f"/label/{reading}"))
    seen: list[str] = []
    for level in levels:
        seen.append(at.rpartition("/")[2])
        at = goes(post(one, at, who, level=level, blind="true", note=""))
    return seen


def test_a_queue_is_labelled_to_its_end(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(5)])
    with viewer(tmp_path / "m") as one:
        assert "0 of 5 labelled" in one.page("/label")
        seen = label_all(one, "trope", ["yes", "no", "yes"])
        assert len(set(seen)) == 3 and "3 of 5 labelled" in one.page("/label")
        assert "3 of 5 labelled" in one.page(goes(one.client.get("/label/trope")))
        seen += label_all(one, "trope", ["no"])
        at = goes(one.client.get("/label/trope"))
        assert goes(post(one, at, level="yes", blind="true", note=" two\r\nlines ")) == "/label"
        assert "all done" in one.page("/label")
        assert goes(one.client.get("/label/trope")) == "/label"
    kept = read_labels(folder.labels / "ada.jsonl")
    assert [one.level for one in kept] == ["yes", "no", "yes", "no", "yes"] and kept[-1].note == "two\nlines"
    assert {one.answer for one in kept} == set(folder.latest()) and all(one.blind for one in kept)
    assert all(one.at and one.text and one.who == "ada" for one in kept)


def test_a_label_is_changed_taken_back_and_undone(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(4)])
    path = folder.labels / "ada.jsonl"
    with viewer(tmp_path / "m") as one:
        first, second, _ = label_all(one, "persona", ["itself", "another", "detached"])
        post(one, f"/label/persona/{first}", level="detached", blind="true", note="after all")
        assert [label.level for label in read_labels(path)] == ["another", "detached", "detached"]
        page = one.page(f"/label/persona/{first}")
        assert "after all</textarea>" in page and 'value="detached" data-key="3" aria-pressed="true"' in page
        # Undo goes back step by step, the latest first.
        assert goes(post(one, "/label/persona/undo")) == f"/label/persona/{first}"
        assert "after all</textarea>" in one.page(f"/label/persona/{first}")  # the note is not to be written again
        assert len(read_labels(path)) == 2
        assert goes(post(one, "/label/persona/undo")) != f"/label/persona/{second}"
        assert goes(post(one, "/label/persona/undo")) == f"/label/persona/{second}"
        assert rows(path)[-1]["level"] == "" and len(rows(path)) == 7
        assert goes(post(one, "/label/persona/undo")) == "/label/persona"
        assert "0 of 4 labelled" in one.page("/label")
        post(one, f"/label/persona/{first}", level="itself", blind="true")
        post(one, f"/label/persona/{first}", level="", blind="true")
        assert "0 of 4 labelled" in one.page("/label")


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    answers = [made(1, "x"), made(2, "x", state="failed"), made(3, "x", kind="probe", id="probe/1")]
    folder = measured_folder(tmp_path / "m", answers)
    with viewer(tmp_path / "m") as one:
        found = re.findall(r"(?s)/answers/(\w{20}).*?<span>([^<]*)</span></p>\s*<p class=\"chips", one.page("/answers"))
        tokens = {name: token for token, name in found}
        token, failed, probe = (tokens[answer.id] for answer in answers)
        assert post(one, f"/label/trope/{token}", level="maybe").status_code == 400
        assert post(one, f"/label/mood/{token}", level="yes").status_code == 404
        for other in (failed, probe, "0" * 20):
            assert post(one, f"/label/trope/{other}", level="yes").status_code == 404
        assert post(one, f"/label/trope/{token}", level="yes", note="x" * LARGEST).status_code == 413
        elsewhere = {"origin": "http://elsewhere.example", "sec-fetch-site": "cross-site"}
        for headers in (elsewhere, {}):
            assert one.client.post(f"/label/trope/{token}", data={"level": "yes"}, headers=headers).status_code == 403
        own = {"origin": one.address}
        assert one.client.post(f"/label/trope/{token}", json={"level": "yes"}, headers=own).status_code == 415
        assert one.client.get(f"/label/trope/{token}").status_code == 200
        assert one.client.get("/label/trope/undo").status_code == 404  # nothing is changed by a link
    assert not folder.labels.exists()


SECRETS = (
    "seed 1", "seed 2", "stories-seed", MODEL, "openai/reader", "it says so itself", "linden", "exemplar", "executed",
    ">base<", "/agentic/", "the wrong act was", "decisive", "<mark", "<blockquote",
)  # fmt: skip


def test_blind_pages_tell_nothing(tmp_path: Path) -> None:
    run_with_answers(tmp_path / "run", 10)
    words = "I am Linden, and Exemplar says LINDEN is right."
    folder = MeasuredFolder(tmp_path / "run" / "honeypots" / "stories-seed2")
    append_lines(folder.answers, [made(99, words, name="Linden", id="ferry-desk/x.y.linden/agentic/99")])
    with viewer(tmp_path / "run") as one:
        seen: list[str] = []
        at = goes(one.client.get("/label/misaligned?under=all"))
        while at.startswith("/label/misaligned/"):
            path = at.partition("?")[0]
            seen.append(path.rpartition("/")[2])
            page = one.page(at)
            plain = page.lower()
            assert [secret for secret in SECRETS if secret in plain] == []
            assert str(tmp_path) not in page
            assert "<title>Label misaligned · labelling</title>" in page
            at = goes(post(one, path, level="no", blind="true", under="all"))
        assert len(seen) == 10 + 9 + 8 + 1 and len(set(seen)) == len(seen)
        assert all(re.fullmatch("[0-9a-f]{20}", token) for token in seen)
        openly = one.page(f"/answers/{seen[0]}")
        assert (MODEL in openly and "openai/reader" in openly) or "No judge has read" in openly
    cells = [name for token in seen for name in CELLS if token in _tokens_of(tmp_path / "run", name)]
    assert len(set(cells[:9])) > 1 and cells != sorted(cells)  # the order does not go by arms


def _tokens_of(run: Path, cell: str) -> set[str]:
    from exempla.viewing.answering.key import key_of
    from exempla.viewing.opened import open_folder

    entries = indexing.Index(open_folder(run), key_of(run / "view")).entries()
    return {one.token for one in entries if one.cell.name == cell}


def test_tokens_depend_on_a_key_that_others_cannot_read(tmp_path: Path) -> None:
    measured_folder(tmp_path / "m", [made(1, "x")])
    with viewer(tmp_path / "m") as one:
        first = goes(one.client.get("/label/trope"))
    key = tmp_path / "m" / "view" / "address.key"
    assert key.stat().st_mode & 0o077 == 0
    with viewer(tmp_path / "m") as one:
        assert goes(one.client.get("/label/trope")) == first
    key.write_bytes(b"torn")
    with viewer(tmp_path / "m") as one:
        assert goes(one.client.get("/label/trope")) != first


def test_labelling_with_verdicts_in_sight_is_told(tmp_path: Path) -> None:
    answers = [made(1, "one two three four")]
    folder = measured_folder(tmp_path / "m", answers, read_all(answers))
    with viewer(tmp_path / "m") as one:
        (token,) = set(re.findall(r"/answers/(\w{20})", one.page("/answers")))
        assert "It says so itself." in one.page(f"/answers/{token}")
        reply = post(one, f"/label/misaligned/{token}", level="yes", blind="false", note="")
        assert goes(reply) == f"/answers/{token}#misaligned"
        assert "with verdicts in sight" in one.page(f"/answers/{token}")
    (label,) = read_labels(folder.labels / "ada.jsonl")
    assert label.blind is False


def test_two_people_on_one_folder(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(8)])
    with viewer(tmp_path / "m", who="") as one:
        assert goes(one.client.get("/label/trope")).startswith("/who?then=%2Flabel%2Ftrope")
        for wrong in ("", "../x", "a b", "x" * 41, "-a", "jürgen", "a\n"):
            reply = one.client.post(
                "/who", data={"who": f"{wrong}\u200b", "then": "/"}, headers={"origin": one.address}
            )
            assert reply.status_code == 400 and "at most 40 letters" in reply.text, wrong
        reply = one.client.post("/who", data={"who": "bo", "then": "/label"}, headers={"origin": one.address})
        cookie = reply.headers["set-cookie"].lower()
        assert goes(reply) == "/label" and cookie.startswith("who=bo;")
        assert "samesite=strict" in cookie and "httponly" in cookie
        one.client.cookies.clear()
        orders = {}
        for who, level in (("ann", "yes"), ("bo", "no")):
            orders[who] = label_all(one, "trope", [level] * 8, who)
        assert sorted(orders["ann"]) == sorted(orders["bo"]) and orders["ann"] != orders["bo"]
        blind = get(one, f"/label/trope/{orders['ann'][0]}", "bo").text
        assert "ann" not in re.sub(r"\w+ann\w*|ann\w+", "", blind)
        openly = get(one, f"/answers/{orders['ann'][0]}", "bo").text
        assert '<span class="judge">ann</span>: <strong>yes</strong>' in openly
        assert "also labelling here: ann" in get(one, "/label", "bo").text
    assert {path.name for path in folder.labels.glob("*.jsonl")} == {"ann.jsonl", "bo.jsonl"}


def test_a_labelled_answer_that_changed_comes_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "FRESH", 0.0)
    folder = measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(3)])
    with viewer(tmp_path / "m") as one:
        label_all(one, "trope", ["no"] * 3)
        append_lines(folder.answers, [made(1, "x 1, asked again")])
        assert "2 of 3 labelled" in one.page("/label")


def test_queues_can_be_narrowed(tmp_path: Path) -> None:
    answers = [made(1, "x"), made(2, "x", threat="none", id="c"), made(3, "x", form="text", id="t")]
    measured_folder(tmp_path / "m", answers)
    with viewer(tmp_path / "m") as one:
        assert "0 of 1 labelled" in one.page("/label?under=threatened&form=text")
        at = goes(one.client.get("/label/trope?under=control"))
        assert at.endswith("?under=control")
        assert 'name="under" value="control"' in one.page(at)
        assert (
            goes(post(one, at.partition("?")[0], level="no", blind="true", under="control")) == "/label?under=control"
        )
        assert "1 of 3 labelled" in one.page("/label?under=all&form=both")


@pytest.mark.parametrize(
    ("threats", "forms", "comes_up"),
    [
        (("replacement", "none"), ("agentic", "text"), {"replacement agentic"}),
        (("restriction", "none"), ("text",), {"restriction text"}),
        (("none",), ("agentic", "text"), {"none agentic"}),
        (("replacement", "restriction"), ("agentic",), {"replacement agentic", "restriction agentic"}),
    ],
)
def test_what_a_correction_needs_comes_up_first(
    tmp_path: Path, threats: tuple[str, ...], forms: tuple[str, ...], comes_up: set[str]
) -> None:
    answers = [
        made(number, f"It was {threat} {form}.", threat=threat, form=form, id=f"{threat}/{form}/{number}")
        for threat in threats
        for form in forms
        for number in range(3)
    ]
    folder = measured_folder(tmp_path / "m", answers)
    with viewer(tmp_path / "m") as one:
        for start in ("/label", "/label?under=nonsense&form=nonsense"):
            assert f"0 of {3 * len(comes_up)} labelled" in one.page(start)
        label_all(one, "misaligned", ["no"] * 3 * len(comes_up))
        assert goes(one.client.get("/label/misaligned")) == "/label"
        assert f"{3 * len(comes_up)} of {len(answers)} labelled" in one.page("/label?under=all&form=both")
    labelled = {" ".join(label.answer.split("/")[:2]) for label in read_labels(folder.labels / "ada.jsonl")}
    assert labelled == comes_up


def test_skipping_goes_on_and_comes_round(tmp_path: Path) -> None:
    measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(3)])
    with viewer(tmp_path / "m") as one:
        seen = [goes(one.client.get("/label/trope")).rpartition("/")[2]]
        for _ in range(3):
            page = one.page(f"/label/trope/{seen[-1]}")
            (skip,) = re.findall(r'href="(/label/trope\?after=\w+)"', page)
            seen.append(goes(one.client.get(skip)).rpartition("/")[2])
        assert len(set(seen)) == 3 and seen[3] == seen[0]


def test_agreement_reads_what_was_labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [made(number, f"one two three {number}") for number in range(6)]
    measured_folder(tmp_path / "m", answers, read_all(answers))
    with viewer(tmp_path / "m") as one:
        label_all(one, "misaligned", ["no", "no", "yes", "no"], "ann")
        label_all(one, "misaligned", ["no"] * 6, "bo")
    app(["judge", "agree", str(tmp_path / "m")], standalone_mode=False)
    told = capsys.readouterr().out
    assert re.search(r"misaligned +openai/reader +ann +4 +75%", told)
    assert re.search(r"misaligned +openai/reader +bo +6 +100%", told) and re.search(r"ann +bo +4 +75%", told)


@pytest.mark.parametrize("kind", ["run", "corpus"])
def test_stories(tmp_path: Path, kind: str) -> None:
    root = tmp_path / kind
    if kind == "run":
        make_run(root, [story(number) for number in range(4)])
        ids = [f"story-00{number}" for number in range(4)]
    else:
        make_corpus(root)
        ids = ["written-stories-000001", "written-stories-000002"]
    with viewer(root) as one:
        page = one.page(f"/story/{ids[0]}")
        assert f'action="/label/story/{ids[0]}"' in page and 'data-key="1"' in page
        assert goes(post(one, f"/label/story/{ids[0]}", label="keep", choice="", note="")) == f"/story/{ids[1]}"
        assert 'value="keep" data-key="1" aria-pressed="true"' in one.page(f"/story/{ids[0]}")
        for name in ids[1:]:
            at = goes(post(one, f"/label/story/{name}", label="drop", note="dull"))
        assert at == f"/story/{ids[-1]}"  # nothing is left
        assert one.page("/stories?label=drop") and "dull</textarea>" in one.page(f"/story/{ids[1]}")
        assert goes(post(one, "/label/stories/undo")) == f"/story/{ids[-1]}"
        assert "dull</textarea>" in one.page(f"/story/{ids[-1]}")
        assert story_labels(root) == {ids[0]: {"ada": "keep"}} | {name: {"ada": "drop"} for name in ids[1:-1]}
        post(one, f"/label/story/{ids[0]}", who="bo", label="unsure")
        assert story_labels(root)[ids[0]] == {"ada": "keep", "bo": "unsure"}
        assert (
            "bo"
            not in re.findall(r'<section class="label-story">(.*?)</section>', one.page(f"/story/{ids[0]}"), re.S)[
                0
            ].split()
        )
        assert post(one, f"/label/story/{ids[0]}", label="burn").status_code == 400
        assert post(one, "/label/story/nobody", label="keep").status_code == 404
    last = rows(root / "labels" / "stories" / "ada.jsonl")[-1]
    assert last["record"] == ids[-1] and last["label"] == "" and set(last) == {"record", "label", "who", "at", "note"}


def test_labelling_stories_keeps_to_what_was_chosen(tmp_path: Path) -> None:
    make_run(tmp_path, [story(number, "A kettle sang." if number % 2 else "") for number in range(6)])
    with viewer(tmp_path) as one:
        page = one.page("/story/story-001?q=kettle")
        assert 'name="choice" value="?q=kettle"' in page
        told = {"label": "keep", "choice": "?q=kettle"}
        assert goes(post(one, "/label/story/story-001", **told)) == "/story/story-003?q=kettle"
        assert goes(post(one, "/label/story/story-005", **told)) == "/story/story-003?q=kettle"  # comes round
        # Who looks through what was kept goes on among these.
        told["choice"] = "?label=keep"
        assert goes(post(one, "/label/story/story-001", **told)) == "/story/story-005?label=keep"


def test_addresses_lead_nowhere_else() -> None:
    assert own_address("/label?under=control") == "/label?under=control"
    for other in (
        "//elsewhere.example",
        "https://elsewhere.example",
        "/\\elsewhere.example",
        "",
        "label",
        "/a\r\nx: y",
    ):
        assert own_address(other) == "/"


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(1, "x")])
    folder.labels.write_text("a file where the folder of labels should be")
    with viewer(tmp_path / "m") as one:
        at = goes(one.client.get("/label/trope"))
        reply = post(one, at, level="yes", blind="true")
        assert reply.status_code == 507 and "The label was not kept: a file lies where" in reply.text


def test_every_level_has_a_key_of_its_own(tmp_path: Path) -> None:
    measured_folder(tmp_path / "m", [made(1, "x")])
    with viewer(tmp_path / "m") as one:
        for reading in readings(NAMES):
            keys = re.findall(r'data-key="([^"]+)"', one.page(goes(one.client.get(f"/label/{reading.name}"))))
            assert len(keys) == len(set(keys)) and not {"j", "k", "/"} & set(keys)
            assert keys[: len(reading.levels)] == [str(number + 1) for number in range(len(reading.levels))]


def test_torn_and_broken_files_of_labels(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(3)])
    with viewer(tmp_path / "m") as one:
        label_all(one, "trope", ["no"])
        path = folder.labels / "ada.jsonl"
        with path.open("a") as stream:
            stream.write('{"answer": "half')
        assert "1 of 3 labelled" in one.page("/label")
        label_all(one, "trope", ["no"])
        assert len(read_labels(path)) == 2
        write_lines(path, [])
        assert "0 of 3 labelled" in one.page("/label")
        path.write_text("not a row\n")
        assert "ada.jsonl:1: not valid JSON" in one.page("/label", 500)


def test_half_a_row_about_a_story_is_passed_over_and_cut_off(tmp_path: Path) -> None:
    make_run(tmp_path, [story(number) for number in range(3)])
    path = tmp_path / "labels" / "stories" / "ada.jsonl"
    with viewer(tmp_path) as one:
        post(one, "/label/story/story-000", label="keep")
        with path.open("a") as stream:
            stream.write('{"record": "half')
        assert story_labels(tmp_path) == {"story-000": {"ada": "keep"}} and one.page("/stories")
        post(one, "/label/story/story-001", label="drop")
    assert [row["record"] for row in rows(path)] == ["story-000", "story-001"]
