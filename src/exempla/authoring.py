"""`exempla write`: one recipe into a corpus folder; puts writing and screening together."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import disk_errors, file_sha256, stream_lines, write_atomically
from exempla.machine import describe_machine
from exempla.manifest import provenance
from exempla.models.talk import knock, open_speaker, wire
from exempla.progress import Reporter
from exempla.records import Frozen, Plan, Record, Rejected
from exempla.runfolder import hold, open_folder
from exempla.screening.gates import screen
from exempla.screening.stage import context
from exempla.writing.author import Author, Speakers, hire
from exempla.writing.card import RecordCounter, render_card
from exempla.writing.constitution import NeedsSplit, Principle
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.estimate import Estimate, estimate
from exempla.writing.ledger import Totals, replies
from exempla.writing.order import Commission, Order, accept, connection_of, recipe_of
from exempla.writing.parquet import write_dropped, write_records
from exempla.writing.schedule import Schedule
from exempla.writing.sorting import in_order
from exempla.writing.splitting import read_whole_or_split, split, split_file
from exempla.writing.tally import Tally


class Result(Frozen):
    """What became of an order."""

    kept: int
    dropped: dict[str, int]
    """Reason to number of texts."""
    postponed: dict[str, int]
    """Texts that a failure of the server left unwritten, by reason."""
    stopped: str
    """Why it stopped early; empty if it is complete."""


def plan_ahead(order: Order, out: Path) -> tuple[Commission, Estimate, int]:
    """What an order will take, and how many of its texts are finished in `out`; nothing is sent or written."""
    commission = accept(order, _principles(order, None))
    totals, finished = Totals(), 0
    folder = CorpusFolder(out)
    if folder.settings.exists():
        folder.claim(commission.settings)
        for reply in replies(folder.replies):
            totals.count(reply)
        finished = sum(1 for path in (folder.written, folder.rejected) for _ in _lines(path))
    return commission, estimate(commission, totals, finished), finished


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as stream:
            yield from stream


def write_corpus(order: Order, out: Path, reporter: Reporter, screened: bool) -> Result:
    """Write what an order asks for, or go on with it, and finish the folder with card, manifest and Parquet."""
    with disk_errors(out):
        commission = accept(order, _principles(order, reporter))
        speakers = hire(commission)
        asyncio.run(_knock(speakers))
        folder = CorpusFolder(open_folder(out))
        with hold(out):
            folder.claim(commission.settings)
            recipe = commission.recipe
            schedule = Schedule(folder, commission.quotas, commission.plans, recipe.per_plan, order.measure_every)
            schedule.load(order.seed)
            tally = Tally(reporter, commission.prices.currency, commission.priced)
            reporter.begin(f"write {recipe.name}", total=schedule.total, done=schedule.finished)
            tally.resume(schedule.kept, schedule.dropped)
            author = Author(commission, speakers, folder, schedule, tally)
            try:
                if schedule.finished < schedule.total:
                    asyncio.run(_written(author, reporter))
                else:
                    tally.totals = _totals(folder)
            finally:
                reporter.end()
                _note_wire(folder)
            if tally.postponed and not author.stopped:
                author.stop(_postponed(tally.postponed))
            return _finish(order, commission, folder, schedule, (tally, author.stopped, screened, reporter))


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
    speaker = open_speaker(connection_of(order))
    principles = asyncio.run(split(path, found, speaker))
    reporter.say(f"split into {len(principles)} principles, saved as {split_file(path)}, which may be edited")
    return principles


async def _knock(speakers: Speakers) -> None:
    """See that the servers are there, before a folder is made."""
    for speaker in {speakers.writer, speakers.judge}:
        await knock(speaker)


async def _written(author: Author, reporter: Reporter) -> None:
    """Write, and answer the first Ctrl-C by waiting for the replies that are under way: they are paid for."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    presses = 0

    def pressed() -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            author.stop("interrupted")
            under_way = author.tally.in_flight
            reporter.say(f"waiting for {under_way} replies under way; press Ctrl-C again to leave without them")
        elif task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGINT, pressed)
    try:
        await author.write()
    except asyncio.CancelledError:
        if presses < 2:
            raise
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _postponed(reasons: Counter[str]) -> str:
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    return f"{sum(reasons.values())} texts are left over because the server failed ({told})"


def _totals(folder: CorpusFolder) -> Totals:
    totals = Totals()
    for reply in replies(folder.replies):
        totals.count(reply)
    return totals


def _finish(
    order: Order,
    commission: Commission,
    folder: CorpusFolder,
    schedule: Schedule,
    state: tuple[Tally, str, bool, Reporter],
) -> Result:
    """Screen what was written; write Parquet, card and manifest."""
    tally, stopped, screened, reporter = state
    rejected = list(stream_lines(folder.rejected, Rejected))
    if screened:
        reporter.say("screening")
        _, dropped = screen(list(in_order(folder.written)), context())
        rejected += [
            Rejected(
                id=drop.record.id,
                plan=drop.record.lineage.plan,
                reason=f"gate {drop.gate}",
                detail=drop.reason,
                text=drop.record.whole_text(),
            )
            for drop in dropped
        ]
    held_back = {row.id for row in rejected}
    plans = {plan.id: plan for plan in stream_lines(folder.plans, Plan)}
    counter = RecordCounter(order.seed)

    def kept() -> Iterator[tuple[Record, Plan]]:
        for record in in_order(folder.written):
            if record.id not in held_back:
                counter.add(record)
                yield record, plans[record.lineage.plan]

    write_records(folder.records, kept())
    write_dropped(folder.dropped, sorted(rejected, key=lambda row: row.id))
    reasons = Counter(row.reason for row in rejected)
    card = render_card(
        commission,
        counter.counts(),
        reasons,
        totals=tally.totals,
        rounds=schedule.rounds,
        stopped=stopped,
        wire=json.loads(folder.wire.read_text()),
    )
    write_atomically(folder.card, card)
    _write_manifest(order, commission, folder)
    return Result(
        kept=counter.counts().kept,
        dropped=dict(reasons.most_common()),
        postponed=dict(tally.postponed),
        stopped=stopped,
    )


def _note_wire(folder: CorpusFolder) -> None:
    """Add this run's requests that came to nothing, by reason, to those of the runs before."""
    before = json.loads(folder.wire.read_text()) if folder.wire.exists() else {}
    seen = dict(sorted((Counter(before) + Counter(wire.failed())).items()))
    write_atomically(folder.wire, json.dumps(seen) + "\n")


def _write_manifest(order: Order, commission: Commission, folder: CorpusFolder) -> None:
    files = {path.name: file_sha256(path) for path in (folder.records, folder.dropped)}
    manifest = provenance(describe_machine()) | {
        "settings": commission.settings.model_dump(),
        "order": order.model_dump(mode="json"),
        "sha256": files,
    }
    write_atomically(folder.manifest, json.dumps(manifest, indent=2) + "\n")
