"""The author: writes every plan of a corpus, many at once, through the ledger; stops cleanly and goes on later."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from exempla.errors import UserError
from exempla.models.request import NoAnswer, Request
from exempla.models.talk import Speaker, open_speaker, watched, without_transcript
from exempla.records import Plan, Record, Rejected
from exempla.writing.appender import Appender
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.desk import Desk, Drop, Unusable, record_id
from exempla.writing.faults import fault_of
from exempla.writing.ledger import Ledger, Reply
from exempla.writing.limits import Reserve
from exempla.writing.order import Commission
from exempla.writing.recipe import Step
from exempla.writing.schedule import Schedule
from exempla.writing.tally import Tally

ATTEMPTS = 3
"""Replies that are asked for, for one step, before a text is given up."""
GIVE_UP = 24
"""Failures of the server in a row, over all texts, after which nothing more is sent."""


class Halt(Exception):
    """Nothing more is sent; the text stays unwritten and is gone on with next time."""


@dataclass(frozen=True)
class Speakers:
    """The models of a commission, ready to be asked."""

    writer: Speaker
    judge: Speaker

    def of(self, step: Step) -> Speaker:
        """The one that a step is asked of."""
        return self.judge if step.role == "judge" else self.writer


def hire(commission: Commission) -> Speakers:
    """Make a commission's models ready.

    Raises:
        UserError: one of them is unknown, or lacks a key or a package.
    """
    writer = open_speaker(commission.writer)
    return Speakers(writer, writer if commission.judge == commission.writer else open_speaker(commission.judge))


class Author:
    """Writes the plans that a schedule gives. One use each: `await Author(...).write()`."""

    def __init__(
        self, commission: Commission, speakers: Speakers, folder: CorpusFolder, schedule: Schedule, tally: Tally
    ) -> None:
        self.commission = commission
        self.speakers = speakers
        self.folder = folder
        self.schedule = schedule
        self.tally = tally
        self.stopped = ""
        """Why nothing more is sent, in words; empty as long as there is no reason."""
        self._failures_in_a_row = 0
        self._broken: BaseException | None = None
        self._shared: dict[str, asyncio.Lock] = {}

    def stop(self, why: str) -> None:
        """Send nothing more; what is under way is awaited and kept."""
        self.stopped = self.stopped or why

    async def write(self) -> None:
        """Write what is not written yet.

        Raises:
            UserError: the server turns everything away, or nobody answers any more. What came in is kept.
            OSError: the disk is full.
        """
        with without_transcript(), watched(self.tally.sampling):
            async with (
                Ledger(self.folder.replies) as self._ledger,
                Appender(self.folder.written) as self._written,
                Appender(self.folder.rejected) as self._rejected,
            ):
                self.tally.totals = self._ledger.totals
                self._reserve = Reserve(self.commission.order.limits, self._ledger.totals)
                await self._write_all()
        if self._broken is not None:
            raise self._broken

    async def _write_all(self) -> None:
        slots = asyncio.Semaphore(self.commission.writer.in_flight)
        running: set[asyncio.Task[None]] = set()

        def over(task: asyncio.Task[None]) -> None:
            running.discard(task)
            slots.release()

        for plan, missing in self.schedule.unwritten():
            await slots.acquire()
            if self.stopped or self._broken is not None:
                break
            task = asyncio.create_task(self._write_one(plan, missing))
            running.add(task)
            task.add_done_callback(over)
        while running:
            await asyncio.wait(set(running))
        await self.schedule.settle()

    async def _write_one(self, plan: Plan, missing: tuple[int, ...]) -> None:
        job = self.commission
        desk = Desk(
            recipe=job.recipe,
            plan=plan,
            texts=job.texts,
            style=job.style,
            principle=job.principles.get(plan.principle),
            source=job.sources.get(plan.facts.get("source", "")),
            send=self._send,
        )
        try:
            try:
                records = await job.recipe.write(desk)
                rejected = [self._reject(plan, part, drop) for part, drop in desk.rejected]
            except Drop as drop:
                records, rejected = [], [self._reject(plan, part, drop) for part in missing]
            await self._keep(plan, missing, records, rejected)
        except Halt:
            return
        except Exception as error:  # a task that died unheard would leave its text neither kept nor dropped
            self._broken = self._broken or error

    @staticmethod
    def _reject(plan: Plan, part: int, drop: Drop) -> Rejected:
        return Rejected(
            id=record_id(plan, part), plan=plan.id, reason=drop.reason, detail=drop.detail[:500], text=drop.text
        )

    async def _keep(
        self, plan: Plan, missing: tuple[int, ...], records: list[Record], rejected: list[Rejected]
    ) -> None:
        ids = {record_id(plan, part) for part in missing}
        for record in records:
            if record.id in ids:
                await self._written.add(record.model_dump_json().encode() + b"\n")
                self.schedule.keep(plan, record)
                self.tally.kept += 1
        for row in rejected:
            if row.id in ids:
                await self._rejected.add(row.model_dump_json().encode() + b"\n")
                self.tally.dropped[row.reason] += 1
        self._ledger.forget(plan.id)
        self.tally.show()

    async def _send(self, name: str, step: Step, request: Request, parse: Callable[[str], Any]) -> tuple[Any, str]:
        """The reply from the ledger, or else from the model; asked for again while it cannot be used."""
        with self._alone(name) as lock:
            async with lock:
                return await self._attempts(name, step, request, parse)

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[asyncio.Lock]:
        """A lock for a reply that several plans share, so that it is asked for once."""
        lock = self._shared.setdefault(name, asyncio.Lock())
        try:
            yield lock
        finally:
            if not lock.locked():
                self._shared.pop(name, None)

    async def _attempts(self, name: str, step: Step, request: Request, parse: Callable[[str], Any]) -> tuple[Any, str]:
        attempt = 1
        while True:
            key = f"{name}/{attempt}"
            reply = self._ledger.get(key)
            parsed: Any = None
            problem: tuple[str, str] | None = None
            if reply is None:
                made = request.model_copy(update={"seed": seed_of(self.commission.order.seed, key)})
                reply = await self._ask(key, step, made, parse)
                if reply.key.endswith("/0"):
                    # The server failed, not the text: it is left for the next run, not dropped.
                    self.tally.postponed[reply.failure] += 1
                    raise Halt
            if reply.failure:
                problem = (reply.failure, reply.detail)
            else:
                try:
                    parsed = parse(reply.text)
                except Unusable as error:
                    problem = (error.reason, error.detail)
            if problem is None:
                return parsed, reply.stop
            attempt = max(attempt, int(reply.key.rsplit("/", 1)[1])) + 1
            if attempt > ATTEMPTS:
                raise Drop(*problem, text=reply.text)

    async def _ask(self, key: str, step: Step, request: Request, parse: Callable[[str], Any]) -> Reply:
        """Send a request and put what comes of it on the disk."""
        speaker, price = self.speakers.of(step), self.commission.price(step)
        batch = speaker.connection.batch
        if not self.stopped:
            limit = self._reserve.problem(request, price, batch)
            if limit:
                self.stop(f"the limit is reached: {limit}")
        if self.stopped or self._broken is not None:
            raise Halt
        self._reserve.take(request, price, batch)
        self.tally.in_flight += 1
        self.tally.show()
        common = {"step": step.name, "prompt_sha256": request.sha256}
        try:
            said = await speaker.ask(request)
        except NoAnswer as error:
            reply = self._failed(key, error, common)
        else:
            self._failures_in_a_row = 0
            reply = Reply(
                key=key,
                text=said.text,
                stop=said.stop,
                model=said.model,
                tokens_in=said.tokens_in,
                tokens_out=said.tokens_out,
                cost=round(price.cost(said.tokens_in, said.tokens_out, said.tokens_cached, batch), 8),
                seconds=said.seconds,
                **common,
            )
            language = "" if step.role == "judge" else self.commission.order.language
            problem = fault_of(said, request.may_break_off, language)
            detail = ""
            if not problem:
                try:
                    parse(said.text)
                except Unusable as error:
                    problem, detail = error.reason, error.detail
            if problem:
                reply = reply.model_copy(update={"failure": problem, "detail": detail[:300]})
        finally:
            self._reserve.take(request, price, batch, sign=-1)
            self.tally.in_flight -= 1
        await self._ledger.put(reply)
        return reply

    def _failed(self, key: str, error: NoAnswer, common: dict[str, str]) -> Reply:
        if error.again != "never":
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= GIVE_UP and self._broken is None:
                self._broken = UserError(
                    f"{self.commission.writer.model}: {GIVE_UP} requests in a row failed ({error.reason}: "
                    f"{error.detail[:160]}); see to the server and run the same command again to go on"
                )
        # A server's failure does not use an attempt up. What the request itself is to blame for uses up all.
        attempt = {"later": 0, "now": key.rsplit("/", 1)[1], "never": ATTEMPTS}[error.again]
        attempt_key = f"{key.rsplit('/', 1)[0]}/{attempt}"
        return Reply(key=attempt_key, failure=error.reason, detail=error.detail, **common)


def seed_of(seed: int, key: str) -> int:
    """A request's own seed, for providers that keep to one: an attempt after another must not give the same."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:4])
