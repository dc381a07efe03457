"""A constitution without headings, split by a model. The split is saved beside it, may be edited, and is used again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from exempla.errors import UserError
from exempla.models.request import NoAnswer, Request
from exempla.models.talk import Speaker, knock, without_transcript
from exempla.writing.constitution import (
    NeedsSplit,
    Principle,
    read_constitution,
    read_split,
    split_prompt,
    write_split,
)

ATTEMPTS = 3
MAX_TOKENS = 4000
"""For the list of a chunk's sections."""


def split_file(path: Path) -> Path:
    """Where the split of a constitution is saved."""
    return path.with_name(f"{path.stem}.split.md")


def read_whole_or_split(path: Path) -> tuple[Principle, ...] | NeedsSplit:
    """The principles of a constitution, from its saved split if it has one; or that it must be split first."""
    try:
        return read_constitution(path)
    except NeedsSplit as needed:
        saved = split_file(path)
        if not saved.exists():
            return needed
        if _mark(needed.text) not in saved.read_text(encoding="utf-8", errors="replace"):
            raise UserError(
                f"{path}: has changed since {saved.name} was made of it; delete that to have it split again, or give "
                "it as the constitution"
            ) from None
        return read_constitution(saved)


async def split(path: Path, needed: NeedsSplit, speaker: Speaker) -> tuple[Principle, ...]:
    """Have a model split a constitution, and save the split.

    Raises:
        UserError: no reply of the model fits the text, the server fails, or the split cannot be saved.
    """
    await knock(speaker)
    problem = ""
    with without_transcript():
        for _ in range(ATTEMPTS):
            try:
                principles = read_split(needed.text, await _replies(needed.text, speaker))
            except ValueError as error:
                problem = str(error)
                continue
            except NoAnswer as error:
                problem = error.reason
                if error.again == "now":
                    continue
                raise UserError(
                    f"{path}: the server failed when {speaker.connection.model} was to split it ({problem}); see to "
                    "the server and run the same command again"
                ) from error
            try:
                write_split(split_file(path), principles)
                with split_file(path).open("a", encoding="utf-8") as stream:
                    stream.write(f"\n{_mark(needed.text)}\n")
            except OSError as error:
                raise UserError(
                    f"{split_file(path)}: the split cannot be saved ({error.strerror}); copy the constitution to a "
                    "folder you may write to"
                ) from error
            return principles
    raise UserError(
        f"{path}: the model did not split it properly ({problem}); add headings `## id — title` yourself, or choose "
        "another --model"
    )


def _mark(text: str) -> str:
    """Tells which text a split was made of."""
    return f"<!-- split of {hashlib.sha256(text.encode()).hexdigest()} -->"


async def _replies(text: str, speaker: Speaker) -> Sequence[str]:
    return [
        (await speaker.ask(Request(user=prompt, max_tokens=MAX_TOKENS, temperature=0.0))).text
        for prompt in split_prompt(text)
    ]
