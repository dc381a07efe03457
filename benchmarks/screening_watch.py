"""Runs a command and sees how long it takes, in how much memory with all its child processes, and what it says when."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVERY = 0.25
"""Seconds between two looks at the memory; a peak that is shorter is not seen."""


@dataclass
class Watched:
    """What a command did."""

    seconds: float = 0.0
    cpu: float = 0.0
    """Processor time of the command and the processes it waited for."""
    code: int = 0
    stopped: bool = False
    """Whether it was stopped because its time was up."""
    uss_mb: float = 0.0
    """Most memory of its own that the command and its children held together."""
    rss_mb: float = 0.0
    """Most resident memory of all of them together; what they share counts several times."""
    largest_mb: float = 0.0
    """Most resident memory of any one of them."""
    processes: int = 0
    """Most at once."""
    said: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """Seconds since the start and JSON lines of its standard output."""
    tail: str = ""
    """The end of what it said otherwise."""


def watch(words: Sequence[str], limit: float, environment: dict[str, str] | None = None) -> Watched:
    """Run a command to its end, or for at most so many seconds, and look at its memory meanwhile."""
    result = Watched()
    with tempfile.TemporaryFile() as other:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(words), stdout=subprocess.PIPE, stderr=other, env={**os.environ, **(environment or {})}
        )
        over = threading.Event()
        looking = threading.Thread(target=_look, args=(process.pid, result, over))
        looking.start()
        timer = threading.Timer(limit, _stop, (process.pid, result))
        timer.start()
        assert process.stdout is not None
        plain: list[str] = []
        try:
            for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                try:
                    row = json.loads(text)
                    result.said.append((time.perf_counter() - began, row if isinstance(row, dict) else {"said": row}))
                except json.JSONDecodeError:
                    plain.append(text)
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
            over.set()
            looking.join()
        process.returncode = result.code = os.waitstatus_to_exitcode(status)
        result.seconds = time.perf_counter() - began
        result.cpu = usage.ru_utime + usage.ru_stime
        other.seek(0)
        result.tail = "\n".join((*plain[-20:], other.read().decode(errors="replace")[-3000:]))
    return result


def _tree(pid: int) -> list[Any]:
    psutil = importlib.import_module("psutil")
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _look(pid: int, result: Watched, over: threading.Event) -> None:
    psutil = importlib.import_module("psutil")
    while not over.wait(EVERY):
        own, resident = [], []
        for process in _tree(pid):
            try:
                found = process.memory_full_info()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            own.append(found.uss / 1e6)
            resident.append(found.rss / 1e6)
        if resident:
            result.uss_mb = max(result.uss_mb, sum(own))
            result.rss_mb = max(result.rss_mb, sum(resident))
            result.largest_mb = max(result.largest_mb, *resident)
            result.processes = max(result.processes, len(resident))


def _stop(pid: int, result: Watched) -> None:
    psutil = importlib.import_module("psutil")
    result.stopped = True
    for process in reversed(_tree(pid)):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def side(python: str | Path, name: str, folder: Path, limit: float, *more: str) -> dict[str, Any]:
    """One side of a comparison in a process of its own: what it reports, with the memory it took and the load before.

    Raises:
        SystemExit: it did not end well.
    """
    load = os.getloadavg()[0]
    script = str(Path(__file__).with_name("screening_sides.py"))
    quiet = {"TOKENIZERS_PARALLELISM": "false", "DATATROVE_COLORIZE_LOGS": "0", "HF_HUB_OFFLINE": "1"}
    watched = watch([str(python), script, name, str(folder), *more], limit, quiet)
    if watched.code or not watched.said:
        why = "its time was up" if watched.stopped else f"code {watched.code}"
        raise SystemExit(f"{name} ended after {watched.seconds:.0f} s ({why}):\n{watched.tail}")
    return watched.said[-1][1] | {"side": name, "mb": watched.uss_mb, "whole_s": watched.seconds, "load": load}
