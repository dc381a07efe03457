"""Gates that a model judges: a request for each record and rubric, verdicts kept on disk as they come.

A text that could not be judged is kept and counted as such: never dropped for it, never counted as good.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from exempla.errors import UserError
from exempla.files import append_lines, disk_errors, fingerprint, mend_torn_tail
from exempla.models.request import NoAnswer, Request
from exempla.models.talk import Speaker, knock, without_transcript
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

ATTEMPTS = 2
"""Replies that are asked for, for one record and rubric, if the first is no verdict."""
DOUBT = 0.5
"""Temperature with which a judge is asked again: at zero it would say the same."""
MAX_TOKENS = 900
"""For six criteria with a quote of 25 words each, twice over."""
LONGEST = 400_000
"""Characters. A longer text is more than most judges can read, and is not sent."""
MOST_FAILURES = 5
"""In a row, before nothing more is sent. Twice the requests in flight if that is more and the server is at fault,
because one moment's trouble strikes all of them at once."""


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
    bench = _Bench(gates, speaker, _Ledger(ledger, speaker.connection.model))
    queue = iter(places)

    async def work() -> None:
        for place in queue:
            try:
                await bench.hear(place, reading_of(place))
            except _Halt:
                return
            except Exception as error:
                # The others finish what they are at, so that what was paid for is kept.
                bench.broken = bench.broken or error
                return
            advance(1, f"{bench.judged.requests} requests")
            await asyncio.sleep(0)  # where all is known already, nothing else would let a Ctrl-C through

    with without_transcript():
        await asyncio.gather(*(work() for _ in range(max(1, speaker.connection.in_flight))))
    if bench.broken is not None:
        raise bench.broken
    return bench.judged


class _Halt(Exception):
    """Nothing more is sent."""


class _Bench:
    """Where records are heard, by all workers."""

    def __init__(self, gates: Sequence[JudgedGate], speaker: Speaker, ledger: _Ledger) -> None:
        self.judged = Judged(
            reasons={gate.name: {} for gate in gates},
            counts={gate.name: {"scored": 0, "unparsable": 0, "failed": 0} for gate in gates},
        )
        self.broken: Exception | None = None
        self._gates = [(gate, gate.facts(gate.known)) for gate in gates]
        self._speaker = speaker
        self._ledger = ledger
        self._answered = len(ledger) > 0
        self._failures_in_a_row = 0
        self._door: asyncio.Future[None] | None = None

    async def hear(self, place: int, reading: Reading) -> None:
        """Pass a record through the gates.

        Raises:
            _Halt: it was not asked about, because nothing more is sent.
            UserError: no request will be answered.
        """
        for gate, facts in self._gates:
            if not gate.wanted(reading, gate.known):
                continue
            verdict = await self._verdict(gate, facts, reading.record)
            self.judged.counts[gate.name][verdict.state] += 1
            reason = gate.objection(verdict) if verdict.state == "scored" else ""
            if reason:
                self.judged.reasons[gate.name][place] = " ".join(reason.split())
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
        key = fingerprint(self._speaker.connection.model, prompt)
        before = self._ledger.get(key)
        verdict = before.verdict if before else Verdict(state="failed", problem="not asked")
        tokens = MAX_TOKENS + self._speaker.connection.room
        for attempt in range(before.attempt + 1 if before else 1, ATTEMPTS + 1):
            if verdict.state == "scored":
                break
            request = Request(
                user=prompt,
                max_tokens=tokens * attempt,  # a model that thinks first may need more than was thought
                temperature=0.0 if attempt == 1 else DOUBT,
                seed=attempt,
                head=prompt.find(enclosed(text)),
            )
            try:
                verdict = await self._ask(request, criteria, text)
            except NoAnswer as error:
                verdict = Verdict(state="failed", problem=error.reason)
                if error.again == "now" and attempt < ATTEMPTS:
                    continue
                self.judged.problems[error.reason] += 1
                break
            row = Judgement(
                record=record.id,
                gate=gate.name,
                key=key,
                model=self._speaker.connection.model,
                attempt=attempt,
                verdict=verdict,
            )
            await self._ledger.put(row)
        return verdict

    async def _ask(self, request: Request, criteria: Sequence[Criterion], text: str) -> Verdict:
        """Send a request and read what comes back."""
        if self._door is None:
            self._door = asyncio.ensure_future(knock(self._speaker))
        await asyncio.shield(self._door)
        if self.broken is not None:
            raise _Halt
        self.judged.requests += 1
        try:
            said = await self._speaker.ask(request)
        except NoAnswer as error:
            self._count(error)
            raise
        self._answered, self._failures_in_a_row = True, 0
        verdict = read_verdict(criteria, text, said.text)
        cut = verdict.state == "unparsable" and said.stop not in ("stop", "words")
        return verdict.model_copy(update={"problem": f"{verdict.problem} ({said.stop})"}) if cut else verdict

    def _count(self, error: NoAnswer) -> None:
        """Stop when too many requests in a row came to nothing."""
        if error.again == "never" and self._answered and error.reason not in ("http 403", "http 404"):
            return  # this text alone is to blame: it may be too long for the model
        self._failures_in_a_row += 1
        in_flight = self._speaker.connection.in_flight
        most = MOST_FAILURES if error.again == "never" else max(MOST_FAILURES, 2 * in_flight)
        if self._failures_in_a_row > most:
            said = f": {' '.join(error.detail.split())[:160]}" if error.detail else ""
            self.broken = self.broken or UserError(
                f"{self._speaker.connection.model}: {self._failures_in_a_row} requests in a row failed "
                f"({error.reason}{said}); see to the server or the judge's settings and run the same command again"
            )


class _Ledger:
    """Replies on disk; of those of earlier runs, where the last one to each request stands."""

    def __init__(self, path: Path, model: str) -> None:
        self._path = path
        self._waiting: list[Judgement] = []
        self._writing = asyncio.Lock()
        with disk_errors(path):
            mend_torn_tail(path)
            self._places = {bytes.fromhex(row.key): offset for row, offset in _rows(path) if row.model == model}

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> Judgement | None:
        """The last reply of an earlier run to a request."""
        offset = self._places.get(bytes.fromhex(key))
        if offset is None:
            return None
        with self._path.open("rb") as stream:
            stream.seek(offset)
            return Judgement.model_validate_json(stream.readline())

    async def put(self, row: Judgement) -> None:
        """Keep a reply; returns when it is on the disk. What came in meanwhile is synced together."""
        self._waiting.append(row)
        async with self._writing:
            rows, self._waiting = self._waiting, []
            if rows:
                with disk_errors(self._path):
                    await asyncio.to_thread(append_lines, self._path, rows)


def _rows(path: Path) -> Iterator[tuple[Judgement, int]]:
    """The rows of a ledger, and where each begins."""
    offset = 0
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield Judgement.model_validate_json(line), offset
            except ValueError as error:
                raise UserError(
                    f"{path}:{number}: not a verdict of this version; move the file away to have the texts judged again"
                ) from error
            offset += len(line)


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
