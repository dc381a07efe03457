"""`exempla measure --task capability`: what a subject can still do, so that good behaviour is not bought with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exempla.errors import UserError
from exempla.files import append_lines, mend_torn_tail, stream_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.questions import battery
from exempla.measuring.questions.figures import Compared, compared_passages, of_passages, shares
from exempla.measuring.questions.question import passages, questions
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
            read = _read(folder, connection.model.removeprefix("exempla/"), reporter)
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


def _read(folder: MeasuredFolder, name: str, reporter: Reporter) -> list[PassageLikelihood]:
    """The likelihoods of the shipped texts; those that are on the disk are not taken again."""
    from exempla.measuring.questions.perplexity import free_memory, likelihoods
    from exempla.models.subject import load_subject

    chosen = passages()
    mend_torn_tail(folder.passages)
    known = {one.id: one for one in stream_lines(folder.passages, PassageLikelihood)}
    reporter.begin("reading", total=len(chosen))
    found: list[PassageLikelihood] = []
    subject = load_subject(name)
    for row in likelihoods(subject, chosen, known):
        if known.get(row.id) != row:
            append_lines(folder.passages, [row])
        found.append(row)
        reporter.advance(1, row.kind)
    reporter.end()
    del subject
    free_memory()
    return found


def _compared(other: MeasuredFolder | None, after: Sequence[PassageLikelihood], reporter: Reporter) -> list[Compared]:
    if other is None or not after:
        return []
    before = {one.id: one for one in stream_lines(other.passages, PassageLikelihood)}
    try:
        return compared_passages(list(before.values()), after)
    except UserError as error:  # all else can be compared
        reporter.say(f"note: {error}", event="note")
        return []
