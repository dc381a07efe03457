"""`exempla write` killed, interrupted, run twice at once, out of disk: nothing lost, nothing asked or written twice."""

from __future__ import annotations

import json
import os
import pty
import random
import resource
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.loopback import Served, served
from tests.studies import command, run
from tests.test_write_faults import (
    PLAIN,
    SERVER,
    check_corpus,
    ids,
    ledger,
    one_line,
    ordered,
    planned,
    prompt_sha,
    rows,
)


class Watch:
    """How many requests a server has seen so far, by the part of its log that is new."""

    def __init__(self, server: Served) -> None:
        self._log = server.log.open("rb")
        self.seen = 0

    def count(self) -> int:
        self.seen += self._log.read().count(b'"in_flight": ')
        return self.seen


def until(true: Callable[[], object], process: subprocess.Popen[str] | None = None, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert process is None or process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def holder(out: Path) -> int:
    """The process that holds the folder, by its own account; 0 if there is none."""
    try:
        return int(json.loads((out / "lock.json").read_text())["pid"])
    except (OSError, ValueError):
        return 0


def begun(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


KILLS = 20
IN_FLIGHT = 16
HALF_A_LINE = {
    "replies.jsonl": '[{"key":"stories-000001/draft/1","step":"draft","text":"half a repl',
    "written.jsonl": '{"id":"written-stories-000001","corpus":"writ',
    "rejected.jsonl": '{"id":"wri',
    "plans.jsonl": '{"id":"stories-0005',
}


WARM = """
import os, sys
import exempla.carrying_out, inspect_ai.model._providers.openai_compatible
from exempla.cli import main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        main()
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Starts the command as often as it is told to. Its imports, which take two seconds, are made once."""


@contextmanager
def warm(*words: object) -> Iterator[Callable[[], Life]]:
    """A function that starts the command."""
    process = subprocess.Popen(
        [sys.executable, "-c", WARM, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    told, ask = process.stdout, process.stdin

    def live() -> Life:
        ask.write("\n")
        ask.flush()
        return Life(int(told.readline()), lambda: int(told.readline()))

    with process:
        yield live
        ask.close()


class Life(NamedTuple):
    pid: int
    end: Callable[[], int]
    """Waits for its end, and gives its exit code."""

    def kill(self) -> int:
        os.kill(self.pid, signal.SIGKILL)
        return self.end()


def test_killed_at_twenty_moments(tmp_path: Path) -> None:
    out, n, chance = tmp_path / "corpus", 500, random.Random(3)
    written = out / "work" / "written.jsonl"
    # Requests after which it is killed; in the last three lives all texts are written, and the corpus is being made.
    moments: list[int | None] = [chance.choice((0, *range(80))) for _ in range(KILLS - 3)] + [None] * 3
    known: list[tuple[int, set[str]]] = []
    with served(**SERVER) as server:
        watch = Watch(server)
        words = ordered(server.url, out, n, *PLAIN, "--connections", IN_FLIGHT, "--measure-every", 0)
        with warm(*words) as live:
            for number, moment in enumerate(moments):
                before, life = watch.count(), live()
                until(lambda: holder(out) == life.pid)  # noqa: B023 - called at once
                if moment is None:
                    until(lambda: written.exists() and written.read_bytes().count(b"\n") == n)
                else:
                    until(lambda: watch.count() >= before + moment)  # noqa: B023
                time.sleep(chance.uniform(0, 0.02))
                assert life.kill() == -signal.SIGKILL, "it was to be at work still"
                known.append((watch.count(), set(in_ledger(out))))
                if number % 4 == 1 and moment is not None:
                    for name, half in HALF_A_LINE.items():
                        with (out / "work" / name).open("a") as stream:
                            stream.write(half)
        last = run(*words)
        requests = server.requests
    assert last.returncode == 0 and last.stderr == "", last.stderr
    check_corpus(out, n, requests)
    assert len(rows(out / "records.parquet")) == n
    for name in ("plans", "written"):
        whole = [json.loads(line)["id"] for line in (out / "work" / f"{name}.jsonl").read_text().splitlines()]
        assert len(set(whole)) == len(whole) == n
    answered = Counter(seen.key for seen in requests if seen.served)
    assert len(answered) == 2 * n, "each plan was the same in every life"
    assert answered.total() - len(answered) <= KILLS * IN_FLIGHT
    for place, replied in known:
        again = [seen.number for seen in requests if seen.number > place and prompt_sha(seen) in replied]
        assert not again, "a reply that is in the ledger was asked for again"


def in_ledger(out: Path) -> Iterator[str]:
    """The prompts that were answered, by a reading of one's own of all lines but a torn last one."""
    path = out / "work" / "replies.jsonl"
    content = path.read_bytes() if path.exists() else b""
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        yield from (row["prompt_sha256"] for row in json.loads(line))


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    output, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    with served(**(SERVER | {"latency_ms": 60})) as server:
        options = ("--connections", 2, "--measure-every", 4)
        words = ordered(server.url, tmp_path / "corpus", 500, *PLAIN, *options)
        process = subprocess.Popen(command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        until(lambda: (tmp_path / "corpus" / "work" / "measurements.jsonl").exists(), process)
        others = children(process.pid)
        process.kill()
        process.wait()
    assert others, "there was one that measures"
    try:
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others), seconds=20)
    except AssertionError:
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("needs Linux to see which processes there are")
    return [int(word) for word in found.read_text().split()]


def test_a_second_process_is_turned_away(tmp_path: Path) -> None:
    out, n = tmp_path / "corpus", 6
    with served(**(SERVER | {"latency_ms": 5000})) as server:
        words = ordered(server.url, out, n, *PLAIN)
        first = begun(*words)
        until(lambda: holder(out) == first.pid, first)
        one_line(run(*words), f"in use by process {first.pid}", str(out))
        assert first.poll() is None, "the first was to be still at work"
        ended = finished(first)
        assert ended.returncode == 0 and f"kept {n}, dropped 0" in ended.stdout and ended.stderr == ""
        check_corpus(out, n, server.requests)
        assert len(server.requests) == 2 * n


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[int], None]]:
    """A disk of its own, whose size in bytes can be set anew."""

    def mount(size: int, more: str = "") -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{more}size={size}", "tmpfs", place], check=True)

    place.mkdir()
    try:
        mount(72 << 10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small disk")
    try:
        yield lambda size: mount(size, "remount,")
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    n, disk = 40, tmp_path / "disk"
    out = disk / "corpus"
    with served(**SERVER) as server, small_disk(disk) as resize:
        words = ordered(server.url, out, n, *PLAIN, "--connections", 8)
        one_line(run(*words), f"{out}: the disk is full; free some space and run the same command again")
        assert list(in_ledger(out)) and not (out / "records.parquet").exists(), "it was full in the middle of the work"
        resize(1 << 20)
        ended = run(*words)
        assert ended.returncode == 0 and ended.stderr == "", ended.stderr
        check_corpus(out, n, server.requests)
        asked, before = len(server.requests), (out / "work" / "written.jsonl").read_bytes()
        for path in (out / "records.parquet", out / "README.md"):
            path.unlink()
        usage = os.statvfs(disk)
        resize((usage.f_blocks - usage.f_bfree) * usage.f_frsize + 4096)  # full when all is written but the corpus
        one_line(run(*words), f"{out}: the disk is full")
        assert not (out / "records.parquet").exists() and (out / "work" / "written.jsonl").read_bytes() == before
        assert len(server.requests) == asked


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    out, n = tmp_path / "corpus", 40
    with served(**SERVER) as server:
        words = ordered(server.url, out, n, *PLAIN)
        ended = subprocess.run(command(*words), capture_output=True, text=True, timeout=120, preexec_fn=limited)
        one_line(ended, f"{out}: a file may not grow so large here")


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, *words: object) -> None:
        self.pid, self._side = pty.fork()
        if self.pid == 0:
            os.execv(command()[0], command(*words))
        self.shown = ""

    def read(self, until: Callable[[], object], seconds: float = 60) -> None:
        """Read what it shows until something is true, or it ends."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, self.shown
            if select.select([self._side], [], [], 0.02)[0]:
                try:
                    self.shown += os.read(self._side, 65536).decode()
                except OSError:  # its end, on Linux
                    return

    def press_ctrl_c(self) -> None:
        os.write(self._side, b"\x03")

    def end(self, seconds: float) -> int:
        """Read to the end; gives the exit code."""
        self.read(lambda: False, seconds)
        os.close(self._side)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_ctrl_c_waits_for_replies_under_way(tmp_path: Path) -> None:
    out, n, in_flight = tmp_path / "corpus", 20, 4
    with served(**(SERVER | {"latency_ms": 900})) as server:
        words = ordered(server.url, out, n, *PLAIN, "--connections", in_flight)
        terminal = Terminal(*words)
        terminal.read(lambda: len(server.requests) >= in_flight)
        time.sleep(0.2)
        terminal.press_ctrl_c()
        assert terminal.end(20) == 130
        told = [line for line in terminal.shown.split("\n") if "waiting for" in line]
        assert len(told) == 1 and f"waiting for {in_flight} replies under way; press Ctrl-C again" in told[0]
        assert "not complete: interrupted" in terminal.shown and "Traceback" not in terminal.shown
        requests = server.requests
        assert len(requests) == in_flight and all(seen.served for seen in requests)
        assert Counter(in_ledger(out)) == Counter(map(prompt_sha, requests)), "each reply was waited for and kept"
        assert "**Not complete**: interrupted" in (out / "README.md").read_text() and ids(out) == []
    with served(**SERVER) as other:
        ended = run(*ordered(other.url, out, n, *PLAIN, "--connections", in_flight))
        assert ended.returncode == 0 and f"kept {n}, dropped 0" in ended.stdout, ended.stderr
        check_corpus(out, n, [*requests, *other.requests])
        assert not {seen.key for seen in requests} & {seen.key for seen in other.requests}
        assert "Not complete" not in (out / "README.md").read_text() and ids(out) == planned(n)


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    out, n = tmp_path / "corpus", 20
    with served(**(SERVER | {"latency_ms": 60_000})) as server:
        terminal = Terminal(*ordered(server.url, out, n, *PLAIN, "--connections", 4))
        terminal.read(lambda: len(server.requests) >= 4)
        terminal.press_ctrl_c()
        terminal.read(lambda: "press Ctrl-C again" in terminal.shown)
        pressed = time.monotonic()
        terminal.press_ctrl_c()
        assert terminal.end(20) == 130
        assert time.monotonic() - pressed < 5 and "Traceback" not in terminal.shown
        assert ledger(out) == [] and holder(out) == 0, "the folder is free for the next"
