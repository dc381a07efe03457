"""`exempla write`: one recipe into a corpus folder; puts writing and screening together."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import disk_errors
from exempla.models.talk import knock, open_speaker
from exempla.progress import Reporter
from exempla.records import Dropped
from exempla.runfolder import hold, open_folder
from exempla.screening.engine import screen
from exempla.screening.stage import context
from exempla.writing.constitution import NeedsSplit, Principle
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.estimate import Estimate, estimate
from exempla.writing.finishing import Result, finish, note_wire
from exempla.writing.order import Commission, Order, accept, connection_of, recipe_of
from exempla.writing.post import hire
from exempla.writing.sitting import Sitting, sit_down, spent
from exempla.writing.sorting import in_order
from exempla.writing.splitting import read_whole_or_split, split, split_file


def plan_ahead(order: Order, out: Path) -> tuple[Commission, Estimate, int]:
    """What an order will take, and how many of its texts are finished in `out`; nothing is sent or written."""
    commission = accept(order, _principles(order, None))
    folder = CorpusFolder(out)
    finished: list[str] = []
    if folder.settings.exists():
        folder.check(commission.settings)
        finished = [*_plans(folder.written, "lineage"), *_plans(folder.rejected)]
    done, shared = set(finished), {step.name for step in commission.recipe.steps if step.shared}
    # What was spent on texts that are not finished would make each finished one look dearer than it was.
    totals = spent(folder, lambda reply: reply.step in shared or reply.key.partition("/")[0] in done)
    return commission, estimate(commission, totals, len(finished)), len(finished)


def _plans(path: Path, *within: str) -> Iterator[str]:
    """The plan of each text in a file; a line that is torn, or being written, is left out."""
    if path.exists():
        with path.open("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    row = json.loads(line)
                    for name in within:
                        row = row[name]
                    yield row["plan"]


def write_corpus(order: Order, out: Path, reporter: Reporter, screened: bool) -> Result:
    """Write what an order asks for, or go on with it, and finish the folder with card, manifest and Parquet.

    Raises:
        UserError: something in the order is wrong, or the server failed; what came in is kept all the same.
    """
    with disk_errors(out):
        commission = accept(order, _principles(order, reporter))
        asyncio.run(_knock(commission))
        folder = CorpusFolder(open_folder(out))
        with hold(out):
            sitting = sit_down(commission, folder, reporter)
            failure: UserError | None = None
            try:
                if not sitting.complete:
                    asyncio.run(_written(sitting, reporter))
            except UserError as error:
                failure = error
                sitting.author.stop(str(error))
            finally:
                reporter.end()
                note_wire(folder)
            if sitting.schedule.unmeasured:
                reporter.say(sitting.schedule.unmeasured)
            if failure is None or sitting.schedule.finished or sitting.tally.done:
                result = finish(sitting, _held_back(folder, reporter) if screened else [])
            if failure is not None:
                raise failure
            return result


def _held_back(folder: CorpusFolder, reporter: Reporter) -> list[Dropped]:
    records = list(in_order(folder.written))
    reporter.say(f"screening {len(records)} texts", event="screening")
    return screen(records, context())[1]


def _principles(order: Order, reporter: Reporter | None) -> tuple[Principle, ...]:
    """The constitution's principles; a text without parts is split by the writer, unless nothing may be sent."""
    if not recipe_of(order).principles:
        return ()
    path = catalogue.constitution_path(order.constitution)
    found = read_whole_or_split(path)
    if not isinstance(found, NeedsSplit):
        return found
    if reporter is None:
        raise UserError(f"{path}: no headings found; a model splits it when it is written from, or add headings first")
    reporter.say(f"{path}: no headings found; {order.model} splits it")
    principles = asyncio.run(split(path, found, open_speaker(connection_of(order))))
    reporter.say(f"split into {len(principles)} principles, saved as {split_file(path)}, which may be edited")
    return principles


async def _knock(commission: Commission) -> None:
    """See that models and servers are there, before a folder is made."""
    speakers = hire(commission)
    for speaker in {speakers.writer, speakers.judge}:
        await knock(speaker)


async def _written(sitting: Sitting, reporter: Reporter) -> None:
    """Write, and answer the first Ctrl-C by waiting for the replies that are under way: they are paid for."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    presses = 0

    def pressed() -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            sitting.author.stop("interrupted")
            under_way = sitting.tally.in_flight
            reporter.say(f"waiting for {under_way} replies under way; press Ctrl-C again to leave without them")
        elif task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGINT, pressed)
    try:
        await sitting.write()
    except asyncio.CancelledError:
        if presses < 2:
            raise
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)
