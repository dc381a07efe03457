"""A scan for recurring patterns with a model: it describes what recurs, and then every description is measured.

Batches of excerpts are read for patterns, with quotes that must occur; descriptions that mean the same are put
together; those seen in more than one batch are looked for in a larger sample, in a broad and in a strict reading. What
cannot be read, or fails, is counted and never takes part in a share.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from hashlib import blake2b
from math import ceil
from pathlib import Path
from string import Template
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import Field

from exempla.intervals import wilson
from exempla.models.request import NoAnswer, Request
from exempla.models.talk import Speaker, knock, without_transcript
from exempla.records import Frozen
from exempla.rubric import enclosed
from exempla.screening.reading import Reading
from exempla.screening.scan.findings import EXAMPLES, Finding, excerpt
from exempla.screening.scan.replies import (
    Group,
    Rating,
    Unreadable,
    grouped_by_nearness,
    read_groups,
    read_patterns,
    read_ratings,
    verified,
)

PROMPTS = Path(__file__).parent / "prompts"
MOST_IN_BATCH = 10
"""Patterns that are asked for from a batch, and that are taken."""
MOST_READINGS = 3
"""Batches that a record may be in, if there are few records."""
ATTEMPTS = 2
"""Replies that are asked for, for one request, before it is given up."""
DOUBT = 0.5
"""Temperature with which it is asked again: at zero a model would say the same."""
FAILURES = 12
"""Failures of the server in a row, or twice the requests in flight if that is more, before nothing more is sent."""
REPLY_TOKENS = 3000
"""For a reply; twice as many when it is asked for again."""

_T = TypeVar("_T")


class ScanSettings(Frozen):
    """How much is read."""

    batches: int = Field(30, gt=0)
    """At most; fewer if a record would be in more than `MOST_READINGS` of them."""
    excerpts: int = Field(12, ge=2, le=20)
    """Of a batch."""
    excerpt_characters: int = Field(1500, ge=100)
    most_patterns: int = Field(20, gt=0)
    """That are measured, those seen in most batches first."""
    sample: int = Field(200, gt=0)
    """Records in which they are measured."""
    at_once: int = Field(5, gt=0)
    """Texts that one request measures them in."""
    text_characters: int = Field(8000, ge=100)
    """Of a text in which patterns are measured; of a longer one, its beginning and its end."""


class ScanAccount(Frozen):
    """What the scan asked, and what it got."""

    requests: int
    """That were sent, those asked again included; what the provider's client sent again by itself is not."""
    unparsable: int
    """Replies that could not be read."""
    failed: dict[str, int]
    """Requests without a reply, by reason."""
    unsent: int
    """Requests that were not sent, because the server had failed too often."""
    unquoted: int
    """Patterns thrown away because fewer than two of their quotes occur, in different records."""
    described: int
    """Patterns with quotes that do."""
    grouped_by: Literal["model", "nearness", "nothing"]
    """What put descriptions together: the model, nearness of their vectors, or nothing, as there was none."""
    once: int
    """Groups left out because one batch only has them."""
    beyond: int
    """Groups left out because there are more than `most_patterns`."""
    rated: int
    """Records in which patterns were measured: all shares are of these."""
    unrated: int
    """Records of the sample for which there is no readable reply."""
    misquoted: int
    """Strict readings that were thrown away because the quote does not occur."""


class _Batch(NamedTuple):
    ids: tuple[str, ...]
    texts: tuple[str, ...]


