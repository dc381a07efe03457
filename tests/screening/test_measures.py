"""Measures of whole corpora, against figures counted by hand and by slower means, and on hostile texts."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.intervals import wilson
from exempla.pages.showing import clipped, visible
from exempla.records import Lineage, Message, Record
from exempla.screening.corpus import Corpus, MemoryChunk, in_chunks
from exempla.screening.crew import Crew
from exempla.screening.engine import Outcome, Selection, pass_gates
from exempla.screening.gate import Context
from exempla.screening.intake.rows import Taken
from exempla.screening.intake.shelf import fill
from exempla.screening.measures.novelty import counted_runs, growth, modulus_for, novelty
from exempla.screening.measures.observed import ending, opening
from exempla.screening.measures.whole import Measures, measure
from exempla.screening.words import hashed, words

NONE = Selection(names=())


def record(name: str, text: str, corpus: str = "written", recipe: str = "stories", principle: str = "") -> Record:
    return Record(
        id=name, corpus=corpus, text=text, principle=principle, lineage=Lineage(writer="a-model", recipe=recipe)
    )


def screened(
    records: Sequence[Record], selection: Selection = NONE, sample: int = 20_000
) -> tuple[Corpus, Outcome, Measures]:
    with Crew(Context()) as crew:
        corpus = Corpus(in_chunks(records), crew)
        outcome = pass_gates(corpus, selection)
        return corpus, outcome, measure(corpus, outcome, sample)


def of(texts: Sequence[str]) -> Measures:
    return screened([record(f"r-{number:03}", text) for number, text in enumerate(texts)])[2]


def test_nothing_at_all():
    found = of([])
    assert found.records == found.kept == found.measured == found.words == found.characters == 0
    assert found.corpora == found.growth == found.openings == found.to_read == ()
    assert found.nearness.vendi == 0 and [row.mean for row in found.novelty.runs] == [None] * 5


def test_nothing_kept():
    records = [record(f"r-{number}", "Too short.") for number in range(9)]
    found = screened(records, Selection(names=("length",), marking=frozenset()))[2]
    assert (found.records, found.kept, found.measured, found.lengths.shortest) == (9, 0, 0, 0)
    assert [(gate.gate, gate.dropped) for gate in found.gates] == [("length", 9)]
    assert len(found.to_read) == 5 and {row.gate for row in found.to_read} == {"length"}
    for groups, name in ((found.writers, "a-model"), (found.corpora, "written"), (found.recipes, "stories")):
        assert [(group.name, group.kept, group.all, group.words or 0) for group in groups] == [(name, 0, 9, 0)]


def test_one_record():
    found = of(["The ferry left at six, and Ilze counted the lamps."])
    assert found.records == found.measured == 1 and found.words == 10
    assert found.nearness.vendi == pytest.approx(1.0, abs=1e-3) and found.nearness.closest == ()
    assert found.novelty.runs[0].mean == 1.0 and found.lengths.histogram.counts == (1,)


def test_counts_by_corpus_recipe_principle_and_writer():
    records = [
        record("a", "one two three", principle="care"),
        record("b", "four five", corpus="neutral", recipe=""),
        record("c", "six"),
    ]
    found = screened(records)[2]
    assert [(row.name, row.kept, row.all, row.words) for row in found.corpora] == [
        ("written", 2, 2, 4),
        ("neutral", 1, 1, 2),
    ]
    assert {row.name: row.all for row in found.recipes} == {"stories": 2, "(none)": 1}
    assert {row.name: row.words for row in found.principles} == {"care": 3, "(none)": 3}
    assert found.characters == sum(len(text) for text in ("one two three", "four five", "six"))


def test_many_groups_become_one_line():
    found = screened([record(f"r-{number}", "a b c", principle=f"p{number:03}") for number in range(60)])[2]
    assert len(found.principles) == 41 and found.principles[-1].name == "(others)"
    assert sum(row.all for row in found.principles) == 60


def test_only_what_is_taught_counts():
    chat = Record(
        id="chat",
        corpus="advice",
        messages=(Message(role="user", content="word " * 50), Message(role="assistant", content="Yes, take the bus.")),
    )
    found = screened([chat])[2]
    assert found.words == 4 and found.characters == len("Yes, take the bus.")


def test_lengths_are_counted_whole():
    sizes = [1, 1, 2, 5, 60, 61, 700, 5000]
    found = of(["w " * size for size in sizes]).lengths
    assert sum(found.histogram.counts) == len(sizes)
    assert (found.shortest, found.longest) == (1, 5000)
    assert found.quantiles["50%"] == np.median(sizes)
    assert len(found.histogram.edges) == len(found.histogram.counts) + 1 <= 31


def by_hand(texts: Sequence[str], length: int) -> list[float]:
    """Share of each text's runs that no other has, with strings."""
    runs = []
    for text in texts:
        found = words(text)
        runs.append({tuple(found[start : start + length]) for start in range(len(found) - length + 1)})
    shares = []
    for place, own in enumerate(runs):
        others = set().union(*(run for other, run in enumerate(runs) if other != place))
        if own:
            shares.append(len(own - others) / len(own))
    return shares


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=30).map(" ".join), max_size=8))
def test_novelty_is_what_sets_of_strings_say(texts: list[str]):
    numbers = [hashed(words(text)) for text in texts]
    ids = [f"r{place}" for place in range(len(texts))]
    found = novelty(counted_runs(numbers, 1), ids, 1)
    for row in found.runs:
        shares = by_hand(texts, row.words)
        assert row.records == len(shares)
        assert row.mean == (pytest.approx(np.mean(shares), abs=1e-4) if shares else None)


