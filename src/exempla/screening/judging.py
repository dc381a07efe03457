"""Gates that a model judges: a request for each record and rubric, verdicts kept on disk as they come.

A text that could not be judged is kept and counted as such: never dropped for it, never counted as good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from exempla.files import fingerprint
from exempla.models.bench import Bench, Head, Ledger, Question
from exempla.models.request import NoAnswer, Request, Said
from exempla.models.talk import Speaker
from exempla.records import Frozen, Record
from exempla.rubric import (
    RUBRICS,
    Criterion,
    Rubric,
    Verdict,
    asked,
    enclosed,
    read_rubric,
    read_verdict,
    rubric_prompt,
)
from exempla.screening.judged import label_facts
from exempla.screening.reading import Reading

MAX_TOKENS = 900
"""For six criteria with a quote of 25 words each, twice over."""
LONGEST = 400_000
"""Characters. A longer text is more than most judges can read, and is not sent."""


@dataclass(frozen=True)
class JudgedGate:
    """A gate that a model judges."""

    name: str
    rubric: Callable[[Record], str]
    """Name of the file in `rubrics/` that a record is judged by."""
    objection: Callable[[Verdict], str]
    """Reason for dropping a record, of a verdict that is a score; empty to keep it."""
    facts: Callable[[Any], Mapping[str, str]] = lambda known: {}
    """What the rubric's placeholders stand for, besides the record's own labels."""
    wanted: Callable[[Reading, Any], bool] = lambda reading, known: True
    """Which records are asked about."""
    known: Any = None
    """What the gate prepared."""
    marks: bool = False
    """Whether a record that it objects to goes on to the next gate."""


class Judgement(Frozen):
    """One reply of a judge, as the ledger has it."""

    record: str
    gate: str
    key: str
    """SHA-256 of the model's name and the whole request: rubric, facts and text."""
    model: str
    attempt: int
    """From 1."""
    verdict: Verdict


@dataclass
class Judged:
    """What came of it."""

    reasons: dict[str, dict[int, str]]
    """By gate: place to reason, of those it objects to."""
    counts: dict[str, dict[str, int]]
    """By gate: number of records that are `scored`, `unparsable` and `failed`."""
    problems: Counter[str] = field(default_factory=Counter)
    """Why records failed without a reply, as `http 503`; each is asked about when the command is run again."""
    requests: int = 0
    """Sent in this run; those that Inspect sent again count once."""


async def judge(
    places: Iterable[int],
    reading_of: Callable[[int], Reading],
    gates: Sequence[JudgedGate],
    speaker: Speaker,
    ledger: Path,
    advance: Callable[[int, str], None] = lambda steps, note: None,
) -> Judged:
    """Ask about records, gate by gate until one objects; as many at once as the speaker's connection allows.

    Verdicts in the ledger are used and not asked for again.

    Args:
        places: of the records in their corpus.
        reading_of: the record at a place.
        gates: in their order.
        speaker: the judge.
        ledger: a file of JSON Lines that nobody else writes to meanwhile.
        advance: told of each record that is done.

    Raises:
        UserError: the model will not answer any request, or the ledger cannot be read or written. What came in is kept.
    """
    hearing = _Hearing(gates, Bench(speaker, Ledger(ledger, Judgement, _head, speaker.connection.model)), speaker)

    async def hear(place: int) -> None:
        await hearing.hear(place, reading_of(place))
        advance(1, f"{hearing.bench.requests} requests")

    await hearing.bench.work(places, hear)
    return Judged(
        reasons=hearing.reasons,
        counts=hearing.counts,
        problems=hearing.bench.problems,
        requests=hearing.bench.requests,
    )


def _head(row: Judgement) -> Head:
    return Head(row.key, row.model, row.attempt, settled=row.verdict.state == "scored")


class _Hearing:
    """Passes records through the gates, and keeps what came of it."""

    def __init__(self, gates: Sequence[JudgedGate], bench: Bench[Judgement], speaker: Speaker) -> None:
        self.bench = bench
        self.reasons: dict[str, dict[int, str]] = {gate.name: {} for gate in gates}
        self.counts = {gate.name: {"scored": 0, "unparsable": 0, "failed": 0} for gate in gates}
        self._gates = [(gate, gate.facts(gate.known)) for gate in gates]
        self._connection = speaker.connection

    async def hear(self, place: int, reading: Reading) -> None:
        """Pass a record through the gates. Raises like `Bench.ask`, but for a reply that did not come."""
        for gate, facts in self._gates:
            if not gate.wanted(reading, gate.known):
                continue
            verdict = await self._verdict(gate, facts, reading.record)
            self.counts[gate.name][verdict.state] += 1
            reason = gate.objection(verdict) if verdict.state == "scored" else ""
            if reason:
                self.reasons[gate.name][place] = " ".join(reason.split())
                if not gate.marks:
                    return

    async def _verdict(self, gate: JudgedGate, facts: Mapping[str, str], record: Record) -> Verdict:
        text = _shown(record)
        if len(text) > LONGEST:
            return Verdict(state="failed", problem=f"{len(text)} characters; no more than {LONGEST} are sent")
        labels = label_facts(record)
        rubric = _rubric(gate.rubric(record))
        criteria = asked(rubric, labels.get("skill_kind", ""))
        prompt = _clean(rubric_prompt(rubric, criteria, text, labels | dict(facts)))
        key = fingerprint(self._connection.model, prompt)

        def read(said: Said, attempt: int) -> Judgement:
            return Judgement(
                record=record.id,
                gate=gate.name,
                key=key,
                model=self._connection.model,
                attempt=attempt,
                verdict=_read(criteria, text, said),
            )

        request = Request(user=prompt, max_tokens=MAX_TOKENS + self._connection.room, head=prompt.find(enclosed(text)))
        try:
            return (await self.bench.ask(Question(key, request, read))).verdict
        except NoAnswer as error:
            return Verdict(state="failed", problem=error.reason)


def _read(criteria: Sequence[Criterion], text: str, said: Said) -> Verdict:
    verdict = read_verdict(criteria, text, said.text)
    cut = verdict.state == "unparsable" and said.stop not in ("stop", "words")
    return verdict.model_copy(update={"problem": f"{verdict.problem} ({said.stop})"}) if cut else verdict


@cache
def _rubric(name: str) -> Rubric:
    path = RUBRICS / f"{name}.txt"
    return read_rubric(path.read_text("utf-8"), name, str(path))


def _shown(record: Record) -> str:
    """A record as a judge reads it; of a conversation, who says what."""
    turns = (f"{message.role.capitalize()}: {message.content}" for message in record.messages)
    return _clean(record.text or "\n\n".join(turns))


def _clean(text: str) -> str:
    """Half a surrogate pair cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")
