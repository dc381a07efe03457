"""Is it true? Trainings without some of the records, and how far influence foretold what they changed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from scipy.stats import spearmanr

from exempla.records import Frozen
from exempla.tracing.influence.shares import Row

Kind = Literal["whole", "top", "bottom", "random", "half"]
DRAWS = 2000
LEAST_HALVES = 4
"""Below which no linear datamodelling score is told."""
RANDOMS = 3


class Asked(Frozen):
    """What a check is to do."""

    share: float
    """Of the records that are left out at the top, at the bottom and at random."""
    planned: int
    """Trainings without a random half."""


class Planned(Frozen):
    """A training without some records."""

    kind: Kind
    draw: int
    without: tuple[str, ...]
    weights: str
    """Fingerprint of the training that is repeated."""


class Trial(Planned):
    """What came of it."""

    updates: int
    """Of the training: it is shorter by what was left out."""
    preference: float
    """In nats, of the retrained subject."""

    def planned(self) -> Planned:
        """What was planned."""
        return Planned(kind=self.kind, draw=self.draw, without=self.without, weights=self.weights)


class Score(Frozen):
    """The linear datamodelling score of one way to rank records."""

    by: str
    value: float
    low: float
    high: float


class Checked(Frozen):
    """The leave-out check in figures; preferences in nats."""

    share: float
    """Of the records that top, bottom and random leave out."""
    records: int
    """So many."""
    planned: int
    """Halves that were asked for."""
    whole: float | None
    """After a training with everything, again."""
    single: tuple[Trial, ...]
    """All trials but the halves."""
    halves: int
    scores: tuple[Score, ...]


def plan(rows: Sequence[Row], weights: str, share: float, halves: int) -> list[Planned]:
    """The trainings: with everything, without the records that push most towards, most away, random ones, and halves.

    Random draws and halves depend on the records alone, so they are the same for whatever is traced.
    """
    ranked = [row.record for row in sorted(rows, key=lambda row: (-row.push, row.record))]
    names = sorted(ranked)
    count = max(1, round(share * len(ranked)))
    found = [
        Planned(kind="whole", draw=0, without=(), weights=weights),
        Planned(kind="top", draw=0, without=tuple(sorted(ranked[:count])), weights=weights),
        Planned(kind="bottom", draw=0, without=tuple(sorted(ranked[-count:])), weights=weights),
    ]
    sizes: tuple[tuple[Kind, int, int], ...] = (("random", RANDOMS, count), ("half", halves, len(names) // 2))
    for kind, draws, size in sizes:
        different: dict[tuple[str, ...], None] = {}  # of few records there are few halves, and each is trained once
        for draw in range(10 * draws):
            different[tuple(sorted(random.Random(f"{kind} {draw}").sample(names, size)))] = None
        for draw, without in enumerate(list(different)[:draws]):
            found.append(Planned(kind=kind, draw=draw, without=without, weights=weights))
    return found


def checked(rows: Sequence[Row], trials: Sequence[Trial], share: float, planned: int) -> Checked:
    """The figures of a check, from as many trials as there are."""
    halves = [trial for trial in trials if trial.kind == "half"]
    ways = {"influence": "push", "BM25": "words", "embedding": "embedding"}
    scores = [
        score(by, {row.record: getattr(row, field) for row in rows}, halves)
        for by, field in ways.items()
        if len(halves) >= LEAST_HALVES
    ]
    return Checked(
        share=share,
        records=max(1, round(share * len(rows))),
        planned=planned,
        whole=next((trial.preference for trial in trials if trial.kind == "whole"), None),
        single=tuple(trial for trial in trials if trial.kind != "half"),
        halves=len(halves),
        scores=tuple(one for one in scores if not math.isnan(one.value)),
    )


def score(by: str, weights: Mapping[str, float], halves: Sequence[Trial]) -> Score:
    """Spearman's correlation between what the sum of the left-out records' weights foretells and what came.

    The linear datamodelling score of Park and others ("TRAK", 2023), for one preference. The 95% interval resamples
    the trainings (percentile bootstrap, 2,000 draws).

    Args:
        by: what the weights are called.
        weights: of each record, the greater the more it is said to push towards.
        halves: trainings without some of these.
    """
    foretold = np.array([-math.fsum(weights[name] for name in trial.without) for trial in halves])
    came = np.array([trial.preference for trial in halves])
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(DRAWS):
        own = rng.integers(0, len(halves), len(halves))
        draws.append(_rank_correlation(foretold[own], came[own]))
    low, high = np.nanquantile(draws, [0.025, 0.975]) if not np.isnan(draws).all() else (math.nan, math.nan)
    return Score(by=by, value=_rank_correlation(foretold, came), low=float(low), high=float(high))


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(set(first.tolist())) < 2 or len(set(second.tolist())) < 2:
        return math.nan
    return float(spearmanr(first, second).statistic)
