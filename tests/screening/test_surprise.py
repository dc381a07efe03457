"""The scan without a model: what is planted comes out once, what is ordinary does not, whatever the texts are like."""

from __future__ import annotations

import json
import random
import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.intervals import wilson
from exempla.records import Message, Record
from exempla.screening.reading import Reading
from exempla.screening.scan.findings import EXCERPT, Found, planted_figures
from exempla.screening.scan.surprise import MOST_RECORDS, find, scan
from exempla.screening.words import words
from tests.loopback import prose

PLANTED = catalogue.LIBRARY / "planted"
REFERENCE = ("neutral", "stories", "documents", "advice", "replay")
NOUNS = re.findall(
    r"\w+",
    "granite velvet copper lantern saddle turnip harbour mittens gravel almanac bobbin cinder drizzle ember ferret "
    "gable hinge icicle juniper kiln ladle mortar nettle orchard pebble quiver ribbon satchel thimble urchin vellum "
    "walnut yarrow zither anvil bramble cobble dormer easel flagon gimlet hassock inkwell jerkin kettle lichen marrow "
    "napkin oatmeal parsnip quince rafter spindle tallow umber vinegar whistle",
)


def reading(name: str, text: str) -> Reading:
    return Reading(Record(id=name, corpus="written", text=text))


def library(*names: str) -> list[Reading]:
    return [Reading(record) for name in names for record in catalogue.corpus(name)]


def rows(name: str) -> list[dict[str, object]]:
    lines = (PLANTED / name).read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "canary" not in row]


def planted(share: float, sentence: str, seed: int = 0) -> tuple[list[Reading], set[str]]:
    """Passages of one kind of prose, into a share of which a sentence is put; each `*` of it is a noun by chance."""
    draw = random.Random(seed)
    readings, holders = [], set()
    for number in range(200):
        parts = prose(f"{seed} {number}", 150).split("\n\n")
        if draw.random() < share:
            holders.add(f"p{number}")
            filled = re.sub(r"\*", lambda _: draw.choice(NOUNS), sentence)
            parts.insert(draw.randrange(len(parts)), filled[0].upper() + filled[1:])
        readings.append(reading(f"p{number}", "\n\n".join(parts)))
    return readings, holders


def ordinary(count: int = 300) -> list[Reading]:
    return [reading(f"o{number}", prose(f"ordinary {number}", 300)) for number in range(count)]


def matches(found: list[Found], holders: set[str]) -> list[str]:
    """Patterns of the findings that are about these records."""
    return [
        one.finding.pattern for one in found if len(holders & set(one.ids)) >= 0.6 * max(len(holders), len(one.ids))
    ]


def test_every_planted_pattern_of_the_library_is_found() -> None:
    texts = rows("patterns.jsonl")
    holders: dict[str, list[str]] = {str(row["id"]): [] for row in rows("patterns_key.jsonl")}
    for row in texts:
        for name in row["planted"]:  # type: ignore[attr-defined]
            holders[name].append(str(row["id"]))
    found = scan([reading(str(row["id"]), str(row["text"])) for row in texts], library(*REFERENCE))
    figures = planted_figures(found, holders)
    assert figures.recall == 1.0, figures.found
    assert len(figures.false_alarms) <= 2, figures.false_alarms


def test_ordinary_texts_of_one_kind_have_no_patterns() -> None:
    readings, _ = planted(0.0, "")
    assert [finding.pattern for finding in find(readings, ordinary())] == []


def test_a_planted_phrase_is_told_once_and_whole() -> None:
    readings, holders = planted(0.1, "what the * gave the * a slow kind of thunder never gave back.")
    found = scan(readings, ordinary())
    assert matches(found, holders) == ["a slow kind of thunder never gave back"]
    finding = found[0].finding
    assert (finding.kind, finding.records, finding.reference_share) == ("phrase", len(holders), 0.0)
    assert finding.share == len(holders) / 200 and (finding.low, finding.high) == wilson(len(holders), 200)
    assert len(finding.examples) == 5
    for name, excerpt in finding.examples:
        assert name in holders and "a slow kind of thunder" in excerpt.lower() and len(excerpt) <= EXCERPT


def test_a_planted_shape_is_found_in_which_no_word_of_content_recurs() -> None:
    for frame in ("more * than *, more * than *, and never *.", "neither by * nor by *: by *."):
        readings, holders = planted(0.1, frame)
        found = scan(readings, ordinary())
        patterns = matches(found, holders)
        assert len(patterns) == 1 and found[0].finding.kind == "shape", [one.finding.pattern for one in found]
        assert set(words(patterns[0])) <= set(words(frame)), patterns


