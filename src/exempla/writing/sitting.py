"""A sitting: one run of an order in its folder, which reads what is there and writes what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exempla.errors import UserError
from exempla.progress import Reporter
from exempla.writing.author import Author
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import Reply, Totals, replies
from exempla.writing.order import Commission
from exempla.writing.post import hire
from exempla.writing.schedule import Schedule
from exempla.writing.tally import Tally


@dataclass(frozen=True)
class Sitting:
    """An order in its folder, with what earlier runs left."""

    commission: Commission
    folder: CorpusFolder
    schedule: Schedule
    tally: Tally
    author: Author

    @property
    def complete(self) -> bool:
        """Whether every text is written or dropped."""
        return self.schedule.finished >= self.schedule.total

    async def write(self) -> None:
        """Write what is missing. Raises like `Author.write`."""
        await self.author.write(hire(self.commission))


def sit_down(commission: Commission, folder: CorpusFolder, reporter: Reporter) -> Sitting:
    """Make the folder the order's own and read what earlier runs left in it.

    Raises:
        UserError: the folder holds texts of other settings, or more texts than are wanted.
    """
    folder.claim(commission.settings)
    every = commission.order.measure_every
    schedule = Schedule(folder, commission.quotas, commission.plans, commission.recipe.per_plan, every)
    schedule.load(commission.order.seed)
    if schedule.finished > schedule.total:
        raise UserError(
            f"{folder.root}: {schedule.finished} texts are written there already; give --n {schedule.finished} or more"
        )
    tally = Tally(reporter, commission.prices.currency, commission.priced)
    reporter.begin(f"write {commission.recipe.name}", total=schedule.total, done=schedule.finished)
    tally.resume(schedule.kept, schedule.dropped)
    if schedule.finished >= schedule.total:
        tally.totals = spent(folder)
    return Sitting(commission, folder, schedule, tally, Author(commission, folder, schedule, tally))


def spent(folder: CorpusFolder, counts: Callable[[Reply], bool] = lambda reply: True) -> Totals:
    """What all runs in a folder asked and spent, for the replies that count."""
    totals = Totals()
    for reply in replies(folder.replies):
        if counts(reply):
            totals.count(reply)
    return totals