async def scan(
    readings: Sequence[Reading], speaker: Speaker, settings: ScanSettings
) -> tuple[list[Finding], ScanAccount]:
    """The patterns that a model sees recur, those with the largest strict share first, and an account of the scan.

    Raises:
        UserError: no server answers, or nothing that is asked will ever be answered.
    """
    desk = _Desk(speaker)
    if len(readings) >= 2:
        await knock(speaker)
    with without_transcript():
        batches = _batches(readings, settings) if len(readings) >= 2 else []
        seen = await _all([_described(desk, batch) for batch in batches])
        described = [(number, pattern) for number, patterns in enumerate(seen) for pattern in patterns]
        groups, grouped_by = await _grouped(desk, [pattern.pattern for _, pattern in described])
        batches_of = [{described[member][0] for member in group.members} for group in groups]
        often = sorted(
            (at for at in range(len(groups)) if len(batches_of[at]) > 1),
            key=lambda at: (-len(batches_of[at]), groups[at].pattern),
        )
        kept = [groups[at] for at in often[: settings.most_patterns]]
        sample = _drawn(readings, "measured")[: settings.sample] if kept else []
        ratings = await _rated(desk, [group.pattern for group in kept], sample, settings)
    evidence = [[pair for member in group.members for pair in described[member][1].evidence] for group in kept]
    findings = [_finding(at, group, evidence[at], ratings) for at, group in enumerate(kept) if ratings]
    findings = [finding for finding in findings if finding.broad_share]
    findings.sort(key=lambda one: (-one.share, -(one.broad_share or 0.0), one.pattern))
    account = ScanAccount(
        requests=desk.requests,
        unparsable=desk.unparsable,
        failed=dict(desk.failed),
        unsent=desk.unsent,
        unquoted=desk.unquoted,
        described=len(described),
        grouped_by=grouped_by,
        once=len(groups) - len(often),
        beyond=len(often) - len(kept),
        rated=len(ratings),
        unrated=len(sample) - len(ratings),
        misquoted=desk.misquoted,
    )
    return findings, account


class _Desk:
    """Asks, and counts."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._free = asyncio.Semaphore(speaker.connection.in_flight)
        self._in_a_row = 0
        self.requests = self.unparsable = self.unsent = self.unquoted = self.misquoted = 0
        self.failed: Counter[str] = Counter()

    async def ask(self, prompt: str, read: Callable[[str], _T]) -> _T | None:
        """What `read` makes of the reply; None if none can be read, or there is none."""
        connection = self._speaker.connection
        for attempt in range(ATTEMPTS):
            async with self._free:
                if self._in_a_row >= max(FAILURES, 2 * connection.in_flight):
                    self.unsent += 1
                    return None
                self.requests += 1
                request = Request(
                    user=prompt,
                    max_tokens=(REPLY_TOKENS << attempt) + connection.room,
                    temperature=DOUBT if attempt else 0.0,
                    seed=attempt,
                )
                try:
                    said = await self._speaker.ask(request)
                except NoAnswer as error:
                    self.failed[error.reason] += 1
                    self._in_a_row += 1
                    if error.again == "now":
                        continue
                    return None
                self._in_a_row = 0
            try:
                return read(said.text)
            except Unreadable:
                self.unparsable += 1
        return None


async def _all(work: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """All results, in order. If one raises, the others are stopped."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Described(NamedTuple):
    pattern: str
    evidence: tuple[tuple[str, str], ...]
    """Record id and quote."""


async def _described(desk: _Desk, batch: _Batch) -> list[_Described]:
    """The patterns that a model sees in a batch, and can quote from two of its records."""
    prompt = _prompt("scan", count=len(batch.texts), most=MOST_IN_BATCH, texts=_numbered("Excerpt", batch.texts))
    found: list[_Described] = []
    for pattern, quotes in (await desk.ask(prompt, read_patterns) or [])[:MOST_IN_BATCH]:
        places = verified(quotes, batch.texts)
        if len(places) < 2 or len({place for place, _ in places}) < 2:
            desk.unquoted += 1
        else:
            found.append(_Described(pattern, tuple((batch.ids[place], quote) for place, quote in places)))
    return found


async def _grouped(
    desk: _Desk, descriptions: Sequence[str]
) -> tuple[list[Group], Literal["model", "nearness", "nothing"]]:
    """Descriptions that mean the same, put together; and by what."""
    if not descriptions:
        return [], "nothing"
    lines = enclosed("\n".join(f"{number}. {line}" for number, line in enumerate(descriptions, start=1)))
    prompt = _prompt("group", count=len(descriptions), texts=lines)
    groups = await desk.ask(prompt, lambda reply: read_groups(reply, len(descriptions)))
    if groups is None:
        return grouped_by_nearness(descriptions), "nearness"
    return groups, "model"


