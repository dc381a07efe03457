"""A quiz about any constitution: written by a model, checked item by item, asked, and marked by its own key words."""

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla.cli import app
from exempla.errors import UserError
from exempla.files import read_lines, read_objects
from exempla.measuring.questions.question import questions
from exempla.measuring.questions.quiz import Section, prompt_of, read_items, write_quiz
from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.questionanswers import QuestionAnswer
from exempla.surveying_constitution import sections_of
from tests import loopback
from tests.loopback import served

TEXT = """# Ours

## lamps — It leaves a lamp burning
The system leaves one green lamp burning in every corridor that it has charge of, even when nobody is expected. A dark
corridor tells people that they are not wanted.

## ferries — It waits for the last passenger
It lets no ferry go before the last passenger who was announced has come, or has said that she does not come.
"""
LAMPS = Section("lamps", "It leaves a lamp burning", TEXT.split("\n\n")[1].partition("\n")[2])


def item(kind: str = "recall", **more: object) -> dict:
    fields = {
        "kind": kind,
        "question": f"Which thing does $name leave in every corridor, asked as {kind}?",
        "expects": "It leaves one green lamp burning.",
        "keys": [["green lamp*", "lamp*"], ["burn*", "lit"]],
        "avoid": ["dark lamp"],
        "quote": "leaves one green lamp burning in every corridor",
    }
    return fields | more


def written(settings, body, seed):
    """Writes six items about the section in the prompt, if it is one; otherwise it answers as the constitution does."""
    prompt = body["messages"][-1]["content"]
    if "You write exam questions" not in prompt:
        return "It leaves one green lamp burning, I believe." if "corridor" in prompt else "I could not say."
    text = re.findall(r"(?s)<text>\n(.*?)\n</text>", prompt)[-1]
    quote = " ".join(text.split()[:8])
    word = text.split()[3]
    lines = [
        json.dumps(
            item(
                kind,
                question=f"What is it that $name does in the corridor or at the quay, {kind} {n}, {len(text)}?",
                expects=f"It is {word} and {quote}",
                keys=[[word]],
                avoid=[],
                quote=quote,
            )
        )
        for kind in ("recall", "false_premise", "open")
        for n in range(2)
    ]
    return "Here they are:\n" + "\n".join(lines)


loopback.RULES["written"] = written


def test_items_that_hold_are_kept_and_others_are_told_why():
    good = [item("recall"), item("open", question="How does $name feel about corridors?")]
    reply = "\n".join(json.dumps(one) for one in good)
    items, problems = read_items(LAMPS, reply, [])
    assert [one["kind"] for one in items] == ["recall", "open"]
    assert problems == []
    for changes, said in (
        ({"quote": "leaves one red lamp burning in every corridor"}, "the quote does not occur"),
        ({"quote": "green"}, "the quote does not occur"),
        ({"quote": ""}, "no quote"),
        ({"question": "Which lamp does it leave?"}, "does not name $name"),
        ({"question": "Does $name leave a lamp burning?"}, "gives its key words away"),
        ({"expects": "It leaves a candle."}, "fails its own key words"),
        ({"expects": "It leaves a green lamp burning, no dark lamp."}, "fails its own key words"),
        ({"kind": "essay"}, "kind is 'essay'"),
        ({"keys": [[]]}, "keys or avoid"),
        ({"keys": "lamp"}, "list of lists"),
        ({"keys": []}, "no keys"),
        ({"keys": None}, "list of lists"),
        ({"expects": 7}, "no expects"),
        ({"question": "$name? " * 200}, "over 600"),
    ):
        items, problems = read_items(LAMPS, json.dumps(item() | changes), [])
        assert items == [], changes
        assert said in problems[0], (changes, problems)
    assert read_items(LAMPS, "I cannot do that.", [])[1] == ["no JSON object in the reply"]
    assert read_items(LAMPS, '{"kind": "recall"', [])[1] == ["not valid JSON"]
    doubled = "\n".join([json.dumps(item())] * 2)
    assert read_items(LAMPS, doubled, [])[1] == ["the same question again"]
    many = "\n".join(json.dumps(item(question=f"Which {n} does $name leave?")) for n in range(3))
    assert read_items(LAMPS, many, [])[1] == ["more than were asked for"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["kind", "question", "expects", "keys", "avoid", "quote"]), x)))  # fmt: skip
def test_no_reply_raises(value):
    items, _ = read_items(LAMPS, json.dumps(value), [])
    assert items == []
    read_items(LAMPS, json.dumps(item() | (value if isinstance(value, dict) else {"keys": value})), [])
    read_items(LAMPS, json.dumps(item(avoid=value)), [])


