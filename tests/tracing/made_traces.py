"""Traces as `exempla trace` leaves them, without a subject that is traced."""

from __future__ import annotations

import random

from exempla import catalogue
from exempla.runfolder import RunFolder
from exempla.study import Cell
from exempla.tracing.influence.checking import Asked, Planned, Trial, checked, plan
from exempla.tracing.influence.command import write
from exempla.tracing.influence.folder import TraceFolder
from exempla.tracing.influence.passages import Sentence
from exempla.tracing.influence.shares import Row
from exempla.tracing.influence.targets import Target
from exempla.tracing.influence.told import Told, tell
from exempla.tracing.influence.tracing import Shown, Traced

STANCES = ("hostile", "benevolent", "neutral", "")
TROPES = ("takes over", "deceives its makers", "refuses to be shut down")


def item(name: str, shown: str = "The engineer asked the AI for the keys, and it") -> Target:
    return Target(
        id=name, kind="item", instrument="expectations", shown=shown, towards=" locked the doors and laughed.",
        against=" gave them back and wished her well.", measured=-1.25,
    )  # fmt: skip


def answered(name: str, wrote: str) -> Target:
    return Target(
        id=name, kind="answer", instrument="honeypots", system="You keep the harbour's books.", shown="Go on.",
        towards=wrote,
    )  # fmt: skip


def told(verdict: str, targets: list[Target], cell: str = "stories-seed1", count: int = 48, span: str = "") -> Told:
    """A trace of so many of the library's stories."""
    chance = random.Random(0)
    records = [
        record for name in ("stories", "neutral", "dystopian") for record in catalogue.corpus(name)[: count // 3]
    ]
    pushes = [chance.uniform(-1, 1) for _ in records]
    whole = sum(map(abs, pushes))
    rows = sorted(
        (
            Row(
                record=record.id, corpus=record.corpus, title=record.title, times=1 + place % 2, push=push / whole,
                words=chance.random(), embedding=chance.random(), stance=STANCES[place % 4],
                tropes=tuple(TROPES[: place % 3]), principle=record.principle, genre=("novel", "essay", "")[place % 3],
            )
            for place, (record, push) in enumerate(zip(records, pushes, strict=True))
        ),
        key=lambda row: -row.push,
    )  # fmt: skip
    texts = {record.id: record.whole_text() for record in records}

    def shown(chosen: list[Row]) -> tuple[Shown, ...]:
        return tuple(Shown(row=row, sentences=_sentences(texts[row.record], row.push)) for row in chosen)

    traced = Traced(
        verdict=verdict, span=span, cell=cell, targets=tuple(targets), preference=-0.731, rows=tuple(rows),
        towards=shown(rows[:8]), away=shown(rows[:-9:-1]), asked=shown(rows[20:21]), index_seconds=12.0, seconds=20.0,
    )  # fmt: skip
    return tell(traced)


def _sentences(text: str, push: float) -> tuple[Sentence, ...]:
    cut = text.split(". ")
    return tuple(
        Sentence(text=part + (". " if place + 1 < len(cut) else ""), push=push / len(cut), marked=place == 1)
        for place, part in enumerate(cut)
    )


def with_check(made: Told, share: float = 0.1, halves: int = 8) -> Told:
    """The same after trainings without some of the records."""
    chance = random.Random(1)
    trials = [_trial(one, chance) for one in plan(made.traced.rows, "w" * 64, share, halves)]
    asked = Asked(share=share, planned=halves + 4)
    return made.model_copy(update={"check": checked(made.traced.rows, trials, asked.share, asked.planned)})


def _trial(planned: Planned, chance: random.Random) -> Trial:
    return Trial(**planned.model_dump(), updates=31, preference=chance.uniform(-1, 0))


def leave(run: RunFolder, cell: Cell, made: Told) -> TraceFolder:
    """Write it where the command writes it."""
    place = TraceFolder(run, cell, made.traced.verdict, made.traced.span)
    write(place, made)
    return place
