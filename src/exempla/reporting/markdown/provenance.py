"""Where a run came from, told from its manifest."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exempla.errors import UserError
from exempla.reporting.markdown.public import public_name
from exempla.runfolder import RunFolder


@dataclass(frozen=True)
class Origin:
    """What is needed to repeat a run."""

    command: str
    """As a shell takes it."""
    date: str
    revision: str
    versions: Mapping[str, str]
    machine: str
    hashes: Mapping[str, str]
    """SHA-256 of the data, the constitution, the subject and the settings."""


def origin(folder: RunFolder) -> Origin | None:
    """Where the run came from; None if it has no manifest yet.

    Raises:
        UserError: the manifest cannot be read.
    """
    if not folder.manifest.exists():
        return None
    try:
        found: Any = json.loads(folder.manifest.read_text(encoding="utf-8"))
        return Origin(
            command=_command([str(word) for word in found.get("command", ())]),
            date=str(found.get("written", "")),
            revision=str(found.get("git", "")),
            versions={str(name): str(version) for name, version in found.get("versions", {}).items()},
            machine="; ".join(
                f"{str(name).replace('_', ' ')}: {value}" for name, value in found.get("machine", {}).items()
            ),
            hashes={str(name): str(value) for name, value in found.get("sha256", {}).items()},
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{folder.manifest}: no manifest of a run ({error}); run the study again") from error


def _command(words: list[str]) -> str:
    """As a shell takes it; `python -m exempla` notes itself by the name of its file."""
    program = ["exempla" if word == "__main__.py" else word for word in words[:1]]
    return shlex.join(_public_word(word) for word in program + words[1:])


def _public_word(word: str) -> str:
    """A word of a command, which may be a path, or an option with one (`--out=/home/...`)."""
    if not word.startswith("-"):
        return public_name(word)
    option, equals, value = word.partition("=")
    return option + equals + public_name(value)
