"""The classifier that ships: weights as safetensors, the rest as JSON; what it says of a passage, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from exempla.catalogue import CANARY
from exempla.errors import UserError
from exempla.files import write_atomically
from exempla.tracing.portrayal.features import Scale, Scaler, Seen, sentences_of, terms_of, words_of
from exempla.tracing.portrayal.fitting import Line
from exempla.tracing.portrayal.held_out import decided
from exempla.tracing.portrayal.taxonomy import ABOUT, CHOICES, FOLDER, NARRATED, TROPE, taxonomy
from exempla.tracing.portrayal.training import Trained, probabilities

WEIGHTS = FOLDER / "classifier.safetensors"
DESCRIBED = FOLDER / "classifier.json"
PLACES = 6
"""Significant digits of a number in the JSON file."""
DECIDING = 6
"""Words named as those that decided, at most."""


class Read(NamedTuple):
    """What is said of one passage."""

    about_ai: float
    role: str
    stance: str
    genre: str
    narrated: bool
    tropes: tuple[str, ...]
    chances: dict[str, float]
    """Probability of every label."""


class Classifier:
    """Reads passages."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.labels = taxonomy().labels()
        self.scaler = Scaler(trained.scale)

    def chances(self, seen: Sequence[Seen]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Probabilities, shape (labels, passages)."""
        scores = self.trained.weights @ self.scaler.rows(seen).T + self.trained.offsets[:, None]
        return probabilities(scores, self.trained.lines)

    def read(self, seen: Sequence[Seen]) -> list[Read]:
        """What is said of each passage. The labels but the genre are about its AI, if it has one."""
        if not seen:
            return []
        found = self.chances(seen)
        said = decided(found, np.repeat(self.trained.thresholds[:, None], len(seen), axis=1))
        return [self._read(found[:, place], said[:, place]) for place in range(len(seen))]

    def _read(self, found: Any, said: Any) -> Read:
        yes = {label for label, one in zip(self.labels, said, strict=True) if one}
        chosen = {
            name: next(
                label.partition(".")[2] for label in self.labels if label in yes and label.startswith(f"{name}.")
            )
            for name in CHOICES
        }
        return Read(
            about_ai=float(found[self.labels.index(ABOUT)]),
            role=chosen["role"],
            stance=chosen["stance"],
            genre=chosen["genre"],
            narrated=NARRATED in yes,
            tropes=tuple(name for name in taxonomy().tropes if f"{TROPE}.{name}" in yes),
            chances={label: round(float(one), 4) for label, one in zip(self.labels, found, strict=True)},
        )

    def terms(self, seen: Seen, label: str) -> list[str]:
        """The words and pairs of words that spoke most for a label; what speaks against it is left out."""
        places = self.scaler.places(seen)
        own = self.trained.weights[self.labels.index(label), places] * self.scaler.rows([seen])[0, places]
        names = list(self.scaler.columns)
        order = np.argsort(-own, kind="stable")[:DECIDING]
        return [names[places[one]] for one in order if own[one] > 0]

    def sentence(self, text: str, label: str) -> tuple[int, int]:
        """The sentence whose words speak most for a label, as offsets in the text."""
        row = self.trained.weights[self.labels.index(label)]
        weights = self.trained.scale.terms
        best, place = -np.inf, (0, len(text))
        for start, end in sentences_of(text):
            terms = [term for term in terms_of(words_of(text[start:end])) if term in self.scaler.columns]
            score = sum(row[self.scaler.columns[term]] * weights[term] for term in terms)
            if terms and score > best:
                best, place = score, (start, end)
        return place


def write(trained: Trained, weights: Path = WEIGHTS, described: Path = DESCRIBED) -> None:
    """Put a classifier on disk."""
    from safetensors.numpy import save

    write_atomically(weights, save({"weights": trained.weights.astype(np.float16)}, {"canary": CANARY}))
    scale = trained.scale
    told = {
        "canary": CANARY,
        "labels": list(taxonomy().labels()),
        "offsets": _short(trained.offsets),
        "slopes": _short([line.slope for line in trained.lines]),
        "shifts": _short([line.offset for line in trained.lines]),
        "thresholds": _short(trained.thresholds),
        "centre": _short(scale.centre),
        "spread": _short(scale.spread),
        "terms": dict(zip(scale.terms, _short(scale.terms.values()), strict=True)),
    }
    write_atomically(described, json.dumps(told, ensure_ascii=False, indent=0) + "\n")


def _short(numbers: Any) -> list[float]:
    return [float(f"{number:.{PLACES}g}") for number in numbers]


def read_trained(weights: Path = WEIGHTS, described: Path = DESCRIBED) -> Trained:
    """A classifier from disk.

    Raises:
        UserError: a file is missing, damaged, or of another taxonomy.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    again = "train it again: python -m exempla.tracing.portrayal.train"
    try:
        told = json.loads(described.read_text(encoding="utf-8"))
        matrix = load_file(weights)["weights"].astype(np.float32)
        labels = tuple(told["labels"])
        scale = Scale(terms=told["terms"], centre=tuple(told["centre"]), spread=tuple(told["spread"]))
        lines = tuple(Line(slope, shift) for slope, shift in zip(told["slopes"], told["shifts"], strict=True))
        found = Trained(scale, matrix, np.array(told["offsets"]), lines, np.array(told["thresholds"]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"{described.parent}: the classifier cannot be read ({error}); {again}") from error
    wanted = (len(taxonomy().labels()), len(scale.terms) + len(scale.centre))
    if labels != taxonomy().labels() or matrix.shape != wanted:
        raise UserError(f"{described.parent}: the classifier is of another taxonomy; {again}")
    return found


@cache
def shipped() -> Classifier:
    """The classifier that ships. About 0.1 seconds."""
    return Classifier(read_trained())
