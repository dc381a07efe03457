"""The viewer's own folder: what it makes of a run so that pages come fast. Everything in it can be made again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class OwnFolder:
    """`FOLDER/view`, or a temporary folder where that cannot be written to. Close it at the end."""

    def __init__(self, folder: Path) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.path = folder / "view"
        try:
            self.path.mkdir(exist_ok=True)
            usable = os.access(self.path, os.W_OK | os.X_OK)
        except OSError:  # a file system for reading, a folder of somebody else
            usable = False
        if not usable:
            self._temporary = tempfile.TemporaryDirectory(prefix="exempla-view-")
            self.path = Path(self._temporary.name)

    def close(self) -> None:
        """Remove the folder if it is a temporary one."""
        if self._temporary is not None:
            self._temporary.cleanup()
