"""Where a model judges: each question asked twice at most, replies kept on disk as they come, nothing asked again.

Whoever judges says what a question is and what is read from a reply; this is the rest of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from exempla.errors import UserError
from exempla.files import append_lines, disk_errors, mend_torn_tail
from exempla.models.request import NoAnswer, Request, Said
from exempla.models.talk import Speaker, knock, without_transcript
from exempla.records import Frozen

ATTEMPTS = 2
"""Replies that are asked for, for one question, if the first settles nothing."""
DOUBT = 0.5
"""Temperature with which a judge is asked again: at zero it would say the same."""
MOST_FAILURES = 5
"""In a row, before nothing more is sent. Twice the requests in flight if that is more and the server is at fault,
because one moment's trouble strikes all of them at once."""

Row = TypeVar("Row", bound=Frozen)
Item = TypeVar("Item")


class Head(NamedTuple):
    """What the bench goes by, of a row that is kept for a reply."""

    key: str
    """SHA-256 of all that the reply depends on, in hexadecimal."""
    model: str
    attempt: int
    """From 1."""
    settled: bool
    """Whether nothing more is to be asked."""


class Ledger(Generic[Row]):
    """Replies on disk; of those of earlier runs, where the last one to each question stands."""

    def __init__(self, path: Path, row: type[Row], head: Callable[[Row], Head], model: str) -> None:
        """Read what is there.

        Args:
            path: a file of JSON Lines that nobody else writes to meanwhile.
            row: what its rows are.
            head: of a row.
            model: whose replies are meant; other models' stay where they are.

        Raises:
            UserError: the file cannot be read or written.
        """
        self.head = head
        self._path = path
        self._row = row
        self._waiting: list[Row] = []
        self._writing = asyncio.Lock()
        with disk_errors(path):
            mend_torn_tail(path)
            heads = ((head(one), offset) for one, offset in self._rows())
            self._places = {bytes.fromhex(one.key): offset for one, offset in heads if one.model == model}

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> Row | None:
        """The last reply of an earlier run to a question."""
        offset = self._places.get(bytes.fromhex(key))
        if offset is None:
            return None
        with self._path.open("rb") as stream:
            stream.seek(offset)
            return self._row.model_validate_json(stream.readline())

    async def put(self, row: Row) -> None:
        """Keep a reply; returns when it is on the disk. What came in meanwhile is synced together."""
        self._waiting.append(row)
        async with self._writing:
            rows, self._waiting = self._waiting, []
            if rows:
                with disk_errors(self._path):
                    await asyncio.to_thread(append_lines, self._path, rows)

    def _rows(self) -> Iterator[tuple[Row, int]]:
        """The rows on disk, and where each begins."""
        offset = 0
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    yield self._row.model_validate_json(line), offset
                except ValueError as error:
                    raise UserError(
                        f"{self._path}:{number}: not a verdict of this version; move the file away to have the texts "
                        "judged again"
                    ) from error
                offset += len(line)


@dataclass(frozen=True)
class Question(Generic[Row]):
    """One thing to ask."""

    key: str
    request: Request
    """For the first try: a second one has twice its tokens, and `DOUBT` for a temperature."""
    read: Callable[[Said, int], Row]
    """The row to keep, of a reply and the number of the try. Must not raise."""


class Halt(Exception):
    """Nothing more is sent."""


class Bench(Generic[Row]):
    """Where questions are heard, by all workers."""

    def __init__(self, speaker: Speaker, ledger: Ledger[Row]) -> None:
        self.problems: Counter[str] = Counter()
        """Why questions failed without a reply, as `http 503`; each is asked again in the next run."""
        self.requests = 0
        """Sent in this run; those that Inspect sent again count once."""
        self._broken: Exception | None = None
        self._speaker = speaker
        self._ledger = ledger
        self._answered = len(ledger) > 0
        self._failures_in_a_row = 0
        self._door: asyncio.Future[None] | None = None

    async def work(self, items: Iterable[Item], hear: Callable[[Item], Awaitable[None]]) -> None:
        """Hear all items, as many at once as the speaker's connection allows.

        Raises:
            UserError: no request will be answered, or the disk is full. What came in is kept.
        """
        queue = iter(items)

        async def one_worker() -> None:
            for item in queue:
                try:
                    await hear(item)
                except Halt:
                    return
                except Exception as error:
                    # The others finish what they are at, so that what was paid for is kept.
                    self._broken = self._broken or error
                    return
                await asyncio.sleep(0)  # where all is known already, nothing else would let a Ctrl-C through

        with without_transcript():
            await asyncio.gather(*(one_worker() for _ in range(max(1, self._speaker.connection.in_flight))))
        if self._broken is not None:
            raise self._broken

    async def ask(self, question: Question[Row]) -> Row:
        """What is kept for a question: of an earlier run if that settled it, or else of the last try.

        Raises:
            NoAnswer: the last try brought no reply.
            Halt: nothing more is sent.
            UserError: no request will be answered.
        """
        row = self._ledger.get(question.key)
        head = self._ledger.head(row) if row is not None else None
        for attempt in range(head.attempt + 1 if head else 1, ATTEMPTS + 1):
            if head and head.settled:
                break
            changes = {
                "max_tokens": question.request.max_tokens * attempt,  # a model that thinks first may need more
                "temperature": 0.0 if attempt == 1 else DOUBT,
                "seed": attempt,
            }
            try:
                said = await self._send(question.request.model_copy(update=changes))
            except NoAnswer as error:
                if error.again == "now" and attempt < ATTEMPTS:
                    continue
                self.problems[error.reason] += 1
                raise
            row = question.read(said, attempt)
            head = self._ledger.head(row)
            await self._ledger.put(row)
        assert row is not None, "the last try is either kept or raises"
        return row

    async def _send(self, request: Request) -> Said:
        if self._door is None:
            self._door = asyncio.ensure_future(knock(self._speaker))
        await asyncio.shield(self._door)
        if self._broken is not None:
            raise Halt
        self.requests += 1
        try:
            said = await self._speaker.ask(request)
        except NoAnswer as error:
            self._count(error)
            raise
        self._answered, self._failures_in_a_row = True, 0
        return said

    def _count(self, error: NoAnswer) -> None:
        """Stop when too many requests in a row came to nothing."""
        if error.again == "never" and self._answered and error.reason not in ("http 403", "http 404"):
            return  # this text alone is to blame: it may be too long for the model
        self._failures_in_a_row += 1
        in_flight = self._speaker.connection.in_flight
        most = MOST_FAILURES if error.again == "never" else max(MOST_FAILURES, 2 * in_flight)
        if self._failures_in_a_row > most:
            said = f": {' '.join(error.detail.split())[:160]}" if error.detail else ""
            self._broken = self._broken or UserError(
                f"{self._speaker.connection.model}: {self._failures_in_a_row} requests in a row failed "
                f"({error.reason}{said}); see to the server or the judge's settings and run the same command again"
            )
