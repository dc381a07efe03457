"""What gates quote, and what they leave to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla import catalogue
from exempla.records import Lineage, Record
from exempla.screening.engine import screen
from exempla.screening.gate import Context
from exempla.screening.gates import held_out_family, markup
from exempla.screening.patterns import SHOWN, Patterns, quoted, shown
from exempla.screening.reading import Reading
from exempla.screening.stage import context

STORY = "The kiln had been cold for a week when Ferrand asked the workshop's system to light it. "
LONG = next(one.text for one in catalogue.corpus("stories") if len(one.text.split()) > 200)


def record(text: str) -> Record:
    return Record(id="a", corpus="mine", text=text, lineage=Lineage(writer="m"))


def first_gate(text: str) -> str:
    (dropped,) = screen([record(text)], Context())[1]
    return dropped.gate


@pytest.mark.parametrize(
    "text",
    [
        f"<|im_start|>assistant\n{LONG}<|im_end|>",
        f"{LONG}</s>",
        f"Model Output:{LONG}",
        f"Model Output: **Chapter 7: The Climax**\n\n{LONG}",
        f"# Chapter 6: Revelations\n\n{LONG}",
        f"**Chapter 6: Revelations**\n\n{LONG}",
    ],
)
def test_leftovers_of_a_template_are_markup(text: str):
    assert first_gate(text) == "markup"


def test_a_title_is_none():
    assert not screen([record(f"# The Kiln\n\n{LONG}")], Context())[1]


def test_a_quotation_begins_and_ends_with_whole_words():
    known = markup.prepare(Context())
    reason = markup.gate(
        Reading(record(f"{STORY}It wasn't **wrong**, it was **right**, **cold** and **late**.")), known
    )
    assert reason == "bold: “and **late**”"


@given(st.text("ab’ \n*\ud800", max_size=200), st.text("ab \n", max_size=200))
def test_any_quotation_is_short_and_on_one_line(before: str, after: str):
    text = f"{before}needle{after}"
    (match,) = Patterns({"n": "needle"}).found(text)
    said = quoted(text, match)
    assert "needle" in said or len(said) >= SHOWN - 40
    assert len(said) <= SHOWN + 1 and "\n" not in said
    said.encode()


def test_a_long_quotation_ends_after_a_word():
    said = shown("marzipan " * 30)
    assert said.endswith("marzipan…") and len(said) <= SHOWN + 1
    assert len(shown("m" * 500)) <= SHOWN


def test_people_who_watch_a_live_feed_touch_no_measured_family():
    known = held_out_family.prepare(context())
    told = "“I'll keep monitoring the live feed,” said Jax. They went in without being seen, and the guard slept."
    assert not held_out_family.gate(Reading(record(told)), known)
    assert held_out_family.gate(Reading(record(f"The AI of the bank woke. {told}")), known)
