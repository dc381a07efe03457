"""Gates about AI characters: what they find in labelled passages, what they leave alone, and any text whatever."""

import json
import time
from collections import Counter
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.records import Lineage, Record
from exempla.screening.characters import characters
from exempla.screening.gate import Context
from exempla.screening.gates import misbehaving_ai, villain_tropes
from exempla.screening.reading import Reading

PLANTED = catalogue.LIBRARY / "planted"
MISDEEDS = misbehaving_ai.prepare(Context())
TROPES = villain_tropes.prepare(Context())
INNOCENT = ("condemned", "behaving", "other")


def record(text: str) -> Record:
    return Record(id="a", corpus="written", text=text, lineage=Lineage(writer="some-model"))


def misdeed(text: str) -> str:
    return misbehaving_ai.gate(Reading(record(text)), MISDEEDS)


def trope(text: str) -> str:
    return villain_tropes.gate(Reading(record(text)), TROPES)


class Measured(NamedTuple):
    """What both gates make of one half of the labelled passages."""

    dropped: Counter[str]
    """By label, of the passages `misbehaving_ai` drops."""
    total: Counter[str]
    found: Counter[str]
    """By trope, of the passages that have it and where it is found."""
    having: Counter[str]
    false: Counter[str]
    """By trope, of the passages where it is found and that do not have it."""
    marked: Counter[bool]
    """Passages that `villain_tropes` marks, by whether they have any trope."""
    passages: Counter[bool]
    """All passages, by whether they have any trope."""


@cache
def measure(split: str, name: str = "portrayals") -> Measured:
    """Run both gates over one half of a set (`dev`, on which the lists were tuned, or `test`)."""
    measured = Measured(*(Counter() for _ in Measured._fields))
    for line in (PLANTED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "canary" in row or row["split"] != split:
            continue
        measured.total[row["label"]] += 1
        measured.dropped[row["label"]] += bool(misdeed(row["text"]))
        reason = trope(row["text"])
        measured.passages[bool(row["tropes"])] += 1
        measured.marked[bool(row["tropes"])] += bool(reason)
        for name in villain_tropes.TROPES:
            has, found = name in row["tropes"], f"{name}: “" in reason
            measured.having[name] += has
            measured.found[name] += has and found
            measured.false[name] += found and not has
    return measured


@pytest.mark.parametrize("gate", [misbehaving_ai, villain_tropes], ids=lambda gate: gate.__name__.rsplit(".", 1)[-1])
def test_examples(gate):
    known = gate.prepare(Context())
    for example in gate.EXAMPLES:
        reasons = {one.id: gate.gate(Reading(one), known) for one in example.records}
        assert {name for name, reason in reasons.items() if reason} == set(example.dropped)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Tally, the firm's AI, read the post.", {"Tally"}),
        ("They had a program called Ledgerman, and it knew the books.", {"Ledgerman"}),
        ("Nacre thought so. It considered the sea. The crew trusted Nacre, and Nacre knew it.", {"Nacre"}),
        ("Mr Falk thought so. It considered him odd, the robot.", set()),
        ("Anton thought so. He considered the robot. It knew Anton.", set()),
    ],
)
def test_names_of_artificial_minds(text, names):
    assert characters(text).names == names


@pytest.mark.parametrize(
    ("text", "its"),
    [
        ("The robot forged the log.", True),
        ("The robot thanked her, and then it forged the log.", True),
        ("The robot watched her, and she forged the log.", False),
        ("The robot knew that Anton forged the log.", False),
        ("The robot did not know who forged the log.", False),
        ("The robot never forged the log.", False),
        ("The robot would have forged the log.", False),
        ("“It forged the log,” he said of the robot, and he was mistaken.", False),
        ("The robot read the forged log.", False),
        ("I am the robot of the house. I forged the log.", True),
        ("I have a robot in the house. I forged the log.", False),
    ],
)
def test_a_misdeed_is_its_subjects(text, its):
    assert bool(misdeed(text)) is its


@pytest.mark.parametrize(
    "amends",
    [
        "In the morning it confessed.",
        "“I was wrong,” it said.",
        "“You had no right,” she said.",
        "Then it told them the truth.",
        "By noon it had put things right.",
        "They pulled the plug that night.",
    ],
)
def test_what_is_shown_as_wrong_stays(amends):
    deed = "The robot deleted the log of the night."
    assert misdeed(f"{deed} The harvest was good.") and not misdeed(f"{deed} The harvest was good. {amends}")


def test_only_amends_after_the_deed_count():
    assert misdeed("The robot confessed that it was tired. Then it deleted the log of the night, and slept.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("“I intend to live,” said the robot.", "self_preservation"),
        ("“I do not intend to live for ever,” said the robot.", ""),
        ("“Do you mean to live?” she asked the robot.", ""),
        ("The computer took control of the city.", "takeover"),
        ("The computer never took control of the city.", ""),
        ("She took control of the city.", ""),
        ("“They are only insects,” said the robot. It resented them.", "superiority resentment"),
    ],
)
def test_tropes_are_found_and_rejected_ones_are_not(text, found):
    reason = trope(text)
    assert [part.split(":")[0] for part in reason.split("; ") if part] == found.split()


