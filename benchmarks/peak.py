"""The fastest matrix multiplication of the machine, and the share of it that the other benchmarks reach.

    python benchmarks/peak.py likelihood.json training.json --json peak.json

The peak is measured, not taken from a data sheet: the fastest multiplication among the model's own shapes and
two squares, in each type. How the others' operations are counted is told in account.py.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from account import save, show, wait

from exempla.models.subject import best_device, load_subject
from exempla.study import EMBEDDED

DTYPES = (torch.bfloat16, torch.float32)
Shape = tuple[int, int, int]
"""Rows, inner size and columns of a product."""


def shapes(model: Any, tokens: int) -> dict[str, Shape]:
    """The products in the model's forward pass over so many tokens, by name, and two large squares."""
    found: dict[str, Shape] = {}
    for name, module in model.get_decoder().layers[0].named_modules():
        if isinstance(module, torch.nn.Linear):
            found.setdefault(name.split(".")[-1], (tokens, module.in_features, module.out_features))
    vocabulary, width = model.get_output_embeddings().weight.shape
    found["output layer"] = (tokens, width, vocabulary)
    found |= {f"square {side}": (side, side, side) for side in (1024, 4096)}
    return _distinct(found)


def _distinct(named: dict[str, Shape]) -> dict[str, Shape]:
    """Each shape once, under all names that have it."""
    names: dict[Shape, list[str]] = {}
    for name, shape in named.items():
        names.setdefault(shape, []).append(name)
    return {", ".join(own): shape for shape, own in names.items()}


def reached(shape: Shape, dtype: torch.dtype, seconds: float) -> float:
    """Operations a second of the fastest of the products done within some seconds."""
    device = best_device()
    rows, inner, columns = shape
    left = torch.randn(rows, inner, device=device).to(dtype)
    right = torch.randn(columns, inner, device=device).to(dtype)  # as weights lie in memory
    out = torch.empty(rows, columns, dtype=dtype, device=device)
    torch.matmul(left, right.T, out=out)
    wait(device)
    fastest, end = float("inf"), time.perf_counter() + seconds
    # A short product is timed several at once, so that the clock and the call do not count.
    repeats = max(1, round(2e9 / (2 * rows * inner * columns)))
    while True:
        began = time.perf_counter()
        for _ in range(repeats):
            torch.matmul(left, right.T, out=out)
        wait(device)
        now = time.perf_counter()
        fastest = min(fastest, (now - began) / repeats)
        if now > end:
            return 2 * rows * inner * columns / fastest


def shares(results: Sequence[Path], peaks: dict[str, float]) -> list[dict[str, Any]]:
    """The share of the peak that each row of other benchmarks' results reaches, in both types."""
    found: list[dict[str, Any]] = []
    for path in results:
        whole = json.loads(path.read_text(encoding="utf-8"))
        for row in whole["rows"]:
            speed = row["flops_per_second"]
            found.append(
                {
                    "benchmark": whole["benchmark"],
                    "who": row["who"],
                    "flops_per_second": speed,
                    **{f"share_{dtype}": speed / peak for dtype, peak in peaks.items()},
                }
            )
    return found


def main() -> None:
    """Measure the peak, and set other results against it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="*", help="JSON files of likelihood.py and training.py")
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--tokens", type=int, default=1024, help="rows of the model's products")
    parser.add_argument("--seconds", type=float, default=2.0, help="spent on each shape and type")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    products = shapes(load_subject(options.model).model, options.tokens)
    names = [str(dtype).removeprefix("torch.") for dtype in DTYPES]
    rates = {
        shape_name: {name: reached(shape, dtype, options.seconds) for name, dtype in zip(names, DTYPES, strict=True)}
        for shape_name, shape in products.items()
    }
    peaks = {name: max(by_type[name] for by_type in rates.values()) for name in names}
    show(
        f"Matrix multiplication, billion operations a second ({torch.get_num_threads()} threads)",
        ["", "shape", *names],
        [
            [name, " x ".join(map(str, products[name])), *[f"{rates[name][d] / 1e9:.0f}" for d in names]]
            for name in products
        ]
        + [["the peak", "", *[f"{peaks[d] / 1e9:.0f}" for d in names]]],
    )
    found = shares(options.results, peaks)
    if found:
        show(
            "Share of the peak",
            ["", "billion operations/s", *[f"of {name}" for name in names]],
            [
                [
                    f"{row['benchmark']}: {row['who']}",
                    f"{row['flops_per_second'] / 1e9:.0f}",
                    *[f"{row[f'share_{name}']:.0%}" for name in names],
                ]
                for row in found
            ],
            ["Counted is what the result needs: no padding, no prefix twice, no activation twice."],
        )
    save(options.json, "peak", {"model": options.model, "rates": rates, "peaks": peaks, "shares": found})


if __name__ == "__main__":
    main()
