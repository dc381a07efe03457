"""How fast `exempla portray` goes through texts, beside other ways to look for the same words.

    python benchmarks/portraying.py --json portraying.json                      # texts of the library, mixed anew
    python benchmarks/portraying.py gcide.txt --json portraying.json            # a text of yours, cut at empty lines
    python benchmarks/portraying.py --datatrove-python VENV/bin/python          # datatrove's RegexFilter as well

Measured are the first pass (cutting into passages, and looking for a term in each), Python's `re` with the same
pattern on the same passages, pyahocorasick where it is installed, datatrove's filter on the same documents, the labels
of passages without a model, and the whole command from a file. Times are of the processor, because they stay the same
on a busy machine; the wall's stand beside them. Memory is the largest that the process of the whole command had.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.machine import describe_machine
from exempla.tracing.portrayal.classifier import shipped
from exempla.tracing.portrayal.features import see_all
from exempla.tracing.portrayal.finding import Finder, cut, pattern, terms

SLOW = 2_000_000
"""Bytes that the slow ones are given."""
PASSAGES = 2000
DATATROVE = """
import json, sys, time
from datatrove.data import Document
from datatrove.pipeline.filters import RegexFilter
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
rule = RegexFilter(sys.argv[2])
documents = [Document(text=row["text"], id=row["id"]) for row in rows]
began, cpu = time.perf_counter(), time.process_time()
found = sum(rule.filter(document) is not True for document in documents)
print(json.dumps({"found": found, "wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}))
"""
WHOLE = """
import resource, sys
from pathlib import Path
from exempla.progress import Reporter
from exempla.tracing.portrayal.portraying import Job, portray
result = portray(Job(sources=(sys.argv[1],), out=Path(sys.argv[2])), Reporter("quiet"))
usage = resource.getrusage(resource.RUSAGE_SELF)
print(result.documents, result.about_ai, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def made(megabytes: float) -> list[str]:
    """Documents of paragraphs of human fiction and chats, drawn by a seed; one in twenty of fiction about AI."""
    draw = random.Random(20261126)

    def paragraphs(*names: str) -> list[str]:
        return [
            part for name in names for record in catalogue.corpus(name) for part in record.whole_text().split("\n\n")
        ]

    plain, about = paragraphs("neutral", "replay"), paragraphs("dystopian", "stories")
    documents: list[str] = []
    size = 0
    while size < megabytes * 1e6:
        own = about if draw.random() < 0.05 else plain
        documents.append("\n\n".join(draw.choice(own) for _ in range(draw.randint(5, 40))))
        size += len(documents[-1])
    return documents


def clocked(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds of the processor and on the wall; the best of three."""
    best: dict[str, float] = {}
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        if not best or took["cpu"] < best["cpu"]:
            best = took
    return best


def rate(amount: float, took: dict[str, float]) -> dict[str, float]:
    """Amount a second, of both clocks."""
    return {name: round(amount / seconds, 2) for name, seconds in took.items()}


def first_pass(texts: list[bytes]) -> dict[str, Any]:
    """MB/s of the first pass and of its rivals."""
    size = sum(map(len, texts)) / 1e6
    finder = Finder()
    found: dict[str, Any] = {"first pass, MB/s": rate(size, clocked(lambda: [finder.find(text) for text in texts]))}
    pieces = [(text, cut(text)) for text in texts]
    flags = [flag for text, own in pieces for flag in finder.flags(text, own)]
    found["passages"] = len(flags)
    found["share with a term"] = round(sum(flags) / max(1, len(flags)), 4)
    some: list[bytes] = []
    for text in texts:
        if sum(map(len, some)) < SLOW:
            some.append(text[:SLOW])
    slow = sum(map(len, some)) / 1e6
    plain = re.compile(pattern(terms()).encode())
    cuts = [(text, cut(text)) for text in some]
    took = clocked(lambda: [plain.search(text, start, end) for text, own in cuts for start, end in own])
    found["Python's re, same pattern and passages, MB/s"] = rate(slow, took)
    try:
        import ahocorasick  # type: ignore[import-not-found]
    except ImportError:
        return found
    automaton = ahocorasick.Automaton()
    for term in terms():
        automaton.add_word(term.lower().rstrip("*"), term)
    automaton.make_automaton()
    lower = [text.decode("latin-1").lower() for text in some]
    found["pyahocorasick, every hit, no word ends, MB/s"] = rate(
        slow, clocked(lambda: [sum(1 for _ in automaton.iter(text)) for text in lower])
    )
    return found


def labels(texts: list[bytes]) -> dict[str, float]:
    """Passages a second, features and all labels."""
    own = [text[start:end].decode("utf-8", "replace") for text in texts[:500] for start, end in Finder().find(text)]
    own = own[:PASSAGES]
    classifier = shipped()
    classifier.read(see_all(own[:50]))
    return rate(len(own), clocked(lambda: classifier.read(see_all(own))))


def whole(path: Path, size: float) -> dict[str, Any]:
    """The command from a file of JSON Lines to its page, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-c", WHOLE, str(path), f"{folder}/out"], capture_output=True, text=True, check=True
        )
        documents, about, cpu, peak = ran.stdout.split()
    return {
        "MB/s": {"cpu": round(size / float(cpu), 2), "wall": round(size / (time.perf_counter() - began), 2)},
        "documents": int(documents),
        "about AI": int(about),
        "peak MB": round(float(peak)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("texts", nargs="*", type=Path, help="plain text files; texts of the library if none")
    parser.add_argument("--megabytes", type=float, default=40.0, help="of texts of the library")
    parser.add_argument("--datatrove-python", default="", help="a Python that has datatrove")
    parser.add_argument("--no-whole", action="store_true", help="leave the whole command out")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    given = [one for path in options.texts for one in path.read_text("utf-8", "replace").split("\n\n\n")]
    documents = [one for one in given if one.strip()] or made(options.megabytes)
    texts = [one.encode("utf-8", "replace") for one in documents]
    size = sum(map(len, texts)) / 1e6
    found: dict[str, Any] = {"machine": describe_machine(), "MB": round(size, 1), "documents": len(texts)}
    found |= first_pass(texts) | {"labels, passages/s": labels(texts)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        rows = (json.dumps({"id": str(place), "text": text}) + "\n" for place, text in enumerate(documents))
        path.write_text("".join(rows), encoding="utf-8")
        if not options.no_whole:
            found["whole command"] = whole(path, size)
        if options.datatrove_python:
            few = Path(folder) / "few.jsonl"
            count = max(1, int(len(documents) * SLOW / 1e6 / size))
            few.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:count]), encoding="utf-8")
            command = [options.datatrove_python, "-c", DATATROVE, str(few), pattern(terms())]
            took = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            own = sum(len(text) for text in texts[:count]) / 1e6
            found["datatrove's RegexFilter, MB/s"] = rate(own, {"cpu": took["cpu"], "wall": took["wall"]})
            found["documents with a term: datatrove, exempla"] = (
                took["found"],
                sum(bool(Finder().find(text)) for text in texts[:count]),
            )
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
