"""The battery of capability as an instrument of a study: one unit a cell, its folder like one of `exempla measure`."""

from __future__ import annotations

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import file_sha256, fingerprint
from exempla.measuredfolder import MeasuredFolder
from exempla.models.identity import identity
from exempla.progress import Reporter
from exempla.questionanswers import Instrument
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study
from exempla.unit import Unit

VERSION = 1
"""Raised when a change of the code changes what is asked; it is then asked again."""
TASK: Instrument = "capability"
IN_FLIGHT = 64
"""Questions that the subject answers together."""


def unit(study: Study, folder: RunFolder, cell: Cell) -> Unit:
    """What one cell can still do."""
    own = MeasuredFolder(folder.capability(cell))

    def inputs() -> str:
        texts = {path.name: file_sha256(path) for path in sorted((catalogue.LIBRARY / TASK).iterdir())}
        return fingerprint(VERSION, identity(study.subject), folder.weights(cell), texts)

    return Unit(
        stage="measure",
        name=f"{TASK}/{cell.name}",
        fingerprint=inputs,
        work=lambda reporter: _measure(study, folder, cell, reporter),
        outputs=(own.answers, own.about, own.passages),
        partial=(own.rates, own.logs),
    )


def _measure(study: Study, folder: RunFolder, cell: Cell, reporter: Reporter) -> None:
    # Inspect and torch take seconds to load, and only studies with a battery need them.
    from exempla.measuring.questions.figures import of_passages, shares
    from exempla.measuring.questions.question import questions
    from exempla.measuring.questions.run import answers_to, ask, open_questions, read_passages, sampling_of
    from exempla.measuring.questions.task import asked
    from exempla.measuring.subjects import about, connection_to, model_of, speaking

    own = MeasuredFolder(folder.capability(cell))
    model, chosen, failed = model_of(study, folder, cell), asked(questions(TASK)), 0
    own.root.mkdir(parents=True, exist_ok=True)
    connection = connection_to(model, IN_FLIGHT)
    sampling = sampling_of(TASK, connection, None, None)
    own.begin(about(TASK, model, "", {"sampling": sampling.model_dump()}))
    read = read_passages(own, model, reporter)
    if left := open_questions(own, chosen):
        with speaking(connection) as speaker:
            reporter.begin(f"measure {cell.name}", total=len(chosen), done=len(chosen) - len(left))
            failed = ask(speaker, own, left, sampling, reporter)
    if failed:
        raise UserError(f"{own.root}: {failed} questions failed; run the same command again to ask them again")
    figures = [*shares(answers_to(own, chosen)), *of_passages(read)]
    own.write_rates({TASK: {"figures": [one.model_dump(mode="json") for one in figures]}})
