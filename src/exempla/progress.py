"""What a user sees while a study runs: live bars on a terminal, plain lines in a pipe, JSON lines, or nothing."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

Mode = Literal["auto", "quiet", "json"]
PLAIN_INTERVAL = 15.0
"""Seconds between two plain lines of one unit: often enough to see that it lives, rare enough for a log."""


class Reporter:
    """Reports stages and units of work. Use it as a context manager; one unit is in progress at a time."""

    def __init__(self, mode: Mode = "auto") -> None:
        self.mode = mode
        self.console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        self.live = mode == "auto" and self.console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[note]}"),
            console=self.console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._name = ""
        self._total = 0
        self._count = 0
        self._last_line = 0.0

    def __enter__(self) -> Reporter:
        if self.live:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self._bars.stop()

    def say(self, text: str, event: str = "note", **fields: Any) -> None:
        """One line that stays."""
        if self.mode == "json":
            self._emit(event, text=text, **fields)
        elif self.mode == "auto":
            self.console.print(text, markup=False)

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """A unit of work begins; `done` of its `total` steps were done by an earlier attempt."""
        self._name, self._total, self._count = name, total, done
        self._last_line = time.monotonic()
        if self.live:
            self._task = self._bars.add_task(name, total=total, completed=done, note="")
        elif self.mode == "json":
            self._emit("begin", unit=name, total=total, done=done)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Steps of the unit are done."""
        self._count += steps
        if self.live and self._task is not None:
            self._bars.update(self._task, advance=steps, note=note)
            return
        if time.monotonic() - self._last_line >= PLAIN_INTERVAL:
            self._last_line = time.monotonic()
            if self.mode == "json":
                self._emit("progress", unit=self._name, done=self._count, total=self._total, note=note)
            elif self.mode == "auto":
                self.console.print(f"  {self._name}: {self._count}/{self._total} {note}".rstrip(), markup=False)

    def end(self) -> None:
        """The unit is over, finished or not."""
        if self.live and self._task is not None:
            self._bars.refresh()  # the bar is seen at its end, not as the last tenth of a second left it
            self._bars.remove_task(self._task)
            self._task = None

    def _emit(self, event: str, **fields: Any) -> None:
        sys.stdout.write(json.dumps({"event": event} | fields) + "\n")
        sys.stdout.flush()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Answer Ctrl-C in one line, with the exit code of an interrupted command."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("exempla: stopped; run the same command again to go on\n")
        sys.exit(130)
