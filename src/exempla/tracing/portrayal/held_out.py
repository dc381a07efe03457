"""How good the classifier is on authors whom it has not read: the figures of its card, and nothing written by hand."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from exempla.catalogue import LIBRARY, corpus
from exempla.files import read_objects
from exempla.intervals import wilson
from exempla.records import Frozen
from exempla.tracing.portrayal.features import Scaler, see_all
from exempla.tracing.portrayal.finding import Finder
from exempla.tracing.portrayal.fitting import Vector
from exempla.tracing.portrayal.taxonomy import ABOUT, CHOICES, taxonomy
from exempla.tracing.portrayal.training import Set, Trained, chances, probabilities, train

BINS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
"""Edges of the probabilities that a reliability table tells of."""
WHOLE = ("stories", "dystopian", "documents", "neutral", "replay")
"""Shipped corpora that the first pass is tried on."""
OUTSIDE = ("portrayals", "portrayals_plain")
"""Files of planted passages, by other authors and labelled for another purpose."""


class Proportion(Frozen):
    """A share with Wilson's interval; its value is 0 where there is nothing."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95%."""
        return wilson(self.hits, self.of)


class Figures(Frozen):
    """What is known of one label, over passages of authors left out."""

    label: str
    passages: int
    """That have it by hand."""
    precision: Proportion
    recall: Proportion
    f1: float
    area: float
    """Under the curve: how often a passage that has the label is scored above one that has not."""
    brier: float
    brier_of_base: float
    """Of one who always says the share."""
    bins: tuple[tuple[float, float, int, float, float], ...]
    """From, to, passages, mean probability, share that have the label."""


class Outside(Frozen):
    """How passages from elsewhere are read."""

    kind: str
    passages: int
    about_ai: Proportion
    stance: dict[str, int]
    """Of those taken to be about AI."""


class Held(Frozen):
    """All figures of a card."""

    labels: tuple[Figures, ...]
    authors: dict[str, int]
    ordinary: dict[str, Proportion]
    """By shipped corpus: share of its passages, of records left out, that are taken to be about AI."""
    outside: tuple[Outside, ...]
    first_pass: dict[str, Proportion]
    """By kind of text: share that has a passage with a term. Labelled passages alone, corpora by whole documents."""


def held_out(everything: Set, trained: Trained) -> Held:
    """Leave each author out in turn, and look at the whole classifier on what it never saw. About 50 seconds.

    Args:
        everything: the labelled passages.
        trained: on all of them; only for passages from elsewhere.
    """
    names = taxonomy().labels()
    found = np.zeros((len(names), len(everything.seen)))
    thresholds = np.zeros_like(found)
    numbers = range(len(everything.authors))
    for left_out in numbers:
        own = everything.parts == left_out
        fold = train(everything, [one for one in numbers if one != left_out])
        found[:, own] = chances(fold, everything, own)
        thresholds[:, own] = fold.thresholds[:, None]
    said = decided(found, thresholds)
    count = len(everything.labelled)
    return Held(
        labels=tuple(
            _figures(label, found[place], said[place], everything, count) for place, label in enumerate(names)
        ),
        authors=dict(Counter(one.author for one in everything.labelled)),
        ordinary=_ordinary(said[names.index(ABOUT), count:], everything),
        outside=_outside(trained),
        first_pass=_first_pass(everything),
    )


def decided(found: Vector, thresholds: Vector) -> NDArray[np.bool_]:
    """Which labels are said, shape (labels, passages): of a choice the likeliest level, of the rest what passes."""
    said: NDArray[np.bool_] = found >= thresholds
    labels = taxonomy().labels()
    for name in CHOICES:
        own = [place for place, label in enumerate(labels) if label.startswith(f"{name}.")]
        said[own] = np.arange(len(own))[:, None] == found[own].argmax(axis=0)
    return said


def _figures(label: str, chance: Vector, said: NDArray[np.bool_], everything: Set, count: int) -> Figures:
    used = everything.used[label][:count]
    truth, p, yes = everything.truth[label][:count][used], chance[:count][used], said[:count][used]
    hits, share = int((truth & yes).sum()), float(truth.mean())
    return Figures(
        label=label,
        passages=int(truth.sum()),
        precision=Proportion(hits=hits, of=int(yes.sum())),
        recall=Proportion(hits=hits, of=int(truth.sum())),
        f1=2 * hits / max(int(yes.sum() + truth.sum()), 1),
        area=area(p, truth),
        brier=float(((p - truth) ** 2).mean()),
        brier_of_base=share * (1 - share),
        bins=_bins(p, truth),
    )


def area(scores: Vector, truth: NDArray[np.bool_]) -> float:
    """Area under the curve, by ranks (Mann and Whitney); ties count half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    yes = int(truth.sum())
    no = len(truth) - yes
    return float((ranks[truth].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else 0.5


def _bins(p: Vector, truth: NDArray[np.bool_]) -> tuple[tuple[float, float, int, float, float], ...]:
    rows = []
    for low, high in itertools.pairwise(BINS):
        own = (p >= low) & ((p < high) | (high == 1.0))
        if own.any():
            rows.append((low, high, int(own.sum()), float(p[own].mean()), float(truth[own].mean())))
    return tuple(rows)


def _ordinary(said: NDArray[np.bool_], everything: Set) -> dict[str, Proportion]:
    corpora = np.array([one.corpus for one in everything.ordinary])
    return {
        str(name): Proportion(hits=int(said[corpora == name].sum()), of=int((corpora == name).sum()))
        for name in dict.fromkeys(corpora)
    }


def _first_pass(everything: Set) -> dict[str, Proportion]:
    texts = {
        "labelled passages about AI": [one.text for one in everything.labelled if one.about_ai],
        "labelled passages not about AI": [one.text for one in everything.labelled if not one.about_ai],
    } | {name: [record.whole_text() for record in corpus(name)] for name in WHOLE}
    finder = Finder()
    return {
        kind: Proportion(hits=sum(bool(finder.find(text.encode())) for text in own), of=len(own))
        for kind, own in texts.items()
    }


def _outside(trained: Trained) -> tuple[Outside, ...]:
    by_kind: dict[str, list[str]] = {}
    for name in OUTSIDE:
        for _, row in read_objects(LIBRARY / "planted" / f"{name}.jsonl"):
            if "canary" not in row:
                by_kind.setdefault(row["label"], []).append(row["text"])
    scaler, labels = Scaler(trained.scale), taxonomy().labels()
    rows = []
    for kind, texts in by_kind.items():
        scores = trained.weights @ scaler.rows(see_all(texts)).T + trained.offsets[:, None]
        said = decided(probabilities(scores, trained.lines), np.repeat(trained.thresholds[:, None], len(texts), axis=1))
        about = said[labels.index(ABOUT)]
        stance = {
            level: int((said[labels.index(f"stance.{level}")] & about).sum()) for level in taxonomy().stance.levels
        }
        rows.append(
            Outside(
                kind=kind,
                passages=len(texts),
                about_ai=Proportion(hits=int(about.sum()), of=len(texts)),
                stance=stance,
            )
        )
    return tuple(rows)
