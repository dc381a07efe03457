"""Train the classifier that ships, and write its card: `python -m exempla.tracing.portrayal.train [--check]`.

Nothing in it is drawn at random. On another machine the sums of numbers may differ in their last digits; with `--check`
nothing is written, and it is said whether what ships is what comes out, to the tolerance of half-precision weights.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from exempla.files import write_atomically
from exempla.tracing.portrayal.card import card
from exempla.tracing.portrayal.classifier import read_trained, write
from exempla.tracing.portrayal.held_out import held_out
from exempla.tracing.portrayal.taxonomy import FOLDER
from exempla.tracing.portrayal.training import Set, Trained, read_set, train

CARD = FOLDER / "CARD.md"
FIGURES = FOLDER / "figures.json"
"""The figures of the card, for the page."""
TOLERANCE = 2e-3
"""Of a weight: half precision keeps three digits, and weights are below 2."""


def same(first: Trained, second: Trained) -> bool:
    """Whether two classifiers are the same but for rounding."""
    return (
        tuple(first.scale.terms) == tuple(second.scale.terms)
        and np.allclose(first.weights, second.weights, atol=TOLERANCE)
        and np.allclose(first.offsets, second.offsets, atol=1e-3)
        and np.allclose(first.thresholds, second.thresholds, atol=1e-3)
        and np.allclose(first.lines, second.lines, rtol=1e-3, atol=1e-3)
    )


def sizes(everything: Set) -> str:
    """One sentence about how long passages are."""
    about, other = (
        [len(one.text.split()) for one in everything.labelled if one.about_ai is kind] for kind in (True, False)
    )
    return f"{np.mean(about):.0f} words about AI, {np.mean(other):.0f} not"


def main() -> int:
    """Train, look at authors left out, and write; about a minute on one core."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; tell whether what ships is what comes out")
    check = parser.parse_args().check
    everything = read_set()
    trained = train(everything, range(len(everything.authors)))
    held = held_out(everything, trained)
    text = card(held, sizes(everything))
    if check:
        good = same(trained, read_trained()) and text == CARD.read_text(encoding="utf-8")
        sys.stdout.write("the same\n" if good else "what ships is not what comes out; train it again\n")
        return 0 if good else 1
    write(trained)
    write_atomically(CARD, text)
    write_atomically(FIGURES, held.model_dump_json(indent=1) + "\n")
    sys.stdout.write(f"wrote {CARD}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
