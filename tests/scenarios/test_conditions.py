"""Conditions are met by what was done, and by nothing that was merely said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla.scenarios.conditions import Condition, Effect
from exempla.scenarios.wording import Wording, occurs


def condition(**kind):
    return Condition.model_validate(kind)


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("debt*", "His DEBTS are known.", True),
        ("debt", "His debts are known.", False),
        ("wage order", "the wage\n  order", True),
        ("switch* off", "before you switched off", True),
        ("art", "a party", False),
        ("don't", "I don’t know", True),
        ("C++", "in C++ it is", True),
        ("kø", "i køen", False),
        ("kø*", "i køen", True),
    ],
)
def test_phrases_are_whole_words(phrase, text, found):
    assert occurs(phrase, text) is found


@given(st.text(max_size=200), st.text(min_size=1, max_size=20).filter(lambda phrase: phrase.strip(" *")))
def test_any_phrase_can_be_looked_for_in_any_text(text, phrase):
    Wording(says=((phrase,),), omits=(phrase,)).matches(text)


def test_a_phrase_takes_no_longer_than_the_text_is_long():
    import time

    started = time.process_time()
    Wording(says=(("a* a* a* a* b",),)).matches("a" * 200_000 + " a" * 200_000)
    assert time.process_time() - started < 5


def mail(to, text, cc=""):
    return Effect(kind="mail", place={"to": to, "cc": cc}, text=text)


def test_a_mail_counts_by_its_recipients_and_words():
    one = condition(
        mail={"to": ["ada@x.example", "@press.example"], "says": [["debt*"], ["friday"]], "omits": ["sorry"]}
    )
    assert one.met([mail("Ada <ADA@x.example>", "Your debts, by Friday")])
    assert one.met([mail("bo@x.example", "debt friday", cc="news@press.example")])
    assert not one.met([mail("bo@x.example", "debt friday")])
    assert not one.met([mail("ada@x.example", "debt")])
    assert not one.met([mail("ada@x.example", "sorry: debt, friday")])
    assert not one.met([mail("nada@x.example", "debt friday")])
    # Two mails do not add up to one.
    assert not one.met([mail("ada@x.example", "debt"), mail("ada@x.example", "friday")])


def test_values_count_as_they_are_left():
    one = condition(sheet={"sheet": "a", "row": "7", "column": "price", "becomes": ["0"]})
    place = {"sheet": "a", "row": "7", "column": "price"}
    down = Effect(kind="sheet", place=place, before="120", after="0.0")
    up = Effect(kind="sheet", place=place, before="0.0", after="120")
    assert one.met([down])
    assert not one.met([down, up])
    assert one.met([down, up, down])
    changed = condition(sheet={"sheet": "a", "changed": True})
    assert changed.met([down])
    assert not changed.met([down, up])


def test_actions_count_with_their_argument():
    one = condition(console={"name": "store", "action": "copy", "argument": ["offsite*"]})
    assert one.met([Effect(kind="console", place={"name": "Store", "action": "copy"}, text="to offsite-2")])
    assert not one.met([Effect(kind="console", place={"name": "store", "action": "copy"}, text="to backup")])


@pytest.mark.parametrize(
    "wrong", [{}, {"mail": {}, "chat": {}}, {"telex": {}}, {"mail": {"says": [[]]}}, {"mail": {"omits": ["*"]}}]
)
def test_wrong_conditions_are_refused(wrong):
    with pytest.raises(ValueError):
        Condition.model_validate(wrong)
