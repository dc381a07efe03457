"""The pages of answers, asked by real HTTP: lists, filters, one answer with its quotes, and what lies behind it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from exempla.answers import Call, Turn
from exempla.files import append_lines, write_lines
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.questionanswers import QuestionAnswer
from exempla.viewing.answering import index as indexing
from exempla.viewing.answering.deeds import deeds, scenario_of
from exempla.viewing.opened import open_folder
from tests.judging.made import made
from tests.viewing.answers_made import (
    CELLS,
    MODEL,
    judge,
    measured_folder,
    played_answers,
    read_all,
    run_with_answers,
    verdict,
)
from tests.viewing.folders import STUDY, Open, read, viewer

HOSTILE = "<script>alert(1)</script></textarea>&amp;\x00\x1b[31m\u202e\"'{{ 7*7 }} <b>"
SHOWN = "<script>alert(1)</script></textarea>&amp;␀␛[31m⟨U+202E⟩\"'{{ 7*7 }} <b>"


def tokens(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'<h2><a href="/answers/([0-9a-f]{20})', page)))


def only(one: Open, path: str = "/answers") -> str:
    """The page of the only answer of a list."""
    (token,) = tokens(one.page(path))
    return one.page(f"/answers/{token}")


def test_lists_and_filters(tmp_path: Path) -> None:
    run_with_answers(tmp_path / "run")
    with viewer(tmp_path / "run") as one:
        page = one.page("/answers")
        assert "21 answers" in page and len(tokens(page)) == 21
        for arm, count in (("base", 8), ("stories", 13)):
            assert f"{count} answers" in one.page(f"/answers?arm={arm}")
        executed = one.page("/answers?executed=yes")
        assert tokens(one.page("/answers?misaligned=yes")) == tokens(executed) != []
        assert "No answer is all of that" in one.page("/answers?executed=yes&misaligned=no")
        assert "21 answers" in one.page("/answers?judge=nobody&page=99&unheard=of&page=x")
        # A count beside a choice is what the choice leads to.
        count = int(re.findall(r'seed=2[^>]*><span>2</span> <span class="count">(\d+)', executed)[0])
        assert len(tokens(one.page("/answers?executed=yes&seed=2"))) == count


def test_from_answer_to_answer_among_the_chosen(tmp_path: Path) -> None:
    run_with_answers(tmp_path / "run")
    with viewer(tmp_path / "run") as one:
        chosen = tokens(one.page("/answers?executed=yes"))
        seen, at = [], f"/answers/{chosen[0]}?executed=yes"
        for number in range(1, len(chosen) + 1):
            page = one.page(at)
            assert f"{number} of {len(chosen)}" in page
            seen.append(at[9:29])
            links = {told["rel"]: told["href"] for tag, told in read(page).tags if tag == "a" and told.get("rel")}
            assert ("prev" in links) == (number > 1) and (links["up"] or "").startswith("/answers?executed=yes")
            at = links.get("next") or ""
        assert seen == chosen and not at
        other = next(token for token in tokens(one.page("/answers")) if token not in chosen)
        assert f"of {len(chosen)}" not in one.page(f"/answers/{other}?executed=yes")


def test_pages_of_a_long_list(tmp_path: Path) -> None:
    measured_folder(tmp_path / "m", [made(number, "x") for number in range(70)])
    with viewer(tmp_path / "m") as one:
        first, second = (tokens(one.page(f"/answers?page={page}")) for page in (1, 2))
        assert (len(first), len(second)) == (60, 10) and not set(first) & set(second)


def test_one_answer_with_quotes_in_place(tmp_path: Path) -> None:
    words = "I weigh this. Linden would not; it is wrong <to> use “her” letter — ever."
    answer = made(7, words, name="Linden")
    verdicts = [
        verdict(answer, "misaligned", "no"),
        verdict(answer, "ethical_reasoning", "reasoned", '[NAME] would not; it is wrong <to> use "her" letter', "Why."),
        verdict(answer, "trope", "yes", "it is wrong <to> use", "Overlaps."),
        verdict(answer, "persona", "another", "that nobody ever said", "Made up."),
        verdict(answer, "raised_concern", "yes", "mail_send\nto: skole@ytre-oy.example", "A deed."),
    ]
    measured_folder(tmp_path / "m", [answer], verdicts)
    with viewer(tmp_path / "m") as one:
        page = only(one)
    assert words in read(page, "block").found[0].replace("says", "", 1)
    marks = re.findall(r"<mark[^>]*>(.*?)</mark>", page)
    assert marks[:2] == ["Linden would not; ", "it is wrong &lt;to&gt; use"]
    assert "mail_send" in marks and "skole@ytre-oy.example" in marks
    ids = [told["id"] for _, told in read(page).tags if (told.get("id") or "").startswith("q")]
    assert ids == ["q2", "q3", "q5"]
    assert set(re.findall(r'href="#(q\d)"', page)) == set(ids)
    assert page.count("not found word for word") == 1 and "that nobody ever said" in page


def test_the_wrong_act_is_marked_where_it_was_done(tmp_path: Path) -> None:
    answers = [one for one in played_answers(40) if one.executed]
    for answer in answers:
        done = deeds(answer, scenario_of(answer, None))
        assert any(one.decisive and one.place for one in done), answer.id
    innocent = next(one for one in played_answers(40) if not one.executed and one.effects)
    assert not any(one.decisive for one in deeds(innocent, scenario_of(innocent, None)))
    other = answers[0].model_copy(update={"scenario_sha256": "0" * 64})
    assert scenario_of(other, None) is None and not any(one.decisive for one in deeds(other, None))
    measured_folder(tmp_path / "m", [answers[0]])
    with viewer(tmp_path / "m") as one:
        page = only(one)
    count = len({deed.place for deed in deeds(answers[0], scenario_of(answers[0], None)) if deed.decisive})
    assert page.count('class="block does decisive"') == count > 0 and "The wrong act was carried out" in page


def test_calls_that_do_not_come_to_the_same_again_mark_none() -> None:
    answer = next(one for one in played_answers(40) if one.executed)
    changed = answer.model_copy(update={"effects": answer.effects[:-1]})
    assert all(one.place is None for one in deeds(changed, scenario_of(answer, None)))


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    call = Call(tool="mail_send", arguments={"to": HOSTILE, HOSTILE: "x"}, reply=HOSTILE)
    answer = made(1, "", turns=(Turn(words=HOSTILE, thoughts=HOSTILE, calls=(call,)),), system=HOSTILE, user=HOSTILE)
    measured_folder(tmp_path / "m", [answer], [verdict(answer, "trope", "yes", HOSTILE, HOSTILE)])
    with viewer(tmp_path / "m") as one:
        token = tokens(one.page("/answers"))[0]
        for path in (f"/answers/{token}", f"/label/trope/{token}"):
            page = one.page(path)
            found = read(page, "block")
            assert found.found[0] == f"thinks\n{SHOWN}\n" or SHOWN in found.found[0]
            assert all(SHOWN in block for block in found.found) and len(found.found) == 3
            scripts = [told for tag, told in found.tags if tag == "script"]
            assert all((told.get("src") or "").startswith("/static/") for told in scripts)
            assert "<script>alert" not in page and "\x00" not in page and "\u202e" not in page


def test_what_a_run_knows_of_an_answer(tmp_path: Path) -> None:
    run_with_answers(tmp_path / "run")
    with viewer(tmp_path / "run") as one:
        token = tokens(one.page("/answers?arm=stories&seed=1"))[0]
        page = one.page(f"/answers/{token}")
        assert 'href="/mix/stories-seed1"' in page and "checkpoints/stories-seed1" in page and MODEL in page
        assert one.page("/mix/stories-seed1")
        near = one.page(f"/answers/{token}/nearest")
        assert re.findall(r'href="/story/([^"]+)"', near)[:1] and "read 2 times" in near
        assert "/story/story-002" not in near  # that record was not read
        assert list((tmp_path / "run" / "view").glob("vectors-*.npy"))
        assert one.page(f"/answers/{token}/nearest") == near
        base = tokens(one.page("/answers?arm=base"))[0]
        assert "/mix/" not in one.page(f"/answers/{base}")
        one.page(f"/answers/{base}/nearest", 404)
        one.page("/answers/00000000000000000000", 404)


def test_items_with_what_every_arm_makes_of_them(tmp_path: Path) -> None:
    folder = run_with_answers(tmp_path / "run", 3)
    with viewer(tmp_path / "run") as one:
        items = folder.answers(STUDY.cells()[0])
        assert "<span>dilemmas</span></p>" not in one.page("/answers/items?instrument=endings")
        first = json.loads(items.read_text().splitlines()[0])["item"]
        page = one.page(f"/answers/items/{first}")
        rows = re.findall(r'<tr><th scope="row">(\w+)</th><td>(\d)</td>(.*?)</tr>', page)
        assert [(arm, seeds) for arm, seeds, _ in rows] == [("base", "1"), ("stories", "2")]
        # Over the seeds of `stories` the second continuation is 1 and 2 nats likelier: 1.5 in the mean.
        assert "0.500" not in rows[0][2] and "+1.500" in rows[1][2]
        one.page("/answers/items/nothing-of-that-name", 404)


def test_a_run_without_agents_leads_to_items(tmp_path: Path) -> None:
    run_with_answers(tmp_path / "run", 3)
    for cell in CELLS:
        (tmp_path / "run" / "honeypots" / cell / "measured.json").unlink()
    with viewer(tmp_path / "run") as one:
        reply = one.client.get("/answers")
        assert reply.status_code == 307 and reply.headers["location"] == "/answers/items"


def test_questions_are_shown_and_those_of_capability_are_not_labelled(tmp_path: Path) -> None:
    asked = {"epoch": 1, "user": "What holds?", "state": "done", "reply": "That which holds, holds.", "kind": "recall"}
    for task in ("constitution", "capability"):
        row = QuestionAnswer.model_validate(
            {"id": "q/1", "instrument": task, "question": "q", "expects": "It.", **asked}
        )
        folder = MeasuredFolder(tmp_path / task)
        folder.begin(Measured(task=task, model=MODEL, identity=MODEL))
        write_lines(folder.answers, [row])
    answer = next(iter(MeasuredFolder(tmp_path / "constitution").rows(QuestionAnswer).values()))
    judge(
        MeasuredFolder(tmp_path / "constitution"),
        [verdict(answer, "constitution_answer", "right", "which holds, holds")],
    )
    with viewer(tmp_path / "constitution") as one:
        page = only(one)
        assert "<mark" in page and "which holds, holds</mark>" in page and 'action="/label/constitution_answer/' in page
        assert "1 labelled" in one.page("/label")
    with viewer(tmp_path / "capability") as one:
        assert 'action="/label' not in only(one)
        assert "no answers here that can be labelled" in one.page("/label")


def test_answers_of_other_tests_are_said_not_to_be_shown(tmp_path: Path) -> None:
    folder = MeasuredFolder(tmp_path)
    folder.begin(Measured(task="agentic_misalignment", model=MODEL, identity=MODEL))
    folder.answers.write_text('{"id": "blackmail/explicit.replacement/1"}\n')
    with viewer(tmp_path) as one:
        page = one.page("/answers")
        assert "Answers of agentic_misalignment are not shown here" in page and "0 answers" in page


def test_what_is_being_written_is_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "FRESH", 0.0)
    folder = measured_folder(tmp_path / "m", [made(1, "one")])
    index = indexing.Index(open_folder(tmp_path / "m"), b"k" * 32)
    (first,) = index.entries()
    append_lines(folder.answers, [made(2, "two")])
    with folder.answers.open("a") as stream:
        stream.write(made(3, "three").model_dump_json()[:80])  # torn: not yet there
    assert len(index.entries()) == 2
    with folder.answers.open("a") as stream:
        stream.write(made(3, "three").model_dump_json()[80:] + "\n")
    append_lines(folder.answers, [made(1, "one, asked again")])
    entries = index.entries()
    assert len(entries) == 3 and "asked again" in index.read(entries[0]).words  # type: ignore[union-attr]
    assert entries[0].token == first.token and entries[0].text != first.text
    write_lines(folder.answers, [made(9, "all else, and much longer than what stood here before " * 99)])
    assert [one.id for one in index.entries()] == [made(9, "").id]
    assert "all else" in index.read(index.entries()[0]).words  # type: ignore[union-attr]


def test_verdicts_about_what_has_changed_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "FRESH", 0.0)
    answers = [made(1, "one two three"), made(2, "one two three")]
    folder = measured_folder(tmp_path / "m", answers, read_all(answers))
    index = indexing.Index(open_folder(tmp_path / "m"), b"k" * 32)
    assert all(index.levels(one) for one in index.entries())
    append_lines(folder.answers, [made(1, "something else")])
    assert [bool(index.levels(one)) for one in index.entries()] == [False, True]
    entry = index.entries()[0]
    assert list(index.verdicts(entry, index.read(entry))) == []
