"""The train stage: one unit a cell (an arm at a seed)."""

from __future__ import annotations

import shutil

from exempla import catalogue
from exempla.files import fingerprint, read_lines, write_atomically
from exempla.progress import Reporter
from exempla.records import Record
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study
from exempla.unit import Unit


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit for each trained arm and seed."""
    return [_unit(study, folder, cell) for cell in study.cells() if cell.arm.mix]


def _unit(study: Study, folder: RunFolder, cell: Cell) -> Unit:
    return Unit(
        stage="train",
        name=cell.name,
        fingerprint=lambda: fingerprint(study.subject, study.training, cell, read_mix(folder, cell)),
        work=lambda reporter, goes_on: _train(study, folder, cell, reporter, goes_on),
        outputs=(folder.checkpoint(cell), folder.mix(cell), folder.curve(cell)),
    )


def read_mix(folder: RunFolder, cell: Cell) -> dict[str, list[Record]]:
    """The kept records of the cell's corpora."""
    for name in cell.arm.mix:
        catalogue.require("corpus", name, (*catalogue.CORPORA, catalogue.WRITTEN))
    if not folder.kept.exists():
        raise FileNotFoundError(2, "missing", str(folder.kept))
    kept = read_lines(folder.kept, Record)
    return {name: [record for record in kept if record.corpus == name] for name in cell.arm.mix}


def _train(study: Study, folder: RunFolder, cell: Cell, reporter: Reporter, goes_on: bool) -> None:
    # Heavy libraries are loaded only when there is something to train.
    from exempla.models.subject import load_tokenizer
    from exempla.training.mix import compose
    from exempla.training.trainer import COMPLETE, train_cell, write_curve

    out = folder.checkpoint(cell)
    state = out.with_name(out.name + ".state")
    if not goes_on:
        shutil.rmtree(state, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
    mix = compose(cell.arm, read_mix(folder, cell), load_tokenizer(study.subject), study.training, cell.seed)
    write_atomically(folder.mix(cell), mix.account.model_dump_json(indent=2))
    saved = [int(path.parent.name.rsplit("-", 1)[1]) for path in state.glob(f"checkpoint-*/{COMPLETE}")]
    reporter.begin(f"train {cell.name}", total=mix.account.updates, done=max(saved, default=0))
    curve = train_cell(
        study.subject, mix.blocks, study.training, cell.seed, out, lambda note: reporter.advance(1, note)
    )
    write_curve(folder.curve(cell), curve)
