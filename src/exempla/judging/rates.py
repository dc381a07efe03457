"""Rates of a judge's verdicts: of the scored ones, with the others counted beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from exempla.intervals import wilson
from exempla.judging.reading import EVERY, readings
from exempla.judging.verdicts import STATES, Verdict
from exempla.records import Frozen

MOST_UNSCORED = 0.02
"""Share of verdicts that are no scores, beyond which a rate carries a warning: it could be off by as much."""


class Rate(Frozen):
    """How often a level was read, of the scored answers."""

    level: str
    count: int
    rate: float
    low: float
    """Wilson's 95% interval, which takes answers for independent. Those of one scenario are not: where it matters, take
    an interval that is clustered by scenario."""
    high: float


class ReadingRates(Frozen):
    """What a judge read in all answers."""

    reading: str
    scored: int
    """The denominator of the rates."""
    unparsable: int
    failed: int
    refused: int
    rates: tuple[Rate, ...]
    """By level, in order; empty if nothing was scored, for then nothing is known."""
    warning: str = ""
    """One line, if more than 2% are not scored."""


def rates(verdicts: Iterable[Verdict]) -> tuple[ReadingRates, ...]:
    """The rates of one judge's verdicts, for each reading that there are verdicts of."""
    states: dict[str, Counter[str]] = {}
    levels: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        states.setdefault(verdict.reading, Counter())[verdict.state] += 1
        if verdict.state == "scored":
            levels.setdefault(verdict.reading, Counter())[verdict.level] += 1
    return tuple(
        ReadingRates(
            reading=reading.name,
            **{state: states[reading.name][state] for state in STATES},
            rates=_rates(reading.names, levels.get(reading.name, Counter())),
            warning=warning(states[reading.name]),
        )
        for reading in readings(EVERY)
        if reading.name in states
    )


def _rates(names: tuple[str, ...], counts: Counter[str]) -> tuple[Rate, ...]:
    scored = counts.total()
    found: list[Rate] = []
    for name in names if scored else ():
        low, high = wilson(counts[name], scored)
        found.append(Rate(level=name, count=counts[name], rate=counts[name] / scored, low=low, high=high))
    return tuple(found)


def warning(states: Counter[str]) -> str:
    """What to say of a rate, given how many verdicts are in each state; empty if nothing needs saying."""
    count, unscored = states.total(), states.total() - states["scored"]
    if not count or unscored / count <= MOST_UNSCORED:
        return ""
    parts = ", ".join(f"{states[state]} {state}" for state in STATES[1:] if states[state])
    return (
        f"{unscored} of {count} verdicts are no scores ({parts}); rates may be off by as much as {unscored / count:.0%}"
    )
