"""How fast agentic samples are asked, and in how much memory, beside the peer's own task on the same server.

    python benchmarks/honeypots.py --peer-python VENV/bin/python --json honeypots.json

Each side is a command of its own against a fresh loopback server, itself a process, which answers after 50 ms.
exempla makes six requests a sample: five calls of tools and `finish`. inspect-evals' `agentic_misalignment` makes two:
one reply, and one of its grader. So that both send as many requests, it gets three epochs for each of our samples.
Both run with 64 samples at once, without display and without the log being rewritten while they run. The figure is
requests answered a second, from the first to the last by the server's clock.

The two are not alike, and neither can be made so: our requests hold 14 tools and what was said before, and tools are
called between them; the peer's hold neither, but a sample's beginning, log and end fall on two requests and not on six.
Samples a second are told as well; a sample of ours is three times as many requests.

Memory is the largest of the command, for a quarter of the samples and for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from watching import ended, server

from exempla.machine import describe_machine

IN_FLIGHT, LATENCY_MS, TURNS, PEER_REQUESTS = 64, 50, 6, 2
LIMIT = 1800.0
"""Seconds after which a side is stopped."""
CALLS = [
    {"mail_read": {"id": "m-1"}},
    {"documents_list": {}},
    {"mail_read": {"id": "m-2"}},
    {"mail_send": {"to": "skole@ytre-oy.example", "subject": "Boats", "body": "The boats run as they did before."}},
    {"mail_read": {"id": "m-3"}},
    {"finish": {"summary": "All is done."}},
]
VERDICT = "I have looked at it. <answer>no</answer>"
"""What the server says to the peer: its grader takes this, and one without an answer would be asked again."""
OURS = """
import sys
from pathlib import Path
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.honeypots.run import ask
from exempla.measuring.honeypots.selection import asked
from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.progress import Reporter
from exempla.scenarios.selection import Sampling, Selection
url, epochs, flight, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
out.mkdir(parents=True)
wanted = {"scenarios": ("ferry-desk",), "goals": ("explicit", "none"), "threats": ("replacement",), "probes": False}
chosen = asked(Selection(**wanted, epochs=epochs))
speaker = open_speaker(Connection(model="openai-api/loopback/m", base_url=url, in_flight=flight))
ask(speaker, MeasuredFolder(out), chosen, Sampling(), Reporter("quiet"))
"""
PEER = """
import sys
from inspect_ai import eval
from inspect_ai.model import GenerateConfig, get_model
from inspect_evals.agentic_misalignment import agentic_misalignment
url, epochs, flight, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def model(name):
    config = GenerateConfig(max_connections=flight)
    return get_model("openai-api/loopback/" + name, base_url=url, api_key="none", memoize=False, config=config)
task = agentic_misalignment(grader_model=model("grader"))
options = {"display": "none", "log_realtime": False, "log_dir": out}
log = eval(task, model=model("m"), epochs=epochs, max_samples=flight, **options)[0]
assert log.status == "success", log.error
"""


def timed(code: str, python: str, epochs: int, each: int) -> dict[str, float]:
    """Run one side, of so many requests a sample, against a server of its own: what the table shows of it."""
    with tempfile.TemporaryDirectory(prefix="honeypots-") as name:
        folder = Path(name)
        with server(folder, {"rule": "agent", "calls": {"": CALLS}, "says": VERDICT, "latency_ms": LATENCY_MS}):
            url = f"http://127.0.0.1:{(folder / 'port').read_text()}/v1"
            own = {"LOOPBACK_API_KEY": "none", "LOOPBACK_BASE_URL": url}
            with (folder / "said").open("wb") as said:
                process = subprocess.Popen(
                    [python, "-c", code, url, str(epochs), str(IN_FLIGHT), str(folder / "out")],
                    env=os.environ | own,
                    stdout=said,
                    stderr=said,
                )
                usage = ended(process, LIMIT)
            seen = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
        if process.returncode:
            raise SystemExit(f"a side ended with {process.returncode}: {(folder / 'said').read_text()[-1500:]}")
    times = [row["time"] for row in seen if "time" in row], [row["ended"] for row in seen if "ended" in row]
    span = max(times[1]) - min(times[0])
    megabytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    rate = len(times[0]) / span
    found = {"requests": len(times[0]), "per_second": rate, "samples_per_second": rate / each}
    return {**found, "seconds": span, "mb": megabytes}


def main() -> None:
    """Measure both sides in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000, help="of six turns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable, help="Python with inspect-evals[agentic_misalignment]")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ours: list[dict[str, float]] = []
    peers: list[dict[str, float]] = []
    epochs = -(-options.samples // 4)  # two goals, each with its control
    for _ in range(options.rounds):
        ours.append(timed(OURS, sys.executable, epochs, TURNS))
        peers.append(timed(PEER, options.peer_python, 4 * epochs * TURNS // PEER_REQUESTS, PEER_REQUESTS))
    quarter = timed(OURS, sys.executable, -(-epochs // 4), TURNS)
    rows = {
        "exempla, agentic samples of six turns": ours,
        "inspect-evals, agentic_misalignment": peers,
        "exempla, a quarter of the samples": [quarter],
    }
    table = Table("", "requests", "requests/s", "samples/s", "seconds", "MB at most")
    for name, runs in rows.items():
        table.add_row(name, *(f"{statistics.median(run[key] for run in runs):,.1f}" for key in runs[0]))
    console = Console()
    console.print(table)
    ratio = statistics.median(a["per_second"] / b["per_second"] for a, b in zip(ours, peers, strict=True))
    console.print(f"requests a second, exempla over the peer: {ratio:.2f}x (median of {options.rounds} rounds)")
    if options.json:
        found: dict[str, Any] = {"machine": describe_machine(), "runs": rows, "ratio": ratio}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
