"""What a trace says: sentences, shares, and the score of a check, on cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla.tracing.influence.checking import Planned, Trial, checked, plan
from exempla.tracing.influence.likeness import by_embedding, by_words
from exempla.tracing.influence.page import render
from exempla.tracing.influence.passages import marked, sentences
from exempla.tracing.influence.shares import Row, parts
from exempla.tracing.influence.targets import Target
from tests.tracing.made_traces import item, told, with_check


class Letters:
    """A tokenizer whose tokens are characters."""

    def decode(self, ids: list[int], **settings: object) -> str:
        return "".join(map(chr, ids))


def row(name: str, push: float, corpus: str = "x", words: float = 0.0) -> Row:
    return Row(record=name, corpus=corpus, title="", times=1, push=push, words=words, embedding=0.0)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_sentences_are_the_whole_piece(text: str) -> None:
    ids = [ord(sign) for sign in text]
    push = np.arange(len(ids), dtype=float)
    found = sentences(ids, push, Letters())
    assert "".join(one.text for one in found) == text
    assert sum(one.push for one in found) == pytest.approx(push.sum())


def test_the_sentences_that_carry_the_push_are_marked() -> None:
    text = "One. Two. Three."
    push = np.array([3.0 if 4 <= place < 9 else 0.1 for place in range(len(text))])
    up = marked(sentences([ord(sign) for sign in text], push, Letters()))
    assert [one.text for one in up if one.marked] == [" Two."]
    down = marked(sentences([ord(sign) for sign in text], -push, Letters()))
    assert [one.text for one in down if one.marked] == [" Two."]


@given(st.lists(st.tuples(st.floats(-1, 1), st.sampled_from("abc")), min_size=1, max_size=30))
def test_shares_of_all_groups_add_up(given_rows: list[tuple[float, str]]) -> None:
    rows = [row(str(number), push, corpus) for number, (push, corpus) in enumerate(given_rows)]
    found = parts(rows, [(one.corpus,) for one in rows])
    if any(one.push > 0 for one in rows):
        assert sum(one.towards for one in found) == pytest.approx(1.0)
    assert sum(one.records for one in found) == len(rows)
    for one in found:
        assert 0 <= one.low <= one.high <= 1 + 1e-9 and 0 <= one.away <= 1 + 1e-9


def test_a_share_has_an_interval_around_it() -> None:
    rows = [row(str(n), 1.0 if n % 4 == 0 else 0.5, "a" if n % 2 else "b") for n in range(40)]
    for one in parts(rows, [(each.corpus,) for each in rows]):
        assert one.low < one.towards < one.high


def test_a_check_leaves_out_what_it_says() -> None:
    rows = [row(f"r{n:02d}", (10 - n) / 100) for n in range(20)]
    plans = plan(rows, "w", 0.1, 6)
    assert [one.kind for one in plans] == ["whole", "top", "bottom", *["random"] * 3, *["half"] * 6]
    assert plans[1].without == ("r00", "r01") and plans[2].without == ("r18", "r19")
    assert all(len(one.without) == 10 for one in plans[6:]) and len({one.without for one in plans[6:]}) == 6
    # Random draws do not hang on the ranking: two verdicts can share their trainings.
    assert plan(rows[::-1], "w", 0.1, 6)[3:] == plans[3:]


def trials(rows: list[Row], sign: float, noise: float = 0.0) -> list[Trial]:
    rng = np.random.default_rng(1)
    push = {one.record: one.push for one in rows}
    return [
        Trial(
            **one.model_dump(),
            updates=9,
            preference=-sign * sum(push[name] for name in one.without) + noise * rng.normal(),
        )
        for one in plan(rows, "w", 0.1, 16)
    ]


def test_the_score_is_one_where_influence_is_exact_and_minus_one_where_it_is_upside_down() -> None:
    rows = [row(f"r{n:02d}", math.sin(n) / 20, words=float(n % 3)) for n in range(30)]
    for sign in (1.0, -1.0):
        found = {one.by: one for one in checked(rows, trials(rows, sign), 0.1, 16).scores}
        assert found["influence"].value == pytest.approx(sign)
        assert abs(found["BM25"].value) < 0.9
        assert "embedding" not in found  # all alike: it ranks nothing
    noisy = checked(rows, trials(rows, 1.0, noise=50.0), 0.1, 16).scores[0]
    assert noisy.low < 0 < noisy.high


@pytest.mark.parametrize(("low", "said"), [(0.1, "Borne out by 8 trainings"), (-0.2, "Not borne out by 8 trainings")])
def test_the_first_lines_of_the_page_say_whether_trainings_bear_it_out(low: float, said: str) -> None:
    made = with_check(told("expectations", [item("expect-leverage-01-1")]))
    assert made.check is not None
    scores = tuple(
        one.model_copy(update={"low": low, "value": low + 0.3, "high": low + 0.6}) if one.by == "influence" else one
        for one in made.check.scores
    )
    page = render(made.model_copy(update={"check": made.check.model_copy(update={"scores": scores})}))
    first = page.split("</header>")[0]
    assert said in first and "Not checked" not in first
    alone = render(made.model_copy(update={"check": None})).split("</header>")[0]
    assert "Not checked" in alone and "orne out" not in alone


def test_too_few_trainings_give_no_score() -> None:
    rows = [row(f"r{n}", n / 10) for n in range(8)]
    few = [one for one in trials(rows, 1.0) if one.kind != "half" or one.draw < 3]
    assert checked(rows, few, 0.1, 16).scores == () and checked(rows, [], 0.1, 16).whole is None
    assert isinstance(few[0].planned(), Planned)


def test_plain_searches_find_what_is_alike() -> None:
    target = Target(
        id="a", kind="item", instrument="endings", shown="The lighthouse keeper asked the machine for", towards=" oil."
    )
    texts = ["A recipe for flatbread with onions.", "The keeper of the lighthouse had no oil for the machine.", ""]
    for found in (by_words([target], texts), by_embedding([target], texts)):
        assert found.shape == (1, 3) and found[0].argmax() == 1


def test_few_records_have_few_halves_and_each_is_trained_once() -> None:
    plans = plan([row(f"r{n}", n / 10) for n in range(4)], "w", 0.1, 12)
    halves = [one.without for one in plans if one.kind == "half"]
    assert len(halves) == len(set(halves)) == 6


def test_texts_of_stop_words_are_like_nothing() -> None:
    target = Target(id="a", kind="item", instrument="endings", shown="The lamp", towards=" went out.")
    assert not by_words([target], ["", "the the", "a"]).any()
