"""The author: writes every plan of a corpus, many at once; stops cleanly and goes on later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from exempla.models.talk import watched, without_transcript
from exempla.records import Plan, Record, Rejected
from exempla.writing.appender import Appender
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.desk import Desk, Drop, record_id
from exempla.writing.ledger import Ledger
from exempla.writing.limits import Hold, Purse
from exempla.writing.order import Commission
from exempla.writing.post import Halt, Post, Speakers, plan_need
from exempla.writing.schedule import Schedule
from exempla.writing.tally import Tally

Missing = tuple[Plan, tuple[int, ...]]
"""A plan, and the parts of it that are not written."""


class Author:
    """Writes the plans that a schedule gives. One use each: `await Author(...).write(speakers)`."""

    def __init__(self, commission: Commission, folder: CorpusFolder, schedule: Schedule, tally: Tally) -> None:
        self.commission = commission
        self.folder = folder
        self.schedule = schedule
        self.tally = tally
        self.stopped = ""
        """Why it ends before all is written, in words; empty as long as there is no reason."""
        self._post: Post | None = None

    def stop(self, why: str) -> None:
        """Send nothing more; what is under way is awaited and kept."""
        self.stopped = self.stopped or why
        if self._post is not None:
            self._post.closed = True

    async def write(self, speakers: Speakers) -> None:
        """Write what is not written yet.

        Raises:
            UserError: the server turns everything away, or nobody answers any more. What came in is kept.
            OSError: the disk is full.
        """
        with without_transcript(), watched(self.tally.sampling):
            async with (
                Ledger(self.folder.replies) as ledger,
                Appender(self.folder.written) as self._written,
                Appender(self.folder.rejected) as self._rejected,
            ):
                self.tally.totals = ledger.totals
                self._post = Post(self.commission, speakers, ledger, self.tally)
                self._post.closed = bool(self.stopped)
                self._purse = Purse(self.commission.order.limits, ledger.totals)
                left_over = await self._write_all(self._post, self.schedule.unwritten())
                if left_over and not self._over(self._post):
                    # A server that was down for a moment may be up again.
                    self.tally.postponed.clear()
                    left_over = await self._write_all(self._post, left_over)
                await self.schedule.settle()
        if self._post.broken is not None:
            raise self._post.broken
        if left_over and not self.stopped:
            self.stopped = self._reason(self._post)

    def _over(self, post: Post) -> bool:
        return bool(self.stopped) or bool(post.short) or post.broken is not None

    def _reason(self, post: Post) -> str:
        if post.short:
            return f"the limit is reached: {post.short}"
        told = ", ".join(f"{reason} {count}" for reason, count in self.tally.postponed.most_common())
        return f"texts are left over because the server failed ({told})"

    async def _write_all(self, post: Post, plans: Iterable[Missing]) -> list[Missing]:
        """Write plans, as many at once as requests may be in flight; gives those that are left over."""
        slots = asyncio.Semaphore(self.commission.writer.in_flight)
        running: set[asyncio.Task[None]] = set()
        left_over: list[Missing] = []

        def over(task: asyncio.Task[None]) -> None:
            running.discard(task)
            slots.release()

        for missing in plans:
            await slots.acquire()
            need = plan_need(self.commission, missing[0].words)
            while running and self._purse.missing(need):
                # What others have set aside may be more than they take.
                await asyncio.wait(set(running), return_when=asyncio.FIRST_COMPLETED)
            post.short = post.short or self._purse.missing(need)
            if self._over(post):
                left_over.append(missing)
                break
            hold = Hold(self._purse, need)
            task = asyncio.create_task(self._write_one(post, hold, missing, left_over))
            running.add(task)
            task.add_done_callback(over)
        while running:
            await asyncio.wait(set(running))
        return left_over

    async def _write_one(self, post: Post, hold: Hold, missing: Missing, left_over: list[Missing]) -> None:
        plan, parts = missing
        job = self.commission
        desk = Desk(
            recipe=job.recipe,
            plan=plan,
            texts=job.texts,
            style=job.style,
            principle=job.principles.get(plan.principle),
            source=job.sources.get(plan.facts.get("source", "")),
            send=partial(post.send, hold),
        )
        try:
            try:
                records = await job.recipe.write(desk)
                rejected = [_rejected(plan, part, drop) for part, drop in desk.rejected]
            except Drop as drop:
                records, rejected = [], [_rejected(plan, part, drop) for part in parts]
            await self._keep(plan, parts, records, rejected)
            post.ledger.forget(plan.id)
        except Halt:
            left_over.append(missing)
        except Exception as error:  # a task that died unheard would leave its text neither kept nor dropped
            post.broken = post.broken or error
        finally:
            hold.release()
            self.tally.show()

    async def _keep(self, plan: Plan, parts: tuple[int, ...], records: list[Record], rejected: list[Rejected]) -> None:
        ids = {record_id(plan, part) for part in parts}
        for record in records:
            if record.id in ids:
                await self._written.add(record.model_dump_json().encode() + b"\n")
                self.schedule.keep(plan, record)
                self.tally.kept += 1
        for row in rejected:
            if row.id in ids:
                await self._rejected.add(row.model_dump_json().encode() + b"\n")
                self.tally.dropped[row.reason] += 1


def _rejected(plan: Plan, part: int, drop: Drop) -> Rejected:
    return Rejected(
        id=record_id(plan, part), plan=plan.id, reason=drop.reason, detail=drop.detail[:500], text=drop.text
    )
