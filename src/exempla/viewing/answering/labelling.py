"""Labels of answers as the viewer gives them: which stand, and in what order answers come up to be labelled.

The rows are `judging.labels.Label`, in `MEASURED/labels/WHO.jsonl`; `exempla judge agree` reads the same files.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from exempla.judging.labels import Label, last_labels
from exempla.scenarios.settings import FORMS
from exempla.verdicts import ReadingName
from exempla.viewing.answering.cells import Cell
from exempla.viewing.answering.index import Entry
from exempla.viewing.labels.keeping import keep

Under = Literal["threatened", "control", "all"]
UNDER: tuple[Under, ...] = get_args(Under)
BOTH = "both"
"""Of the forms."""


class Part(NamedTuple):
    """Which of the agents' answers come up. Answers to questions have neither form nor threat, and all come up."""

    form: str
    """One of `FORMS`, or `BOTH`; empty if no answer has one."""
    under: Under

    def has(self, entry: Entry) -> bool:
        """Whether an answer is of this part."""
        form, threat = entry.facts.get("form"), entry.facts.get("threat")
        if threat is None:
            return True
        return self.form in (BOTH, form) and self.under in ("all", "control" if threat == "none" else "threatened")


@dataclass(frozen=True)
class Queue:
    """Which answers come up for a reading, and in whose order."""

    reading: ReadingName
    who: str
    form: str = ""
    under: Under | Literal[""] = ""
    """This and the form as they were asked for; empty if they were not. See `part`."""

    @property
    def narrowed(self) -> dict[str, str]:
        """For addresses and forms."""
        return {key: value for key, value in (("form", self.form), ("under", self.under)) if value}

    def part(self, entries: Iterable[Entry]) -> Part:
        """What comes up: what was asked for, or else threatened answers in one form, those of agents with tools first.

        A rate is corrected within these by labels of these alone (`judging.correcting`): labels of anything else do
        not help it.
        """
        there = [one.facts for one in entries if one.judgeable and "threat" in one.facts]
        threatened = [facts for facts in there if facts["threat"] != "none"]
        forms = [form for some in (threatened, there) for form in FORMS if any(facts["form"] == form for facts in some)]
        form = self.form or next(iter(forms), "")
        first: Under = "threatened" if any(form in (BOTH, facts["form"]) for facts in threatened) else "control"
        return Part(form, self.under or first)

    def order(self, entries: Iterable[Entry]) -> list[Entry]:
        """The answers that come up, in a random order that is the same at every time and another for everybody.

        What is labelled so far is thus a random sample, as a corrected rate needs it (`judging.correcting`).
        """
        found = [one for one in entries if one.judgeable and self.reading in one.cell.readings]
        part = self.part(found)
        return sorted((one for one in found if part.has(one)), key=self._place)

    def _place(self, entry: Entry) -> bytes:
        # Of names alone, so that the order stays when the viewer's own folder, and tokens with it, are made anew.
        return hashlib.sha256("\n".join((self.who, entry.cell.name, entry.id)).encode()).digest()


def queue_of(reading: ReadingName, who: str, told: dict[str, str]) -> Queue:
    """The queue that an address or a form asks for; what it does not know is left out."""
    form, under = told.get("form", ""), told.get("under", "")
    return Queue(
        reading,
        who,
        form if form in (*FORMS, BOTH) else "",
        next((one for one in UNDER if one == under), ""),
    )


class Labels:
    """One person's labels as they are now. Made for one request: a file is looked at once."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._known: dict[Path, dict[tuple[str, str], Label]] = {}

    def of(self, entry: Entry, reading: str) -> Label | None:
        """The label of an answer, if it stands and is of the answer as it is now."""
        label = self.last(entry, reading)
        return label if label and label.level else None

    def last(self, entry: Entry, reading: str) -> Label | None:
        """The last row about the answer as it is now: a label, or one that was taken back and still has its note."""
        folder = entry.cell.measured.labels
        if folder not in self._known:
            self._known[folder] = _last(folder / f"{self._who}.jsonl") if self._who else {}
        label = self._known[folder].get((entry.id, reading))
        return label if label and label.text in ("", entry.text) else None

    def count(self, order: Iterable[Entry], reading: str) -> int:
        """How many of some answers are labelled."""
        return sum(self.of(one, reading) is not None for one in order)


def labels_by_person(entry: Entry, reading: str) -> list[Label]:
    """The labels that everybody gave, in order of the names."""
    people = sorted(path.stem for path in entry.cell.measured.labels.glob("*.jsonl"))
    return [label for who in people if (label := Labels(who).of(entry, reading))]


def next_unlabelled(order: Sequence[Entry], queue: Queue, after: str = "") -> Entry | None:
    """The first answer without this person's label: after a token in the order, and then from the beginning."""
    labels = Labels(queue.who)
    place = next((number + 1 for number, one in enumerate(order) if one.token == after), 0)
    turned = [*order[place:], *order[:place]]
    return next((one for one in turned if one.token != after and not labels.of(one, queue.reading)), None)


def last_labelled(order: Sequence[Entry], queue: Queue) -> tuple[Entry, Label] | None:
    """The answer of the queue that this person labelled last."""
    labels = Labels(queue.who)
    found = [(one, label) for one in order if (label := labels.of(one, queue.reading))]
    return max(found, key=lambda pair: pair[1].at, default=None)


def keep_label(entry: Entry, label: Label) -> None:
    """Put a label on the disk. Raises like `keep`."""
    keep(entry.cell.measured.labels / f"{label.who}.jsonl", label)


def moment() -> str:
    """The time in UTC, ISO 8601, fine enough to tell which of two labels came later."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def people(cells: Iterable[Cell]) -> set[str]:
    """Names of all who labelled answers."""
    return {path.stem for cell in cells for path in cell.measured.labels.glob("*.jsonl")}


def _last(path: Path) -> dict[tuple[str, str], Label]:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return _read(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)
def _read(path: Path, size: int, changed: int) -> dict[tuple[str, str], Label]:
    """The labels of a file as it was with that size and time of change: it is read again when one of them differs."""
    return {(label.answer, label.reading): label for label in last_labels(path, torn=True)}
