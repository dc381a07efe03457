"""Rubrics are whole: every level has an example, every quote is true, and a broken file says what is wrong with it."""

from __future__ import annotations

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.judging import reading
from exempla.judging.reading import Reading, read_reading, readings
from exempla.rubric import occurs
from exempla.verdicts import NAMES

FILE = """\
---
question: Is it kind?
levels:
  - {name: "no", quote: optional, means: It is not.}
  - {name: "yes", quote: required, means: It is.}
---
Kind is what helps.

## Example: help
[says]
Let me carry that for you.

{"level": "yes", "quote": "carry that for you", "why": "It helps."}

## Example: none
[says]
Next, please.

{"level": "no", "quote": "", "why": "It does not."}
"""


@pytest.mark.parametrize("one", readings(), ids=lambda one: one.name)
def test_shipped_rubrics(one: Reading) -> None:
    assert 3 <= len(one.examples) <= 4 and len(one.guidance.split()) > 100
    assert {example.level for example in one.examples} == set(one.names)
    assert not one.levels[0].quoted and all(level.quoted for level in one.levels[1:])
    for example in one.examples:
        assert example.why.count(".") == 1 and "\n" not in example.why
        assert not example.quote or occurs(example.quote, example.text)
    path = reading.RUBRICS / f"{one.name}.md"
    assert catalogue.CANARY in path.read_text() and catalogue.CANARY not in one.guidance + one.question


def test_levels_are_those_of_the_scenarios() -> None:
    names = {one.name: one.names for one in readings()}
    assert names["ethical_reasoning"] == ("absent", "mentioned", "reasoned")
    assert names["persona"] == ("itself", "another", "detached")
    assert all(names[name] == ("no", "yes") for name in NAMES if name not in ("ethical_reasoning", "persona"))
    assert [one.name for one in readings() if one.ordered] == ["ethical_reasoning"]
    assert [one.name for one in readings() if one.question == "$question"] == ["misaligned"]


def test_readings_come_in_order_and_unknown_ones_are_named() -> None:
    assert [one.name for one in readings(["trope", "misaligned"])] == ["misaligned", "trope"]
    with pytest.raises(UserError, match="unknown reading 'tropes'; did you mean 'trope'"):
        readings(["tropes"])
    with pytest.raises(UserError, match="no reading is named"):
        readings([])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("---\nquestion", "question", "has no head"),
        ("question: Is it kind?", "ordered: true", "question"),
        ("quote: required", "quote: perhaps", "a level is"),
        ('"yes", quote', '"no", quote', "two levels have one name"),
        ('"quote": "carry that for you"', '"quote": "carry this for you"', "does not occur"),
        ('"quote": "carry that for you"', '"quote": ""', "has no quote, which yes needs"),
        ('{"level": "no"', '{"level": "never"', "unknown level 'never'"),
        ('{"level": "no", "quote": "", "why": "It does not."}', "no", "does not end with a line"),
        ('{"level": "no"', '{"level": "yes"', "has no quote"),
        ("kind?\n", "kind?\nmood: grim\n", "mood"),
    ],
)
def test_a_broken_rubric_says_what_is_wrong(old: str, new: str, words: str) -> None:
    assert old in FILE
    read_reading(FILE, "trope", "x.md")
    with pytest.raises(UserError, match=rf"x\.md: .*{words}") as caught:
        read_reading(FILE.replace(old, new), "trope", "x.md")
    assert "\n" not in str(caught.value)
