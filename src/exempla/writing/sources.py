"""Corpora whose prompts are built on: one that ships, or one that was written before."""

from __future__ import annotations

from pathlib import Path

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.records import Record
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.recipe import Recipe

SHIPPED = "refusals"
"""The corpus whose prompts are taken if a recipe needs some and none are named."""


def read_sources(name: str, recipe: Recipe) -> tuple[Record, ...]:
    """The records whose prompts are built on; none if the recipe writes its own.

    Raises:
        UserError: there is no such corpus, it has no prompts, or the recipe builds on none.
    """
    if not recipe.source:
        if name:
            raise UserError(f"{recipe.name} builds on no other corpus; leave out --from")
        return ()
    if not name:
        if recipe.source == "optional":
            return ()
        name = SHIPPED
    found = [record for record in _read(name) if any(message.role == "user" for message in record.messages)]
    if not found:
        raise UserError(f"--from {name}: no record in it has a prompt; give a corpus of conversations")
    return tuple(found)


def _read(name: str) -> tuple[Record, ...]:
    folder = CorpusFolder(Path(name).expanduser())
    if folder.written.is_file():
        return tuple(sorted(read_lines(folder.written, Record), key=lambda record: record.id))
    if name in catalogue.CORPORA:
        return catalogue.corpus(name)
    raise UserError(
        f"--from {name}: neither a folder that `exempla write` made nor a corpus that ships; there are "
        f"{', '.join((*catalogue.CHAT_CORPORA, *catalogue.REFUSALS))}"
    )
