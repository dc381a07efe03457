"""What a corpus will take: requests, tokens, money, time. Nothing is sent."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict

from exempla.models.request import Request
from exempla.records import Frozen
from exempla.writing.ledger import Spent, Totals
from exempla.writing.order import Commission
from exempla.writing.planner import Planner
from exempla.writing.recipe import TOKENS_PER_WORD, Step
from exempla.writing.rehearsal import rehearse

SAMPLE = 96
"""Plans that are gone through."""
CHARACTERS_PER_TOKEN = 4.2
"""English prose and instructions."""
GUESS = (0.7, 1.5)
"""A model keeps to a wanted length within this factor, most of the time; also covers what is asked twice."""
TOKENS_A_SECOND = (30.0, 120.0)
"""Of one request to a hosted model. A server of one's own is as fast as it is: a measured sample tells."""
FEWEST_MEASURED = 8
"""Texts from which on their own requests are a better guide than a guess."""


class Range(Frozen):
    """From about so much to about so much."""

    low: float
    high: float

    def times(self, low: float, high: float | None = None) -> Range:
        """Both ends multiplied."""
        return Range(low=self.low * low, high=self.high * (low if high is None else high))


class StepEstimate(Frozen):
    """What one step of the recipe takes for the whole corpus."""

    step: str
    requests: float
    tokens_in: float
    tokens_out: float


class Estimate(Frozen):
    """What the whole corpus takes, from the first text to the last."""

    steps: tuple[StepEstimate, ...]
    requests: Range
    tokens_in: Range
    tokens_out: Range
    cost: Range | None
    """None if no price is known."""
    hours: Range | None
    """None if nothing is known about the model's speed."""
    measured: int
    """Texts that it is drawn from; 0 if it is a guess."""


def estimate(commission: Commission, totals: Totals, finished: int) -> Estimate:
    """The estimate of an order: from the texts of an earlier run with the same settings, if it finished some."""
    guess = _rehearsed(commission)
    if finished >= FEWEST_MEASURED * commission.recipe.per_plan:
        return _measured(commission, totals, finished)
    connection = commission.writer
    requests = sum(step.requests for step in guess)
    tokens_in, tokens_out = sum(step.tokens_in for step in guess), sum(step.tokens_out for step in guess)
    low, high = GUESS
    hours = None
    if not connection.local and not connection.batch:
        slowest, fastest = (tokens_out / rate / connection.in_flight / 3600 for rate in TOKENS_A_SECOND)
        hours = Range(low=fastest * low, high=slowest * high)
    cost = _cost(commission, guess)
    return Estimate(
        steps=guess,
        requests=Range(low=requests, high=requests * 1.15),
        tokens_in=Range(low=tokens_in * 0.85, high=tokens_in * 1.25),
        tokens_out=Range(low=tokens_out * low, high=tokens_out * high),
        cost=None if cost is None else Range(low=cost * 0.75, high=cost * 1.45),
        hours=hours,
        measured=0,
    )


