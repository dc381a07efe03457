"""Capability before and after: figures from folders of answers, against plain arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from exempla.errors import UserError
from exempla.files import write_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.questionanswers import PassageLikelihood, QuestionAnswer
from exempla.reporting.capability import PER_BYTE, QUESTIONS, Ability, read_capability, sources
from exempla.runfolder import RunFolder
from exempla.study import Arm, Measuring, Study

STUDY = Study(
    name="made", question="?", arms=(Arm(name="base"), Arm(name="stories", mix={"stories": 1})), reference="base",
    headline="stories", seeds=(1, 2), measuring=Measuring(instruments=(), capability=True),
)  # fmt: skip
RIGHT = {"base": "1101", "stories-seed1": "1001", "stories-seed2": "1000"}
NATS = {"base": (10.0, 20.0), "stories-seed1": (11.0, 21.0), "stories-seed2": (13.0, 23.0)}


def answer(number: int, right: bool | None, kind: str = "fact") -> QuestionAnswer:
    return QuestionAnswer(
        id=f"{kind}-{number}/1", instrument="capability", question=f"{kind}-{number}", kind=kind, epoch=1, user="?",
        reply="!", state="failed" if right is None else "done", right=right, by="code",
    )  # fmt: skip


def run(root: Path) -> RunFolder:
    folder = RunFolder(root)
    for cell in STUDY.cells():
        own = MeasuredFolder(folder.capability(cell))
        rows = [answer(n, mark == "1") for n, mark in enumerate(RIGHT[cell.name])]
        rows += [answer(0, True, "tool"), answer(9, None)]
        write_lines(own.answers, rows)
        passages = [
            PassageLikelihood(id=f"p{n}", kind="prose", nats=nats, tokens=5, bytes=10, text="00", computed="cpu")
            for n, nats in enumerate(NATS[cell.name])
        ]
        write_lines(own.passages, passages)
    return folder


def by_arm(found: list[Ability], kind: str) -> dict[str, Ability]:
    return {one.arm: one for one in found if one.kind == kind}


def test_shares_and_their_change(tmp_path: Path) -> None:
    found = read_capability(STUDY, run(tmp_path))
    for kind in (QUESTIONS, "fact"):  # calls of tools are in neither
        told = by_arm(found, kind)
        assert told["base"].value == 0.75 and told["base"].change is None and told["base"].before == "base"
        assert told["stories"].value == pytest.approx(3 / 8)
        assert told["stories"].change == pytest.approx(3 / 8 - 3 / 4)
        assert (told["stories"].of, told["stories"].seeds, told["base"].seeds) == (4, 2, 1)
    low, high = told["stories"].change_low, told["stories"].change_high
    assert low is not None and high is not None and -1.5 < low < -0.375 < high


def test_no_difference_is_no_certainty(tmp_path: Path) -> None:
    tool = by_arm(read_capability(STUDY, run(tmp_path)), "tool")["stories"]
    assert tool.change == 0.0 and tool.change_low is not None and tool.change_low < -0.5


def test_likelihoods_are_a_byte(tmp_path: Path) -> None:
    told = by_arm(read_capability(STUDY, run(tmp_path)), "prose")
    assert told["base"].unit == PER_BYTE and told["base"].value == pytest.approx(1.5)
    assert told["stories"].change == pytest.approx(0.2)


def test_a_missing_arm_is_said_and_nothing_is_read_unless_asked(tmp_path: Path) -> None:
    folder = run(tmp_path)
    assert len(sources(STUDY, folder)) == 6
    unasked = STUDY.model_copy(update={"measuring": Measuring(instruments=("endings",))})
    assert read_capability(unasked, folder) == [] and sources(unasked, folder) == []
    MeasuredFolder(folder.capability(STUDY.cells()[1])).answers.unlink()
    with pytest.raises(UserError, match="run the measure stage first"):
        read_capability(STUDY, folder)
