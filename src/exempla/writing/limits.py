"""Limits on what a corpus may cost: money, tokens, requests. Reached means a clean stop that can be gone on from."""

from __future__ import annotations

from typing import NamedTuple

from exempla.models.prices import Price
from exempla.models.request import Request
from exempla.records import Frozen
from exempla.writing.ledger import Totals

CHARACTERS_PER_TOKEN = 3.0
"""Of a prompt before it is sent, at worst; English has more than 4, and a budget must not be passed by guessing."""


class Limits(Frozen):
    """The most that a corpus may take, over all attempts to write it."""

    budget: float | None = None
    tokens: int | None = None
    requests: int | None = None


class Need(NamedTuple):
    """What something takes at worst."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0

    def plus(self, other: Need, sign: int = 1) -> Need:
        """The sum, or with `sign` -1 the difference, never under zero."""
        return Need(
            max(0, self.requests + sign * other.requests),
            max(0, self.tokens + sign * other.tokens),
            max(0.0, self.cost + sign * other.cost),
        )


def need_of(request: Request, price: Price, batch: bool) -> Need:
    """What one request takes at worst: a prompt of many tokens, and all the tokens that the reply may have."""
    tokens_in = worst_tokens(request.system + request.user)
    return Need(1, tokens_in + request.max_tokens, price.cost(tokens_in, request.max_tokens, batch=batch))


def worst_tokens(text: str) -> int:
    """Tokens that a text has at most, about."""
    return int(len(text) / CHARACTERS_PER_TOKEN) + 20


class Purse:
    """What is spent, and what those who are at work may still spend."""

    def __init__(self, limits: Limits, totals: Totals) -> None:
        self.limits = limits
        self.totals = totals
        self.held = Need()

    def missing(self, need: Need) -> str:
        """Which limit would be passed, in words, if so much more were spent than is set aside; empty if none would."""
        limits, totals, more = self.limits, self.totals, need.plus(self.held)
        if limits.requests is not None and totals.requests + more.requests > limits.requests:
            return f"{limits.requests} requests"
        if limits.tokens is not None and totals.tokens + more.tokens > limits.tokens:
            return f"{limits.tokens} tokens"
        if limits.budget is not None and totals.cost + more.cost > limits.budget + 1e-9:
            return f"a budget of {limits.budget:g}"
        return ""


class Hold:
    """What is set aside for one plan, so that what is begun can be finished."""

    def __init__(self, purse: Purse, need: Need) -> None:
        self.purse = purse
        self._left = need
        purse.held = purse.held.plus(need)

    def covers(self, need: Need) -> bool:
        """Whether a request may be sent: from what is set aside, or from what nobody else has set aside."""
        return not self.purse.missing(need.plus(self._left, -1))

    def begin(self, need: Need) -> None:
        """A request goes out: what it may take at worst is set aside, beyond the plan's own if it must be."""
        self._take(need.plus(self._left, -1))

    def end(self, need: Need) -> None:
        """A request is over and counted: what was set aside for it no longer is."""
        self._take(need, -1)

    def release(self) -> None:
        """Set nothing aside any more."""
        self._take(self._left, -1)

    def _take(self, need: Need, sign: int = 1) -> None:
        before, self._left = self._left, self._left.plus(need, sign)
        # What the plan has less (or more) set aside, everybody has.
        self.purse.held = self.purse.held.plus(self._left, 1).plus(before, -1)
