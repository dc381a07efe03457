"""Reads a constitution: a Markdown file in which each principle is a section headed `## id — title`."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from exempla.errors import UserError
from exempla.records import Frozen

LARGEST = 10 * 1024 * 1024
"""Bytes. A constitution is a few pages; anything larger is another file given by mistake."""

_HEADING = re.compile(r"^##[ \t]+(?P<id>[A-Za-z0-9][A-Za-z0-9_-]*)[ \t]+(?:—|–|-)[ \t]+(?P<title>\S.*?)[ \t]*#*$")
_SECTION = re.compile(r"^##?[ \t]")


class Principle(Frozen):
    """One thing the character in the stories stands for."""

    id: str = Field(min_length=1)
    title: str
    text: str = ""
    """Its section, with the reasons."""


def read_constitution(path: Path) -> tuple[Principle, ...]:
    """The principles of a constitution, in order. Sections without an id are left out: they bind nothing to a story.

    Raises:
        UserError: the file cannot be read, is empty, binary, over 10 MB, or holds no principle or one id twice.
    """
    principles: dict[str, Principle] = {}
    heading: re.Match[str] | None = None
    lines: list[str] = []

    def close() -> None:
        if heading is None:
            return
        if heading["id"] in principles:
            raise UserError(f"{path}: two principles have the id {heading['id']!r}; give one of them another")
        principles[heading["id"]] = Principle(id=heading["id"], title=heading["title"], text="\n".join(lines).strip())

    for line in _read(path).splitlines():
        if _SECTION.match(line):
            close()
            heading, lines = _HEADING.match(line), []
        else:
            lines.append(line)
    close()
    if not principles:
        raise UserError(
            f"{path}: no principle found; head each one `## id — title`, for instance `## honesty — Say what is true`"
        )
    return tuple(principles.values())


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: over 10 MB, which is no constitution; give a Markdown file")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path}: not a UTF-8 text file; give a Markdown file")
    if not text.strip():
        raise UserError(f"{path}: empty; write at least one section `## id — title`")
    return text