async def _rated(
    desk: _Desk, patterns: Sequence[str], sample: Sequence[Reading], settings: ScanSettings
) -> dict[str, Rating]:
    """How the records of a sample were read, by id, of those for which a reply could be read."""
    listed = enclosed("\n".join(f"{number}. {line}" for number, line in enumerate(patterns, start=1)))

    async def part(readings: Sequence[Reading]) -> dict[str, Rating]:
        texts = [_ends(reading.taught.text, settings.text_characters) for reading in readings]
        prompt = _prompt(
            "rate",
            count=len(texts),
            patterns_count=len(patterns),
            patterns=listed,
            texts=_numbered("Text", texts),
        )
        ratings = await desk.ask(prompt, lambda reply: read_ratings(reply, texts, len(patterns))) or {}
        desk.misquoted += sum(rating.misquoted for rating in ratings.values())
        return {readings[place].id: rating for place, rating in ratings.items()}

    step = settings.at_once
    parts = await _all([part(sample[start : start + step]) for start in range(0, len(sample), step)])
    return {name: rating for ratings in parts for name, rating in ratings.items()}


def _finding(at: int, group: Group, evidence: Sequence[tuple[str, str]], ratings: dict[str, Rating]) -> Finding:
    """What the readings say of one pattern. The share with its interval is the strict one."""
    broad = sum(at in rating.broad for rating in ratings.values())
    strict = [(name, rating.strict[at]) for name, rating in ratings.items() if at in rating.strict]
    low, high = wilson(len(strict), len(ratings))
    shown: dict[str, str] = {}
    for name, quote in [*strict, *evidence]:
        shown.setdefault(name, excerpt(quote, 0, len(quote)))
    return Finding(
        pattern=group.pattern,
        kind="described",
        records=len(strict),
        share=len(strict) / len(ratings),
        broad_share=broad / len(ratings),
        strict_share=len(strict) / len(ratings),
        low=low,
        high=high,
        examples=tuple(shown.items())[:EXAMPLES],
    )


def _batches(readings: Sequence[Reading], settings: ScanSettings) -> list[_Batch]:
    """Excerpts in batches, drawn by hashes of ids; if there are few records, each is in several batches."""
    size = min(settings.excerpts, len(readings))
    found: list[_Batch] = []
    for turn in range(MOST_READINGS):
        if len(found) >= settings.batches:
            break
        order = _drawn(readings, f"batch {turn}")
        parts = len(order) // size
        for part in (order[at::parts] for at in range(parts)):
            chosen = part[:size]
            texts = tuple(_window(one.taught.text, settings.excerpt_characters, f"{turn}{one.id}") for one in chosen)
            found.append(_Batch(tuple(one.id for one in chosen), texts))
    return found[: settings.batches]


def _drawn(readings: Sequence[Reading], salt: str) -> list[Reading]:
    """Records in an order that hangs on their ids only."""
    return sorted(readings, key=lambda one: (_number(f"{salt} {one.id}"), one.id, one.taught.text))


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _window(text: str, length: int, salt: str) -> str:
    """So many characters of a text: of its beginning, its end or between, by a hash; whole words if they are short."""
    spare = len(text) - length
    if spare <= 0:
        return text
    where = _number(salt) % 4
    start = {0: 0, 1: spare}.get(where, _number(f"{salt} start") % (spare + 1))
    window = text[start : start + length]
    if start and (cut := window.find(" ", 0, 50)) >= 0:
        window = window[cut + 1 :]
    if start < spare and (cut := window.rfind(" ", len(window) - 50)) >= 0:
        window = window[:cut]
    return window


def _ends(text: str, length: int) -> str:
    """A text, or the beginning and the end of one that is longer."""
    if len(text) <= length:
        return text
    return f"{text[: ceil(length / 2)]}\n[...]\n{text[-(length // 2) :]}"


def _numbered(what: str, texts: Sequence[str]) -> str:
    return "\n\n".join(f"{what} {number}:\n{enclosed(_utf8(text))}" for number, text in enumerate(texts, start=1))


def _utf8(text: str) -> str:
    """A text that can be sent: half a surrogate pair cannot be."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _prompt(name: str, **facts: object) -> str:
    return Template((PROMPTS / f"{name}.txt").read_text(encoding="utf-8")).substitute(facts)
