"""What stands in too many records is found exactly, however a corpus is cut into chunks."""

import random

import pytest

from exempla.records import Lineage, Record
from exempla.screening.corpus import FEWEST, Corpus, MemoryChunk, View
from exempla.screening.crew import Crew
from exempla.screening.engine import Selection, pass_gates
from exempla.screening.frequent import LEAST, _candidates
from exempla.screening.gate import Context
from exempla.screening.gates import tics
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
    assert LEAST < len(left) <= tics.SHARE * kept < len(left) + 1


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
