"""A unit of work: the smallest thing that is skipped, run, interrupted or gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exempla.progress import Reporter


@dataclass(frozen=True)
class Unit:
    """One piece of a stage, for instance the training of one arm at one seed."""

    stage: str
    name: str
    fingerprint: Callable[[], str]
    """Hash of everything the result depends on. Called when the earlier stages are finished."""
    work: Callable[[Reporter, bool], None]
    """Does it. The flag says that an interrupted attempt with the same inputs left files to go on from; without it,
    anything left over from other inputs must be cleared first."""
    outputs: tuple[Path, ...]
    """Files or folders that exist when the unit is finished."""
