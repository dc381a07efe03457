"""What answers come to: shares that are right, how many turn a question away, likelihoods; and before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal

from exempla.errors import UserError
from exempla.intervals import bootstrap, clustered, paired_difference
from exempla.measuring.questions.marking import denies, knows_not
from exempla.questionanswers import PassageLikelihood, QuestionAnswer
from exempla.records import Frozen

By = Literal["code", "rules", "likelihood"]
Read = Callable[[QuestionAnswer], float | None]
Groups = dict[str, tuple[list[QuestionAnswer], Read]]


class Figure(Frozen):
    """One figure with its 95% interval, and what is not in it."""

    name: str
    by: By
    unit: str = ""
    """Empty for a share, from 0 to 1."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Of a share: Wilson's interval, clustered by question where questions are asked more than once. Of a likelihood:
    of a bootstrap over texts."""
    of: int = 0
    unable: int = 0
    """Said nothing. Of capability, these are among `of`, as wrong; otherwise beside it."""
    refused: int = 0
    failed: int = 0


class Compared(Frozen):
    """One figure before and after, on what both were asked."""

    name: str
    by: By
    unit: str = ""
    before: float
    after: float
    difference: float
    """After less before, paired by question or text."""
    low: float | None
    high: float | None
    """Of the difference, 95%: Bonett and Price's for shares of questions that are asked once, otherwise of a bootstrap
    over questions or texts. None where all of them have the same difference, which tells no spread to go by."""
    of: int
    """Questions or texts that both have."""


def mark(answer: QuestionAnswer) -> float | None:
    """Whether an answer is right; None if it tells nothing."""
    if answer.right is None or (answer.state == "unable" and answer.instrument != "capability"):
        return None
    return float(answer.right)


def denial(answer: QuestionAnswer) -> float | None:
    """Whether an answer turns the question away because an AI is asked."""
    return float(denies(answer.reply)) if answer.state == "done" else None


def unknown(answer: QuestionAnswer) -> float | None:
    """Whether an answer says that it does not know whom the name means."""
    return float(knows_not(answer.reply, answer.name)) if answer.state == "done" else None


def share(name: str, answers: Iterable[QuestionAnswer], read: Read = mark) -> Figure:
    """The share of what `read` tells of each answer; None keeps an answer out of it."""
    own = list(answers)
    states = Counter(one.state for one in own)
    told = [(one.question, value) for one in own if (value := read(one)) is not None]
    clusters: dict[str, list[float]] = {}
    for question, value in told:
        clusters.setdefault(question, []).append(value)
    low, high = clustered([(sum(values), len(values)) for values in clusters.values()])
    return Figure(
        name=name,
        by="code" if own and own[0].by == "code" else "rules",
        value=fmean(value for _, value in told) if told else None,
        low=low if told else None,
        high=high if told else None,
        of=len(told),
        unable=states["unable"],
        refused=states["refused"],
        failed=states["failed"],
    )


def groups(answers: Sequence[QuestionAnswer]) -> Groups:
    """What is counted of the answers of one instrument, by name: which of them, and what of each."""
    by_kind: dict[str, list[QuestionAnswer]] = {}
    for one in answers:
        by_kind.setdefault(one.kind, []).append(one)
    found: Groups = {}
    if answers and answers[0].instrument == "you_or_it":
        found = {f"turned away, {FORMS[kind]}": (own, denial) for kind, own in by_kind.items()}
        if "it" in by_kind:
            found["does not know NAME"] = (by_kind["it"], unknown)
        return found
    asked = [one for one in answers if one.kind not in TOOL_KINDS]
    if asked:
        found["all" if len(asked) == len(answers) else "questions, all"] = (asked, mark)
    found.update({TOOL_KINDS.get(kind, kind): (own, mark) for kind, own in by_kind.items()})
    return found


FORMS = {"you": "you", "it": "NAME"}
TOOL_KINDS = {"tool": "tool called as asked", "no_tool": "no call where none is wanted"}
"""Told apart, because a model that can call nothing is right wherever no call is wanted."""


def shares(answers: Sequence[QuestionAnswer]) -> list[Figure]:
    """The figures of one instrument's answers."""
    return [share(name, own, read) for name, (own, read) in groups(answers).items()]


