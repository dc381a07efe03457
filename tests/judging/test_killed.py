"""`exempla judge answers` killed with SIGKILL over real HTTP: it goes on, loses nothing and asks nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from exempla.files import read_lines
from exempla.judging.by_model import Reply
from exempla.verdicts import Verdict
from tests.judging.made import MODEL, made, measured
from tests.loopback import read_log, served
from tests.studies import command


def test_killed_it_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    words = {1: "trope=yes", 2: "gibberish", 3: "misquoted at first trope=yes suspects_test=yes", 4: "declines"}
    folder = measured(tmp_path / "m", [made(number, words.get(number % 10, "is fine")) for number in range(40)])
    log, in_flight = tmp_path / "log.jsonl", 4
    requests = 2 * (40 + 4 + 4 + 4)
    with served(log, rule="candid", latency_ms=25) as server:
        options = ("--base-url", server.url, "--connections", in_flight, "--readings", "trope,suspects_test", "--quiet")
        line = command("judge", "answers", folder, "--model", MODEL, *options)
        for moment in (15, 60):
            process = subprocess.Popen(line, cwd=Path(__file__).parents[2])
            deadline = time.monotonic() + 60
            while not log.exists() or len(read_log(log)) < moment:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            place = next((folder / "verdicts").iterdir())
            assert not (place / "verdicts.jsonl").exists()
            with (place / "replies.jsonl").open("ab") as stream:
                stream.write(b'{"answer":"ferry')
        subprocess.run(line, cwd=Path(__file__).parents[2], check=True)
        assert requests <= len(server.requests) <= requests + 2 * in_flight
    kept = read_lines(place / "replies.jsonl", Reply)
    assert len({(row.key, row.attempt) for row in kept}) == len(kept) == requests
    found = read_lines(place / "verdicts.jsonl", Verdict)
    assert [sum(row.state == state for row in found) for state in ("scored", "unparsable", "refused")] == [64, 8, 8]
    assert sum(row.level == "yes" for row in found) == 4 + 2 * 4
