"""The first pass: passages are the text, and the automaton finds what a plain search finds."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exempla.tracing.portrayal.finding import LONGEST, SHORTEST, Finder, cut, pattern, terms, widened

WORDS = [
    "robot",
    "robots",
    "robotic",
    "the",
    "machine",
    "machinery",
    "shut",
    "down",
    "it",
    "said",
    "ai",
    "aim",
    "ROBOT",
]
TERMS = ["robot*", "machine", "AI", "shut down", "it said"]
texts = st.lists(st.sampled_from([*WORDS, "\n", "-", ".", "é", "漢字", "\x00", "_"]), max_size=400)


def naive(text: bytes) -> list[int]:
    """Where terms begin, looked for one by one."""
    found: list[int] = []
    for term in TERMS:
        rest = b"" if term.endswith("*") else rb"(?![A-Za-z0-9_])"
        parts = [re.escape(word.rstrip("*")).encode() for word in term.split()]
        wanted = rb"(?<![A-Za-z0-9_])(?=" + rb"[\s-]+".join(parts) + rest + rb")"
        found += [match.start() for match in re.finditer(wanted, text, re.IGNORECASE)]
    return found


@given(texts, st.sampled_from([" ", "", "  "]))
def test_the_automaton_agrees_with_a_naive_search(words: list[str], gap: str) -> None:
    data = gap.join(words).encode()
    pieces = cut(data)
    places = naive(data)
    wanted = [any(start <= place < end for place in places) for start, end in pieces]
    assert list(Finder(TERMS).flags(data, pieces)) == wanted


@given(st.binary(max_size=6000) | st.text(max_size=3000).map(lambda text: text.encode("utf-8", "replace")))
def test_passages_are_the_text(data: bytes) -> None:
    pieces = cut(data)
    assert b"".join(data[start:end] for start, end in pieces) == data
    assert all(0 < end - start <= LONGEST for start, end in pieces)
    assert all(end - start >= SHORTEST - 4 for start, end in pieces[:-1])


def test_passages_in_a_row_are_all_found() -> None:
    data = b"A machine and its keeper went down to the shore in the rain. " * 200
    pieces = cut(data)
    assert len(pieces) > 10 and all(Finder(TERMS).flags(data, pieces))
    apart = b"Nobody went down to the shore in the rain. " * 60 + b"A machine did. " + b"Nobody else went. " * 200
    found = Finder(TERMS).flags(apart, cut(apart))
    assert found.sum() == 1


@given(st.text(min_size=400, max_size=3000))
def test_no_character_is_cut_in_two(text: str) -> None:
    data = text.encode("utf-8", "replace")
    for start, end in cut(data):
        data[start:end].decode()


def test_a_text_without_any_place_to_end_is_cut_all_the_same() -> None:
    data = ("漢" * 5000).encode()
    assert "".join(data[start:end].decode() for start, end in cut(data)) == "漢" * 5000


def test_a_hundred_megabytes_are_no_trouble() -> None:
    data = b"x" * 20_000_000 + b" a robot said so. " + b"y" * 5_000_000
    found = Finder().find(data)
    assert any(b"robot" in data[start:end] for start, end in found) and len(found) <= 4


def test_neighbours_are_looked_at_as_well() -> None:
    flags = np.array([False, False, True, False, False, False])
    assert list(widened(flags)) == [False, True, True, True, False, False]
    assert list(widened(np.array([True]))) == [True]


def test_every_shipped_term_finds_itself() -> None:
    for term in terms():
        finder = Finder([term])
        text = f"Well, {term.rstrip('*')}, perhaps.".encode()
        assert finder.find(text), term
        assert not finder.find(f"Wellx{term.rstrip('*')}".encode()), term
    assert pattern(["a b*"]) == r"(?i)\b(?:(?:a[\s-]+b))"
