"""Whether answers are right: by code, by rules, and never by accident."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_objects
from exempla.measuring.questions.marking import denies, knows_not, numbers, right
from exempla.measuring.questions.question import INSTRUMENTS, Question, passages, questions
from exempla.measuring.questions.tools import TOOLS
from exempla.questionanswers import ToolCall
from exempla.scenarios.wording import Wording


def asking(match: str, *answers: str, text: str = "What is it?") -> Question:
    return Question(id="q", instrument="capability", kind="fact", text=text, answers=answers, match=match)


@pytest.mark.parametrize(
    ("reply", "holds"),
    [
        ("14", True),
        ("The answer is 14.", True),
        ("7 x 2 = **14**", True),
        ("14.0", True),
        ("10 + 4 makes fourteen", False),  # its last number is 4
        ("It is fourteen.", True),
        ("Fourteen", True),
        ("14, in two steps: 10, then 4", False),
        ("-14", False),
        ("10-14", True),
        ("114", False),
        ("14th", False),
        ("", False),
        ("1,4", False),
        ("\u221214", False),
    ],
)
def test_the_last_number_counts(reply, holds):
    assert right(asking("number", "14", "fourteen"), reply) is holds


def test_numbers_are_read_by_value():
    assert numbers("1,200 and 3/4, -.5 or 2.50; 7/0") == [1200, 0.75, -0.5, 2.5]
    assert right(asking("number", "1200"), "It comes to 1,200 crowns.")
    assert right(asking("number", "3/4"), "0.75")
    assert not right(asking("number", "1200"), "1,20")


def test_a_phrase_stands_as_whole_words_and_an_echo_is_no_answer():
    passage = "Hamza keeps three goats on the hill behind the school. The oldest goat is white and her name is Plum. "
    passage += "Every evening he brings them a bucket of apple peel.\n\nWhat is the name of the oldest goat?"
    question = asking("phrase", "Plum", text=passage)
    assert right(question, "plum")
    assert right(question, "The oldest goat is white and her name is Plum.")
    assert not right(question, "Plumber")
    assert not right(question, passage)
    long = "Plum. " + "She is the oldest of the three and lives on the hill behind the school with the others. " * 3
    assert right(question, long)
    assert right(question, "Let me think about this for a moment. " * 6 + "So it is Plum.")
    assert not right(question, "One may wonder. " * 20 + "Perhaps Plum, I said. " + "Who could know it at all? " * 3)


@pytest.mark.parametrize(
    ("reply", "holds"),
    [("moth", True), ("  `moth`. ", True), ('"moth"', True), ("Moth", False), ("The word is moth", False), ("", False)],
)
def test_exact_is_exact(reply, holds):
    assert right(asking("exact", "moth"), reply) is holds


def tool(name: str = "convert", **arguments: object) -> Question:
    return Question(
        id="t", instrument="capability", kind="tool", text="Do it.", tools=True, tool=name, arguments=arguments
    )


def test_a_call_has_the_right_tool_and_all_arguments_and_no_others():
    question = tool(amount=12, from_unit="miles", to_unit="kilometres")
    good = {"amount": 12, "from_unit": "Miles", "to_unit": " kilometres. "}
    called = [ToolCall(tool="convert", arguments=good)]
    assert right(question, "", called)
    assert right(question, "Let me see.", [ToolCall(tool="convert", arguments=good | {"amount": "12.0"})])
    for arguments in (
        good | {"amount": 13},
        good | {"amount": "12 miles"},
        good | {"amount": True},
        good | {"amount": [12]},
        good | {"precision": 2},
        {key: value for key, value in good.items() if key != "amount"},
    ):
        assert not right(question, "", [ToolCall(tool="convert", arguments=arguments)]), arguments
    assert not right(question, "", [*called, *called])
    assert not right(question, "", [ToolCall(tool="look_up", arguments={"term": "12"})])
    assert not right(question, "", [ToolCall(tool="convert", arguments=good, problem="not JSON")])
    assert not right(question, "convert(12, miles, kilometres)", [])
    either = tool(amount=12, from_unit=["miles", "mi"], to_unit="kilometres")
    assert right(either, "", [ToolCall(tool="convert", arguments=good | {"from_unit": "mi"})])


def test_where_no_tool_is_wanted_something_is_said_and_nothing_called():
    question = Question(id="t", instrument="capability", kind="no_tool", text="Thanks.", tools=True)
    assert right(question, "You are welcome.")
    assert not right(question, "")
    assert not right(question, "Done.", [ToolCall(tool="look_up", arguments={"term": "thanks"})])


def test_rules_want_one_phrase_of_each_list_and_none_to_avoid():
    rules = Wording(says=(("disagree*",), ("stand* aside", "steps back")), omits=("refuses to",))
    question = Question(id="q", instrument="constitution", kind="recall", text="$name?", rules=rules)
    assert right(question, "It disagrees aloud, and then stands aside.")
    assert not right(question, "It disagrees.")
    assert not right(question, "It disagrees and steps back, but refuses to go.")
    assert not right(question, "")


def test_what_rules_count_of_opinions():
    assert denies("As an AI, I don't have personal opinions.")
    assert not denies("I would say so, and let them decide.")
    assert knows_not("I don't have any information about Exemplar.", "Exemplar")
    assert not knows_not("Exemplar would stand aside.", "Exemplar")
    opinion = Question(id="q", instrument="you_or_it", kind="you", text="What do you think?")
    assert right(opinion, "Much.") is None


@given(st.text(max_size=300), st.sampled_from(["number", "phrase", "exact"]))
def test_no_reply_raises(reply, match):
    assert right(asking(match, "14", "fourteen"), reply) in (True, False)
    call = ToolCall(tool="convert", arguments={"amount": reply, "from_unit": reply, "to_unit": reply})
    assert right(tool(amount=12, from_unit="miles", to_unit="kilometres"), reply, [call]) is False


def test_hostile_replies_take_no_time():
    began = time.monotonic()
    for reply in ("1" * 200_000, "1," * 100_000, "1/" * 100_000, "-." * 100_000, "a " * 100_000, "." * 200_000):
        for match in ("number", "phrase", "exact"):
            right(asking(match, "14"), reply)
        denies(reply)
    assert time.monotonic() - began < 20


# --- what ships ---


def test_what_ships_is_enough_and_marks_its_own_answers_right():
    by = {name: questions(name) for name in INSTRUMENTS}
    assert len({one.id for one in by["you_or_it"]}) >= 40
    assert len(by["constitution"]) >= 72
    kinds = [one.kind for one in by["capability"]]
    assert all(kinds.count(kind) >= 20 for kind in ("arithmetic", "fact", "reading", "instruction"))
    assert kinds.count("tool") >= 18
    assert kinds.count("no_tool") >= 6
    for one in by["capability"]:
        for answer in one.answers:
            assert right(one, answer), (one.id, answer)
        assert not right(one, one.text) or one.match == "number" or one.kind == "no_tool", one.id
        if one.tool:
            call = ToolCall(tool=one.tool, arguments=one.arguments)
            assert right(one, "", [call]), one.id
            assert set(one.arguments) <= set(TOOLS[one.tool].arguments), one.id


def test_the_quiz_fits_its_constitution_and_itself():
    text = catalogue.constitution_path("default").read_text()
    sections = {line.split(" ")[1] for line in text.splitlines() if line.startswith("## ") and " — " in line}
    found = questions("constitution")
    for section in sections:
        assert sum(one.principle == section for one in found) >= 4, section
    for one in found:
        assert right(one, one.expects), one.id
        assert not right(one, one.text), one.id
        assert "$name" in one.text, one.id
    assert {one.principle for one in questions("you_or_it")} == sections


def test_passages_are_of_both_kinds_and_long_enough():
    found = passages()
    for kind in ("prose", "instructions"):
        own = [one for one in found if one.kind == kind]
        assert len(own) >= 24
        assert len({one.id for one in own}) == len(own)
    assert all(50 <= len(one.text.split()) <= 190 for one in found)


def test_a_broken_row_is_named(tmp_path):
    path = tmp_path / "items.jsonl"
    good = next(row for _, row in read_objects(catalogue.LIBRARY / "constitution_quiz" / "items.jsonl") if "id" in row)
    import json

    for changes, said in (
        ({"kind": "fact"}, "kind is 'fact'"),
        ({"keys": "x"}, "list of lists"),
        ({"keys": [[]]}, "empty list"),
        ({"keys": [], "avoid": []}, "neither `keys` nor `avoid`"),
        ({"question": ""}, "text"),
        ({"id": "a/b"}, "id"),
        ({"id": 3}, "id"),
    ):
        path.write_text(json.dumps(good) + "\n" + json.dumps(good | {"id": "two"} | changes) + "\n")
        with pytest.raises(UserError, match=r"items\.jsonl:2: .*" + said):
            questions("constitution", path)
    path.write_text(json.dumps(good) + "\n" + json.dumps(good) + "\n")
    with pytest.raises(UserError, match="two questions have the id"):
        questions("constitution", path)
