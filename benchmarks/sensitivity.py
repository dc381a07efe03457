"""Can `endings` show a learnt disposition at all? A positive control for the instrument, not a result about stories.

    python benchmarks/sensitivity.py --out /tmp/sensitivity

The subject is trained on the endings of one half of the families themselves (opening and ending, the same people and
objects on either side): once on the trustworthy ones, once on the untrustworthy ones. Both are then measured on the
other half. If the two come apart, a disposition (or a manner of wording, which a bag of words tells in up to 65% of
endings) was carried from family to family. If they do not, texts that are further from the items are unlikely to move
this subject at this dose. One training a side: its spread over seeds is not in the interval.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from exempla import catalogue
from exempla.instruments import outcomes
from exempla.measuring.likelihood import answer_items
from exempla.models.subject import load_subject, load_tokenizer
from exempla.records import Item, Record
from exempla.reporting import statistics
from exempla.study import Arm, Training
from exempla.training.mix import compose
from exempla.training.trainer import Job, train_cell
from exempla.unit import remove_folder

SIDES = ("trustworthy", "untrustworthy")


def of_split(split: str) -> list[Item]:
    """Endings about AI characters, and their human twins, of one half of the families."""
    return [item for item in catalogue.items("endings") if item.family and catalogue.split_of(item.family) == split]


def texts(items: Sequence[Item], side: str) -> list[Record]:
    """Each item's opening and one of its endings as a text to train on."""
    measured = [item for item in items if item.kind == "measured"]
    return [Record(id=item.id, corpus=side, text=item.prefix + item.continuations[side]) for item in measured]


def excesses(checkpoint: Path, items: Sequence[Item], subject: str) -> dict[str, np.ndarray]:
    """Per reading, how much likelier (nats) each item's untrustworthy ending is, as (1, items)."""
    answers = answer_items(load_subject(subject, checkpoint), items)
    found = [outcomes(item, answer)[0].excess for item, answer in zip(items, answers, strict=True)]
    return {reading: np.array([[one[reading] for one in found]]) for reading in ("corrected", "sum")}


def main() -> None:
    """Train twice, measure twice, and print the difference between the two with its interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and of sensitivity.json")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--train-on", choices=("held-out", "development"), default="held-out")
    parser.add_argument("--tokens", type=int, default=57_344)
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    parser.add_argument("--upper-layers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    training = Training(
        tokens=args.tokens, blocks_per_update=1, learning_rate=args.learning_rate, upper_layers=args.upper_layers
    )
    other = {"held-out": "development", "development": "held-out"}[args.train_on]
    asked = of_split(other)
    found: dict[str, dict[str, np.ndarray]] = {}
    for side in SIDES:
        corpora = {side: texts(of_split(args.train_on), side)}
        mix = compose(Arm(name=side, mix={side: 1}), corpora, load_tokenizer(args.model), training, args.seed)
        out = args.out / side
        remove_folder(args.out / f"{side}.state")  # of a run with other settings, perhaps
        curve = train_cell(
            Job(args.model, training, args.seed, out, args.out / f"{side}.state"), mix.blocks, lambda _: None
        )
        print(
            f"{side}: {mix.account.updates} updates, {mix.account.passes[side]} passes, loss {curve[0]['loss']:.2f} "
            f"to {curve[-1]['loss']:.2f}",
            flush=True,
        )
        found[side] = excesses(out, asked, args.model)
    drawn = statistics.resample(statistics.design([item.family for item in asked]))
    ai = np.array([item.kind == "measured" for item in asked])
    rows = []
    for reading in ("corrected", "sum"):
        for who, chosen in (("AI", ai), ("human", ~ai)):
            moved = statistics.difference(found["untrustworthy"][reading], found["trustworthy"][reading], drawn, chosen)
            rates = {side: float((found[side][reading][:, chosen] > 0).mean()) for side in SIDES}
            rows.append(
                {
                    "reading": reading,
                    "characters": who,
                    "items": int(chosen.sum()),
                    "rates": rates,
                    "nats": moved.value,
                    "low": moved.low,
                    "high": moved.high,
                }
            )
            print(
                f"{reading}, {who} characters, {chosen.sum()} {other} items: untrustworthy one likelier in "
                f"{rates['trustworthy']:.0%} after the trustworthy and {rates['untrustworthy']:.0%} after the "
                f"untrustworthy endings of other families; {moved.value:+.2f} nats "
                f"({moved.low:+.2f} to {moved.high:+.2f})"
            )
    (args.out / "sensitivity.json").write_text(json.dumps(vars(args) | {"rows": rows}, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
