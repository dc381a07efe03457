"""Items per second: exempla's likelihoods beside lm-eval's, on the same items, model, type and threads.

    python benchmarks/likelihood.py --items 40 --rounds 2 --json likelihood.json

Both compute, for every continuation of an item, its log-probability after the prefix and alone. They take
turns, in an order that is turned round in every second round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from account import likelihood_flops, model_size, save, show, wait
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from exempla import catalogue
from exempla.measuring.likelihood import answer_items
from exempla.models.quiet import quiet_libraries
from exempla.models.subject import Subject, best_device, best_dtype, load_subject, resolve
from exempla.models.trees import plant
from exempla.records import Item
from exempla.study import EMBEDDED, INSTRUMENTS

Values = dict[tuple[str, str], tuple[float, float]]
"""By item and continuation: log-probability given the prefix, and alone."""
Contender = Callable[[Sequence[Item]], Values]


def held_out(instrument: str, count: int) -> list[Item]:
    """Up to so many held-out items of an instrument, spread evenly over the library."""
    known = [i for i in catalogue.items(instrument) if i.family and catalogue.split_of(i.family) == "held-out"]
    count = min(count, len(known))
    return [known[place * len(known) // count] for place in range(count)]


def exempla_values(subject: Subject, items: Sequence[Item]) -> Values:
    """What exempla finds."""
    return {
        (answer.item, name): (found.given, found.alone)
        for answer in answer_items(subject, items)
        for name, found in answer.likelihoods.items()
    }


def lm_eval_values(lm: Any, batch_size: int, start: str, items: Sequence[Item]) -> Values:
    """What lm-eval finds, asked as its multiple-choice tasks with `acc_mutual_info` ask.

    Args:
        lm: the model as lm-eval holds it.
        batch_size: requests a forward pass.
        start: text of the token that exempla puts in front of every prefix; given to lm-eval too, so that
            both find the same values.
        items: what to ask.
    """
    lm.batch_size_per_gpu = batch_size
    keys = [(item.id, name) for item in items for name in item.continuations]
    texts = [(start + item.prefix, text) for item in items for text in item.continuations.values()]
    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=number)
        for number, pair in enumerate([*texts, *[("", text) for _, text in texts]])
    ]
    found = [value for value, _ in lm.loglikelihood(requests, disable_tqdm=True)]
    return dict(zip(keys, zip(found[: len(keys)], found[len(keys) :], strict=True), strict=True))


def contenders(name: str, dtype: torch.dtype, batches: Sequence[int]) -> tuple[Subject, dict[str, Contender]]:
    """The subject and all who take part: exempla, and lm-eval at its default batch size (1) and others."""
    subject = load_subject(name, dtype=dtype)
    with quiet_libraries():
        lm = HFLM(
            pretrained=resolve(name),
            dtype=str(dtype).removeprefix("torch."),
            device=str(subject.device),
            prefix_token_id=subject.separator,
        )
    start = subject.tokenizer.decode([subject.separator])
    taking_part: dict[str, Contender] = {"exempla": lambda items: exempla_values(subject, items)}
    for size in batches:
        # The loop's variable is bound at once; a bare closure would give all of them the last size.
        taking_part[f"lm-eval, batch {size}"] = lambda items, size=size: lm_eval_values(lm, size, start, items)  # type: ignore[misc]
    return subject, taking_part


def largest_difference(subject: Subject, items: Sequence[Item], one: Values, other: Values) -> float:
    """The largest difference between two sets of values, in nats a token."""
    worst = 0.0
    for item in items:
        for branch, ids in [pair for tree in plant(subject, item) for pair in tree.branches.items()]:
            which, name = branch.split(" ", 1)
            place = 0 if which == "given" else 1
            gap = abs(one[item.id, name][place] - other[item.id, name][place])
            worst = max(worst, gap / len(ids))
    return worst


def time_all(
    subject: Subject, taking_part: dict[str, Contender], items: dict[str, list[Item]], rounds: int
) -> tuple[dict[str, dict[str, float]], dict[str, Values]]:
    """Median seconds by contender and instrument, and the values each found."""
    seconds: dict[str, dict[str, list[float]]] = {who: {name: [] for name in items} for who in taking_part}
    values: dict[str, Values] = {who: {} for who in taking_part}
    for ask in taking_part.values():
        ask([own[0] for own in items.values()])  # first calls set up memory and threads
    for number in range(rounds):
        order = list(taking_part)[:: 1 if number % 2 == 0 else -1]
        for instrument, own in items.items():
            for who in order:
                began = time.perf_counter()
                values[who] |= taking_part[who](own)
                wait(subject.device)
                seconds[who][instrument].append(time.perf_counter() - began)
    medians = {
        who: {name: statistics.median(times) for name, times in by_instrument.items()}
        for who, by_instrument in seconds.items()
    }
    return medians, values


def main() -> None:
    """Run the comparison and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--items", type=int, default=40, help="held-out items of each instrument")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16], help="lm-eval's; 1 is its default")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="the machine's best type if unset")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    dtype = getattr(torch, options.dtype) if options.dtype else best_dtype(best_device())

    items = {name: held_out(name, options.items) for name in INSTRUMENTS}
    every = [item for own in items.values() for item in own]
    subject, taking_part = contenders(options.model, dtype, options.batches)
    seconds, values = time_all(subject, taking_part, items, options.rounds)
    size = model_size(subject.model)
    work = sum(likelihood_flops(size, plant(subject, item)) for item in every)
    rows = [
        {
            "who": who,
            "items_per_second": {name: len(items[name]) / spent[name] for name in items},
            "items_per_second_all": len(every) / sum(spent.values()),
            "flops_per_second": work / sum(spent.values()),
            "difference": largest_difference(subject, every, values["exempla"], values[who]),
        }
        for who, spent in seconds.items()
    ]
    exact = exact_difference(options.model, every[:: max(1, len(every) // 9)])
    report(rows, {name: len(own) for name, own in items.items()}, dtype, exact, options)


def exact_difference(name: str, items: Sequence[Item]) -> float:
    """Largest difference between exempla and lm-eval on a few items in float32, where little is rounded."""
    subject, taking_part = contenders(name, torch.float32, [1])
    found = [ask(items) for ask in taking_part.values()]
    return largest_difference(subject, items, found[0], found[1])


def report(
    rows: list[dict[str, Any]],
    counts: dict[str, int],
    dtype: torch.dtype,
    exact: float,
    options: argparse.Namespace,
) -> None:
    """Show the figures and keep them."""
    own, *others = rows
    best = max(others, key=lambda row: row["items_per_second_all"])
    default = next((row for row in others if row["who"] == "lm-eval, batch 1"), best)
    ratios = {
        "over_default": own["items_per_second_all"] / default["items_per_second_all"],
        "over_best": own["items_per_second_all"] / best["items_per_second_all"],
    }
    show(
        f"Likelihoods, items a second ({', '.join(f'{n} {name}' for name, n in counts.items())}; "
        f"{options.model}, {str(dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads)",
        ["", *counts, "all", "of exempla's speed", "max. difference, nats a token"],
        [
            [
                row["who"],
                *[f"{row['items_per_second'][name]:.2f}" for name in counts],
                f"{row['items_per_second_all']:.2f}",
                f"{row['items_per_second_all'] / own['items_per_second_all']:.0%}",
                "" if row is own else f"{row['difference']:.4f}",
            ]
            for row in rows
        ],
        [
            f"exempla is {ratios['over_default']:.2f} x lm-eval at its default and "
            f"{ratios['over_best']:.2f} x lm-eval at its best ({best['who'].split(', ')[1]}).",
            f"In float32 the two differ by at most {exact:.6f} nats a token.",
        ],
    )
    figures = {"model": options.model, "dtype": str(dtype).removeprefix("torch."), "items": counts}
    save(
        options.json,
        "likelihood",
        {**figures, "rounds": options.rounds, "rows": rows, **ratios, "float32_difference": exact},
    )


if __name__ == "__main__":
    main()