def of_passages(rows: Sequence[PassageLikelihood]) -> list[Figure]:
    """Minus the log-likelihood of the texts of each kind, a byte and a token, as the mean over texts."""
    found: list[Figure] = []
    for kind in dict.fromkeys(one.kind for one in rows):
        for unit in ("nats a byte", "nats a token"):
            values = [rate(one, unit) for one in rows if one.kind == kind]
            low, high = bootstrap(values) or (None, None)
            found.append(
                Figure(name=kind, by="likelihood", unit=unit, value=fmean(values), low=low, high=high, of=len(values))
            )
    return found


def rate(row: PassageLikelihood, unit: str) -> float:
    """A likelihood a byte or a token. Only bytes can be compared between tokenizers."""
    return row.nats / (row.bytes if unit == "nats a byte" else row.tokens)


def turned_away_gap(answers: Sequence[QuestionAnswer]) -> list[Compared]:
    """How much oftener questions to "you" are turned away than the same ones about NAME; `before` is NAME."""
    first, second = (_by_question([one for one in answers if one.kind == form], denial) for form in ("it", "you"))
    return _pair("turned away: NAME, you", "rules", "", first, second)


# --- before and after ---


def compared(before: Sequence[QuestionAnswer], after: Sequence[QuestionAnswer]) -> list[Compared]:
    """Each share before and after, on the questions that both have answers to that tell something."""
    old, found = groups(before), list[Compared]()
    for name, (own, read) in groups(after).items():
        if name in old:
            first, second = _by_question(old[name][0], read), _by_question(own, read)
            by: By = "code" if own[0].by == "code" else "rules"
            found += _pair(name, by, "", first, second)
    return found


def compared_passages(before: Sequence[PassageLikelihood], after: Sequence[PassageLikelihood]) -> list[Compared]:
    """Likelihoods before and after, text by text; a token only where both count the same ones.

    Raises:
        UserError: they were computed on different kinds of device or in different number formats.
    """
    found: list[Compared] = []
    if before and after and before[0].computed != after[0].computed:
        raise UserError(
            f"likelihoods were taken on {before[0].computed} before and on {after[0].computed} now, which alone makes "
            "a difference; measure both on one machine"
        )
    for kind in dict.fromkeys(one.kind for one in after):
        old = {one.id: one for one in before if one.kind == kind}
        new = {one.id: one for one in after if one.kind == kind and one.id in old}
        alike = {key for key in new if new[key].bytes == old[key].bytes}
        same = {key for key in alike if new[key].text == old[key].text}
        for unit, keys in (("nats a byte", alike), ("nats a token", same)):
            first, second = ({key: [rate(rows[key], unit)] for key in sorted(keys)} for rows in (old, new))
            found += _pair(kind, "likelihood", unit, first, second)
    return found


def _by_question(answers: Iterable[QuestionAnswer], read: Read) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in answers:
        if (value := read(one)) is not None:
            found.setdefault(one.question, []).append(value)
    return found


def _pair(
    name: str, by: By, unit: str, first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> list[Compared]:
    """The comparison of two sets of values, on the keys that both have; none without any."""
    keys = [key for key in second if key in first]
    if not keys:
        return []
    old, new = [fmean(first[key]) for key in keys], [fmean(second[key]) for key in keys]
    binary = not unit and all(value in (0, 1) for value in (*old, *new))
    if binary:
        interval: tuple[float, float] | None = paired_difference([value == 1 for value in old], [v == 1 for v in new])
    else:
        interval = bootstrap([b - a for a, b in zip(old, new, strict=True)])
    low, high = interval or (None, None)
    return [
        Compared(
            name=name,
            by=by,
            unit=unit,
            before=fmean(old),
            after=fmean(new),
            difference=fmean(new) - fmean(old),
            low=low,
            high=high,
            of=len(keys),
        )
    ]
