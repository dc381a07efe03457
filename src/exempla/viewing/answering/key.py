"""The key that makes an answer's address tell nothing of it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

BYTES = 32


def key_of(folder: Path) -> bytes:
    """The key in the viewer's own folder; made at the first time. Without it all addresses of answers are others."""
    path = folder / "address.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        if len(found) == BYTES:
            return found
        path.unlink(missing_ok=True)  # a killed process left it half written
        return key_of(folder)
    with os.fdopen(descriptor, "wb") as stream:
        made = secrets.token_bytes(BYTES)
        stream.write(made)
    return made