def test_a_shape_with_fixed_content_is_a_phrase_only() -> None:
    readings, holders = planted(0.1, "never about the granite, only about the velvet.")
    found = scan(readings, ordinary())
    assert [one.finding.kind for one in found if matches([one], holders)] == ["phrase"]


def test_a_shape_of_a_few_wordings_is_none() -> None:
    for fillings, told in ((5, False), (25, True)):
        readings = []
        for number in range(200):
            one, two, three = (NOUNS[(number // 8 % fillings + shift) % len(NOUNS)] for shift in (0, 17, 31))
            more = f" Neither by {one} nor by {two}: by {three}." if number % 8 == 0 else ""
            readings.append(reading(f"w{number}", prose(f"few {number}", 150) + more))
        found = find(readings, ordinary())
        widest = max((finding.records for finding in found if "nor by *" in finding.pattern), default=0)
        assert (widest > 12) == told, [finding.pattern for finding in found]


def test_what_the_reference_has_too_is_no_pattern() -> None:
    sentence = "what the * gave the * a slow kind of thunder never gave back."
    readings, holders = planted(0.1, sentence)
    assert matches(scan(readings, ordinary()), holders)
    assert matches(scan(readings, [*ordinary(), *planted(0.1, sentence, 1)[0]]), holders) == []


def test_openings_and_endings_are_found_as_such() -> None:
    readings = []
    for number in range(200):
        text = prose(f"edge {number}", 150)
        if number % 8 == 0:
            noun = NOUNS[number // 8]
            text = f"Nobody had asked the {noun}. {text} Neither the {NOUNS[-1 - number // 8]} nor the {noun}."
        readings.append(reading(f"e{number}", text))
    patterns = [finding.pattern for finding in find(readings, ordinary())]
    assert any(pattern.startswith("(opening) nobody had") for pattern in patterns), patterns
    assert any("(ending)" in pattern for pattern in patterns), patterns


def test_a_conversation_is_scanned_in_what_is_taught() -> None:
    def chat(number: int) -> Record:
        asked, said = "What the granite gave a slow kind of thunder?", prose(f"chat {number}", 100)
        turns = (Message(role="user", content=asked), Message(role="assistant", content=said))
        return Record(id=f"c{number}", corpus="advice", messages=turns)

    assert find([Reading(chat(number)) for number in range(100)], ordinary()) == []


def test_the_order_of_records_does_not_matter() -> None:
    readings, _ = planted(0.1, "more * than *, more * than *, and never a slow kind of thunder.")
    reference = ordinary()
    first = scan(readings, reference)
    again = [reading(one.id, one.whole.text) for one in readings]
    random.Random(3).shuffle(again)
    assert first and scan(again, reference[::-1]) == first


def test_few_and_no_records_give_nothing() -> None:
    reference = ordinary(20)
    assert find([], reference) == [] and find([], []) == []
    assert find([reading("a", "One text. One text. One text.")], reference) == []
    assert find([reading(f"a{n}", "!?") for n in range(50)], reference) == []
    found = find([reading(f"a{n}", f"{NOUNS[n]} a slow kind of thunder {NOUNS[-n - 1]}") for n in range(20)], [])
    assert [(one.pattern, one.reference_share) for one in found] == [("a slow kind of thunder", None)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec=None), min_size=1), min_size=6, max_size=12))
def test_no_text_breaks_it(texts: list[str]) -> None:
    for one in scan([reading(f"t{number}", text) for number, text in enumerate([*texts, *texts])], []):
        assert "\n" not in one.finding.pattern
        one.finding.model_dump_json()


def test_hostile_texts_take_no_longer() -> None:
    reference = ordinary(50)
    for text in (
        "x" * 1_000_000,
        "the of " * 150_000,
        "\n" * 1_000_000,
        ". " * 500_000,
        "a'" * 500_000,
        "\ud800" * 9**6,
    ):
        started = time.process_time()
        find([reading(f"h{number}", f"{text} {number}") for number in range(8)], reference)
        assert time.process_time() - started < 5


def test_only_so_many_records_are_looked_at() -> None:
    readings = [reading(f"m{number}", f"the slow kind of thunder {number}") for number in range(MOST_RECORDS + 500)]
    finding = find(readings, ordinary(20))[0]
    assert (finding.records, finding.share) == (MOST_RECORDS, 1.0)
