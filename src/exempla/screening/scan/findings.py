"""What a scan for recurring patterns finds, with a model or without, and how well it finds those that were planted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from exempla.records import Frozen

EXAMPLES = 5
"""Records that a finding shows."""
EXCERPT = 160
"""Characters of an excerpt, at most."""
MATCHED = 0.6
"""Share of the planted records that must hold a finding, and of the finding's records that must be planted ones."""


class Finding(Frozen):
    """A pattern that recurs in a corpus."""

    pattern: str
    """One line by which a person recognises it; in a shape `*` stands for any words of content."""
    kind: Literal["phrase", "shape", "described"]
    """`phrase`: the same words; `shape`: the same frame round other words; `described`: told by a model."""
    records: int
    """Records that have it, of those looked at."""
    share: float
    """Of all records looked at, from 0 to 1."""
    reference_share: float | None = None
    """The same of the reference's records; None if there is no reference."""
    broad_share: float | None = None
    """Share of records in which a model sees it in a broad reading; None if none was asked."""
    strict_share: float | None = None
    """Share of records in which a model can quote it."""
    low: float
    """Lower end of the 95% Wilson interval of `share`."""
    high: float
    """Upper end."""
    examples: tuple[tuple[str, str], ...] = ()
    """Record id and excerpt on one line, at most 5."""


class Found(NamedTuple):
    """A finding, and all records that have it."""

    finding: Finding
    ids: tuple[str, ...]


class PlantedFigures(Frozen):
    """How a scan did on a corpus with planted patterns."""

    found: dict[str, bool]
    """By planted pattern: whether a finding matches it."""
    recall: float
    """Share of the planted patterns that were found, from 0 to 1."""
    findings: int
    false_alarms: tuple[str, ...]
    """Findings of which fewer than 60% of the records hold one and the same planted pattern."""


def excerpt(text: str, start: int, end: int) -> str:
    """What stands from `start` to `end` of a text, on one line, with what is around it as far as there is room."""
    room = max(0, (EXCERPT - (end - start)) // 2)
    before, after = max(0, start - room), min(len(text), end + room)
    while 0 < before < start and text[before - 1].isalnum():  # begin and end with whole words
        before += 1
    while end < after < len(text) and text[after].isalnum():
        after -= 1
    line = "".join(sign if sign.isprintable() else " " for sign in text[before:after])
    return " ".join(line.split())[:EXCERPT]


def planted_figures(found: Sequence[Found], planted: Mapping[str, Collection[str]]) -> PlantedFigures:
    """Compare what was found with what was planted.

    Args:
        found: of a scan.
        planted: ids of the records that hold it, by planted pattern.
    """
    matched = dict.fromkeys(planted, False)
    alarms: list[str] = []
    for finding, ids in found:
        real = False
        for name, held in planted.items():
            both = len(set(ids) & set(held))
            of_its_own = both >= MATCHED * len(ids)
            real |= of_its_own
            matched[name] |= of_its_own and both >= MATCHED * len(held)
        if not real:
            alarms.append(finding.pattern)
    return PlantedFigures(
        found=matched,
        recall=sum(matched.values()) / len(matched) if matched else 0.0,
        findings=len(found),
        false_alarms=tuple(alarms),
    )
