"""Comparing those who read the same answers: judges with each other and with people, and what follows for a rate."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from exempla.agreements import Comparison, Corrected, Group, Together
from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.judging.agreement import agreement, together
from exempla.judging.correcting import correct, validation
from exempla.judging.labels import Label
from exempla.judging.rates import group_of
from exempla.judging.reading import Reading
from exempla.verdicts import AnyAnswer, Judge, Verdict, answer_sha256

YES_OR_NO = ("no", "yes")
"""Levels of readings whose rate can be corrected."""


class Reader(NamedTuple):
    """A judge or a person, and what each read."""

    name: str
    kind: Literal["judge", "person"]
    levels: dict[tuple[str, str], str]
    """By reading and answer."""
    seen: frozenset[tuple[str, str]] = frozenset()
    """Of a person: what was labelled with arm, model and verdicts in sight, which tells nothing of a judge's errors."""

    def blind(self, reading: str) -> dict[str, str]:
        """Like `of`, without what was seen."""
        return {answer: level for answer, level in self.of(reading).items() if (reading, answer) not in self.seen}

    def of(self, reading: str) -> dict[str, str]:
        """Level by answer, of one reading."""
        return {answer: level for (name, answer), level in self.levels.items() if name == reading}


def compare(
    answers: Mapping[str, AnyAnswer],
    judges: Sequence[tuple[Judge, str, Sequence[Verdict]]],
    labelled: Sequence[tuple[Path, Sequence[Label]]],
    asked: Sequence[Reading],
) -> Comparison:
    """Compare judges with each other and with people.

    Args:
        answers: by id: those that there are.
        judges: each with the name of its folder and its verdicts.
        labelled: people's labels, with the file they are from.
        asked: the readings that are compared.

    Raises:
        UserError: fewer than two have read the same answers, or labels are of none of them or contradict each other.
    """
    readers, notes = _judges(judges), list[str]()
    people = _people(labelled, answers, {one.name for one in readers}, notes)
    if len(readers) + len(people) < 2:
        who = "one judge has" if readers else "nobody has"
        raise UserError(
            f"{who} judged these answers; judge them with another model (exempla judge answers), or give labels with "
            "--labels FILE"
        )
    pairs = [
        agreement(
            one.name, one.names, one.ordered, (first.name, first.of(one.name)), (second.name, second.of(one.name))
        )
        for one in asked
        for first, second in itertools.combinations([*readers, *people], 2)
    ]
    found = tuple(pair for pair in pairs if pair.answers)
    if not found:
        raise UserError("no two of them have read the same answers; judge with the same --readings, or label those")
    return Comparison(
        judges=tuple(one.name for one in readers),
        people=tuple(one.name for one in people),
        agreements=found,
        together=_together(readers, asked),
        corrected=tuple(_corrected(answers, readers, people, asked)),
        notes=tuple(notes),
    )


def _judges(judges: Sequence[tuple[Judge, str, Sequence[Verdict]]]) -> list[Reader]:
    """Judges by their name, or by their folder where there are two of one name."""
    names = Counter(judge.name for judge, _, _ in judges)
    return [
        Reader(
            judge.name if names[judge.name] == 1 else folder,
            "judge",
            {(one.reading, one.answer): one.level for one in verdicts if one.state == "scored"},
        )
        for judge, folder, verdicts in judges
    ]


def _people(
    labelled: Sequence[tuple[Path, Sequence[Label]]],
    answers: Mapping[str, AnyAnswer],
    taken: Collection[str],
    notes: list[str],
) -> list[Reader]:
    """People by name, with their labels of answers that there are."""
    labels: dict[str, dict[tuple[str, str], str]] = {}
    seen: dict[str, set[tuple[str, str]]] = {}
    for path, read in labelled:
        there = [label for label in read if label.answer in answers]
        if not there:
            raise UserError(f"{path}: no label is of an answer in the folder; the first is of {read[0].answer!r}")
        if len(there) < len(read):
            notes.append(f"{path}: {len(read) - len(there)} of {len(read)} labels are of answers that are not there")
        known = [label for label in there if label.text in ("", answer_sha256(answers[label.answer]))]
        if len(known) < len(there):
            notes.append(f"{path}: {len(there) - len(known)} of {len(read)} labels are of answers that changed since")
        for label in known:
            _add(labels.setdefault(label.who, {}), label, path)
            if label.blind is False:
                seen.setdefault(label.who, set()).add((label.reading, label.answer))
    for who, open_ones in seen.items():
        notes.append(f"{who}: {len(open_ones)} labels were given with the verdicts in sight, and correct no rate")
    return [
        Reader(f"{who} (labels)" if who in taken else who, "person", read, frozenset(seen.get(who, ())))
        for who, read in labels.items()
    ]


def _add(read: dict[tuple[str, str], str], label: Label, path: Path) -> None:
    key = (label.reading, label.answer)
    if read.setdefault(key, label.level) != label.level:
        raise UserError(
            f"{path}: {label.who} labels {label.reading} of {label.answer} {label.level}, and {read[key]} in another "
            "file; leave one of them out"
        )


def _together(readers: Sequence[Reader], asked: Sequence[Reading]) -> tuple[Together, ...]:
    found: list[Together] = []
    for one in asked:
        read = {reader.name: levels for reader in readers if (levels := reader.of(one.name))}
        if len(read) > 2:
            found.append(together(one.name, one.names, one.ordered, read))
    return tuple(found)


def _corrected(
    answers: Mapping[str, AnyAnswer], judges: Sequence[Reader], people: Sequence[Reader], asked: Sequence[Reading]
) -> Iterator[Corrected]:
    """The rates that can be corrected. A judge may err otherwise among controls, or in another form."""
    groups: dict[Group, set[str]] = {}
    scenarios = {key: one.scenario for key, one in answers.items() if isinstance(one, AgentAnswer)}
    for key, answer in answers.items():
        if isinstance(answer, AgentAnswer) and answer.threat != "none":
            groups.setdefault(group_of(answer), set()).add(key)
    for reading in asked:
        labels = majority([person.blind(reading.name) for person in people])
        if reading.names != YES_OR_NO or not labels:
            continue
        for judge in judges:
            levels = judge.of(reading.name)
            for group in sorted(groups, key=lambda one: one.form):
                if read := {answer: level for answer, level in levels.items() if answer in groups[group]}:
                    found = correct(read, scenarios, validation(read, labels))
                    yield Corrected(judge=judge.name, reading=reading.name, group=group, correction=found)


def majority(people: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What most people read in each answer; answers that they are split over are left out."""
    votes: dict[str, Counter[str]] = {}
    for read in people:
        for answer, level in read.items():
            votes.setdefault(answer, Counter())[level] += 1
    first_two = {answer: count.most_common(2) for answer, count in votes.items()}
    return {answer: top[0][0] for answer, top in first_two.items() if len(top) == 1 or top[0][1] > top[1][1]}
