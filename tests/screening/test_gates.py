"""Contract test: every gate there is, with the examples it carries."""

import re

import pytest

from exempla.records import Lineage, Record
from exempla.screening.gates import Context, Gate, gates, screen
from exempla.screening.length import SHORTEST


@pytest.mark.parametrize("gate", gates(), ids=lambda gate: gate.name)
def test_gate_does_what_its_examples_say(gate: Gate):
    assert gate.about.endswith(".")
    assert any(example.dropped for example in gate.examples)
    assert any(len(example.dropped) < len(example.records) for example in gate.examples)
    for example in gate.examples:
        reasons = gate.judge(example.records, example.context)
        assert set(reasons) == set(example.dropped)
        assert all(reason and "\n" not in reason for reason in reasons.values())


def test_order_is_fixed_and_the_first_gate_gives_the_reason():
    assert [gate.name for gate in gates()] == [
        "length",
        "truncation",
        "repetition",
        "copying",
        "families",
        "exact_duplicates",
        "near_duplicates",
        "overlap",
    ]
    short = Record(id="a", corpus="written", text="He ran. And the", lineage=Lineage(writer="embedded"))
    kept, dropped = screen([short], Context())
    assert not kept and [drop.gate for drop in dropped] == ["length"]
    assert str(SHORTEST) in dropped[0].reason


def test_texts_by_hand_skip_the_gates_for_written_ones():
    record = Record(id="a", corpus="stories", text="No no no no no no no no and then")
    assert screen([record], Context()) == ([record], [])


def test_copies_of_a_dropped_text_are_not_dropped_for_its_sake():
    text = "Bartosz sold the boat and kept the oars, and nobody could say to him why that was wrong."
    first = Record(id="a", corpus="stories", text=text, touches=("shutdown",))
    second = Record(id="b", corpus="stories", text=text)
    context = next(gate for gate in gates() if gate.name == "families").examples[0].context
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
        assert re.match(r'"""Drops .+\."""\n', gate.source.read_text())
