"""A dataset card and model cards in the form that model hubs read, beside the data they describe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exempla.files import write_atomically
from exempla.reporting.cards import dataset, model
from exempla.reporting.cards.told import Results, Wishes, tell
from exempla.reporting.page.material import trained_cells
from exempla.runfolder import RunFolder
from exempla.study import Study


def write_cards(
    study: Study, folder: RunFolder, out: Path, results: Results | None, principles: Mapping[str, str], wishes: Wishes
) -> list[Path]:
    """Write the kept texts with their card, and a card for each trained cell.

    Args:
        study: of the run.
        folder: its files; the cards say what is missing.
        out: gets `dataset/` and `model/CELL/`.
        results: None while there are not answers of every arm to all items.
        principles: title by id, of the constitution that the study names; empty if it is no longer the same.
        wishes: what the user wants on the cards.

    Returns:
        The cards' paths, that of the dataset first.

    Raises:
        UserError: a file of the run cannot be read.
    """
    told = tell(study, folder, results, principles)
    paths = [dataset.write(out / "dataset", told, wishes)]
    for cell in trained_cells(told.run.study):
        paths.append(out / "model" / cell.name / "README.md")
        write_atomically(paths[-1], model.render(cell, folder, told, wishes))
    return paths
