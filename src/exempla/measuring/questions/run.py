"""Asking questions of a model, answer by answer into a folder; an interrupted measurement goes on."""

from __future__ import annotations

from collections.abc import Sequence

from exempla.files import append_lines, mend_torn_tail, stream_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.desk import Desk
from exempla.measuring.questions.question import passages
from exempla.measuring.questions.task import Asked, marked, questions_task
from exempla.models.request import OWN_SERVERS, Connection
from exempla.models.talk import Speaker
from exempla.progress import Reporter
from exempla.questionanswers import PassageLikelihood, QuestionAnswer
from exempla.records import Frozen

LOCAL_TOKENS = 256
"""New tokens of a reply where the subject runs in this process and nothing else is said: small models ramble, and on a
CPU each token counts. A reply that is cut there is read as it is."""


class Sampling(Frozen):
    """How the subject is sampled; what is not given is the provider's own."""

    temperature: float | None = None
    max_tokens: int | None = None
    """New tokens of a reply."""


def sampling_of(instrument: str, connection: Connection, temperature: float | None, max_tokens: int | None) -> Sampling:
    """How questions are sampled.

    What is a fact is asked for at temperature 0, where the subject runs here or on a server of one's own: chance would
    only blur a comparison. Providers of hosted models may refuse to be told a temperature, so there it is their own.
    """
    own = connection.model.split("/")[0].removesuffix("-completions") in OWN_SERVERS
    if temperature is None and instrument == "capability" and own:
        temperature = 0.0
    return Sampling(temperature=temperature, max_tokens=max_tokens or (LOCAL_TOKENS if connection.local else None))


def open_questions(folder: MeasuredFolder, chosen: Sequence[Asked]) -> list[Asked]:
    """The questions that have no answer yet. One that failed, or was asked in other words than today's, has none."""
    before = folder.rows(QuestionAnswer)

    def known(one: Asked) -> bool:
        answer = before.get(one.id)
        return answer is not None and answer.state != "failed" and answer.user == one.user

    return [one for one in chosen if not known(one)]


def ask(speaker: Speaker, folder: MeasuredFolder, left: Sequence[Asked], sampling: Sampling, reporter: Reporter) -> int:
    """Ask what has no answer yet, each answer going to the disk as it comes; how many failed.

    Raises:
        UserError: the model will not answer any request. What came in is kept.
    """
    desk = Desk(speaker, folder, reporter)
    name = left[0].question.instrument
    tasks = [
        questions_task(
            name, some, keep=lambda answer: desk.keep(answer, answer.state, answer.kind), failure=desk.failure
        )
        for some in desk.portions(left)
    ]
    return desk.evaluate(tasks, sampling.model_dump())


def answers_to(folder: MeasuredFolder, chosen: Sequence[Asked], keep: bool = True) -> list[QuestionAnswer]:
    """The answers to these questions as they are on the disk, marked by today's rules.

    Where a mark, or what a judge is told of a right answer, has changed, the row is written again with `keep`; the
    reply stays.
    """
    rows = folder.rows(QuestionAnswer)
    found: list[QuestionAnswer] = []
    changed: list[QuestionAnswer] = []
    for one in chosen:
        row = rows.get(one.id)
        if row is None or row.user != one.user:
            continue
        question = one.question
        today = row.model_copy(
            update={
                **marked(question, row.state, row.reply, row.calls),
                "kind": question.kind,
                "principle": question.principle,
                "expects": question.expects,
                "contrary": question.contrary,
            }
        )
        if today != row:
            changed.append(today)
        found.append(today)
    if changed and keep:
        append_lines(folder.answers, changed)
    return found


def read_passages(folder: MeasuredFolder, name: str, reporter: Reporter) -> list[PassageLikelihood]:
    """The likelihoods of the shipped texts by a subject in this process; those on the disk are not taken again."""
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
