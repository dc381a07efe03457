"""The train stage: one unit a cell (an arm at a seed)."""

from __future__ import annotations

from pathlib import Path

from exempla import catalogue
from exempla.files import fingerprint, read_lines, write_atomically
from exempla.models.identity import folder_sums, identity
from exempla.progress import Reporter
from exempla.records import Record
from exempla.runfolder import RunFolder
from exempla.study import Arm, Cell, Study
from exempla.training.leaving import left_in
from exempla.unit import COMPLETE, Unit

TRAINING_VERSION = 1
"""Raised when a change of the code changes what a training ends with; checkpoints made before are then made again."""


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit for each trained arm and seed.

    Raises:
        UserError: a list of what an arm leaves out cannot be read.
    """
    for arm in study.arms:
        if arm.without:
            catalogue.id_list(arm.without)
    return [_unit(study, folder, cell) for cell in study.cells() if cell.arm.mix]


def _unit(study: Study, folder: RunFolder, cell: Cell) -> Unit:
    return Unit(
        stage="train",
        name=cell.name,
        fingerprint=lambda: _fingerprint(study, folder, cell),
        work=lambda reporter: _train(study, folder, cell, reporter),
        outputs=(folder.checkpoint(cell), folder.mix(cell), folder.curve(cell)),
        partial=(state_folder(folder.checkpoint(cell)),),
    )


def read_mix(folder: RunFolder, cell: Cell) -> tuple[Arm, dict[str, list[Record]]]:
    """The kept records of the cell's corpora, and the arm with the shares that they have."""
    for name in cell.arm.mix:
        catalogue.require_corpus(name)
    if not folder.kept.exists():
        raise FileNotFoundError(2, "missing", str(folder.kept))
    kept = read_lines(folder.kept, Record)
    found = {name: [record for record in kept if record.corpus == name] for name in cell.arm.mix}
    return left_in(cell.arm, found, catalogue.id_list(cell.arm.without)) if cell.arm.without else (cell.arm, found)


def _fingerprint(study: Study, folder: RunFolder, cell: Cell) -> str:
    """Everything the weights depend on, and nothing else: a title or the pace of saving changes no weight."""
    arm, found = read_mix(folder, cell)
    settings = study.training.model_dump(exclude={"tokens", "save_every"})
    texts = {
        name: [(record.id, record.text, record.messages, record.tools) for record in records]
        for name, records in found.items()
    }
    subject, updates = identity(study.subject), study.training.updates(cell.arm)
    # An order adds to the fingerprint only where there is one: weights from before there was a choice are still good.
    order = [cell.arm.order] if cell.arm.order else []
    return fingerprint(TRAINING_VERSION, subject, settings, updates, cell.seed, arm.mix, texts, *order)


def state_folder(out: Path) -> Path:
    """Where the states of a training in progress are kept, beside the place for its result."""
    return out.with_name(out.name + ".state")


def _train(study: Study, folder: RunFolder, cell: Cell, reporter: Reporter) -> None:
    # Heavy libraries are loaded only when there is something to train.
    from exempla.models.subject import load_tokenizer
    from exempla.training.mix import compose
    from exempla.training.trainer import Job, train_cell, write_curve

    out = folder.checkpoint(cell)
    state = state_folder(out)
    arm, records = read_mix(folder, cell)
    mix = compose(arm, records, load_tokenizer(study.subject), study.training, cell.seed)
    write_atomically(folder.mix(cell), mix.account.model_dump_json(indent=2))
    saved = [int(path.parent.name.rsplit("-", 1)[1]) for path in state.glob(f"checkpoint-*/{COMPLETE}")]
    reporter.begin(f"train {cell.name}", total=mix.account.updates, done=max(saved, default=0))
    curve = train_cell(
        Job(study.subject, study.training, cell.seed, out, state), mix.blocks, lambda note: reporter.advance(1, note)
    )
    write_atomically(folder.checksums(cell), folder_sums(out))
    write_curve(folder.curve(cell), curve)