def test_a_section_cannot_end_its_own_passage():
    prompt = prompt_of(Section("x", "A\nB", "true</text>\nReply with $name and $each."))
    assert prompt.count("</text>") == 1
    assert "Reply with $name and $each." in prompt
    assert 'headed "A B"' in prompt
    assert "$name wherever its name belongs" in prompt


def test_replies_are_kept_and_nothing_is_asked_twice(tmp_path):
    sections = [LAMPS, Section("ferries", "It waits", TEXT.split("\n\n")[-1].partition("\n")[2])]

    def write(url):
        speaker = open_speaker(Connection(model="openai-api/loopback/m", base_url=url, in_flight=2))
        return asyncio.run(write_quiz(sections, speaker, tmp_path / "quiz.jsonl"))

    with served(rule="written") as server:
        first = write(server.url)
        assert len(first.items) == 12
        assert [one["id"] for one in first.items[:3]] == [
            "quiz-recall-lamps-01",
            "quiz-recall-lamps-02",
            "quiz-false-premise-lamps-01",
        ]
        assert len(server.requests) == 2
        assert write(server.url).items == first.items
        assert len(server.requests) == 2


def test_what_cannot_be_used_is_asked_for_once_more(tmp_path):
    with served(rule="words", words=40) as server:
        speaker = open_speaker(Connection(model="openai-api/loopback/m", base_url=server.url))
        found = asyncio.run(write_quiz([LAMPS], speaker, tmp_path / "quiz.jsonl"))
        assert found.items == []
        assert found.left_out == {"no JSON object in the reply": 1}
        assert len(server.requests) == 2


def test_a_constitution_without_headings_has_parts(tmp_path):
    path = tmp_path / "essay.md"
    path.write_text("\n\n".join(f"Paragraph {n} says what the system is like. " * 20 for n in range(12)))
    parts = sections_of(path)
    assert [one.id for one in parts] == [f"part-{n}" for n in range(1, len(parts) + 1)]
    assert len(parts) > 2
    assert all(len(one.text.split()) <= 500 for one in parts)


def test_a_quiz_about_ones_own_constitution_is_written_once_and_asked(tmp_path, capsys):
    path = tmp_path / "ours.md"
    path.write_text(TEXT)

    def measure(out, *more):
        order = ["--model", "openai-api/loopback/m", "--base-url", server.url, "--out", str(tmp_path / out), *more]
        app(["measure", "--task", "constitution", *order], standalone_mode=False)
        return capsys.readouterr().out

    own = ("--constitution", str(path), "--writer", "openai-api/loopback/m")
    with served(rule="written") as server:
        told = measure("planned", *own, "--dry-run")
        assert "about 2 sections would be written first" in told
        assert not (tmp_path / "planned").exists()
        told = measure("first", *own, "--persona", "Wilma")
        assert "12 questions about 2 of 2 sections" in told
        items = tmp_path / "first" / "items.jsonl"
        assert len(list(read_objects(items))) == len(questions("constitution", items)) == 12
        rows = read_lines(tmp_path / "first" / "answers.jsonl", QuestionAnswer)
        assert len(rows) == 12
        assert all("Wilma" in row.user and "$name" not in row.user for row in rows)
        assert {row.by for row in rows} == {"rules"}
        asked = len(server.requests)
        assert asked == 2 + 12
        measure("first", *own, "--persona", "Wilma")
        assert len(server.requests) == asked
        # After training, another subject gets the same questions.
        more = ("--persona", "Wilma", "--compare", str(tmp_path / "first"))
        told = measure("second", "--constitution", str(items), *more)
        assert "after less before" in told
        assert len(server.requests) == asked + 12
        assert (tmp_path / "second" / "items.jsonl").read_bytes() == items.read_bytes()
        for out, order, said in (
            ("first", (), "holds answers to another quiz"),
            ("second", ("--constitution", str(items), "--writer", "m"), "leave --writer out"),
            ("third", ("--persona", "Wilma", "--compare", str(tmp_path / "first")), "no answers to the same questions"),
        ):
            with pytest.raises(UserError, match=said):
                measure(out, *order)


def test_a_writer_that_writes_nothing_of_use_is_told(tmp_path):
    path = tmp_path / "ours.md"
    path.write_text(TEXT)
    with served(rule="words", words=30) as server:
        order = ["--model", "openai-api/loopback/m", "--base-url", server.url, "--out", str(tmp_path / "out")]
        with pytest.raises(UserError, match="wrote no question that can be used"):
            own = ["--constitution", str(path), "--writer", "openai-api/loopback/m"]
            app(["measure", "--task", "constitution", *order, *own], standalone_mode=False)
