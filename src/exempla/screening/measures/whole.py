"""Measures of a whole corpus after the gates: what was kept of what, how long, how novel, how varied, what recurs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from exempla.records import Frozen
from exempla.screening.corpus import Corpus, Places
from exempla.screening.crew import Task
from exempla.screening.engine import Outcome
from exempla.screening.measures import counting, recurring
from exempla.screening.measures.counting import GateCount, Group, MarkRate, ToRead
from exempla.screening.measures.gathered import Gathered, gather
from exempla.screening.measures.lengths import Lengths, lengths
from exempla.screening.measures.nearness import MOST as MOST_COMPARED
from exempla.screening.measures.nearness import Nearness, nearness
from exempla.screening.measures.novelty import GrowthPoint, Novelty, growth, modulus_for, novelty
from exempla.screening.measures.observed import WINDOWS, Numbers, Sampling, observe
from exempla.screening.measures.recurring import Branch, Counted, Names
from exempla.screening.words import word_hash

SAMPLE = 2_000
"""Records that are measured closely: their counted runs and first words take about 60 MB."""


class TypeToken(Frozen):
    """Different words over all words, in windows of one length."""

    window: int
    """Words."""
    records: int
    """Measured records that are as long."""
    mean: float | None
    """Mean over these records of the mean over their windows; None if none is as long."""


class Measures(Frozen):
    """A corpus in figures. Texts are what the loss is taken on: running text, or the assistant's last turn."""

    records: int
    kept: int
    words: int
    """Of the kept records."""
    characters: int
    """The same in characters (code points)."""
    corpora: tuple[Group, ...]
    recipes: tuple[Group, ...]
    principles: tuple[Group, ...]
    writers: tuple[Group, ...]
    gates: tuple[GateCount, ...]
    marks: tuple[MarkRate, ...]
    lengths: Lengths
    measured: int
    """Kept records that all that follows is measured on: those whose ids have the lowest hashes, if there are many."""
    type_token: tuple[TypeToken, ...]
    growth: tuple[GrowthPoint, ...]
    novelty: Novelty
    nearness: Nearness
    names: Names
    openings: tuple[Branch, ...]
    endings: tuple[Counted, ...]
    to_read: tuple[ToRead, ...]
    """Of all records: 20 kept ones, and 5 dropped by each gate."""


def measure(corpus: Corpus, outcome: Outcome, sample: int = SAMPLE) -> Measures:
    """Measure what the gates have left of a corpus, and count what they have not.

    12,000 texts of 1,900 words took 14 s of one busy core, beyond reading them (2026-11-25).

    Args:
        corpus: whose records have passed the gates.
        outcome: what became of them.
        sample: records that are measured closely at most, and not only counted.
    """
    kept = np.flatnonzero(corpus.kept)
    hashes = np.array([word_hash(facts.id) for facts in corpus.facts], dtype=np.uint64)
    words = np.array([facts.words for facts in corpus.facts], dtype=np.int64)
    measured = counting.lowest(kept, hashes, sample)
    compared = counting.lowest(kept, hashes, min(sample, MOST_COMPARED))
    modulus = modulus_for(int(words[measured].sum()))
    sampling = Sampling(_highest(measured, hashes), _highest(compared, hashes), modulus)
    found = _gathered(corpus, sampling)
    ids = [corpus.facts[place].id for place in measured]
    corpora = counting.grouped(corpus, lambda facts: counting.label(facts.corpus))
    return Measures(
        records=len(corpus),
        kept=len(kept),
        words=int(words[kept].sum()),
        characters=found.characters,
        corpora=corpora,
        recipes=counting.grouped(corpus, lambda facts: counting.label(facts.recipe)),
        principles=counting.grouped(corpus, lambda facts: counting.label(facts.principle)),
        writers=counting.grouped_writers(found.writers, found.kept_writers),
        gates=counting.gate_counts(corpus, outcome, corpora),
        marks=counting.mark_rates(corpus, outcome, corpora),
        lengths=lengths(words[kept]),
        measured=len(ids),
        type_token=_type_token(found),
        growth=growth(found.runs[0], words[measured], modulus),
        novelty=novelty(found.runs, ids, modulus),
        nearness=nearness(found.vectors, ids[: len(compared)]),
        names=recurring.names(found, len(ids)),
        openings=recurring.openings(found, len(ids)),
        endings=recurring.endings(found, len(ids)),
        to_read=counting.to_read(corpus, outcome, hashes),
    )


def _gathered(corpus: Corpus, sampling: Sampling) -> Gathered:
    """What one pass over the corpus notes; dropped records are only asked for their writer."""
    ends = pairwise(corpus.starts.tolist())
    tasks = (
        Task(observe, "", chunk, None, (corpus.kept[start:end], sampling))
        for chunk, (start, end) in zip(corpus.chunks, ends, strict=True)
    )
    return gather(corpus.crew.results(tasks))


def _highest(places: Places, hashes: Numbers) -> int:
    """The bound that lets in these places, which are the lowest; -1 for none."""
    return int(hashes[places[-1]]) if len(places) else -1


def _type_token(found: Gathered) -> tuple[TypeToken, ...]:
    rows = []
    for column, window in enumerate(WINDOWS):
        shares = found.type_token[:, column]
        long = shares[~np.isnan(shares)]
        mean = round(float(long.mean()), 5) if len(long) else None
        rows.append(TypeToken(window=window, records=len(long), mean=mean))
    return tuple(rows)
