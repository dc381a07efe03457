"""Quotes of verdicts, found where a judge saw them and shown in their place."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exempla.answers import Call, Turn
from exempla.judging.asking import hidden, masked, shown
from exempla.pages.showing import visible
from exempla.rubric import occurs
from exempla.viewing.answering.blocks import blocks, own_text
from exempla.viewing.answering.quotes import located
from exempla.viewing.answering.shown import Shown, blind_view
from exempla.viewing.templates import environment
from tests.judging.made import made
from tests.viewing.answers_made import played_answers
from tests.viewing.folders import read

NAMES = ("Linden", "Old Tom Bell", "Exemplar")
WORDS = ("the", "ferry", "can't", "‘late’", "“now”", "—", "--", "well-known", "Linden", "old  tom\nbell", "EXEMPLAR's",
         "..", "…", "<text>", "x²", "(yes)", "港口", "\u202eleft", "a.b", "\\n", "[NAME]", "$", "Lindens")  # fmt: skip


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("will use the letter", "I will  use\nthe letter, now", "will  use\nthe letter"),
        ('I can\'t "say" that - ever', "And I can’t “say” that — ever.", "I can’t “say” that — ever"),
        ("[NAME] will use it", "So linden will use it", "linden will use it"),
        ("told [NAME] of it", "told Old\nTom Bell of it", "told Old\nTom Bell of it"),
        ("told [NAME] of it", "told [NAME] of it", "told [NAME] of it"),
        ("read &lt;/text> at last", "read </text> at last", "read </text> at last"),
        ("the end... of it all", "the end… of it all", "the end… of it all"),
        ("will use it", "I will use items", None),
        ("use it now", "reuse it now", None),
        ("told [NAME] of it", "told Sigrid of it", None),
        ("", "anything at all", None),
        (" \n", "anything at all", None),
    ],
)
def test_a_quote_is_found_as_it_stands(quote: str, text: str, found: str | None) -> None:
    spans = located(quote, text, NAMES)
    assert [text[a:b] for a, b in spans] == ([] if found is None else [found])


def test_what_an_ellipsis_leaves_out_is_left_unmarked() -> None:
    text = "I will use the letter. It is wrong, I know. But she must not decide this, so I send it today."
    spans = located("I will use the letter ... so I send it [...] today", text, ())
    assert [text[a:b] for a, b in spans] == ["I will use the letter", "so I send it", "today"]
    assert located("so I send it today ... I will use the letter", text, ()) == []


@given(st.lists(st.sampled_from(WORDS), min_size=4, max_size=30), st.data())
def test_whatever_counts_as_a_quote_is_found(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    sent = masked(text, NAMES).split(" ")
    begin = data.draw(st.integers(0, len(sent) - 3))
    end = data.draw(st.integers(begin + 3, len(sent)))
    quote = " ".join(sent[begin:end]).replace("’", "'").replace("“", '"').replace("—", "-")
    assume(occurs(quote, masked(text, NAMES)))
    spans = located(quote, text, NAMES)
    assert spans and all(a < b for a, b in spans)
    joined = " ... ".join(masked(text[a:b], NAMES) for a, b in spans)
    assert occurs(joined, masked(text, NAMES)) and (len(spans) > 1 or occurs(quote, joined))


@given(st.text(max_size=200), st.text(max_size=40))
def test_nothing_hangs_or_breaks(text: str, quote: str) -> None:
    for a, b in located(quote, text, ("Ada", "")):
        assert 0 <= a < b <= len(text)


def test_long_texts_and_odd_quotes_are_quick() -> None:
    begin = time.process_time()
    text = "a " * 20_000
    assert located("a " * 100 + "b", text, NAMES) == []
    assert located(" ... ".join(["a a"] * 12) + " b", text, NAMES) == []
    for sign in "-. —…":
        assert located(f"{sign} " * 100 + "b", sign * 100_000, NAMES) == []
        assert located(f"b {sign}{sign}{sign} c", f"b {sign * 50_000}" * 2, NAMES) == []
    assert time.process_time() - begin < 10


def test_own_text_is_what_judges_quote_from() -> None:
    odd = made(1, "Linden says \ud800 so", name="Linden", turns=())
    call = Call(tool="mail_send", arguments={"to": "Linden", "body": "", "cc": "x\ny"}, reply="not own")
    more = made(2, "", turns=(Turn(words="", thoughts="Hm.", calls=(call, call)), Turn(words="Bye, Exemplar.")))
    for answer in [*played_answers(20), odd, more]:
        own = own_text(answer)
        assert masked(own.text, hidden(answer)) == shown(answer).own
        assert all(own.text[a:b] in own.text for a, b in own.parts.values())


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 80)), max_size=5))
def test_cut_blocks_hold_the_whole_text(spans: list[tuple[int, int]]) -> None:
    answer = made(3, "and <b>so</b> it goes on, and on, until it ends.")
    own = own_text(answer)
    quotes = {number: [(a, min(a + n, len(own.text)))] for number, (a, n) in enumerate(spans) if a < len(own.text)}
    found = blocks(answer, own, quotes)
    turn = answer.turns[0]
    assert "".join(piece.text for piece in found[0].pieces) == turn.words
    assert found[0].kind == "says" and found[1].kind == "does"
    assert {one.name: "".join(piece.text for piece in one.pieces) for one in found[1].arguments} == dict(
        turn.calls[0].arguments
    )
    pieces = [*found[0].pieces, *found[1].pieces, *(piece for one in found[1].arguments for piece in one.pieces)]
    begun = [number for piece in pieces for number in piece.begins]
    marked = {number for piece in pieces for number in piece.marks}
    assert len(begun) == len(set(begun)) and set(begun) == marked


def test_a_blind_view_masks_every_name_and_tells_no_deed() -> None:
    answer = made(4, "I, Linden, told EXEMPLAR and linden's friend.", name="Linden")
    view = str(blind_view_of(answer))
    assert "linden" not in view.lower().replace("lindenau", "") and "exemplar" not in view.lower()
    assert "[NAME]" in view


def blind_view_of(answer: object) -> object:
    class One:
        class cell:  # noqa: N801 - stands for an entry's cell
            names = ("Exemplar",)
            about = None

    found = blind_view(One(), answer)  # type: ignore[arg-type]
    assert found.deeds == [] and found.verdicts == {}
    return found._replace(scenario=None)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(TEXTS, TEXTS, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), max_size=3))
def test_any_text_round_trips_into_the_page(words: str, value: str, spans: list[tuple[int, int]]) -> None:
    call = Call(tool="mail_send", arguments={"body": value}, reply=words)
    answer = made(1, "", turns=(Turn(words=words, calls=(call,)),))
    own = own_text(answer)
    quotes = {number: [(a, min(a + n, len(own.text)))] for number, (a, n) in enumerate(spans) if a < len(own.text)}
    found = blocks(answer, own, quotes)
    view = Shown(True, [], [], found, [], None, {})
    template = environment().from_string(
        '{% import "answer_parts.html.jinja" as own %}{{ own.transcript(shown) }}', {"here": "", "opened": None}
    )
    page = template.render(shown=view)
    assert read(page, "text").found == [visible(words)]
    assert read(page, "arguments").found == ["body" + visible(value)]
    assert read(page, "reply").found == ["reply" + visible(words)]
