"""Labels of stories: whether a person would keep a record.

FOLDER/labels/stories/WHO.jsonl     a row for each time that WHO labelled a record; the last one of a record counts
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from exempla.files import stream_lines
from exempla.judging.labels import FOLDER
from exempla.records import Frozen
from exempla.viewing.labels.keeping import keep

Choice = Literal["keep", "drop", "unsure"]
CHOICES: tuple[Choice, ...] = ("keep", "drop", "unsure")


class StoryLabel(Frozen):
    """What a person says of one record."""

    record: str
    label: Literal["", Choice]
    """Empty in a row that takes back what was labelled before."""
    who: str
    at: str
    """When, UTC, ISO 8601."""
    note: str = ""


def story_labels(folder: Path) -> dict[str, dict[str, str]]:
    """What everybody says: by record and then by person, `keep`, `drop` or `unsure`.

    Raises:
        UserError: naming file and line of a row that cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted((folder / FOLDER / "stories").glob("*.jsonl")):
        for record, label in _standing(path).items():
            found.setdefault(record, {})[path.stem] = label.label
    return found


def labels_of(folder: Path, who: str) -> dict[str, StoryLabel]:
    """What one person says, by record, the latest at the end. Raises UserError like `story_labels`."""
    return _standing(_file(folder, who))


def note_of(folder: Path, who: str, record: str) -> str:
    """The note of a person's last row about a record; a label that was taken back still has it."""
    row = _last(_file(folder, who)).get(record)
    return row.note if row else ""


def keep_story_label(folder: Path, label: StoryLabel) -> None:
    """Put a label on the disk. Raises like `keep`."""
    keep(_file(folder, label.who), label)


def _file(folder: Path, who: str) -> Path:
    return folder / FOLDER / "stories" / f"{who}.jsonl"


def _standing(path: Path) -> dict[str, StoryLabel]:
    return {record: row for record, row in _last(path).items() if row.label}


def _last(path: Path) -> Mapping[str, StoryLabel]:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return _read(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, size: int, changed: int) -> Mapping[str, StoryLabel]:
    """The last row about each record of a file as it was with that size and time of change: it is read again when one
    of them differs."""
    found: dict[str, StoryLabel] = {}
    for row in stream_lines(path, StoryLabel, torn=True):
        found.pop(row.record, None)
        found[row.record] = row
    return found
