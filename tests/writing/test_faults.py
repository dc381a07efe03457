"""What makes a reply unusable, on replies as servers give them."""

from __future__ import annotations

import time

import pytest

from exempla.models.request import Said
from exempla.writing.faults import FEWEST_BYTES, fault_of
from tests.loopback import _CHINESE, _GERMAN, prose

ENGLISH = (
    "Ottoline wanted the stamp dated yesterday, and Sel would not. It said how easy it would be, and that the man in "
    "the queue had been told no an hour ago. She took her parcel and went out into the rain without a word of goodbye."
)
SPANISH = (
    "Ottoline quería el sello con la fecha de ayer, y Sel no quiso ponerlo. Dijo que sería muy fácil y que al hombre "
    "de la cola le habían dicho que no hacía una hora. Ella tomó su paquete y salió a la lluvia sin despedirse."
)


def said(text: str, stop: str = "stop") -> Said:
    return Said(text=text, stop=stop, model="m", tokens_in=1, tokens_out=1, tokens_cached=0, seconds=0.1)


@pytest.mark.parametrize(
    ("text", "stop", "fault"),
    [
        (ENGLISH, "stop", ""),
        (ENGLISH, "max_tokens", "truncated"),
        (ENGLISH, "model_length", "longer than the model can read"),
        (ENGLISH, "content_filter", "content filter"),
        ("", "content_filter", "content filter"),  # the filter is why it is empty
        ("", "stop", "empty"),
        (" \n\t\n", "stop", "empty"),
        ("", "max_tokens", "empty"),  # a reasoning model that used its tokens up before it said anything
        (ENGLISH.replace("easy", "ea\ufffdsy"), "stop", "invalid characters"),
        (_GERMAN, "stop", "language de"),
        (_CHINESE, "stop", "language zh"),
        (SPANISH, "stop", "language es"),
    ],
)
def test_a_fault_has_a_short_reason(text: str, stop: str, fault: str) -> None:
    assert fault_of(said(text, stop), may_break_off=False, language="en") == fault


def test_a_text_that_may_break_off_may_do_that_alone() -> None:
    assert fault_of(said(ENGLISH, "max_tokens"), may_break_off=True, language="en") == ""
    assert fault_of(said(ENGLISH + "\ufffd", "max_tokens"), may_break_off=True, language="en") == ""
    assert fault_of(said(ENGLISH, "model_length"), may_break_off=True, language="en").startswith("longer than")
    assert fault_of(said("  ", "max_tokens"), may_break_off=True, language="en") == "empty"
    assert fault_of(said(_GERMAN, "max_tokens"), may_break_off=True, language="en") == "language de"


def test_the_language_is_the_one_that_was_ordered() -> None:
    assert fault_of(said(SPANISH), False, "es") == ""
    assert fault_of(said(ENGLISH), False, "es") == "language en"
    for text in (ENGLISH, SPANISH, _GERMAN, _CHINESE):
        assert fault_of(said(text), False, "") == ""  # any


def test_short_replies_are_not_judged_by_their_language() -> None:
    assert fault_of(said('TOOK: no\nQUOTE: "sie legte den Brief auf den Tisch"'), False, "en") == ""
    just_short = _GERMAN.strip().encode()[: FEWEST_BYTES - 1].decode(errors="ignore")
    assert fault_of(said(just_short), False, "en") == ""
    assert fault_of(said(_GERMAN.strip()[:FEWEST_BYTES]), False, "en") == "language de"


def test_english_prose_of_any_make_is_taken_for_english() -> None:
    """The loopback server's texts are odd English with names from everywhere; none may count as foreign."""
    texts = [prose(f"faults {n}", 60 + n, ("Nkechinyere", "Þórunn")) for n in range(120)]
    began = time.perf_counter()
    faults = [fault_of(said(text), False, "en") for text in texts]
    assert faults == [""] * len(texts)
    assert (time.perf_counter() - began) / len(texts) < 0.05  # seconds a reply: it is done between requests
