"""The end of a sitting: what was written becomes Parquet with a card and a manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from exempla.files import file_sha256, stream_lines, write_atomically
from exempla.machine import describe_machine
from exempla.manifest import provenance
from exempla.models.request import without_secrets
from exempla.models.talk import wire
from exempla.parquet import write_dropped, write_records
from exempla.records import Dropped, Frozen, Plan, Record, Rejected
from exempla.writing.card import Account, RecordCounter, render_card
from exempla.writing.commonnames import too_common
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.order import Order
from exempla.writing.sitting import Sitting
from exempla.writing.sorting import in_order


class Result(Frozen):
    """What became of an order."""

    kept: int
    dropped: dict[str, int]
    """Reason to number of texts."""
    postponed: dict[str, int]
    """Requests that a failure of the server left without an answer, by reason."""
    stopped: str
    """Why it stopped early; empty if it is complete."""


def finish(sitting: Sitting, held_back: Sequence[Dropped]) -> Result:
    """Write Parquet, card and manifest.

    Args:
        sitting: what was written.
        held_back: records that gates did not let through.
    """
    folder = sitting.folder
    rejected = [*stream_lines(folder.rejected, Rejected), *map(_as_rejected, held_back)]
    rejected += _with_common_names(sitting, {row.id for row in rejected})
    counter = RecordCounter(sitting.commission.order.seed)
    write_records(folder.records, _kept(folder, {row.id for row in rejected}, counter))
    write_dropped(folder.dropped, sorted(rejected, key=lambda row: row.id))
    reasons = dict(Counter(row.reason for row in rejected).most_common())
    counts = counter.counts()
    account = Account(
        totals=sitting.tally.totals,
        rounds=tuple(sitting.schedule.rounds),
        dropped=reasons,
        stopped=sitting.author.stopped,
        unmeasured=sitting.schedule.unmeasured,
        wire=json.loads(folder.wire.read_text()),
    )
    write_atomically(folder.card, render_card(sitting.commission, counts, account))
    _write_manifest(sitting, folder)
    return Result(
        kept=counts.kept, dropped=reasons, postponed=dict(sitting.tally.postponed), stopped=sitting.author.stopped
    )


def _as_rejected(drop: Dropped) -> Rejected:
    record = drop.record
    return Rejected(
        id=record.id,
        plan=record.lineage.plan,
        reason=f"gate {drop.gate}",
        detail=drop.reason,
        text=record.whole_text(),
    )


def _with_common_names(sitting: Sitting, rejected: set[str]) -> list[Rejected]:
    pools = sitting.commission.quotas.pools
    if not {"person", "name"} & set(pools):
        return []
    folder = sitting.folder
    given = {
        plan.id: " ".join(plan.facts.get(fact, "") for fact in ("name", "person", "other"))
        for plan in stream_lines(folder.plans, Plan)
    }
    known = frozenset(pools.get("person", ()) + pools.get("name", ()))
    found = too_common((one for one in in_order(folder.written) if one.id not in rejected), known, given)
    return [
        Rejected(
            id=one.id, plan=one.lineage.plan, reason="name too common", detail=found[one.id], text=one.whole_text()
        )
        for one in in_order(folder.written)
        if one.id in found
    ]


def _kept(folder: CorpusFolder, rejected: set[str], counter: RecordCounter) -> Iterator[tuple[Record, Plan]]:
    plans = {plan.id: plan for plan in stream_lines(folder.plans, Plan)}
    for record in in_order(folder.written):
        if record.id not in rejected:
            counter.add(record)
            yield record, plans[record.lineage.plan]


def note_wire(folder: CorpusFolder) -> None:
    """Add this run's requests that came to nothing, by reason, to those of the runs before."""
    before = json.loads(folder.wire.read_text()) if folder.wire.exists() else {}
    seen = dict(sorted((Counter(before) + Counter(wire.failed())).items()))
    write_atomically(folder.wire, json.dumps(seen) + "\n")


def _write_manifest(sitting: Sitting, folder: CorpusFolder) -> None:
    order = sitting.commission.order
    safe = _without_secrets(order)
    source = provenance(describe_machine())
    if order.base_url:
        source["command"] = [word.replace(order.base_url, safe.base_url) for word in source["command"]]
    manifest = source | {
        "settings": sitting.commission.settings.model_dump(),
        "order": safe.model_dump(mode="json"),
        "sha256": {path.name: file_sha256(path) for path in (folder.records, folder.dropped)},
    }
    write_atomically(folder.manifest, json.dumps(manifest, indent=2) + "\n")


def _without_secrets(order: Order) -> Order:
    return order.model_copy(update={"base_url": without_secrets(order.base_url)})
