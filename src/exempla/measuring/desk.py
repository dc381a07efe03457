"""Where answers come in while a model is asked: each to the disk at once, failures counted; for every Inspect task."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from inspect_ai import Task
from inspect_ai import eval as inspect_eval

from exempla.errors import UserError
from exempla.files import append_lines, disk_errors
from exempla.measuredfolder import MeasuredFolder
from exempla.models.request import NoAnswer
from exempla.models.sending import noted_as_laid_out
from exempla.models.talk import Speaker, no_answer
from exempla.progress import Reporter
from exempla.records import Frozen

TOGETHER = 500
"""Samples of a task, or eight times those in flight if that is more. Inspect keeps all of a task in memory until its
last is there, 60 kB each; with too few in a task, the model waits for the slowest of them too often."""
MOST_FAILURES = 5
"""Requests in a row that may fail before nothing more is asked; twice those in flight if that is more."""
THRESHOLDS = (5_000, 5, 2)
"""Of the garbage collector while a model is asked. Python's own (700, 10, 10) take a quarter of the time of an agentic
sample; with these a sample takes a sixth less in all. With larger ones finished samples pile up in memory."""

Asking = TypeVar("Asking")


@contextlib.contextmanager
def rarely_collected() -> Iterator[None]:
    """Have the garbage collector look seldom, and never at what was there before: mostly modules, a million objects."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Desk:
    """Where answers come in."""

    def __init__(self, speaker: Speaker, folder: MeasuredFolder, reporter: Reporter) -> None:
        self.broken: UserError | None = None
        self.failed = 0
        self._speaker = speaker
        self._folder = folder
        self._reporter = reporter
        self._in_a_row = 0

    def keep(self, answer: Frozen, state: str, note: str) -> None:
        """Put an answer on the disk; `note` is shown beside the progress."""
        append_lines(self._folder.answers, [answer])
        if state == "failed":
            self.failed += 1
        else:
            self._in_a_row = 0
        self._reporter.advance(1, note)

    def failure(self, error: BaseException) -> tuple[str, str]:
        """State and problem of a sample whose request came to nothing.

        Raises:
            UserError: nothing more is asked.
        """
        if self.broken is not None:
            raise self.broken
        connection = self._speaker.connection
        meant = no_answer(error, connection) if isinstance(error, Exception) else error
        if isinstance(meant, UserError):
            self.broken = meant
            raise meant
        if not isinstance(meant, NoAnswer):
            raise error
        self._in_a_row += 1
        if self._in_a_row > max(MOST_FAILURES, 2 * connection.in_flight):
            said = f": {' '.join(meant.detail.split())[:160]}" if meant.detail else ""
            self.broken = UserError(
                f"{connection.model}: {self._in_a_row} requests in a row failed ({meant.reason}{said}); see to the "
                "server and run the same command again"
            )
            raise self.broken
        return "failed", meant.reason

    def portions(self, left: Sequence[Asking]) -> list[Sequence[Asking]]:
        """What is still to be asked, in as many parts as there are to be tasks."""
        size = max(TOGETHER, 8 * self._speaker.connection.in_flight)
        return [left[start : start + size] for start in range(0, len(left), size)]

    def evaluate(self, tasks: Sequence[Task], settings: dict[str, Any]) -> int:
        """Put tasks to the model one after the other, whose scorers give its answers to `keep`; how many failed.

        Args:
            tasks: their samples have no answer yet.
            settings: of sampling, in Inspect's words; None is the provider's own.

        Raises:
            UserError: the model will not answer any request. What came in is kept.
        """
        connection = self._speaker.connection
        with disk_errors(self._folder.root), rarely_collected(), noted_as_laid_out():
            logs = inspect_eval(
                list(tasks),
                model=self._speaker.model,
                display="none",
                log_dir=str(self._folder.logs),
                log_realtime=False,  # the log of a long evaluation would be written again and again
                max_samples=connection.in_flight,
                log_model_api=False,  # every message is in the log as it is
                log_header_only=True,  # the samples would be read back into memory
                score_display=False,
                **{key: value for key, value in settings.items() if value is not None},
            )
        self._reporter.end()
        if self.broken is not None:
            raise self.broken
        if any(log.status == "cancelled" for log in logs):
            raise KeyboardInterrupt
        for log in logs:
            if log.status != "success":
                said = (log.error.message if log.error else "no reason given").strip().splitlines()[0]
                where = self._folder.logs
                raise UserError(f"{connection.model}: the evaluation ended early ({said[:200]}); see {where}")
        return self.failed
