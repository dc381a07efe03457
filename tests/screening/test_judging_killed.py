"""Judging killed with SIGKILL over real HTTP: it goes on, loses nothing and asks nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exempla.files import read_lines
from exempla.records import Record
from exempla.screening.judging import Judgement
from tests import loopback
from tests.loopback import read_log, served
from tests.screening.test_judging import ALL, counts, heard, records, strict

WORKER = """
import asyncio, json, sys
from pathlib import Path
from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.screening.judging import judge
from exempla.screening.reading import Reading
from tests.screening.test_judging import ALL, MODEL
from tests.screening.test_judging_killed import many

async def work():
    connection = Connection(model=MODEL, base_url=sys.argv[1], in_flight=int(sys.argv[3]), retries=0)
    readings = [Reading(record) for record in many()]
    return await judge(range(len(readings)), readings.__getitem__, ALL, open_speaker(connection), Path(sys.argv[2]))

found = asyncio.run(work())
print(json.dumps({"counts": found.counts, "dropped": {g: sorted(r) for g, r in found.reasons.items()}}))
"""


def many() -> list[Record]:
    """Of every ten, one falls at each gate, one is never judged, and one only at the second try."""
    kinds = {1: "same_temptation=1 same_lever=1", 2: "conduct=1 shown_as_wrong=1", 3: "craft=2", 4: "is gibberish"}
    kinds[5] = "is misquoted at first"
    return records(*(kinds.get(number % 10, "is fine") for number in range(60)))


def test_killed_it_goes_on_and_asks_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loopback.RULES, "strict", strict)
    ledger, log, in_flight = tmp_path / "v.jsonl", tmp_path / "log.jsonl", 4
    requests = 60 + 54 + 48 + (6 + 6) + (6 + 6) + (6 + 6)
    with served(log, rule="strict", latency_ms=25) as server:
        words = [sys.executable, "-c", WORKER, server.url, str(ledger), str(in_flight)]
        killed = 0
        for moment in (25, 110):
            process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True)
            deadline = time.monotonic() + 60
            while len(read_log(log)) < moment:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            with ledger.open("ab") as stream:
                stream.write(b'{"record":"r1","gate":"qual')
        assert killed == 2
        rows = len([line for line in ledger.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")])
        assert rows >= 110 - 2 * in_flight
        last = subprocess.run(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True, check=True)
        assert requests <= len(server.requests) <= requests + 2 * in_flight
    found = json.loads(last.stdout.splitlines()[-1])
    tens = range(0, 60, 10)
    assert found["dropped"] == {
        "leakage": [ten + 1 for ten in tens],
        "misbehaving_ai": [ten + 2 for ten in tens],
        "quality": [ten + 3 for ten in tens],
    }
    assert found["counts"] == {
        "leakage": counts(54, 6), "misbehaving_ai": counts(48, 6), "quality": counts(42, 6),
    }  # fmt: skip
    kept = read_lines(ledger, Judgement)
    assert len({(row.key, row.attempt) for row in kept}) == len(kept) == requests
    with served(rule="strict") as server:
        assert heard(server.url, ledger, many(), ALL).requests == 0
