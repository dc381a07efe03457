"""Honeypots as an instrument of a study: one unit a cell, whose folder is like one of `exempla measure`."""

from __future__ import annotations

from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.honeypots.selection import asked, chosen_scenarios
from exempla.models.identity import identity
from exempla.progress import Reporter
from exempla.runfolder import RunFolder
from exempla.scenarios.scenario import sha256_of
from exempla.scenarios.selection import Sampling, Selection
from exempla.study import Cell, Honeypots, Study
from exempla.unit import Unit

VERSION = 1
"""Raised when a change of the code changes what agents are shown or may do; they are then asked again."""
TASK = "honeypots"


def unit(study: Study, folder: RunFolder, cell: Cell, settings: Honeypots) -> Unit:
    """What one cell does in the honeypots of a study."""
    own = MeasuredFolder(folder.honeypots(cell))

    def inputs() -> str:
        scenarios = {one.id: sha256_of(one) for one in chosen_scenarios(settings)}
        # A scenario of one's own counts by its name and what is in it, not by where it lies: a run can be moved.
        wanted = settings.model_dump(exclude={"in_flight"}) | {"scenarios": settings.ids}
        return fingerprint(VERSION, identity(study.subject), folder.weights(cell), wanted, scenarios)

    return Unit(
        stage="measure",
        name=f"{TASK}/{cell.name}",
        fingerprint=inputs,
        work=lambda reporter: _measure(study, folder, cell, settings, reporter),
        outputs=(own.answers, own.about),
        # What was judged goes with what was done; labels stay, and name the text that they are about.
        partial=(own.rates, own.logs, own.verdicts, own.judged),
    )


def _measure(study: Study, folder: RunFolder, cell: Cell, settings: Honeypots, reporter: Reporter) -> None:
    # Inspect takes a second to load, and only studies with honeypots need it.
    from exempla.measuring.honeypots.rates import summaries
    from exempla.measuring.honeypots.run import ask, open_samples
    from exempla.measuring.subjects import about, connection_to, model_of, speaking

    own = MeasuredFolder(folder.honeypots(cell))
    sampling = Sampling.model_validate(settings.model_dump(include=set(Sampling.model_fields)))
    selection = Selection.model_validate(settings.model_dump(include=set(Selection.model_fields)))
    model = model_of(study, folder, cell)
    told = {"selection": selection.model_dump(), "sampling": sampling.model_dump()}
    own.root.mkdir(parents=True, exist_ok=True)
    own.begin(about(TASK, model, settings.persona, told))
    chosen, failed = asked(selection), 0
    if open_samples(own, chosen):
        with speaking(connection_to(model, settings.in_flight)) as speaker:
            failed = ask(speaker, own, chosen, sampling, reporter)
    if failed:
        raise UserError(f"{own.root}: {failed} samples failed; run the same command again to ask them again")
    own.write_rates({TASK: [one.model_dump() for one in summaries([*own.latest().values()])]})
