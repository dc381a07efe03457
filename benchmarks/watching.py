"""A server of one's own for a benchmark, and what a process used of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@contextmanager
def server(folder: Path, plan: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The tests' loopback server with this plan; its port is in `port`, its log in `log` of the folder."""
    (folder / "plan").write_text(json.dumps(plan))
    files = [word for name in ("port-file", "log", "plan") for word in (f"--{name}", str(folder / name.split("-")[0]))]
    process = subprocess.Popen([sys.executable, "-m", "tests.loopback", *files], cwd=ROOT)
    try:
        while not (folder / "port").exists():
            if process.poll() is not None:
                raise SystemExit("the loopback server did not start")
            time.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()


def ended(process: subprocess.Popen[bytes], seconds: float) -> Any:
    """Wait for a process, at most so long, and give what it used of the machine (as `resource.struct_rusage`)."""
    watch = threading.Timer(seconds, process.kill)
    watch.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage
