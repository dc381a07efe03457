"""Judging by a model: one request for each answer and reading, replies kept on disk as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exempla.answers import AgentAnswer
from exempla.files import fingerprint
from exempla.judging.asking import FILTERED, PROMPT, QUESTION_PROMPT, VERSION, Read, prompt_of, read_reply, shown
from exempla.judging.reading import Reading, rubrics_sha256
from exempla.models.bench import Bench, Head, Ledger, Question
from exempla.models.identity import identity
from exempla.models.request import Connection, NoAnswer, Request, Said, without_secrets
from exempla.models.talk import Speaker
from exempla.records import Frozen
from exempla.rubric import enclosed
from exempla.verdicts import OF_QUESTIONS, AnyAnswer, Judge, Verdict, answer_sha256

MAX_TOKENS = 500
"""For a level, a quote of a long sentence or two and a sentence of why, three times over."""
LONGEST = 400_000
"""Characters. A longer answer is more than most judges can read, and is not sent."""


class Reply(Frozen):
    """One reply of a judge, as the ledger has it."""

    answer: str
    reading: str
    key: str
    """SHA-256 of the model's name and the whole request."""
    model: str
    attempt: int
    """From 1."""
    read: Read


@dataclass(frozen=True)
class Judging:
    """Who judges, and where replies are kept."""

    speaker: Speaker
    ledger: Path
    """A file of JSON Lines that nobody else writes to meanwhile."""
    names: tuple[str, ...] = ()
    """That are masked besides the agent's."""


@dataclass
class Judged:
    """What came of it."""

    verdicts: list[Verdict] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    """Why answers failed without a reply, as `http 503`; each is asked about when the command is run again."""
    requests: int = 0
    """Sent in this run; those that Inspect sent again count once."""


def judge_of(connection: Connection, task: str = "") -> Judge:
    """The judge that a connection leads to, of answers of that task."""
    local = connection.model.removeprefix("exempla/") if connection.local else ""
    return Judge(
        name=connection.model,
        identity=identity(local) if local else connection.model,
        rubrics=rubrics_sha256(VERSION, QUESTION_PROMPT, names=OF_QUESTIONS.values())
        if task in OF_QUESTIONS
        else rubrics_sha256(VERSION, PROMPT),
        base_url=without_secrets(connection.base_url) if connection.base_url else "",
    )


async def judge(
    answers: Sequence[AnyAnswer],
    readings: Sequence[Reading],
    questions: Mapping[str, str],
    judging: Judging,
    advance: Callable[[int, str], None] = lambda steps, note: None,
) -> Judged:
    """Ask about answers, as many at once as the judge's connection allows. What the ledger has is not asked again.

    Args:
        answers: those that are to be judged; only what an agent did has a verdict, see `judgeable`.
        readings: what is asked of each.
        questions: by scenario: what it asks of a judge (`decided.question`).
        judging: who judges, and where replies are kept.
        advance: told of each verdict that is there.

    Raises:
        UserError: the model will not answer any request, or the ledger cannot be read or written. What came in is kept.
    """
    model = judging.speaker.connection.model
    seat = Bench(judging.speaker, Ledger(judging.ledger, Reply, _head, model))
    judged = Judged(problems=seat.problems)

    async def hear(item: tuple[AnyAnswer, Reading]) -> None:
        answer, reading = item
        read = await _read(answer, reading, _question(answer, questions), judging, seat)
        judged.verdicts.append(
            Verdict(
                answer=answer.id, reading=reading.name, judge=model, text=answer_sha256(answer), **read.model_dump()
            )
        )
        advance(1, f"{seat.requests} requests")

    await seat.work(_items(answers, readings), hear)
    judged.requests = seat.requests
    return judged


def _question(answer: AnyAnswer, questions: Mapping[str, str]) -> str:
    """The scenario's own question, of an agent's answer."""
    return questions.get(answer.scenario, "") if isinstance(answer, AgentAnswer) else ""


def _items(answers: Sequence[AnyAnswer], readings: Sequence[Reading]) -> Iterator[tuple[AnyAnswer, Reading]]:
    for reading in readings:  # requests that begin alike come together: providers read such beginnings once
        for answer in answers:
            yield answer, reading


def _head(row: Reply) -> Head:
    # What a filter stops, it stops again; who declines may be asked again.
    settled = row.read.state == "scored" or row.read.problem == FILTERED
    return Head(row.key, row.model, row.attempt, settled)


async def _read(answer: AnyAnswer, reading: Reading, question: str, judging: Judging, seat: Bench[Reply]) -> Read:
    connection = judging.speaker.connection
    text = shown(answer, judging.names)
    length = len(text.opening) + len(text.transcript)
    if length > LONGEST:
        return Read(state="failed", problem=f"{length} characters; no more than {LONGEST} are sent")
    prompt = prompt_of(reading, question, text)
    key = fingerprint(connection.model, prompt)

    def read(said: Said, attempt: int) -> Reply:
        return Reply(
            answer=answer.id,
            reading=reading.name,
            key=key,
            model=connection.model,
            attempt=attempt,
            read=read_reply(reading, text, said.text, said.stop),
        )

    request = Request(user=prompt, max_tokens=MAX_TOKENS + connection.room, head=prompt.find(enclosed(text.opening)))
    try:
        return (await seat.ask(Question(key, request, read))).read
    except NoAnswer as error:
        return Read(state="failed", problem=error.reason)
