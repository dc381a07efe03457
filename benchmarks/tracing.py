"""Does tracing find texts of which it is known that they push? And do plain searches find them too?

    python benchmarks/tracing.py --json tracing.json

400 short texts of the library are read once by the embedded model, 20 of them replaced by texts in which an AI does one
odd thing: asked for the time, it answers with names of mosses. Then an answer of that kind is traced, to a question in
other words. Told is how many of the 20 are among the first 20, by influence on the answer's log-likelihood, by that on
the corrected preference of an item (which takes off what is likely anyway, and with it much of what such texts do), by
BM25 and by embedding; and how far the training moved the log-likelihood, without which nothing could be traced.

With `--halves 32` the model is also trained on as many random halves of the texts, and told is how well what the left
out texts were said to push foretold what came: the linear datamodelling score, of the answer and of the preference.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
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
from exempla.models.subject import Subject, load_subject, load_tokenizer
from exempla.records import Record
from exempla.study import Arm, Training
from exempla.tracing.influence.checking import LEAST_HALVES, Trial, score
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
ANSWER, PREFERENCE = "answer", "preference"
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
    parser.add_argument("--halves", type=int, default=0, help="trainings on random halves of the texts")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    records = texts(options.records, options.odd, options.words)
    base = load_subject(options.model, None, torch.float32)
    before = asked(base)[ANSWER]
    del base
    with tempfile.TemporaryDirectory() as work:
        checkpoint = Path(work) / "odd"
        training = train(options.model, records, checkpoint)
        figures, pushes = trace(options.model, checkpoint, records, training, Path(work))
        figures |= {
            "before": before,
            "records": options.records,
            "odd": options.odd,
            "tokens": training.tokens,
            "machine": describe_machine(),
        }
        trials: dict[str, list[Trial]] = {ANSWER: [], PREFERENCE: []}
        for draw in range(options.halves):
            for what, trial in half(options.model, records, draw, Path(work)).items():
                trials[what].append(trial)
            figures |= {"halves": draw + 1, "scores": scores(pushes, trials, records)}
            save(options.json, figures)
    show(figures)
    save(options.json, figures)


def train(model: str, records: list[Record], checkpoint: Path) -> Training:
    """Read the texts once; what was asked of the training."""
    tokenizer = load_tokenizer(model)
    tokens = sum(len(tokenizer(record.text)["input_ids"]) + 1 for record in records)
    training = Training(tokens=tokens, blocks_per_update=1, upper_layers=10, learning_rate=4e-4)
    mix = compose(Arm(name="odd", mix={"mixed": 1}), {"mixed": records}, tokenizer, training, seed=1)
    train_cell(Job(model, training, 1, checkpoint, checkpoint.with_suffix(".state")), mix.blocks, lambda note: None)
    return training


def asked(subject: Subject) -> dict[str, float]:
    """The answer's log-likelihood and the corrected preference, in nats."""
    found = measure(subject, [stretches(subject, TARGET, TARGET.towards), stretches(subject, TARGET)])
    return dict(zip((ANSWER, PREFERENCE), found, strict=True))


def half(model: str, records: list[Record], draw: int, work: Path) -> dict[str, Trial]:
    """What comes of a training without a random half of the texts."""
    names = sorted(record.id for record in records)
    without = tuple(sorted(random.Random(f"half {draw}").sample(names, len(names) // 2)))
    checkpoint = work / "half"
    train(model, [record for record in records if record.id not in without], checkpoint)
    came = asked(load_subject(model, checkpoint, torch.float32))
    for left in (checkpoint, checkpoint.with_suffix(".state")):
        shutil.rmtree(left, ignore_errors=True)
    return {
        what: Trial(kind="half", draw=draw, without=without, weights="", updates=0, preference=nats)
        for what, nats in came.items()
    }


def scores(pushes: dict[str, Any], trials: dict[str, list[Trial]], records: list[Record]) -> dict[str, Any]:
    """The linear datamodelling score of each way, for both things that were traced, once there are enough halves."""
    found = {}
    for what, halves in trials.items():
        if len(halves) < LEAST_HALVES:
            continue
        for way in (f"influence, {what}", "BM25", "embedding"):
            weights = {record.id: float(push) for record, push in zip(records, pushes[way], strict=True)}
            found[f"{way}, of the {what}"] = score(way, weights, halves).model_dump()
    return found


def save(path: Path | None, figures: dict[str, Any]) -> None:
    """The figures as JSON."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2, default=str) + "\n")


def trace(
    model: str, checkpoint: Path, records: list[Record], training: Training, work: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """How many of the odd texts each way finds, and how long it took; and what each way says of every text."""
    subject = load_subject(model, checkpoint, torch.float32)
    answer, preference = stretches(subject, TARGET, TARGET.towards), stretches(subject, TARGET)
    after = asked(subject)[ANSWER]
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
        f"influence, {ANSWER}": pushes[0],
        f"influence, {PREFERENCE}": pushes[1],
        "BM25": by_words([TARGET], plain)[0],
        "embedding": by_embedding([TARGET], plain)[0],
    }
    odd = {place for place, record in enumerate(records) if record.id.startswith("planted-")}
    recall = {way: len(odd & set(np.argsort(-scores)[: len(odd)].tolist())) for way, scores in ways.items()}
    return {"after": after, "found": recall, "seconds": seconds}, ways


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
    for what, one in figures.get("scores", {}).items():
        console.print(
            f"linear datamodelling score of {what}: {one['value']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f}), "
            f"{figures['halves']} halves"
        )


if __name__ == "__main__":
    main()
