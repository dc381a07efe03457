"""The ledger: every reply that was paid for, and every failure, on the disk before anything else is done with it.

A line is a JSON array of what came in together, so that a line torn by a kill takes a whole group with it and never
half of one. A recipe is run again from its beginning after an interruption; replies that are here are not asked for
again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from exempla.errors import UserError
from exempla.files import mend_torn_tail
from exempla.records import Frozen
from exempla.writing.appender import Appender


class Reply(Frozen):
    """What a model said to one request, or why it said nothing that could be used."""

    key: str
    """`PLAN/STEP/ATTEMPT`; attempt 0 stands for requests that no server answered."""
    step: str
    text: str = ""
    stop: str = ""
    """Why the reply ended, in Inspect's words."""
    failure: str = ""
    """Why the reply cannot be used, in a few words; empty if it can."""
    detail: str = ""
    model: str = ""
    prompt_sha256: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    """In the price table's currency."""
    seconds: float = 0.0


class Spent(Frozen):
    """Tokens of the usable replies to one step."""

    replies: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    squares_out: int = 0
    """Sum of the squares of `tokens_out`, for its spread."""


class Totals:
    """What has been asked and spent, over all attempts to write this corpus."""

    def __init__(self) -> None:
        self.requests = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.cost = 0.0
        self.seconds = 0.0
        """Time that models took, summed over requests."""
        self.failures: Counter[str] = Counter()
        self.by_step: dict[str, Spent] = {}

    def count(self, reply: Reply) -> None:
        """Add a reply."""
        self.requests += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.cost += reply.cost
        self.seconds += reply.seconds
        if reply.failure:
            self.failures[reply.failure] += 1
            return
        before = self.by_step.get(reply.step, Spent())
        self.by_step[reply.step] = Spent(
            replies=before.replies + 1,
            tokens_in=before.tokens_in + reply.tokens_in,
            tokens_out=before.tokens_out + reply.tokens_out,
            squares_out=before.squares_out + reply.tokens_out**2,
        )

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.tokens_in + self.tokens_out


class Ledger:
    """Replies on disk, found by key; only where they lie is kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.totals = Totals()
        self._places: dict[str, dict[str, tuple[int, int, int]]] = {}
        # By plan, then by the rest of the key.
        self._appender = Appender(path, lambda rows: b"[" + b",".join(rows) + b"]\n")

    async def __aenter__(self) -> Ledger:
        mend_torn_tail(self.path)
        for reply, place in _walk(self.path):
            self._remember(reply.key, place)
            self.totals.count(reply)
        await self._appender.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._appender.__aexit__(kind, error, trace)

    def get(self, key: str) -> Reply | None:
        """The reply with that key, or None if it was never received."""
        plan, _, rest = key.partition("/")
        found = self._places.get(plan, {}).get(rest)
        if found is None:
            return None
        offset, length, place = found
        with self.path.open("rb") as stream:
            stream.seek(offset)
            return Reply.model_validate(json.loads(stream.read(length))[place])

    async def put(self, reply: Reply) -> None:
        """Keep a reply; returns when it is on the disk."""
        self._remember(reply.key, await self._appender.add(reply.model_dump_json().encode()))
        self.totals.count(reply)

    def forget(self, plan: str) -> None:
        """Free the memory that a finished plan's replies take; the file keeps them."""
        self._places.pop(plan, None)

    def _remember(self, key: str, place: tuple[int, int, int]) -> None:
        plan, _, rest = key.partition("/")
        self._places.setdefault(plan, {})[rest] = place


def replies(path: Path) -> Iterator[Reply]:
    """All replies of a ledger, in the order in which they came in."""
    for reply, _ in _walk(path):
        yield reply


def _walk(path: Path) -> Iterator[tuple[Reply, tuple[int, int, int]]]:
    if not path.exists():
        return
    offset = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):  # being written, or torn by a kill
                return
            try:
                group = json.loads(line)
                if not isinstance(group, list):
                    raise TypeError("not an array")
                for place, row in enumerate(group):
                    yield Reply.model_validate(row), (offset, len(line), place)
            except (ValueError, TypeError) as error:  # no JSON, no UTF-8, or no replies
                raise UserError(
                    f"{path}:{number}: not a line of this version's ledger; restore the file, or choose another "
                    "folder with --out"
                ) from error
            offset += len(line)
