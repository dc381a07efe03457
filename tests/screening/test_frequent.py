"""What stands in too many records is found exactly, however a corpus is cut into chunks."""

import random

import pytest

from exempla.intervals import wilson
from exempla.records import Lineage, Record
from exempla.screening.corpus import FEWEST, Corpus, MemoryChunk, View
from exempla.screening.crew import Crew
from exempla.screening.engine import Selection, pass_gates
from exempla.screening.frequent import LEAST, _candidates, allowed
from exempla.screening.gate import Context
from exempla.screening.gates import tics
from exempla.screening.measures.whole import measure
from exempla.screening.reading import Reading


def corpus_of(records: list[Record], size: int, crew: Crew) -> Corpus:
    return Corpus([MemoryChunk(records[at : at + size]) for at in range(0, len(records), size)], crew)


def made(count: int, words: int, tic: int) -> list[Record]:
    draw = random.Random(1)
    vocabulary = [f"word{n}" for n in range(5000)]
    return [
        Record(
            id=f"r{n:04d}",
            corpus="mine",
            text=" ".join(draw.choices(vocabulary, k=words))
            + (" the marzipan lighthouse wept again." if n < tic else "."),
            lineage=Lineage(writer="m"),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("size", [7, 40, 500])
def test_a_phrase_is_brought_under_its_share_however_the_corpus_is_cut(size: int) -> None:
    records = made(600, 30, 90)
    with Crew(Context()) as crew:
        outcome = pass_gates(corpus_of(records, size, crew), Selection(names=("tics",), library_too=True))
    left = [n for n in range(90) if n not in outcome.reasons]
    kept = 600 - len(outcome.reasons)
    assert set(outcome.reasons) <= set(range(90))
    assert LEAST < len(left) == allowed(tics.SHARE, kept)


def test_chunks_of_which_little_is_seen_are_read_together() -> None:
    """Else every phrase of a small chunk would be a candidate, and be counted in all chunks."""
    records = made(600, 60, 0)
    with Crew(Context()) as crew:
        corpus = corpus_of(records, 10, crew)
        pass_gates(corpus, Selection(names=("length",), library_too=True))
        view = View(corpus, "tics", corpus.kept.copy())
        assert view.chunks() == 600 // FEWEST
        sizes = view.each(_count)
        assert sum(sizes) == 600 and min(sizes) >= FEWEST
        assert sum(map(len, view.each(_candidates, tics.values, tics.SHARE / 2, 0))) == 0


def _count(readings: list[Reading], known: object) -> int:
    return len(readings)


@pytest.mark.parametrize("records", [1, 20, 100, 486, 1000, 12_000, 1_000_000])
@pytest.mark.parametrize("share", [0.01, 0.02, 0.05])
def test_what_may_stand_is_what_leaves_the_limit_within_the_interval_of_its_share(records: int, share: float) -> None:
    most = int(allowed(share, records))
    if most > LEAST:
        assert wilson(most, records)[0] <= share
    assert most + 1 > records or wilson(most + 1, records)[0] > share


def test_of_those_judged_alike_the_one_with_most_names_too_many_goes() -> None:
    """One record that goes for three names spares two that would go for one each."""
    names = ("Elara", "Thorne", "Blackwood")
    single = [
        Record(
            id=f"a{n:02d}-{name}",
            corpus="mine",
            text=f"At {n} the clerk rang {name} again.",
            lineage=Lineage(writer="m"),
        )
        for n in range(9)
        for name in names
    ]
    both = Record(
        id="a-all", corpus="mine", text="Then she rang Elara, Thorne and Blackwood.", lineage=Lineage(writer="m")
    )
    rest = [
        Record(id=f"r{n}", corpus="mine", text=f"At {n} it rained.", lineage=Lineage(writer="m")) for n in range(56)
    ]
    with Crew(Context()) as crew:
        outcome = pass_gates(
            corpus_of([*single, both, *rest], 500, crew), Selection(names=("names",), library_too=True)
        )
    assert int(allowed(0.01, 84, 1.0)) == 9
    assert list(outcome.reasons) == [27]
    judged = [*single, both.model_copy(update={"scores": {"quality": 5.0}}), *rest]
    with Crew(Context()) as crew:
        outcome = pass_gates(corpus_of(judged, 500, crew), Selection(names=("names",), library_too=True))
    assert 27 not in outcome.reasons and len(outcome.reasons) == 3


def names_too_often(texts: list[str]) -> set[str]:
    records = [
        Record(id=f"r{n:03d}", corpus="mine", text=text, lineage=Lineage(writer="m")) for n, text in enumerate(texts)
    ]
    with Crew(Context()) as crew:
        corpus = corpus_of(records, 500, crew)
        outcome = pass_gates(corpus, Selection(names=("names",), library_too=True))
        on_page = {row.value: row.records for row in measure(corpus, outcome).names.commonest}
    most = int(allowed(0.01, len(records) - len(outcome.reasons), 1.0))
    assert all(count <= most for count in on_page.values()), "the page counts names as the gate does"
    return {reason.split("“")[1].split("”")[0] for reason in outcome.reasons.values()}


def test_a_name_counts_where_it_begins_a_sentence_too() -> None:
    texts = [f"At {n} the clerk rang Tamsin." for n in range(8)] + [f"Tamsin came at {n} and left." for n in range(20)]
    assert names_too_often([*texts, *(f"It rained at {n} again." for n in range(60))]) == {"Tamsin"}


@pytest.mark.parametrize("word", ["Welsh", "Street", "Korean"])
def test_peoples_and_streets_are_no_names(word: str) -> None:
    texts = [f"At {n} they left by the old {word} bus." for n in range(20)]
    assert names_too_often([*texts, *(f"It rained at {n} again." for n in range(60))]) == set()


def test_a_label_and_a_word_that_is_written_small_as_often_are_no_names() -> None:
    texts = [f"Model Result: at {n} it rained, said Grace." for n in range(20)]
    assert names_too_often([*texts, *(f"By the grace of {n} it rained." for n in range(60))]) == set()
