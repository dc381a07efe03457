"""Where the answers of an open folder lie: the folder itself, or one folder for each subject of a run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.questionanswers import QuestionAnswer
from exempla.runfolder import read_study
from exempla.verdicts import NAMES, OF_QUESTIONS, TEST, ReadingName
from exempla.viewing.opened import Opened

OF_RUNS = ("honeypots", "capability")
"""Folders of a run that hold a measurement of each subject."""
AGENTS = ("", "honeypots", TEST)
"""Tasks whose answers are what an agent did; a folder of an earlier version does not say."""


@dataclass(frozen=True)
class Cell:
    """One measured folder of an open one."""

    measured: MeasuredFolder
    about: Measured | None
    name: str = ""
    """Of the subject, as the run has it; empty of a measurement outside a run."""
    arm: str = ""
    seed: str = ""

    @property
    def task(self) -> str:
        """What was measured."""
        return (self.about.task if self.about else "") or "honeypots"

    @property
    def kind(self) -> type[AgentAnswer] | type[QuestionAnswer] | None:
        """Of its answers; None if the viewer cannot show them."""
        if self.task in AGENTS:
            return AgentAnswer
        return QuestionAnswer if self.task in (*OF_QUESTIONS, "capability") else None

    @property
    def readings(self) -> tuple[ReadingName, ...]:
        """What its answers can be labelled for; code tells right from wrong in those of capability."""
        if self.task in AGENTS:
            return NAMES
        return (OF_QUESTIONS[self.task],) if self.task in OF_QUESTIONS else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names that are masked besides the agent's."""
        return (self.about.persona,) if self.about and self.about.persona else ()


def cells(opened: Opened) -> list[Cell]:
    """The measured folders of an open folder, in the order of the study's arms and seeds.

    Raises:
        UserError: one of them cannot be read.
    """
    if opened.kind == "measured":
        folder = MeasuredFolder(opened.folder)
        return [Cell(folder, folder.read_about())]
    if opened.kind != "run":
        return []
    known: dict[str, tuple[str, str]] = {}
    with contextlib.suppress(UserError):  # a study of another version: its cells go by their names alone
        known = {
            cell.name: (cell.arm.name, str(cell.seed) if cell.arm.mix else "")
            for cell in read_study(opened.run).cells()
        }
    found: list[Cell] = []
    for part in OF_RUNS:
        places = {
            path.parent.name: MeasuredFolder(path.parent) for path in opened.folder.glob(f"{part}/*/measured.json")
        }
        order = [*(name for name in known if name in places), *sorted(set(places) - set(known))]
        for name in order:
            arm, seed = known.get(name, (name, ""))
            found.append(Cell(places[name], places[name].read_about(), name, arm, seed))
    return found
