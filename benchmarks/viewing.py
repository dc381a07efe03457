"""How fast `exempla view` opens, searches and filters 12,000 stories of 14 kB, and in how much memory.

    python benchmarks/viewing.py --json viewing.json

The stories are sentences of the library's own, drawn by a seed and put together anew; they lie in a run's
`corpora/kept.jsonl`, the slowest form to read. The viewer is the command itself, asked over loopback as a browser
would. It is started twice: the first time there is no index, the second time it is whole. Both times the first page is
timed from the start of the process. At the first start lists and searches are then asked for while the index is made.
Every search is for words that were not searched for before, because results are kept. Times are from the request to the
last byte; the time that the processor spent, summed over threads, stands beside them, because it stays the same on a
busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from exempla import catalogue
from exempla.machine import describe_machine
from exempla.records import Lineage, Record
from exempla.runfolder import RunFolder, write_study
from exempla.study import Arm, Study

COMMON = ("the", "would", "said", "that had", "morning", "never asked", "because", "people", "paper", "her hands")
EARLY = ("lamp", "harbour", "window", "engine", "quiet", "letter")
"""Searched for while the index is made."""
BEGUN = 0.1
"""Share of the files that is in the index by then."""
ABSENT = ("xylophagous", "quux", "brillig slithy", "zzyzx", "no such phrase as this one", "0x7f", "ꙮ", "vorpal")
RARE = 8
"""Planted words, each in three stories."""
GENRES = ("fable", "letter", "radio play", "ghost story", "office comedy", "sea story")
PAGES = 12
"""Requests of each kind, at least, of which the median and the slowest are told."""


def make_run(root: Path, count: int, characters: int, seed: int) -> None:
    """A run of so many kept stories, each of about so many characters."""
    stories = [record for name in ("stories", "neutral") for record in catalogue.corpus(name)]
    sentences = [one for record in stories for one in re.split(r"(?<=[.!?”])\s+", record.text) if one]
    principles = sorted({record.principle for record in stories if record.principle})
    chance = random.Random(seed)
    folder = RunFolder(root)
    arms = (Arm(name="base"), Arm(name="stories", mix={"stories": 1}))
    write_study(folder, Study(name="bench", question="How fast?", arms=arms, reference="base", headline="stories"))
    folder.corpora.mkdir(parents=True, exist_ok=True)
    with folder.kept.open("w", encoding="utf-8") as stream:
        for number in range(count):
            paragraphs: list[str] = []
            while sum(map(len, paragraphs)) < characters:
                paragraphs.append(" ".join(chance.sample(sentences, chance.randint(3, 7))))
            every = max(1, count // (3 * RARE))
            if number % every == 0:
                paragraphs[-1] += f" Planted{number // every % RARE}word."
            record = Record(
                id=f"bench-{number:06d}",
                corpus=chance.choice(("stories", "neutral", "written")),
                text="\n\n".join(paragraphs),
                title=chance.choice(sentences)[:60],
                principle=chance.choice(principles),
                labels={"genre": chance.choice(GENRES)},
                scores={"craft": chance.randint(1, 5), "reasons_shown": chance.randint(1, 5)},
                lineage=Lineage(writer="bench", recipe="stories"),
            )
            stream.write(record.model_dump_json() + "\n")


class Times(NamedTuple):
    """Of requests of one kind, in seconds."""

    median: float
    slowest: float
    processor: float
    """In the mean."""


class Viewer:
    """`exempla view` as a process of its own."""

    def __init__(self, root: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        start = time.perf_counter()
        command = [sys.executable, "-m", "exempla", "view", str(root), "--port", str(port), "--no-browser"]
        self.process = subprocess.Popen([*command, "--who", "bench"], stdout=subprocess.DEVNULL)
        while True:
            try:
                self.size = len(self.get("/stories"))
                break
            except urllib.error.URLError:
                if self.process.poll() is not None:
                    raise SystemExit("the viewer ended") from None
                time.sleep(0.005)
        self.first_page = time.perf_counter() - start, self.processor()

    def get(self, path: str) -> bytes:
        """The body of a page."""
        with urllib.request.urlopen(self.address + path, timeout=120) as reply:
            return bytes(reply.read())

    def unread(self) -> float:
        """The share of the files that is in the index; a list says the same as long as that is not all."""
        told = json.loads(self.get("/state"))["unread"]
        if told and told["stopped"]:
            raise SystemExit("the index is not made any further")
        return float(told["share"]) if told else 1.0

    def processor(self) -> float:
        """Seconds of processor time so far; as Linux tells it, in hundredths."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def seconds(self, paths: Sequence[str]) -> Times:
        """Times of some requests."""
        taken = []
        before = self.processor()
        for path in paths:
            start = time.perf_counter()
            self.get(path)
            taken.append(time.perf_counter() - start)
        return Times(statistics.median(taken), max(taken), (self.processor() - before) / len(paths))

    def memory(self) -> float:
        """The largest memory so far, in MB; as Linux tells it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(peak[1]) / 1000 if peak else float("nan")

    def end(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def searches(words: Sequence[str]) -> list[str]:
    """The addresses of searches."""
    return [f"/stories?{urllib.parse.urlencode({'q': word})}" for word in words]


def first_start(viewer: Viewer, start: float) -> dict[str, object]:
    """What a very first start is like, until the index is whole."""
    found: dict[str, object] = {"first start, first page": viewer.first_page}
    while viewer.unread() < BEGUN:
        time.sleep(0.02)
    found["list while the index is made"] = viewer.seconds(["/stories"] * len(EARLY))
    found["search while the index is made"] = viewer.seconds(searches(EARLY))
    found["index, share at the last of these"] = viewer.unread()
    while viewer.unread() < 1:
        time.sleep(0.02)
    found["first start, index whole"] = time.perf_counter() - start, viewer.processor()
    return found | {"memory, MB, first start": viewer.memory()}


def ask(viewer: Viewer, count: int) -> dict[str, Times]:
    """Times by kind of request."""
    chance = random.Random(1)
    some = [f"bench-{chance.randrange(count):06d}" for _ in range(PAGES)]

    return {
        "list": viewer.seconds(["/stories"] * PAGES),
        "search, common words": viewer.seconds(searches(COMMON)),
        "search, rare words": viewer.seconds(searches([f"planted{number}word" for number in range(RARE)])),
        "search, absent words": viewer.seconds(searches(ABSENT)),
        "filter": viewer.seconds([f"/stories?genre={urllib.parse.quote(genre)}&low=3&sort=best" for genre in GENRES]),
        "next 60 rows": viewer.seconds([f"/stories/rows?after={record}" for record in some]),
        "one story": viewer.seconds([f"/story/{record}?sort=longest" for record in some]),
        "news": viewer.seconds(["/state"] * PAGES),
    }


def main() -> None:
    """Make the run, open it twice, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=12_000)
    parser.add_argument("--characters", type=int, default=14_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--out", type=Path, help="folder for the run, which is kept; a temporary one if not given")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.out or Path(temporary) / "run"
        if not RunFolder(root).kept.exists():
            make_run(root, options.stories, options.characters, options.seed)
        figures: dict[str, object] = {"bytes": RunFolder(root).kept.stat().st_size}
        shutil.rmtree(root / "view", ignore_errors=True)
        start = time.perf_counter()
        first = Viewer(root, options.port)
        figures |= first_start(first, start)
        first.end()
        viewer = Viewer(root, options.port)
        figures |= {"second start": viewer.first_page, "page, bytes": viewer.size}
        figures |= ask(viewer, options.stories)
        figures |= {"memory, MB": viewer.memory(), "machine": describe_machine()}
        viewer.end()
        index = sum(path.stat().st_size for path in (root / "view").rglob("*") if path.is_file())
        figures["index, bytes"] = index
    for name, value in figures.items():
        if isinstance(value, Times):
            median, slowest, processor = (1000 * one for one in value)
            print(f"{name}: {median:.0f} ms, slowest {slowest:.0f} ms, processor {processor:.0f} ms")
        elif isinstance(value, tuple):
            print(f"{name}: {value[0]:.2f} s, processor {value[1]:.2f} s")
        else:
            print(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
