"""What tracing leaves in a run: an index for each checkpoint, and a folder for each thing that was traced."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.files import fingerprint, write_atomically
from exempla.records import Frozen
from exempla.runfolder import RunFolder
from exempla.study import Cell

VERSION = 1
"""Raised when a change of the code changes influences; indexes made before are then refused."""


FIGURES = "trace.json"
PAGE = "trace.html"


class Index(Frozen):
    """What an index was made from."""

    version: int
    weights: str
    """Fingerprint of the training that the checkpoint came from."""
    texts: str
    """Fingerprint of what was read."""
    library: str
    """Name and version of the library that made it."""
    device: str
    seconds: float


def trace_pages(run: RunFolder) -> list[tuple[str, Path]]:
    """The page of everything that was traced in a run, each with the name of its cell, in order."""
    return [(page.parents[2].name, page) for page in sorted(run.root.glob(f"tracing/*/traced/*/{PAGE}"))]


class TraceFolder:
    """Where everything that was traced of one thing lies."""

    def __init__(self, run: RunFolder, cell: Cell, verdict: str, span: str = "") -> None:
        self.cell = run.root / "tracing" / cell.name
        self.index = self.cell / "index"
        self.about_index = self.cell / "index.json"
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", verdict).lstrip(".")[:80]
        tail = f"-{fingerprint(verdict, span)[:8]}" if span or name != verdict else ""
        self.root = self.cell / "traced" / f"{name}{tail}"
        self.rows = self.root / "influence.parquet"
        self.figures = self.root / FIGURES
        self.page = self.root / PAGE
        self.trials = self.root / "trials.jsonl"
        """Preferences after trainings without some of the records."""
        self.asked = self.root / "check.json"
        """What the check was asked to do."""
        self.retrained = self.root / "retrained"
        """Checkpoint of the training under way; removed when it was measured."""

    def has_index(self, weights: str, texts: str, rebuild: bool) -> bool:
        """Whether the index of this checkpoint is there; what is left of an unfinished one is removed.

        Raises:
            UserError: there is one, of another checkpoint or of other texts.
        """
        whole = self.about_index.exists() and any(self.index.rglob("lambda_matrix*.safetensors"))
        if rebuild or not whole:
            self.about_index.unlink(missing_ok=True)
            shutil.rmtree(self.index, ignore_errors=True)
            return False
        try:
            about = Index.model_validate_json(self.about_index.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise UserError(f"{self.about_index}: not an index of this version; make it anew with --rebuild") from error
        for what, same in (
            ("another checkpoint", about.weights == weights),
            ("other texts", about.texts == texts),
            ("another version of exempla", about.version == VERSION),
        ):
            if not same:
                raise UserError(f"{self.index}: the index is of {what}; make it anew with --rebuild")
        return True

    def write_index(self, about: Index) -> None:
        """Mark the index as whole."""
        write_atomically(self.about_index, about.model_dump_json(indent=2) + "\n")
