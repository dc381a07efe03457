"""A measurement's folder, made ready for what is asked of which model; for all tasks of `exempla measure`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exempla.machine import describe_machine
from exempla.manifest import provenance
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.models.identity import full_name, identity
from exempla.models.request import Connection, without_secrets
from exempla.runfolder import hold, open_folder

HONEYPOTS = "honeypots"


def connection_of(options: Mapping[str, Any]) -> Connection:
    """How the subject is reached."""
    return Connection(model=full_name(options["model"]), base_url=options["base_url"], in_flight=options["connections"])


def folder_of(options: Mapping[str, Any]) -> MeasuredFolder:
    """Where the answers go: `--out`, or measured/MODEL, and for tasks other than honeypots measured/MODEL-TASK."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", full_name(options["model"]).removeprefix("exempla/")).strip("-.") or "model"
    name = slug if options["task"] == HONEYPOTS else f"{slug}-{options['task']}"
    return MeasuredFolder(options["out"] or Path("measured") / name)


@contextlib.contextmanager
def begun(options: Mapping[str, Any], persona: str, settings: dict[str, Any]) -> Iterator[MeasuredFolder]:
    """The folder, locked, with a note of what is being asked.

    Args:
        options: of the command.
        persona: the subject's own name; empty where none is asked about.
        settings: what is asked, and how the model is sampled.

    Raises:
        UserError: it holds something else.
    """
    folder, connection = folder_of(options), connection_of(options)
    local = connection.model.removeprefix("exempla/")
    about = Measured(
        task=options["task"],
        model=connection.model,
        identity=identity(local) if connection.local else connection.model,
        address=without_secrets(connection.base_url),
        persona=persona,
        settings=settings,
        provenance=provenance(describe_machine()),
    )
    open_folder(folder.root)
    with hold(folder.root):
        folder.begin(about)
        yield folder
