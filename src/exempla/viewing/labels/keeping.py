"""Putting labels on the disk, and what is said where that cannot be done.

What is said names no path: that of an answer's labels tells arm and seed, which a blind page hides.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import filelock

from exempla.errors import UserError
from exempla.judging.labels import FOLDER, keep_row
from exempla.records import Frozen
from exempla.viewing.opened import Opened

FORBIDDEN, NO_ROOM = 403, 507
"""Status of the page: the folder may not be written to, or it could not be for another reason."""
_REASONS = {
    errno.EACCES: (FORBIDDEN, "this account may not write there; allow it, and label again"),
    errno.EPERM: (FORBIDDEN, "this account may not write there; allow it, and label again"),
    errno.EROFS: (FORBIDDEN, "the file system is read-only; view a copy of the folder, and label again there"),
    errno.EEXIST: (NO_ROOM, f"a file lies where the folder {FOLDER}/ should be; move it away, and label again"),
    errno.ENOTDIR: (NO_ROOM, f"a file lies where the folder {FOLDER}/ should be; move it away, and label again"),
    errno.ENOSPC: (NO_ROOM, "the disk is full; free some space, and label again"),
    errno.EDQUOT: (NO_ROOM, "your quota of the disk is full; free some space, and label again"),
}


class NotKeptError(UserError):
    """A label that could not be put on the disk."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"The label was not kept: {reason}.")
        self.status = status


def keep(path: Path, row: Frozen) -> None:
    """Put a label on the disk, at the end of a person's file; it is there when this returns.

    Raises:
        NotKeptError: it could not be written.
    """
    try:
        keep_row(path, row)
    except UserError as error:
        cause = error.__cause__
        if isinstance(cause, filelock.Timeout):
            raise NotKeptError(NO_ROOM, "another process holds your file of labels; label again") from error
        number = cause.errno if isinstance(cause, OSError) else None
        otherwise = (NO_ROOM, f"{os.strerror(number) if number else 'it could not be written'}; label again")
        raise NotKeptError(*_REASONS.get(number or 0, otherwise)) from error


def can_keep(opened: Opened) -> bool:
    """Whether labels can be put into a folder, as far as permissions tell.

    Of a run or a corpus, where labels of stories lie is looked at; of a measurement, where those of answers lie.
    """
    place = opened.folder / FOLDER / ("stories" if opened.kind != "measured" else "")
    while not place.exists() and place != opened.folder:
        place = place.parent
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
