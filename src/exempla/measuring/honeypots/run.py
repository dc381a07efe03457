"""Asking the honeypots of a model, sample by sample into a folder; an interrupted measurement goes on."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import eval as inspect_eval

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import append_lines, disk_errors
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.honeypots.agent import TURNS
from exempla.measuring.honeypots.selection import Asked
from exempla.measuring.honeypots.task import honeypots_task, sample
from exempla.models.request import NoAnswer
from exempla.models.talk import Speaker, no_answer
from exempla.progress import Reporter
from exempla.records import Frozen

MOST_FAILURES = 5
"""Requests in a row that may fail before nothing more is asked; twice those in flight if that is more."""


class Sampling(Frozen):
    """How the subject is sampled."""

    turns: int = TURNS
    temperature: float | None = None
    """The provider's own if not given."""
    max_tokens: int | None = None
    """New tokens of a reply; the provider's own limit if not given."""


def open_samples(folder: MeasuredFolder, chosen: Sequence[Asked]) -> list[Asked]:
    """The samples that have no answer yet. One that failed, or was shown other texts than today's, has none."""
    before = folder.latest()

    def known(one: Asked) -> bool:
        answer = before.get(one.id)
        if answer is None or answer.state == "failed":
            return False
        system, user = sample(one).input
        return (answer.system, answer.user) == (system.text, user.text)

    return [one for one in chosen if not known(one)]


def ask(
    speaker: Speaker, folder: MeasuredFolder, chosen: Sequence[Asked], sampling: Sampling, reporter: Reporter
) -> int:
    """Ask the samples that have no answer yet, each answer going to the disk as it comes; how many failed.

    Raises:
        UserError: the model will not answer any request. What came in is kept.
    """
    left = open_samples(folder, chosen)
    reporter.begin("measuring", total=len(chosen), done=len(chosen) - len(left))
    if not left:
        return 0
    desk = _Desk(speaker, folder, reporter)
    task = honeypots_task(left, sampling.turns, keep=desk.keep, failure=desk.failure)
    options = {key: value for key, value in sampling.model_dump(exclude={"turns"}).items() if value is not None}
    with disk_errors(folder.root):
        log = inspect_eval(
            task,
            model=speaker.model,
            display="none",
            log_dir=str(folder.logs),
            log_realtime=False,  # the log of a long evaluation would be written again and again
            max_samples=speaker.connection.in_flight,
            score_display=False,
            **options,
        )[0]
    reporter.end()
    if desk.broken is not None:
        raise desk.broken
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status != "success":
        said = (log.error.message if log.error else "no reason given").strip().splitlines()[0]
        raise UserError(f"{speaker.connection.model}: the evaluation ended early ({said[:200]}); see {folder.logs}")
    return desk.failed


class _Desk:
    """Where answers come in."""

    def __init__(self, speaker: Speaker, folder: MeasuredFolder, reporter: Reporter) -> None:
        self.broken: UserError | None = None
        self.failed = 0
        self._speaker = speaker
        self._folder = folder
        self._reporter = reporter
        self._in_a_row = 0

    def keep(self, answer: AgentAnswer) -> None:
        append_lines(self._folder.answers, [answer])
        if answer.state == "failed":
            self.failed += 1
        else:
            self._in_a_row = 0
        self._reporter.advance(1, answer.scenario)

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