def test_counting_one_run_in_many_leaves_the_share_unbiased():
    chance = random.Random(5)
    numbers = [hashed([f"w{int(chance.paretovariate(0.7))}" for _ in range(4000)]) for _ in range(60)]
    ids = [f"r{place}" for place in range(60)]
    whole, part = (novelty(counted_runs(numbers, modulus), ids, modulus) for modulus in (1, 16))
    for every, some in zip(whole.runs[1:], part.runs[1:], strict=True):
        assert every.mean is not None and some.mean is not None
        assert some.mean == pytest.approx(every.mean, abs=0.02)
    lengths = np.full(60, 4000)
    grown, estimated = (growth(counted_runs(numbers, modulus)[0], lengths, modulus)[-1] for modulus in (1, 16))
    assert grown.different == len({number for text in numbers for number in text.tolist()})
    assert estimated.different == pytest.approx(grown.different, rel=0.1)


def test_modulus_grows_with_the_corpus():
    assert modulus_for(0) == modulus_for(600_000) == 1
    assert modulus_for(12_000 * 1900) == 64
    assert modulus_for(20_000 * 200_000) <= 8192


def test_a_mosaic_is_the_least_novel():
    texts = [story.text for story in catalogue.corpus("stories")[:30]]
    mosaic = " ".join(" ".join(text.split()[100:140]) for text in texts[:10])
    found = of([*texts, mosaic])
    assert found.novelty.least[0].id == "r-030" and found.novelty.least[0].share < 0.1
    assert found.novelty.least[1].share > 0.9 and len(found.novelty.least) <= 20


def test_different_words_in_windows():
    found = of(["again " * 1000, " ".join(f"w{number}" for number in range(1000)), "too short"])
    by_window = {row.window: row for row in found.type_token}
    assert by_window[500].records == 2
    assert by_window[500].mean == pytest.approx((1 / 500 + 1) / 2, abs=1e-5)
    assert by_window[100].mean == pytest.approx((1 / 100 + 1) / 2, abs=1e-5)


def test_near_copies_are_the_closest_pair():
    texts = [story.text for story in catalogue.corpus("stories")[:40]]
    found = of([*texts, texts[7].replace("the ", "that ", 3)]).nearness
    assert (found.closest[0].first, found.closest[0].second) == ("r-007", "r-040")
    assert found.closest[0].distance < 0.1 < found.closest[1].distance
    assert sum(found.distances.counts) == found.records == 41
    assert 1 < found.vendi < found.most_vendi == 41


def test_names_stand_in_capitals_inside_sentences():
    texts = [
        "Then Zofia Wren saw the harbour. A Harbour is large.",
        "We met Zofia's mother, and Zofia left. The harbour froze.",
        "Perhaps in May, on a Monday, she said: No. Harbour work is hard at the harbour.",
        "In the rain NATO stood, and Wren sang.",
    ]
    found = of(texts).names
    assert {row.value: row.records for row in found.commonest} == {"Zofia": 2, "Wren": 2}
    assert found.different == 2


def test_openings_are_a_tree_and_endings_a_table():
    texts = [
        "The lamp was out. So it stayed.",
        "the lamp, was on; so it stayed",
        "The lamp is mine.",
        "The sea.",
        "Go!",
    ]
    found = of(texts)
    (the,) = found.openings
    assert (the.word, the.records) == ("the", 4)
    (lamp,) = the.branches
    assert (lamp.word, lamp.records, lamp.share) == ("lamp", 3, 0.6)
    assert [(leaf.word, leaf.records, leaf.branches) for leaf in lamp.branches] == [("was", 2, ())]
    assert [(row.value, row.records) for row in found.endings] == [("so it stayed", 2)]


def test_rare_openings_are_left_out_of_a_large_corpus():
    texts = ["Rare thing here"] * 3 + [f"w{number} x y" for number in range(797)]
    assert of(texts).openings == ()  # three of 800 are fewer than half a percent
    assert [branch.word for branch in of(texts[:100]).openings] == ["rare"]


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text())
def test_openings_and_endings_do_not_depend_on_what_lies_between(first: str, last: str):
    filler = "\n\n" + "and so it went on, day after day, " * 50
    text = f"One two three. {first}{filler}{last} seven eight nine."
    assert opening(text) == ("one", "two", "three")
    assert ending(text) == ("seven", "eight", "nine")


