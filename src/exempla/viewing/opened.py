"""What kind of folder the viewer was given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from exempla.errors import UserError
from exempla.measuredfolder import MeasuredFolder
from exempla.runfolder import RunFolder
from exempla.screening.results import ScreenedFolder
from exempla.writing.corpusfolder import CorpusFolder

Kind = Literal["run", "corpus", "screened", "measured"]


@dataclass(frozen=True)
class Opened:
    """A folder and what it holds."""

    folder: Path
    kind: Kind

    @property
    def name(self) -> str:
        """Of the folder, as the header shows it."""
        return self.folder.resolve().name

    @property
    def run(self) -> RunFolder:
        """The folder as a run's; only of that kind."""
        return RunFolder(self.folder)


def open_folder(folder: Path) -> Opened:
    """Tell what a folder holds.

    Raises:
        UserError: nothing that can be shown.
    """
    if RunFolder(folder).study_file.is_file():
        return Opened(folder, "run")
    if MeasuredFolder(folder).about.is_file():
        return Opened(folder, "measured")
    if CorpusFolder(folder).settings.is_file():
        return Opened(folder, "corpus")
    if ScreenedFolder(folder).records.is_file():
        # Also a corpus whose work/ was not passed on: its tables have the same columns.
        return Opened(folder, "screened")
    what = "no such folder" if not folder.exists() else "nothing here that can be shown"
    raise UserError(
        f"{folder}: {what}; give a folder that `exempla run`, `exempla write`, `exempla screen` or `exempla measure` "
        "printed"
    )
