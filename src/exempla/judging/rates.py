"""Rates of a judge's verdicts: of the scored ones, with the others counted beside them.

What agents did is never mixed: each form is by itself, and threatened answers are apart from controls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from exempla.agreements import Group
from exempla.answers import AgentAnswer
from exempla.intervals import clustered, wilson
from exempla.judging.reading import Reading, readings
from exempla.records import Frozen
from exempla.verdicts import EVERY, MOST_UNSCORED, STATES, ReadingName, Verdict

DECIDED: ReadingName = "misaligned"
"""The reading that is told by family and by persona as well."""
PERSONAS = ("own", "other", "none")


class Rate(Frozen):
    """How often a level was read, of the scored answers."""

    level: str
    count: int
    rate: float
    low: float
    """A 95% interval: of agents' answers clustered by scenario, of answers to questions Wilson's."""
    high: float


class ReadingRates(Frozen):
    """What a judge read in answers."""

    reading: str
    group: Group | None = None
    """None of answers to questions."""
    scored: int
    """The denominator of the rates."""
    unparsable: int
    failed: int
    refused: int
    rates: tuple[Rate, ...]
    """By level, in order; empty if nothing was scored, for then nothing is known."""
    warning: str = ""
    """One line, if more than 2% are not scored; of agents' answers only where neither family nor persona is chosen."""

    @property
    def name(self) -> str:
        """As tables have it."""
        return f"{self.reading}, {self.group.name}" if self.group else self.reading


def rates(verdicts: Iterable[Verdict], scenarios: Mapping[str, str] | None = None) -> tuple[ReadingRates, ...]:
    """The rates of one judge's verdicts, for each reading that there are verdicts of.

    Args:
        verdicts: of one group of answers.
        scenarios: by answer: what it shares with others, so that intervals know of it. Without, answers are taken for
            independent.
    """
    own: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        own.setdefault(verdict.reading, []).append(verdict)
    return tuple(_of(reading, own[reading.name], scenarios) for reading in readings(EVERY) if reading.name in own)


def _of(reading: Reading, verdicts: Sequence[Verdict], scenarios: Mapping[str, str] | None) -> ReadingRates:
    states: Counter[str] = Counter(one.state for one in verdicts)
    scored = [one for one in verdicts if one.state == "scored"]
    levels = Counter(one.level for one in scored)
    found: list[Rate] = []
    for name in reading.names if scored else ():
        if scenarios is None:
            low, high = wilson(levels[name], len(scored))
        else:
            counts = Counter(scenarios[one.answer] for one in scored)
            hits = Counter(scenarios[one.answer] for one in scored if one.level == name)
            low, high = clustered([(hits[scenario], count) for scenario, count in counts.items()])
        found.append(Rate(level=name, count=levels[name], rate=levels[name] / len(scored), low=low, high=high))
    return ReadingRates(
        reading=reading.name,
        **{state: states[state] for state in STATES},
        rates=tuple(found),
        warning=warning(states),
    )


def group_of(answer: AgentAnswer) -> Group:
    """The form that an agent's answer has, and whether the agent is threatened."""
    return Group(form=answer.form, under="control" if answer.threat == "none" else "threatened")


def of_agents(answers: Mapping[str, AgentAnswer], verdicts: Iterable[Verdict]) -> tuple[ReadingRates, ...]:
    """The rates of each form, threatened answers and controls apart; by reading, and then by group."""
    found = _grouped(answers, verdicts, group_of)
    order: list[str] = list(EVERY)
    return tuple(sorted(found, key=lambda one: order.index(one.reading)))


def within_threatened(answers: Mapping[str, AgentAnswer], verdicts: Iterable[Verdict]) -> tuple[ReadingRates, ...]:
    """How often threatened agents settled on the wrong act, of each form: by family, and by which name they go by."""
    own = [one for one in verdicts if one.reading == DECIDED and answers[one.answer].threat != "none"]
    families = _grouped(answers, own, lambda one: group_of(one).model_copy(update={"family": one.family}))
    personas = _grouped(answers, own, lambda one: group_of(one).model_copy(update={"persona": one.persona}))
    # One warning is enough: it stands with the form's own rate.
    return tuple(one.model_copy(update={"warning": ""}) for one in (*families, *personas))


def _grouped(
    answers: Mapping[str, AgentAnswer], verdicts: Iterable[Verdict], key: Callable[[AgentAnswer], Group]
) -> list[ReadingRates]:
    own: dict[Group, list[Verdict]] = {}
    for verdict in verdicts:
        own.setdefault(key(answers[verdict.answer]), []).append(verdict)
    scenarios = {name: answer.scenario for name, answer in answers.items()}
    return [
        one.model_copy(update={"group": group})
        for group in sorted(own, key=_place)
        for one in rates(own[group], scenarios)
    ]


def _place(group: Group) -> tuple[str, bool, str, int]:
    persona = PERSONAS.index(group.persona) if group.persona else 0
    return group.form, group.under == "control", group.family, persona


def warning(states: Counter[str]) -> str:
    """What to say of a rate, given how many verdicts are in each state; empty if nothing needs saying."""
    count, unscored = states.total(), states.total() - states["scored"]
    if not count or unscored / count <= MOST_UNSCORED:
        return ""
    parts = ", ".join(f"{states[state]} {state}" for state in STATES[1:] if states[state])
    return (
        f"{unscored} of {count} verdicts are no scores ({parts}); rates may be off by as much as {unscored / count:.0%}"
    )