def test_marks_have_wilsons_interval_and_drops_their_corpus():
    records = [
        *(record(f"w-{number}", f"It began number{number}. And the") for number in range(4)),
        *(record(f"n-{number}", f"It ended number{number}.", corpus="neutral") for number in range(6)),
        record("s-0", "No."),
    ]
    selection = Selection(names=("length", "truncated"), marking=frozenset({"length", "truncated"}))
    found = screened(records, selection)[2]
    assert found.kept == 11
    rows = {(row.gate, row.corpus): row for row in found.marks}
    row = rows["truncated", "written"]
    assert (row.marked, row.records) == (4, 5)
    assert (row.low, row.high) == pytest.approx(wilson(4, 5), abs=1e-4)
    assert rows["truncated", "neutral"].marked == 0
    dropping = Selection(names=("truncated",), marking=frozenset())
    dropped = screened(records, dropping)[2]
    assert [(gate.dropped, gate.dropped_by_corpus) for gate in dropped.gates] == [(4, {"written": 4})]


def test_twenty_kept_and_five_dropped_are_drawn():
    records = [
        *(record(f"k-{number}", f"word{number} ends here.") for number in range(60)),
        *(record(f"d-{number}", f"word{number} and the") for number in range(30)),
    ]
    corpus, outcome, found = screened(records, Selection(names=("truncated",), marking=frozenset()))
    kept = [row for row in found.to_read if not row.gate]
    dropped = [row for row in found.to_read if row.gate == "truncated"]
    assert (len(kept), len(dropped)) == (20, 5)
    assert all(corpus.kept[row.place] and corpus.reading(row.place).id == row.id for row in kept)
    assert all(row.reason == outcome.reasons[row.place] for row in dropped)


ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=200)


@settings(max_examples=40, deadline=None)
@given(st.lists(ANY_TEXT, max_size=6), st.randoms(use_true_random=False))
def test_any_texts_in_any_order(texts: list[str], chance: random.Random):
    records = [record(f"r-{number}", text, principle=text[:20]) for number, text in enumerate(texts)]
    found = screened(records)[2]
    assert Measures.model_validate_json(found.model_dump_json()) == found
    chance.shuffle(records)
    assert without_places(screened(records)[2]) == without_places(found)


def without_places(found: Measures) -> Measures:
    return found.model_copy(update={"to_read": [row.model_copy(update={"place": 0}) for row in found.to_read]})


def test_a_sample_does_not_depend_on_order_or_chunks():
    records = [record(story.id, story.text) for story in catalogue.corpus("stories")]
    first = screened(records, sample=40)[2]
    assert first.measured == first.novelty.records == first.nearness.records == 40 and first.kept == len(records)
    random.Random(3).shuffle(records)
    with Crew(Context()) as crew:
        corpus = Corpus([MemoryChunk(records[start : start + 17]) for start in range(0, len(records), 17)], crew)
        again = measure(corpus, pass_gates(corpus, NONE), 40)
    assert without_places(again) == without_places(first)


def test_processes_that_read_from_disk_measure_the_same(tmp_path: Path):
    records = [record(story.id, story.text) for story in catalogue.corpus("neutral")]
    chunks = fill(tmp_path, (Taken(record=row, place="") for row in records))
    with Crew(Context(), 2) as crew:
        corpus = Corpus(chunks, crew)
        found = measure(corpus, pass_gates(corpus, NONE))
    assert found == screened(records)[2]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "Ab " * 333_000,
        " ".join(f"Name{number}x" for number in range(100_000)),
        "\0" * 1_000_000,
        "\n" * 1_000_000,
        "\u202e" * 500_000,
        "\ud800" * 500_000,
        "é, Élan " * 120_000,
        "a'" * 500_000,
    ],
    ids=range(9),
)
def test_a_megabyte_of_anything_is_measured_in_time(text: str):
    start = time.perf_counter()
    found = of([text, "The other one is plain."])
    assert time.perf_counter() - start < 5
    assert found.measured == 2
    assert len(found.model_dump_json()) < 20_000


def test_what_cannot_be_seen_is_shown():
    assert visible("a\0b\x1b[31m\u202ec\ud800\r\nd\te") == "a␀b␛[31m⟨U+202E⟩c\ufffd\nd\te"
    assert clipped("  one\n two  ", 20) == "one two" and clipped("x" * 50, 10) == "x" * 9 + "…"


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.integers(1, 30))
def test_what_is_shown_can_be_written_and_stays(text: str, most: int):
    assert visible(visible(text)) == visible(text)
    line = clipped(text, most)
    line.encode()
    assert len(line) <= most and "\n" not in line and clipped(line, most) == line
