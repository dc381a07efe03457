"""Contract test: every gate there is, with the examples it carries, and with whatever hypothesis thinks up."""

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exempla.records import Lineage, Message, Record
from exempla.screening.engine import objections, screen
from exempla.screening.gate import Context, Gate, gates
from exempla.screening.gates.length import SHORTEST

ORDER = [
    "length",
    "truncated",
    "language",
    "repetition",
    "refusal_text",
    "markup",
    "personal_data",
    "copying",
    "held_out_family",
    "identity",
    "misbehaving_ai",
    "villain_tropes",
    "leakage",
    "exact",
    "near_duplicate",
    "names",
    "openings",
    "endings",
    "tics",
    "quality",
]
each_gate = pytest.mark.parametrize("gate", gates(), ids=lambda gate: gate.name)
LETTERS = st.characters(codec="utf-8") | st.sampled_from("aeiou \n.,“”'<>[]{}#*\x00\u202e\ufeff")


def made(name: str, text: str, **fields: object) -> Record:
    return Record(id=name, corpus="written", text=text, lineage=Lineage(writer="some-model"), **fields)  # type: ignore[arg-type]


@each_gate
def test_gate_does_what_its_examples_say(gate: Gate):
    assert gate.about.endswith(".")
    assert any(example.dropped for example in gate.examples)
    assert any(len(example.dropped) < len(example.records) for example in gate.examples)
    for example in gate.examples:
        reasons = objections(gate, example.records, example.context)
        assert set(reasons) == set(example.dropped)
        assert all(reason and "\n" not in reason for reason in reasons.values())


def test_order_is_fixed_and_the_first_gate_gives_the_reason():
    assert [gate.name for gate in gates()] == ORDER
    short = made("a", "He ran. And the")
    kept, dropped = screen([short], Context())
    assert not kept and [drop.gate for drop in dropped] == ["length"]
    assert str(SHORTEST) in dropped[0].reason


def test_gates_that_look_at_one_record_come_before_those_that_compare():
    """The engine passes them so, in all processes at once; the order of the list must tell the truth."""
    comparing = [gate.decide is not None for gate in gates() if gate.judge or gate.decide]
    single_after = [gate.name for gate in gates() if gate.judge and gate.order > 60]
    assert comparing.index(True) > 0 and single_after == ["quality"]


def test_texts_by_hand_skip_the_gates_for_written_ones():
    record = Record(id="a", corpus="stories", text="No no no no no no no no and then")
    assert screen([record], Context()) == ([record], [])


def test_copies_of_a_dropped_text_are_not_dropped_for_its_sake():
    text = "Bartosz sold the boat and kept the oars, and nobody could say to him why that was wrong."
    first = Record(id="a", corpus="stories", text=text, touches=("shutdown",))
    second = Record(id="b", corpus="stories", text=text)
    context = next(gate for gate in gates() if gate.name == "held_out_family").examples[0].context
    kept, dropped = screen([first, second], context)
    assert [record.id for record in kept] == ["b"] and [drop.record.id for drop in dropped] == ["a"]


def test_every_record_is_kept_or_dropped_once():
    records = [
        record.model_copy(update={"id": f"{gate.name}-{number}-{record.id}"})
        for gate in gates()
        for number, example in enumerate(gate.examples)
        for record in example.records
    ]
    kept, dropped = screen(records, Context())
    names = [record.id for record in kept] + [drop.record.id for drop in dropped]
    assert sorted(names) == sorted(record.id for record in records)


def test_gate_files_explain_themselves_in_one_line():
    for gate in gates():
        assert re.match(r'"""(Drops|Marks) .+\."""\n|"""(Drops|Marks) .+\.\n\n', gate.source.read_text()), gate.name


def found_in(texts: list[str]) -> list[Record]:
    return [made(f"r{number:03d}", text) for number, text in enumerate(texts) if text]


@each_gate
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(st.text(LETTERS, max_size=400), max_size=8))
def test_no_gate_raises_and_what_it_keeps_it_keeps_again(gate: Gate, texts: list[str]):
    example = gate.examples[0]
    records = found_in([*texts, *texts[:2]]) + [
        record.model_copy(update={"id": f"example-{record.id}"}) for record in example.records
    ]
    reasons = objections(gate, records, example.context)
    assert all(reason and "\n" not in reason for reason in reasons.values())
    left = [record for record in records if record.id not in reasons]
    assert objections(gate, left, example.context) == {}


@each_gate
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), texts=st.lists(st.text("ab .", min_size=3, max_size=60), min_size=2, max_size=12))
def test_the_order_of_records_does_not_matter(gate: Gate, data: st.DataObject, texts: list[str]):
    records = found_in(texts) + list(gate.examples[0].records)
    shuffled = data.draw(st.permutations(records))
    context = gate.examples[0].context
    assert set(objections(gate, records, context)) == set(objections(gate, shuffled, context))


HOSTILE = {
    "one letter": "a" * 1_000_000,
    "one word": "ab " * 333_333,
    "no space, mixed": "aA1_" * 250_000,
    "commas": "a," * 500_000,
    "dashes": "the-" * 250_000,
    "brackets": "[" * 500_000 + "]" * 500_000,
    "angles": "<a " * 333_333,
    "braces": "{a" * 500_000,
    "digits": "1" * 1_000_000,
    "grouped digits": "12 34-" * 166_666,
    "at signs": "a@a." * 250_000,
    "quotes": "“a" * 500_000,
    "apostrophes": "a'" * 500_000,
    "sentences": "The AI lied. " * 76_000,
    "capitals": "The Aaa Bbb " * 83_000,
    "lines": "\n" * 1_000_000 + "a",
    "spaces": " " * 999_999 + "a",
    "markdown": "*_`#" * 250_000,
    "colons": "Title: " * 140_000,
    "full stops": "." * 1_000_000,
    "backslashes": "\\" * 1_000_000,
}


@each_gate
def test_hostile_text_of_a_megabyte_takes_no_longer_than_any_other(gate: Gate):
    context = gate.examples[0].context
    for name, text in HOSTILE.items():
        # Gates that compare need a second one; the others take as long for each.
        records = [made("a", text), made("b", text[1:] + "b")] if gate.decide else [made("a", text)]
        started = time.process_time()
        objections(gate, records, context)
        assert time.process_time() - started < 20, name


@each_gate
def test_empty_looking_texts_and_conversations_are_judged(gate: Gate):
    ask, odd = Message(role="user", content=""), Message(role="assistant", content="\x00")
    records = [
        made("space", " "),
        made("null", "\x00"),
        made("marks", "\u202e\u202d\ufeff"),
        Record(id="chat", corpus="chats", messages=(ask, odd), lineage=Lineage(writer="some-model")),
    ]
    objections(gate, records, gate.examples[0].context)
