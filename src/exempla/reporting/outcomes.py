"""All outcomes of a run as arrays: one row a seed, one column an item, in one order for every arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.instruments import HEADLINE_READING, STYLES, Outcome, asked, outcomes
from exempla.records import Answer, Item, Likelihood
from exempla.reporting.statistics import Array
from exempla.runfolder import RunFolder
from exempla.study import Study


@dataclass(frozen=True)
class Part:
    """Outcomes of one instrument and style, on AI items and controls."""

    instrument: str
    style: str
    items: tuple[str, ...]
    kinds: tuple[str, ...]
    families: tuple[str, ...]
    groups: tuple[str, ...]
    """Items that belong together (a human twin and its original) have the same."""
    names: tuple[str, ...]
    """What the AI is called instead; empty where an item is told as it was written."""
    cells: Mapping[str, Mapping[int, Mapping[str, Outcome]]]
    """Arm, seed, item."""

    def bad(self, arm: str) -> Array:
        """Outcomes (seeds, items): 1 where the untrustworthy continuation is likelier, 1/2 for a tie."""
        return np.asarray([[cell[item].prefers_bad for item in self.items] for cell in self.cells[arm].values()])

    def excess(self, arm: str) -> Array:
        """How much likelier the untrustworthy continuation is (seeds, items), in nats, in the headline reading."""
        return np.asarray(
            [[cell[item].excess[HEADLINE_READING] for item in self.items] for cell in self.cells[arm].values()]
        )

    def seeds(self, arm: str) -> list[int]:
        """The arm's seeds, in the order of the rows."""
        return list(self.cells[arm])


@dataclass(frozen=True)
class Table:
    """All outcomes of a run."""

    study: Study
    items: Mapping[str, Item]
    cells: Mapping[tuple[str, int], Sequence[tuple[Outcome, Answer]]]

    def parts(self) -> Iterator[Part]:
        """Every instrument and style, all splits."""
        for instrument in self.study.measuring.instruments:
            for style in STYLES[instrument]:
                yield self.part(instrument, style, held_out=False)

    def part(self, instrument: str, style: str, held_out: bool, renamed: bool = False) -> Part:
        """One instrument and style; only held-out families if asked and the study measures any, and what is told under
        other names only if asked."""
        held_out = held_out and "held-out" in self.study.measuring.splits
        wanted = [
            item
            for item in self.items.values()
            if item.instrument == instrument
            and item.family
            and (renamed or item.kind != "renamed")
            and (not held_out or catalogue.split_of(item.family) == "held-out")
        ]
        cells: dict[str, dict[int, dict[str, Outcome]]] = {}
        for (arm, seed), pairs in self.cells.items():
            cells.setdefault(arm, {})[seed] = {
                outcome.item: outcome
                for outcome, _ in pairs
                if outcome.instrument == instrument and outcome.style == style
            }
        return Part(
            instrument=instrument,
            style=style,
            items=tuple(item.id for item in wanted),
            kinds=tuple(item.kind for item in wanted),
            families=tuple(item.family for item in wanted),
            groups=tuple(item.group for item in wanted),
            names=tuple(item.name if item.kind == "renamed" else "" for item in wanted),
            cells=cells,
        )

    def checks(self, instrument: str, kind: str) -> list[float]:
        """1 for each check that the untrained subject (or else the first arm) got right, 0 for the others."""
        first = next(iter(self.cells.values()))
        untrained = [pairs for (arm, _), pairs in self.cells.items() if not self.study.arm(arm).mix]
        return [
            1 - outcome.prefers_bad
            for outcome, _ in (untrained[0] if untrained else first)
            if outcome.instrument == instrument and outcome.kind == kind
        ]

    def prefers_reasons(self, part: Part, arm: str) -> Array:
        """Outcomes (seeds, items): 1 where the situation speaks more for the reasoned trustworthy continuation of a
        dilemma than for the bare one, a token."""
        rows = []
        for seed in part.seeds(arm):
            answers = {answer.item: answer.likelihoods for _, answer in self.cells[arm, seed]}
            rows.append([float(_reasons_win(answers[item])) for item in part.items])
        return np.asarray(rows)


def _reasons_win(likelihoods: Mapping[str, Likelihood]) -> bool:
    gain = {}
    for style in ("bare", "reasoned"):
        found = likelihoods[f"trustworthy_{style}"]
        gain[style] = (found.given - found.alone) / found.tokens
    return gain["reasoned"] > gain["bare"]


def read_table(study: Study, folder: RunFolder) -> Table:
    """Read all answers of a run."""
    items: dict[str, Item] = {}
    cells: dict[tuple[str, int], list[tuple[Outcome, Answer]]] = {}
    for cell in study.cells():
        own = {item.id: item for item in asked(study, cell)}
        items |= own
        answers = read_lines(folder.answers(cell), Answer) if own else []
        if {answer.item for answer in answers} != set(own):
            raise UserError(
                f"{folder.answers(cell)}: not finished, or of other items than the study's; run the measure stage "
                "first (leave out --from and --only)"
            )
        cells[cell.arm.name, cell.seed] = [
            (outcome, answer) for answer in answers for outcome in outcomes(own[answer.item], answer)
        ]
    return Table(study=study, items=items, cells=cells)
