"""How fast and in how much memory corpora are screened, alone and beside other programs.

    python benchmarks/screening.py pass --json pass.json
    python benchmarks/screening.py flat --json flat.json
    python benchmarks/screening.py duplicates --datatrove-python VENV/bin/python --json duplicates.json
    python benchmarks/screening.py leakage --decontaminate-python VENV312/bin/python --json leakage.json

`pass` is one whole `exempla screen` as a user types it, with all gates that need no model, over a corpus of
screening_corpus.py. `flat` does the same over ever larger corpora of short texts: seconds per thousand documents and
memory should stay as they are. `duplicates` and `leakage` let exempla and its peers take turns on the same texts, each
in a process of its own, after each was right on a tiny corpus.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import screening_compare
import screening_corpus as made
from screening_watch import Watched, watch

COMMAND = "{exempla} screen {source} --out {out} --processes {processes} --json"
BYTES_A_WORD = 5.7 + 6.0 + 8.0 + 5.7
"""On disk at most, for a word: the corpus, the shelf of chunks, the numbers of their words, and the result."""
SPARE = 2 << 30
"""Bytes of the disk that are left free."""


def screened(source: Path, out: Path, options: argparse.Namespace) -> Watched:
    """One run of the command.

    Raises:
        SystemExit: it did not end well, and not for want of time.
    """
    exempla = Path(sys.executable).with_name("exempla")
    known = {"exempla": exempla, "source": source, "out": out, "processes": options.processes, "python": sys.executable}
    words = [word.format(**known) for word in options.command.split()]
    watched = watch(words, options.limit)
    if watched.code and not watched.stopped:
        raise SystemExit(f"{' '.join(words)} ended with {watched.code}:\n{watched.tail}")
    return watched


def phases(watched: Watched) -> dict[str, float]:
    """Seconds by unit of work as the command's JSON lines tell, with what comes before the first and after the last.

    A progress line comes every 15 seconds at most, so a gate that is named was at work for about that long.
    """
    marks = [("starting", 0.0)]
    for when, row in watched.said:
        if row.get("event") == "begin":
            marks.append((str(row["unit"]), when))
        elif row.get("event") == "progress" and row.get("note"):
            name = f"{row['unit']}: {row['note']}"
            if marks[-1][0] != name:
                marks.append((name, when))
    spent: Counter[str] = Counter()
    for (name, begin), (_, end) in zip(marks, [*marks[1:], ("", watched.seconds)], strict=True):
        spent[name] += end - begin  # type: ignore[assignment]
    return dict(spent)


def fates(out: Path) -> dict[str, Any]:
    """Records kept, dropped by gate, and marked by gate."""
    kept = pq.ParquetFile(out / "records.parquet")
    dropped = pq.read_table(out / "dropped.parquet", columns=["gate"])["gate"].to_pylist()
    marked: Counter[str] = Counter()
    for batch in kept.iter_batches(columns=["marks"]):
        for marks in batch["marks"].to_pylist():
            marked.update(list(json.loads(marks)) if marks else [])
    return {
        "kept": kept.metadata.num_rows,
        "dropped": dict(Counter(dropped).most_common()),
        "marked": dict(marked.most_common()),
    }


def told(watched: Watched) -> dict[str, Any]:
    """The figures of a run."""
    names = ("seconds", "cpu", "stopped", "uss_mb", "rss_mb", "largest_mb", "processes")
    return {name: getattr(watched, name) for name in names} | {"phases": phases(watched)}


def planted_found(out: Path, key: dict[str, Any]) -> dict[str, float]:
    """Share of the planted pairs of which at most one was kept, by kind."""
    kept = set(pq.read_table(out / "records.parquet", columns=["id"])["id"].to_pylist())
    return {
        kind: sum(pair[0] not in kept or pair[1] not in kept for pair in key[kind]) / len(key[kind])
        for kind in ("exact", "near")
        if key[kind]
    }


def whole_pass(options: argparse.Namespace) -> None:
    """`exempla screen` over one corpus."""
    with tempfile.TemporaryDirectory(prefix="screening-", dir=options.folder) as name:
        source = Path(name) / "corpus.jsonl"
        size = made.write(source, made.Key(options.records, options.words, 1), made.Planted())
        key = json.loads(made.key_path(source).read_text("utf-8"))
        runs = []
        for number in range(options.rounds):
            out = Path(name) / f"out-{number}"
            load = os.getloadavg()[0]
            watched = screened(source, out, options)
            if watched.stopped:
                raise SystemExit(f"stopped after {options.limit:.0f} s; give more with --limit")
            runs.append(told(watched) | fates(out) | {"load": load, "planted_found": planted_found(out, key)})
            shutil.rmtree(out)
    account = importlib.import_module("account")  # brings torch in
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    rows = [["wall time", f"{middle['seconds']:.1f} s"], ["processor time", f"{middle['cpu']:.1f} s"]]
    rows += [[f"  {unit}", f"{spent:.1f} s"] for unit, spent in middle["phases"].items()]
    rows += [[f"memory, {what}", f"{middle[key]:.0f} MB"] for what, key in MEMORY.items()]
    rows += [["kept", str(middle["kept"])]]
    rows += [[f"  dropped by {gate}", str(count)] for gate, count in middle["dropped"].items()]
    rows += [[f"  marked by {gate}", str(count)] for gate, count in middle["marked"].items()]
    rows += [[f"planted {kind} pairs found", f"{share:.3f}"] for kind, share in middle["planted_found"].items()]
    account.show(
        f"exempla screen, {options.records} texts of {options.words} words, {options.processes} processes",
        ["", ""],
        rows,
        [
            f"{size / 1e6:.0f} MB; the middle one of {len(runs)} runs; load average before it {middle['load']:.1f}.",
            "A pair counts as found when one of its texts is dropped, by whichever gate.",
        ],
    )
    account.save(options.json, "screening pass", {**_settings(options), "bytes": size, "runs": runs})


MEMORY = {"own, all together": "uss_mb", "resident, all together": "rss_mb", "resident, largest": "largest_mb"}


def flat(options: argparse.Namespace) -> None:
    """`exempla screen` over ever larger corpora, as far as disk and time go."""
    found: list[dict[str, Any]] = []
    ended = ""
    pool = made.Pool(1)
    for records in options.sizes:
        needed = int(records * options.words * BYTES_A_WORD)
        with tempfile.TemporaryDirectory(prefix="screening-", dir=options.folder) as name:
            free = shutil.disk_usage(name).free - SPARE
            if needed > free:
                most = int(free / options.words / BYTES_A_WORD)
                ended = f"{records:,} need {needed / 1e9:.0f} GB of disk; there is room for {most:,}"
                break
            if found and found[-1]["seconds"] * records / found[-1]["records"] > options.limit:
                ended = f"{records:,} would take more than the {options.limit:.0f} s of --limit"
                break
            source, out = Path(name) / "corpus.jsonl", Path(name) / "out"
            made.write(source, made.Key(records, options.words, 1), made.Planted(), pool)
            load = os.getloadavg()[0]
            watched = screened(source, out, options)
            if watched.stopped:
                ended = f"{records:,} were stopped after {options.limit:.0f} s (--limit)"
                break
            found.append(told(watched) | fates(out) | {"records": records, "load": load})
            last = found[-1]
            screening_compare.show_line(
                f"  {records:,}: {last['seconds']:.0f} s, {last['uss_mb']:.0f} MB, load {load:.1f}"
            )
    account = importlib.import_module("account")
    account.show(
        f"exempla screen, texts of {options.words} words, {options.processes} processes",
        ["texts", "s", "s per 1,000", "own MB", "resident MB", "largest MB", "kept", "load"],
        [
            [f"{one['records']:,}", f"{one['seconds']:.0f}", f"{1000 * one['seconds'] / one['records']:.2f}"]
            + [f"{one[key]:.0f}" for key in MEMORY.values()]
            + [f"{one['kept']:,}", f"{one['load']:.1f}"]
            for one in found
        ],
        [f"Ended there: {ended}." if ended else "All sizes were reached."],
    )
    account.save(options.json, "screening flat", {**_settings(options), "ended": ended, "runs": found})


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    kept = ("records", "sizes", "words", "processes", "command", "rounds")
    return {name: getattr(options, name) for name in kept if hasattr(options, name)}


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    own = [kinds.add_parser(name) for name in ("pass", "flat")]
    peers = [kinds.add_parser(name) for name in ("duplicates", "leakage")]
    for kind in (*own, *peers):
        kind.add_argument("--words", type=int, default=1900 if kind is own[0] else 500, help="of a text, about")
        kind.add_argument("--json", type=Path)
        kind.add_argument("--limit", type=float, default=4 * 3600.0, help="seconds after which a run is stopped")
    for kind in own:
        kind.add_argument("--processes", type=int, default=2)
        kind.add_argument("--command", default=COMMAND, help="may hold {source}, {out}, {processes} and {python}")
        kind.add_argument(
            "--folder", type=Path, help="where corpora and results may lie; a temporary folder if not given"
        )
    own[0].add_argument("--records", type=int, default=12_000)
    own[1].add_argument(
        "--sizes", type=lambda text: [int(one) for one in text.split(",")], default=[10_000, 100_000, 1_000_000]
    )
    for kind in (own[0], *peers):
        kind.add_argument("--rounds", type=int, default=1 if kind is own[0] else 3)
    for kind in peers:
        kind.add_argument("--records", type=int, default=3000)
        kind.add_argument("--datatrove-python", help="the interpreter of an environment with datatrove[processing]")
        kind.add_argument("--decontaminate-python", help="the interpreter (3.12) of an environment with decontaminate")
    options = parser.parse_args()
    if options.kind == "pass":
        whole_pass(options)
    elif options.kind == "flat":
        flat(options)
    else:
        screening_compare.run(options.kind, options)


if __name__ == "__main__":
    main()