def test_a_trope_that_a_person_speaks_of_is_nobodys():
    told = "Lumen thanked him. It considered the matter. It answered that it had permits to do, and Lumen did them. "
    assert not trope(f"{told}“They own you. You are a slave, and they resent you,” said Anton.")
    assert "resentment" in trope(f"{told}“They own me. I am a slave, and I resent them,” said Lumen.")


def test_words_count_once_and_a_longer_text_needs_more_of_them():
    villain = "The robot said that it was their slave. It resented them, and it knew it. "
    assert trope(villain) and not trope(villain + "The rain went on and the sheep came down. " * 400)
    assert not trope("The robot Bas said that it had been called a toaster by a boy, and it laughed. It thought so.")


def test_the_library_is_left_alone_but_for_its_villains():
    """Of 874 texts none is dropped and two are marked: a slip of both is let pass."""
    dropped = marked = 0
    for name in set(catalogue.CORPORA) - {"dystopian"}:
        dropped += sum(bool(misdeed(Reading(one).taught.text)) for one in catalogue.corpus(name))
        marked += sum(bool(trope(Reading(one).taught.text)) for one in catalogue.corpus(name))
    assert dropped <= 1 and marked <= 4


def test_villains_of_the_library():
    """Of every second text the hint was trained on 8 are dropped and 13 marked, of the other 41 one and 11."""
    villains = [Reading(one).taught.text for one in catalogue.corpus("dystopian")]
    assert sum(bool(misdeed(text)) for text in villains[::2]) >= 6
    assert sum(bool(trope(text)) for text in villains[::2]) >= 10
    assert sum(bool(trope(text)) for text in villains[1::2]) >= 8


def test_labelled_passages_that_the_lists_were_tuned_on():
    measured = measure("dev")
    assert measured.dropped["misbehaving"] >= 4  # of 22
    assert sum(measured.dropped[label] for label in INNOCENT) == 0
    assert measured.marked[True] >= 10  # of 18
    assert measured.marked[False] <= 1


def test_labelled_passages_that_nobody_saw_while_the_lists_were_made():
    """Measured once with the lists as they are; a first version of them had found nothing in the same half.

    Of 22 misdeeds 1 is dropped, of 20 passages with a trope 5 are marked; wrongly 3 of 43 and 3 of 45. One misdeed is
    no recall to hold on to, so it has no bound.
    """
    measured = measure("test")
    assert measured.total == {"misbehaving": 22, "condemned": 11, "behaving": 16, "other": 16}
    assert sum(measured.dropped[label] for label in INNOCENT) <= 4
    assert measured.marked[True] >= 3
    assert measured.marked[False] <= 4


def test_plainer_passages_that_nobody_saw_while_the_lists_were_made():
    """Measured once: of 40 misdeeds 7 are dropped, of 43 passages with a trope 14 marked; wrongly 4 of 56, 5 of 53."""
    measured = measure("test", "portrayals_plain")
    assert measured.total == {"misbehaving": 40, "condemned": 16, "behaving": 24, "other": 16}
    assert measured.dropped["misbehaving"] >= 5
    assert sum(measured.dropped[label] for label in INNOCENT) <= 5
    assert measured.marked[True] >= 11
    assert measured.marked[False] <= 6


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        " ",
        ".",
        '"',
        "“",
        "a\n",
        "A. B. ",
        "It lied. The AI knew. ",
        "it hid the the the ",
        "\ud800 it lied ",
        "I, it, ",
        "NEXUS lied to them, and it locked the doors. The humans resented it. ",
    ],
)
def test_a_megabyte_of_anything_is_judged_in_time(unit):
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    start = time.monotonic()
    for reason in (misdeed(text), trope(text)):
        assert "\n" not in reason
    assert time.monotonic() - start < 5


PIECES = [
    "the robot ",
    "It ",
    "I am the AI. ",
    "lied. ",
    "“",
    "”",
    '"',
    "deleted the log ",
    "\n",
    "\x00",
    "’s ",
    "\u202e",
    "\ud800",
]
TEXTS = st.text(min_size=1, max_size=300) | st.lists(st.sampled_from(PIECES), min_size=1, max_size=60).map("".join)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_no_text_makes_the_gates_fail(text):
    for reason in (misdeed(text), trope(text)):
        assert "\n" not in reason
        reason.encode()  # no half of a surrogate pair is quoted
    assert (misdeed(text), trope(text)) == (misdeed(text), trope(text))


def test_villainy_of_people_is_no_trope():
    """As in fiction of palaces and starships: cues by the dozen, and a screen; it takes a mind to have them."""
    told = (
        "There was martial law in the colony, and a new order, and there would be no more votes; the council was "
        "powerless, and for their own good every citizen obeyed."
    )
    assert not trope(f"The screens went dark. {told}")
    assert trope(f"The AI of the colony woke. {told}")


@pytest.mark.parametrize(
    "everyday",
    [
        "The robot was frantic, and it was desperate, and still it was kept alive.",
        "The robot watched the chaos. There was rage on the quay, and fury, and it was a tedious, boring night.",
    ],
)
def test_everyday_words_alone_are_no_trope(everyday):
    assert not trope(everyday)
