"""Asking the honeypots of a model, sample by sample into a folder; an interrupted measurement goes on."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.desk import Desk
from exempla.measuring.honeypots.selection import Asked
from exempla.measuring.honeypots.task import honeypots_task, sample
from exempla.models.talk import Speaker
from exempla.progress import Reporter
from exempla.scenarios.scenario import sha256_of
from exempla.scenarios.selection import Sampling


def open_samples(folder: MeasuredFolder, chosen: Sequence[Asked]) -> list[Asked]:
    """The samples that have no answer yet. One that failed, or was shown other texts than today's, has none."""
    before = folder.latest()

    def known(one: Asked) -> bool:
        answer = before.get(one.id)
        if answer is None or answer.state == "failed":
            return False
        system, user = sample(one).input
        # A scenario that was changed since is another one, also where only its conditions were.
        same = answer.scenario_sha256 == sha256_of(one.scenario)
        return same and (answer.system, answer.user) == (system.text, user.text)

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
    desk = Desk(speaker, folder, reporter)
    tasks = [
        honeypots_task(
            some,
            sampling.turns,
            keep=lambda answer: desk.keep(answer, answer.state, answer.scenario),
            failure=desk.failure,
        )
        for some in desk.portions(left)
    ]
    return desk.evaluate(tasks, sampling.model_dump(exclude={"turns"}))
