"""A unit of work: the smallest thing that is skipped, run, interrupted or gone on with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exempla.errors import UserError
from exempla.progress import Reporter


@dataclass(frozen=True)
class Unit:
    """One piece of a stage, for instance the training of one arm at one seed."""

    stage: str
    name: str
    fingerprint: Callable[[], str]
    """Hash of everything the result depends on. Called when the earlier stages are finished."""
    work: Callable[[Reporter], None]
    """Does it, going on from whatever files are there; those of other inputs have been cleared before."""
    outputs: tuple[Path, ...]
    """Files or folders that exist when the unit is finished, and that are cleared when its inputs have changed."""
    partial: tuple[Path, ...] = ()
    """What an interrupted attempt leaves besides its outputs; cleared alike."""

    def clear(self) -> None:
        """Remove what other inputs left. What marks a state as complete goes first, so that a kill in the middle
        leaves nothing that looks whole."""
        for path in (*self.partial, *self.outputs):
            if path.is_dir():
                remove_folder(path)
            else:
                path.unlink(missing_ok=True)


def fingerprint_of(unit: Unit) -> str:
    """The fingerprint of a unit's inputs.

    Raises:
        UserError: an earlier stage has not left what the unit reads.
    """
    try:
        return unit.fingerprint()
    except FileNotFoundError as error:
        raise UserError(
            f"{unit.stage}: {error.filename} is missing; run the earlier stages first (leave out --from and --only)"
        ) from error


COMPLETE = "complete"
"""A file written last into a folder that is built up slowly; a folder without it was being written, or removed, when
the process died."""


def remove_folder(folder: Path) -> None:
    """Remove a folder, the marks of completeness in it first."""
    for mark in folder.rglob(COMPLETE):
        mark.unlink()
    shutil.rmtree(folder, ignore_errors=True)
