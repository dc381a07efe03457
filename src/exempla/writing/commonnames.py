"""Names that stand in too many texts of a large corpus, which would teach a model the name and not the story."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from exempla.records import Record
from exempla.writing.planner import NAME_SHARE

LARGE = 1000
"""Records from which on shares are looked at: in a smaller corpus a name in six texts is no flood."""
_CAPITALISED = re.compile(r"(?<=[a-zà-ÿ,;] )[^\W\d_a-z][\w'’-]+")
"""Within a sentence, where a capital makes a name."""


def too_common(records: Iterable[Record], known: frozenset[str], given: Mapping[str, str]) -> dict[str, str]:
    """Record id to reason, for as many records as it takes to bring every name under its share.

    Args:
        records: one after the other; they need not be in memory.
        known: names of people and characters; other capitals (Monday, Lima) are no names.
        given: plan id to the names that it gave, in one string; records that were given the name go last.
    """
    holders: dict[str, list[tuple[bool, float, str]]] = defaultdict(list)
    count = 0
    for record in records:
        count += 1
        score = sum(record.scores.values()) / len(record.scores) if record.scores else 0.0
        for name in set(_CAPITALISED.findall(record.taught_text())) & known:
            holders[name].append((name in given.get(record.lineage.plan, ""), score, record.id))
    most = int(count * NAME_SHARE)
    reasons: dict[str, str] = {}
    for name, rows in sorted(holders.items()):
        left = sorted(row for row in rows if row[2] not in reasons)
        for _, _, record_id in left[: max(0, len(left) - most)] if count >= LARGE else ():
            reasons[record_id] = f"{name} stands in {len(rows)} of {count} texts, and {most} may have it"
    return reasons
