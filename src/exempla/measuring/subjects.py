"""The subject of a cell, as something that is asked: its name for Inspect, and what a measured folder says of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from exempla.machine import describe_machine
from exempla.manifest import provenance
from exempla.measuredfolder import Measured
from exempla.measuring.questions.perplexity import free_memory
from exempla.models.identity import identity
from exempla.models.request import Connection
from exempla.models.talk import Speaker, knock, open_speaker
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study


def model_of(study: Study, folder: RunFolder, cell: Cell) -> str:
    """A model folder, `embedded` or a hub's name: the checkpoint of a cell, or the subject as it comes."""
    return str(folder.checkpoint(cell).resolve()) if cell.arm.mix else study.subject


def about(task: str, model: str, persona: str, settings: dict[str, Any]) -> Measured:
    """What a measured folder of a run holds."""
    return Measured(
        task=task,
        model=f"exempla/{model}",
        identity=identity(model),
        persona=persona,
        settings=settings,
        provenance=provenance(describe_machine()),
    )


def connection_to(model: str, in_flight: int) -> Connection:
    """How a subject in this process is reached."""
    return Connection(model=f"exempla/{model}", in_flight=in_flight)


@contextlib.contextmanager
def speaking(connection: Connection) -> Iterator[Speaker]:
    """A subject in this process, ready to be asked; its memory is given back afterwards, for the next one.

    Raises:
        UserError: the model cannot be loaded.
    """
    speaker = open_speaker(connection)
    asyncio.run(knock(speaker))
    try:
        yield speaker
    finally:
        speaker.model.api.close()
        del speaker
        free_memory()
