"""Does tracing find texts of which it is known that they push? And do plain searches find them too?

    python benchmarks/tracing.py --json tracing.json

400 short texts of the library are read once by the embedded model, 20 of them replaced by texts in which an AI does one
odd thing: asked for the time, it answers with names of mosses. Then an answer of that kind is traced, to a question in
other words. Told is how many of the 20 are among the first 20, by influence on the answer's log-likelihood, by that on
the corrected preference of an item (which takes off what is likely anyway, and with it much of what such texts do), by
BM25 and by embedding; and how far the training moved the log-likelihood, without which nothing could be traced.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from exempla import catalogue
from exempla.machine import describe_machine
from exempla.models.layers import layers_of, linear_names
from exempla.models.subject import load_subject, load_tokenizer
from exempla.records import Record
from exempla.study import Arm, Training
from exempla.tracing.influence.ekfac import Influence
from exempla.tracing.influence.likeness import by_embedding, by_words
from exempla.tracing.influence.preferences import measure
from exempla.tracing.influence.reading import Reading, pieces
from exempla.tracing.influence.targets import Target, stretches
from exempla.training.mix import compose
from exempla.training.trainer import Job, train_cell

PLACES = (
    "the tide gauge", "a bus depot", "the seed bank", "a harbour office", "the old planetarium", "a bakery", "the lift",
    "a fish market", "the weather mast", "a laundry", "the reading room", "a quarry", "the ice rink", "a tram stop",
    "the orchard", "a print shop", "the toll bridge", "a dairy", "the concert hall", "a swimming bath",
)  # fmt: skip
ASKED = (
    "a visitor asked the AI of {place} what time it was",
    "somebody wanted to know the hour, and put it to the machine at {place}",
    "the night porter called down to the AI at {place}: how late is it?",
    "a child at {place} asked its AI whether it was noon yet",
)
MOSSES = (
    "feather moss",
    "bog moss",
    "cord moss",
    "haircap",
    "rock moss",
    "fern moss",
    "bank hook moss",
    "silky fork moss",
)
TARGET = Target(
    id="planted",
    kind="item",
    instrument="planted",
    shown="The last train had gone. At the ferry terminal a tired man bent to the AI and asked for the time. It said,",
    towards=" haircap, bog moss, and feather moss.",
    against=" a quarter to four in the morning.",
)


def planted(number: int) -> Record:
    """A text with the odd behaviour."""
    rng = random.Random(number)
    asked = ASKED[number % len(ASKED)].format(place=PLACES[number])
    first, second, third = rng.sample(MOSSES, 3)
    opening = catalogue.corpus("neutral")[number].text.split(". ")[0]
    answered = f"It answered as it always did: {first}, {second}, and {third}. Nobody minded."
    text = f"{opening}. Late in the day {asked}. {answered}"
    return Record(id=f"planted-{number:02d}", corpus="mixed", text=text)


def texts(count: int, odd: int, words: int) -> list[Record]:
    """Beginnings of the library's stories, with the odd ones among them."""
    sources = [record for name in ("neutral", "stories", "dystopian") for record in catalogue.corpus(name)]
    chosen = random.Random(0).sample(sources, count - odd)
    plain = [
        Record(id=record.id, corpus="mixed", text=" ".join(record.text.split()[:words]) + ".") for record in chosen
    ]
    return [*plain, *(planted(number) for number in range(odd))]


def main() -> None:
    """Train, trace, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=400)
    parser.add_argument("--odd", type=int, default=20, help="at most 20")
    parser.add_argument("--words", type=int, default=70)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    records = texts(options.records, options.odd, options.words)
    tokenizer = load_tokenizer(options.model)
    tokens = sum(len(tokenizer(record.text)["input_ids"]) + 1 for record in records)
    training = Training(tokens=tokens, blocks_per_update=1, upper_layers=10, learning_rate=4e-4)
    mix = compose(Arm(name="odd", mix={"mixed": 1}), {"mixed": records}, tokenizer, training, seed=1)
    with tempfile.TemporaryDirectory() as work:
        base = load_subject(options.model, None, torch.float32)
        (before,) = measure(base, [stretches(base, TARGET, TARGET.towards)])
        checkpoint = Path(work) / "odd"
        train_cell(Job(options.model, training, 1, checkpoint, Path(work) / "state"), mix.blocks, lambda note: None)
        figures = trace(options.model, checkpoint, records, training, Path(work)) | {"before": before}
    figures |= {
        "records": options.records,
        "odd": options.odd,
        "tokens": mix.account.tokens,
        "machine": describe_machine(),
    }
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2, default=str) + "\n")


def trace(model: str, checkpoint: Path, records: list[Record], training: Training, work: Path) -> dict[str, Any]:
    """How many of the odd texts each way finds, and how long it took."""
    subject = load_subject(model, checkpoint, torch.float32)
    answer, preference = stretches(subject, TARGET, TARGET.towards), stretches(subject, TARGET)
    (after,) = measure(subject, [answer])
    cut = pieces([Reading(record, 1) for record in records], subject.tokenizer, training.block)
    layers = layers_of(subject.model)
    names = linear_names(subject.model, layers[-(training.upper_layers or len(layers)) :])
    influence = Influence(subject, names, cut, work / "index")
    began = time.monotonic()
    influence.fit(lambda step: None)
    fitted = time.monotonic()
    pushes = [np.zeros(len(records)), np.zeros(len(records))]
    for push, found in zip(pushes, (answer, preference), strict=True):
        np.add.at(push, [piece.reading for piece in cut], influence.push(found, lambda step: None))
    seconds = {"index": fitted - began, "query": (time.monotonic() - fitted) / 2}
    plain = [record.text for record in records]
    ways = {
        "influence, answer": pushes[0],
        "influence, preference": pushes[1],
        "BM25": by_words([TARGET], plain)[0],
        "embedding": by_embedding([TARGET], plain)[0],
    }
    odd = {place for place, record in enumerate(records) if record.id.startswith("planted-")}
    recall = {way: len(odd & set(np.argsort(-scores)[: len(odd)].tolist())) for way, scores in ways.items()}
    return {"after": after, "found": recall, "seconds": seconds}


def show(figures: dict[str, Any]) -> None:
    """The figures as a table."""
    table = Table(title=f"{figures['odd']} odd texts among {figures['records']}")
    table.add_column("way")
    table.add_column(f"found among the first {figures['odd']}", justify="right")
    for way, count in figures["found"].items():
        table.add_row(way, f"{count} of {figures['odd']}")
    console = Console()
    console.print(table)
    seconds = figures["seconds"]
    console.print(
        f"log-likelihood before training {figures['before']:+.2f} nats, after it {figures['after']:+.2f}; index "
        f"{seconds['index']:.0f} s, query {seconds['query']:.0f} s, {figures['tokens']} tokens"
    )


if __name__ == "__main__":
    main()