def _rehearsed(commission: Commission) -> tuple[StepEstimate, ...]:
    plans = Planner(commission.quotas, commission.order.seed).draw(min(SAMPLE, commission.plans))
    sums: dict[tuple[str, bool], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    own, seen = {plan.id for plan in plans}, set[str]()

    async def go() -> None:
        for plan in plans:
            earlier: list[Step] = []

            def note(
                name: str, step: Step, request: Request, words: int = plan.words, earlier: list[Step] = earlier
            ) -> None:
                # What plans share is asked once; how many of its kind there are shows in all plans, not in a sample.
                shared = name.split("/")[0] not in own
                if shared and name in seen:
                    return
                seen.add(name)
                row = sums[step.name, shared]
                row[0] += 1
                row[1] += len(request.system + request.user) / CHARACTERS_PER_TOKEN
                row[1] += (step.long * words + _left(step, earlier)) * TOKENS_PER_WORD
                row[2] += min(step.words(words) * TOKENS_PER_WORD, commission.style.max_tokens or math.inf)
                earlier.append(step)

            await rehearse(commission, plan, note)

    asyncio.run(go())
    scale = commission.plans / len(plans)
    rows = []
    for (step, shared), row in sums.items():
        times = _kinds(commission, step) / row[0] if shared else scale
        rows.append(
            StepEstimate(step=step, requests=row[0] * times, tokens_in=row[1] * times, tokens_out=row[2] * times)
        )
    return tuple(rows)


def _left(step: Step, earlier: list[Step]) -> int:
    """Words of what an earlier step left in a prompt, other than texts of the plan's length; an example's are few."""
    if len(step.uses) <= step.long:
        return 0
    short = [one.plus for one in earlier if one.role == "writer" and not one.share and not one.shared]
    return short[-1] if short else 0


def _measured(commission: Commission, totals: Totals, finished: int) -> Estimate:
    scale = commission.plans * commission.recipe.per_plan / finished
    even = tuple(_scaled(step, spent, scale) for step, spent in totals.by_step.items())
    steps = tuple(
        _scaled(step, spent, min(scale, _kinds(commission, step) / spent.replies))
        for step, spent in totals.by_step.items()
    )
    # Texts differ in length; the sum over many does not by much. Two standard errors, the steps of a text taken to be
    # long or short together, and never less than 3%.
    deviations = (max(one.squares_out - one.tokens_out**2 / one.replies, 0.0) for one in totals.by_step.values())
    spread = max(0.03, 2 * sum(map(math.sqrt, deviations)) / max(totals.tokens_out, 1))
    about = Range(low=1 - min(spread, 0.9), high=1 + spread)
    failed = totals.failures.total() / max(totals.requests, 1)
    again = max(0.02, 2 * math.sqrt(failed * (1 - failed) / max(totals.requests, 1)))
    # What plans share grows with the kinds of plans, not with their number.
    requests = scale * _ratio([step.requests for step in steps], [step.requests for step in even])
    tokens_in = scale * _ratio([step.tokens_in for step in steps], [step.tokens_in for step in even])
    tokens_out = scale * _ratio([step.tokens_out for step in steps], [step.tokens_out for step in even])
    cost, even_cost = _cost(commission, steps), _cost(commission, even)
    hours = totals.seconds * requests / commission.writer.in_flight / 3600
    return Estimate(
        steps=steps,
        requests=Range(low=1 - again, high=1 + again).times(totals.requests * requests),
        tokens_in=about.times(totals.tokens_in * tokens_in),
        tokens_out=about.times(totals.tokens_out * tokens_out),
        cost=None if cost is None else about.times(totals.cost * scale * _ratio([cost], [even_cost or 0.0])),
        hours=None if commission.writer.batch else Range(low=hours * 0.8, high=hours * 1.5),
        measured=finished,
    )


def _scaled(step: str, spent: Spent, times: float) -> StepEstimate:
    return StepEstimate(
        step=step,
        requests=spent.replies * times,
        tokens_in=spent.tokens_in * times,
        tokens_out=spent.tokens_out * times,
    )


def _kinds(commission: Commission, step: str) -> float:
    """How often a step is asked at most: once for each kind of plan, if plans share it."""
    shared = commission.recipe.step(step).shared
    return min(len(commission.texts.pools[shared]), commission.plans) if shared else math.inf


def _ratio(part: list[float], whole: list[float]) -> float:
    return sum(part) / sum(whole) if sum(whole) else 1.0


def _cost(commission: Commission, steps: tuple[StepEstimate, ...]) -> float | None:
    total = 0.0
    for row in steps:
        connection = commission.connection(commission.recipe.step(row.step))
        price = commission.prices.of(connection.model)
        if price is None:
            return None
        total += price.cost(int(row.tokens_in), int(row.tokens_out), batch=connection.batch)
    return total
