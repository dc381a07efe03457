"""Limits on what a corpus may cost: money, tokens, requests. Reached means a clean stop that can be gone on from."""

from __future__ import annotations

from exempla.models.prices import Price
from exempla.models.request import Request
from exempla.records import Frozen
from exempla.writing.ledger import Totals

CHARACTERS_PER_TOKEN = 3.0
"""For the tokens of a prompt before it is sent; fewer than the usual 4, so that a budget is not passed by guessing."""


class Limits(Frozen):
    """The most that a corpus may take, over all attempts to write it."""

    budget: float | None = None
    tokens: int | None = None
    requests: int | None = None


class Reserve:
    """What is spent, and what requests under way may still cost at worst."""

    def __init__(self, limits: Limits, totals: Totals) -> None:
        self.limits = limits
        self.totals = totals
        self.requests = 0
        self.tokens = 0
        self.cost = 0.0

    def problem(self, request: Request, price: Price, batch: bool) -> str:
        """Which limit one more request might pass, in words; empty if none."""
        limits, totals = self.limits, self.totals
        tokens_in = worst_tokens_in(request)
        worst = price.cost(tokens_in, request.max_tokens, batch=batch)
        if limits.requests is not None and totals.requests + self.requests + 1 > limits.requests:
            return f"{limits.requests} requests"
        if limits.tokens is not None and totals.tokens + self.tokens + tokens_in + request.max_tokens > limits.tokens:
            return f"{limits.tokens} tokens"
        if limits.budget is not None and totals.cost + self.cost + worst > limits.budget:
            return f"a budget of {limits.budget:g}"
        return ""

    def take(self, request: Request, price: Price, batch: bool, sign: int = 1) -> None:
        """Set aside the worst that a request may cost; with `sign` -1, give it back."""
        tokens_in = worst_tokens_in(request)
        self.requests += sign
        self.tokens += sign * (tokens_in + request.max_tokens)
        self.cost += sign * price.cost(tokens_in, request.max_tokens, batch=batch)


def worst_tokens_in(request: Request) -> int:
    """Tokens that a request's prompt has at most, about."""
    return int(len(request.system + request.user) / CHARACTERS_PER_TOKEN) + 20
