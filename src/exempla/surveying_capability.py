"""`exempla measure --task capability`: what a subject can still do, so that good behaviour is not bought with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exempla.errors import UserError
from exempla.files import stream_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.questions import battery
from exempla.measuring.questions.figures import Compared, compared_passages, of_passages, shares
from exempla.measuring.questions.question import questions
from exempla.measuring.questions.run import read_passages
from exempla.measuring.questions.task import asked
from exempla.progress import Reporter
from exempla.questionanswers import PassageLikelihood
from exempla.surveying_folder import begun, connection_of
from exempla.surveying_questions import (
    compare_answers,
    end,
    keep_rates,
    only_planned,
    other_folder,
    put,
    sampling_for,
    speaker_for,
    tell,
)


def survey(options: Mapping[str, Any], reporter: Reporter) -> None:
    """Take likelihoods of a subject in this process, ask any, and tell what it comes to.

    Raises:
        UserError: something in the options is wrong, or the model cannot be asked.
    """
    connection = connection_of(options)
    tasks = battery.tasks_of(options["battery"], connection)
    chosen = asked(questions("capability"), epochs=options["epochs"])
    if only_planned(options, chosen, reporter):
        return
    sampling, other = sampling_for(options), other_folder(options, chosen)
    speaker = speaker_for(options, chosen)
    settings = {"sampling": sampling.model_dump(), "epochs": options["epochs"], "battery": options["battery"]}
    with begun(options, "", settings) as folder:
        read: Sequence[PassageLikelihood] = ()
        more: list[battery.Result] = []
        if connection.local:
            read = read_passages(folder, connection.model.removeprefix("exempla/"), reporter)
            if tasks:
                more = battery.run(connection.model.removeprefix("exempla/"), tasks)
        answers = put(speaker, folder, chosen, sampling, reporter)
        found = [*shares(answers), *of_passages(read)]
        comparison = compare_answers(other, chosen, answers)
        comparison += _compared(other, read, reporter)
        keep_rates(folder, {"figures": found, "compared": comparison, "battery": more})
    tell(found, comparison, other, reporter)
    if not connection.local:
        reporter.say("No likelihoods: the subject does not run in this process.", event="note")
    for one in more:
        reporter.say(
            f"lm-eval {one.task}, {one.metric}: {one.value:.4f}"
            + (f" (standard error {one.stderr:.4f})" if one.stderr else ""),
            event="battery",
            **one.model_dump(),
        )
    end(folder, answers, reporter)


def _compared(other: MeasuredFolder | None, after: Sequence[PassageLikelihood], reporter: Reporter) -> list[Compared]:
    if other is None or not after:
        return []
    before = {one.id: one for one in stream_lines(other.passages, PassageLikelihood)}
    try:
        return compared_passages(list(before.values()), after)
    except UserError as error:  # all else can be compared
        reporter.say(f"note: {error}", event="note")
        return []
