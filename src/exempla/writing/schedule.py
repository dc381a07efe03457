"""The schedule: which plans are still to be written, and what was learnt from those that are.

Plans are drawn by quota a few at a time. Every few hundred kept texts the last of them are measured; from the next draw
on, what is over-represented loses quota and worn-out phrases are named in the prompts. Each measurement is kept with
the number of the plan from which on it counts, so that an interrupted run draws the same plans again.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from exempla.errors import UserError
from exempla.files import append_lines, mend_torn_tail, read_lines, stream_lines
from exempla.records import Frozen, Plan, Record, Rejected
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.desk import record_id
from exempla.writing.diversity import Measurement, Targets, measure
from exempla.writing.planner import Planner, Quotas

CHUNK = 32
"""Plans drawn at once."""
NAMES = 6
"""Of the names found too often, so many are forbidden in the next prompts: one that forbids more is not followed."""


class Round(Frozen):
    """A measurement and the plan from which on it counts."""

    from_plan: int
    measurement: Measurement


class Schedule:
    """Plans to be written, in order, with the parts of each that are missing."""

    def __init__(self, folder: CorpusFolder, quotas: Quotas, plans: int, per_plan: int, every: int) -> None:
        self.folder = folder
        self.plans = plans
        self.parts = (0,) if per_plan == 1 else tuple(range(1, per_plan + 1))
        self.rounds: list[Round] = []
        self.unmeasured = ""
        """Why a measurement failed, if one did."""
        self.kept = 0
        self.dropped: list[str] = []
        """Reasons of earlier runs, one for each text that was not kept."""
        self._quotas = quotas
        self._seed = 0
        self._every = every
        self._window: deque[tuple[Plan, str]] = deque(maxlen=max(every, 1))
        self._latest: deque[tuple[str, str]] = deque(maxlen=max(every, 1))
        self._since = 0
        self._done: set[str] = set()
        self._drawn = 0
        self._noted = 0
        self._measuring: asyncio.Task[None] | None = None
        self._pool: ProcessPoolExecutor | None = None

    def load(self, seed: int) -> None:
        """Read what earlier runs left."""
        self._seed = seed
        for path in (self.folder.plans, self.folder.written, self.folder.rejected, self.folder.measurements):
            mend_torn_tail(path)
        if self.folder.measurements.exists():
            self.rounds = read_lines(self.folder.measurements, Round)
        for row in stream_lines(self.folder.rejected, Rejected):
            self._done.add(row.id)
            self.dropped.append(row.reason)
        for record in stream_lines(self.folder.written, Record):
            self._done.add(record.id)
            self.kept += 1
            self._latest.append((record.lineage.plan, record.taught_text()))
        wanted = {plan for plan, _ in self._latest}
        plans = {plan.id: plan for plan in stream_lines(self.folder.plans, Plan) if plan.id in wanted}
        self._window.extend((plans[plan], text) for plan, text in self._latest)
        self._since = self.kept - (self.rounds[-1].measurement.after if self.rounds else 0)

    @property
    def total(self) -> int:
        """Texts that are planned."""
        return self.plans * len(self.parts)

    @property
    def finished(self) -> int:
        """Texts of earlier runs, kept or not."""
        return self.kept + len(self.dropped)

    def unwritten(self) -> Iterator[tuple[Plan, tuple[int, ...]]]:
        """Each plan that is not finished, drawn when its turn comes."""
        planner = Planner(self._quotas, self._seed)
        self._noted = sum(1 for _ in stream_lines(self.folder.plans, Plan))
        applied = 0
        avoid: tuple[str, ...] = ()
        while self._drawn < self.plans:
            while applied < len(self.rounds) and self.rounds[applied].from_plan <= self._drawn + 1:
                found = self.rounds[applied].measurement
                planner.lighten(found.over)
                # Names that the writer adds of its own wear out too; those of plans are dealt evenly.
                avoid = (*found.avoid, *(name.value for name in found.names[:NAMES]))
                applied += 1
            # Up to where the next measurement counts, which need not be where an earlier, shorter run was cut.
            until = min((r.from_plan - 1 for r in self.rounds[applied:]), default=self.plans)
            plans = planner.draw(min(CHUNK, self.plans - self._drawn, until - self._drawn))
            plans = [plan.model_copy(update={"avoid": avoid}) for plan in plans] if avoid else plans
            self._drawn += len(plans)
            append_lines(self.folder.plans, [plan for plan in plans if plan.number > self._noted])
            for plan in plans:
                missing = tuple(part for part in self.parts if record_id(plan, part) not in self._done)
                if missing:
                    yield plan, missing

    def keep(self, plan: Plan, record: Record) -> None:
        """A text was kept; measure when there are enough new ones."""
        self._remember(plan, record)
        if self._every and self._since >= self._every and self._measuring is None:
            self._since = 0
            self._measuring = asyncio.create_task(self._measure())

    async def settle(self) -> None:
        """Wait for a measurement under way and let its process go."""
        if self._measuring is not None:
            await self._measuring
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _remember(self, plan: Plan, record: Record) -> None:
        self.kept += 1
        self._since += 1
        self._window.append((plan, record.taught_text()))

    async def _measure(self) -> None:
        """Measure the latest texts, in another process so that requests go on meanwhile."""
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, spawn, initializer=_stay_with_parent)
        plans, texts = [plan for plan, _ in self._window], [text for _, text in self._window]
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._pool, measure, texts, plans, self.kept, Targets(), self._quotas
            )
        except (BrokenProcessPool, UserError) as error:
            # Texts are worth more than a measurement of them.
            self.unmeasured = f"diversity was not measured after {self.kept} texts ({error})"
            self._pool = self._measuring = None
            return
        # Plans that an earlier run noted are left as they are: replies to their first requests may be in the ledger.
        self.rounds.append(Round(from_plan=max(self._drawn, self._noted) + 1, measurement=found))
        append_lines(self.folder.measurements, self.rounds[-1:])
        self._measuring = None


def _stay_with_parent() -> None:
    """In the measuring process: leave Ctrl-C to the parent, and end when the parent is killed, which cannot say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
