"""Near duplicates and leakage side by side: exempla and its peers over the same texts (see screening.py)."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import screening_corpus as made
from screening_watch import side

from exempla import catalogue
from exempla.screening.words import words
from exempla.study import INSTRUMENTS

TINY = (120, 200)
"""Records and words of the corpus on which every side must be right before it is timed."""
LEAKED = 0.06
"""Share of the texts into which a passage of an item is put, a third each of the three kinds of `leaked_texts`."""
Sides = list[tuple[str, str, str, list[str]]]
"""Label, interpreter, name in screening_sides.py and further arguments."""
Runs = dict[str, list[dict[str, Any]]]


# --- what is compared ------------------------------------------------------------------------------------------------


def _word_runs(text: str, length: int) -> list[str]:
    found = words(text)
    return [" ".join(found[start : start + length]) for start in range(len(found) - length + 1)]


def duplicate_sides(options: argparse.Namespace) -> Sides:
    """Those that can run here, with what is left out said."""
    own, python = sys.executable, options.datatrove_python
    sides: Sides = [
        ("exempla", own, "exempla", []),
        ("exempla memory", own, "exempla-memory", []),
        ("exempla 2", own, "exempla", ["--processes", "2"]),
    ]
    if has(own, "datasketch"):
        sides += [("datasketch", own, "datasketch", [])]
        sides += [("datasketch batch", own, "datasketch-batch", [])]
    if python and has(python, "datatrove") and has(python, "spacy"):
        sides += [("datatrove", python, "datatrove", [])]
    if python and has(python, "datatrove"):
        sides += [("datatrove split", python, "datatrove-split", [])]
    return sides


def leakage_sides(options: argparse.Namespace) -> Sides:
    """Those that can run here."""
    own, python = sys.executable, options.decontaminate_python
    names = ("exempla-runs", "exempla-gate", "set-8", "set-13")
    sides: Sides = [(name, own, name, []) for name in names]
    return sides + ([("decontaminate", python, "decontaminate", [])] if python and has(python, "decon") else [])


def has(python: str, library: str) -> bool:
    """Whether an interpreter can import a library; says so if not."""
    asked = subprocess.run([python, "-c", f"import {library}"], capture_output=True, check=False)
    if asked.returncode:
        show_line(f"left out: {library} is not installed for {python}")
    return asked.returncode == 0


def version(python: str, library: str) -> str:
    """Of a library in an environment."""
    ask = f"import importlib.metadata as m; print(m.version({library!r}))"
    asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "not installed"


def show_line(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# --- texts and what is planted in them -------------------------------------------------------------------------------


def duplicate_texts(folder: Path, records: int, words: int, pool: made.Pool) -> dict[str, Any]:
    """Write the texts; gives the pairs planted in them, by kind, as places."""
    shares = made.Planted(exact=0.02, near=0.03, decoys=0.03)
    if records <= TINY[0]:
        shares = made.Planted(exact=0.1, near=0.1, decoys=0.1)
    made.write(folder / "texts.jsonl", made.Key(records, words, 7), shares, pool)
    ids, _, key = made.read(folder / "texts.jsonl")
    place = {name: number for number, name in enumerate(ids)}
    return {kind: [(place[one[0]], place[one[1]]) for one in key[kind]] for kind in ("exact", "near", "decoys")}


def leaked_texts(folder: Path, records: int, words: int, pool: made.Pool) -> dict[str, Any]:
    """Write the texts and the library's items; gives the places of the texts that have a passage of an item, by kind.

    The passage stands between two paragraphs: 10 words (`short`, too short for 13-word runs), 20 to 60 words (`long`),
    or the whole item with a continuation (`whole`). Texts that share eight words with an item without that are left
    out, so that the key is complete.
    """
    items = [item for instrument in INSTRUMENTS for item in catalogue.items(instrument)]
    chance = random.Random(7)
    known = {run for item in items for end in item.continuations.values() for run in _word_runs(item.prefix + end, 8)}
    passages = [item.prefix + next(iter(item.continuations.values())) for item in items]
    passages = [passage for passage in passages if len(passage.split()) >= 30]
    planted: dict[str, list[int]] = {"short": [], "long": [], "whole": []}
    share = max(LEAKED, 30 / records)
    number = 0
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as file:
        for _, text in made.make(made.Key(2 * records + 100, words, 7), made.Planted(0, 0, 0), pool):
            if number == records:
                break
            if not known.isdisjoint(_word_runs(text, 8)):
                continue
            if chance.random() < share:
                kind = chance.choice(list(planted))
                passage = chance.choice(passages).split()
                size = {"short": 10, "long": chance.randint(20, 60), "whole": len(passage)}[kind]
                start = chance.randint(0, max(0, len(passage) - size))
                paragraphs = text.split("\n\n")
                paragraphs.insert(chance.randint(0, len(paragraphs)), " ".join(passage[start : start + size]))
                text = "\n\n".join(paragraphs)
                planted[kind].append(number)
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            number += 1
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(item.model_dump_json() + "\n" for item in items)
    return planted


# --- how right a side is ---------------------------------------------------------------------------------------------


def duplicate_score(planted: dict[str, Any], found: Sequence[int]) -> dict[str, float]:
    """Share of the planted pairs of which one is objected to, and of what is objected to that a pair accounts for."""
    there = set(found)
    hit = {kind: sum(one in there or other in there for one, other in pairs) for kind, pairs in planted.items()}
    return {
        "recall_exact": hit["exact"] / max(1, len(planted["exact"])),
        "recall_near": hit["near"] / max(1, len(planted["near"])),
        "precision": (hit["exact"] + hit["near"]) / max(1, len(there)),
        "decoys": hit["decoys"],
        "objections": len(there),
    }


def leakage_score(planted: dict[str, Any], found: Sequence[int]) -> dict[str, float]:
    """Share of the texts with a passage that are objected to, and of what is objected to that has one."""
    there = set(found)
    right = {kind: len(there & set(places)) for kind, places in planted.items()}
    return {
        **{f"recall_{kind}": right[kind] / max(1, len(places)) for kind, places in planted.items()},
        "precision": sum(right.values()) / max(1, len(there)),
        "objections": len(there),
    }


def must_be_right(name: str, score: dict[str, float]) -> None:
    """Stop if a side does not do on a tiny corpus what it is compared for.

    Raises:
        SystemExit: it misses what it must find, or exempla or a plain set finds what is not there.
    """
    decoys = name.startswith(("datasketch", "datatrove"))  # they do not verify what shares a band
    floor = {"recall_exact": 1.0, "recall_near": 0.9, "recall_long": 1.0, "recall_whole": 1.0}
    if name == "decontaminate":  # made for whole questions and answers
        floor = {"recall_whole": 0.5}
    missed = [what for what, least in floor.items() if score.get(what, 1.0) < least]
    if name in ("exempla-runs", "set-8") and score["recall_short"] < 1:
        missed.append("recall_short")
    if not decoys and name not in ("decontaminate", "exempla-gate") and score["precision"] < 1:
        missed.append("precision")
    if missed:
        raise SystemExit(f"{name} is not right on the tiny corpus ({', '.join(missed)}): {score}")


# --- the measurement -------------------------------------------------------------------------------------------------


def compare(what: str, options: argparse.Namespace) -> dict[str, Any]:
    """Check every side on a tiny corpus, then let them take turns; gives their runs and what was planted."""
    duplicates = what == "duplicates"
    sides = duplicate_sides(options) if duplicates else leakage_sides(options)
    write, score = (duplicate_texts, duplicate_score) if duplicates else (leaked_texts, leakage_score)
    pool = made.Pool(7)
    with tempfile.TemporaryDirectory(prefix="screening-") as name:
        tiny, whole = Path(name) / "tiny", Path(name) / "whole"
        tiny.mkdir()
        whole.mkdir()
        planted = write(tiny, *TINY, pool)
        for label, python, one, more in sides:
            checked = side(python, one, tiny, options.limit, *more)
            must_be_right(one, score(planted, checked["found"]))
            show_line(f"  {label}: right on the tiny corpus")
        planted = write(whole, options.records, options.words, pool)
        del pool
        runs: Runs = {label: [] for label, *_ in sides}
        for number in range(options.rounds):
            turn = number % len(sides)
            for label, python, one, more in sides[turn:] + sides[:turn]:
                took = side(python, one, whole, options.limit, *more)
                took |= score(planted, took.pop("found"))
                runs[label].append(took)
                show_line(
                    f"  round {number + 1}, {label}: {options.records / took['seconds']:.0f} texts/s, "
                    f"{took['mb']:.0f} MB, load {took['load']:.1f}"
                )
    return {"runs": runs, "planted": {kind: len(pairs) for kind, pairs in planted.items()}}


def table(runs: Runs, records: int, kinds: Sequence[str]) -> list[list[str]]:
    """Medians over the rounds; the ratio is of the first side's time to the side's."""
    first = statistics.median(run["seconds"] for run in next(iter(runs.values())))
    rows = []
    for label, own in runs.items():
        keys = ("seconds", "starting", "cpu", "mb")
        seconds, starting, cpu, size = (statistics.median(run[key] for run in own) for key in keys)
        rows.append(
            [label, f"{records / seconds:.0f}", f"{seconds:.2f}"]
            + [f"{starting:.2f}", f"{cpu:.2f}", f"{first / seconds:.2f}", f"{size:.0f}"]
            + [f"{value:.3f}" if isinstance(value := own[-1][kind], float) else str(value) for kind in kinds]
        )
    return rows


def run(what: str, options: argparse.Namespace) -> None:
    """Compare, print and keep."""
    figures = compare(what, options)
    account = importlib.import_module("account")  # brings torch in
    if what == "duplicates":
        kinds = ("recall_exact", "recall_near", "precision", "decoys")
        heads = ["exact", "near", "precise", "decoys"]
        notes = [
            "exempla: one process, records on disk; 2: two processes; memory: records in memory. batch: update_batch; "
            "split: words cut at spaces, not by spaCy.",
            f"Planted: {figures['planted']}. exact, near: share of the pairs found; precise: share of the texts "
            "objected to that are of such a pair.",
            "decoys: pairs under the threshold (similarity about 0.5) of which one is objected to; datasketch and "
            "datatrove do not verify what shares a band.",
        ]
    else:
        kinds = ("recall_short", "recall_long", "recall_whole", "precision")
        heads = ["10 words", "20-60", "whole", "precise"]
        notes = [
            f"Texts with a passage of an item: {figures['planted']}. 10 words, 20-60, whole: share of these found; "
            "precise: share of the texts objected to that have one.",
            "exempla-runs: a run of 8 words; exempla-gate: that or a scene; set-N: a Python set of N-word runs.",
        ]
    notes += [
        "texts/s, s: from a list of strings to the result; start s: of these, until processes or index are there; "
        "x: speed against the first row; MB: most memory of its own, with children and texts.",
        f"Load average before a run: {_loads(figures['runs'])}, of {os.cpu_count()} cores.",
    ]
    account.show(
        f"{what.capitalize()} of {options.records} texts of {options.words} words, {options.rounds} rounds",
        ["", "texts/s", "s", "start s", "CPU s", "x", "MB", *heads],
        table(figures["runs"], options.records, kinds),
        notes,
    )
    compared = {"datasketch": version(sys.executable, "datasketch"), "rensa": version(sys.executable, "rensa")}
    for library, other in (("datatrove", options.datatrove_python), ("decontaminate", options.decontaminate_python)):
        compared[library] = version(other, library) if other else "left out"
    settings = {"records": options.records, "words": options.words, "rounds": options.rounds}
    account.save(options.json, f"screening {what}", {"compared": compared, **settings, **figures})


def _loads(runs: Runs) -> str:
    loads = [run["load"] for own in runs.values() for run in own]
    return f"{min(loads):.1f} to {max(loads):.1f}"
