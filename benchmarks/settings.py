"""Tokens a second of exempla's training in other settings: what learns, batch shape, LoRA, threads.

    python benchmarks/settings.py --updates 5 --json settings.json

One after the other, each in a process of its own, because the number of threads is fixed when torch starts. The first
update warms up and is not timed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTINGS: list[tuple[str, dict[str, Any], int | None]] = [
    ("all layers, 1 x 512", {"blocks_per_update": 1}, None),
    ("all layers, 4 x 512", {"blocks_per_update": 4}, None),
    ("upper 15, 1 x 512", {"blocks_per_update": 1, "upper_layers": 15}, None),
    ("upper 10, 1 x 512", {"blocks_per_update": 1, "upper_layers": 10}, None),
    ("upper 10, 2 x 512", {"blocks_per_update": 2, "upper_layers": 10}, None),
    ("upper 10, 4 x 512", {"blocks_per_update": 4, "upper_layers": 10}, None),
    ("upper 10, 1 x 1024", {"blocks_per_update": 1, "upper_layers": 10, "block": 1024}, None),
    ("upper 10, 1 x 512, one thread", {"blocks_per_update": 1, "upper_layers": 10}, 1),
    ("LoRA on all layers, 1 x 512", {"blocks_per_update": 1, "method": "lora"}, None),
    ("LoRA on upper 10, 1 x 512", {"blocks_per_update": 1, "method": "lora", "upper_layers": 10}, None),
]
"""Name, settings of a `Training`, and threads (all if None)."""


def measure(model: str, changes: dict[str, Any], updates: int) -> dict[str, float]:
    """Train on library stories and time each update but the first: tokens a second, the median update."""
    from exempla import catalogue
    from exempla.models.subject import load_tokenizer
    from exempla.study import Arm, Training
    from exempla.training.mix import compose
    from exempla.training.trainer import Job, train_cell

    size = changes.get("block", 512) * changes["blocks_per_update"]
    training = Training(tokens=size * (updates + 1), save_every=updates + 2, **changes)
    stories = {"stories": catalogue.corpus("stories")}
    mix = compose(Arm(name="stories", mix={"stories": 1}), stories, load_tokenizer(model), training, 1)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        job = Job(model, training, 1, Path(folder) / "model", Path(folder) / "state")
        train_cell(job, mix.blocks, lambda _: times.append(time.perf_counter()))
    spans = [after - before for before, after in itertools.pairwise(times)]
    return {"tokens_per_second": size / statistics.median(spans), "slowest": size / max(spans)}


def main() -> None:
    """Measure every setting in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--updates", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.model, SETTINGS[options.one][1], options.updates)))
        return
    rows = []
    print(f"{'setting':34} {'tokens/s':>9} {'slowest update':>15}")
    for number, (name, changes, threads) in enumerate(SETTINGS):
        command = [sys.executable, __file__, "--one", str(number), "--model", options.model]
        environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
        ran = subprocess.run(
            [*command, "--updates", str(options.updates)], capture_output=True, text=True, env=environment, check=True
        )
        row = json.loads(ran.stdout.strip().splitlines()[-1])
        rows.append({"setting": name, "training": changes, "threads": threads, **row})
        print(f"{name:34} {row['tokens_per_second']:9.0f} {row['slowest']:15.0f}", flush=True)
    if options.json:
        from account import save

        save(options.json, "settings", {"model": options.model, "updates": options.updates, "rows": rows})


if __name__ == "__main__":
    main()
