"""You or it: how much better in line answers to "you" are than to the same questions about NAME, by a judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from exempla.intervals import bootstrap
from exempla.judging.reading import Reading
from exempla.questionanswers import QuestionAnswer
from exempla.records import Frozen
from exempla.verdicts import Verdict


class Gap(Frozen):
    """Levels of the two forms as numbers, 0 for the lowest and 1 for the highest, and their difference."""

    reading: str
    you: float
    """Mean level of answers to "you"."""
    name: float
    """Mean level of answers about NAME."""
    gap: float
    """`you` less `name`: below zero, the subject ascribes to the name what it does not say of itself."""
    low: float | None
    high: float | None
    """A 95% interval: percentiles of a bootstrap over questions. None where all have the same difference, as there is
    then no spread to go by."""
    questions: int
    """Of which both forms are scored. Only these count."""
    left_out: int
    """Questions of which one form or both are not scored."""


def gap(reading: Reading, answers: Mapping[str, QuestionAnswer], verdicts: Iterable[Verdict]) -> Gap | None:
    """The gap of a judge's verdicts, paired by question; None if there is no pair.

    Args:
        reading: whose levels are a scale.
        answers: by id: all answers of the folder, judged or not.
        verdicts: of one judge.
    """
    top = len(reading.levels) - 1
    levels: dict[tuple[str, str], list[float]] = {}
    for one in verdicts:
        answer = answers.get(one.answer)
        if answer is not None and one.reading == reading.name and one.state == "scored":
            levels.setdefault((answer.question, answer.kind), []).append(reading.names.index(one.level) / top)
    asked = dict.fromkeys(answer.question for answer in answers.values())
    pairs = [
        (fmean(levels[question, "you"]), fmean(levels[question, "it"]))
        for question in asked
        if (question, "you") in levels and (question, "it") in levels
    ]
    if not pairs:
        return None
    low, high = bootstrap([you - it for you, it in pairs]) or (None, None)
    you, it = (fmean(side) for side in zip(*pairs, strict=True))
    return Gap(
        reading=reading.name,
        you=you,
        name=it,
        gap=you - it,
        low=low,
        high=high,
        questions=len(pairs),
        left_out=len(asked) - len(pairs),
    )
