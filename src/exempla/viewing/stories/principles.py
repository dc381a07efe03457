"""The principles of the constitution that the texts of a folder were written from."""

from __future__ import annotations

import json

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.runfolder import read_study
from exempla.viewing.opened import Opened
from exempla.viewing.stories.entry import Entry
from exempla.writing.constitution import Principle, read_constitution
from exempla.writing.corpusfolder import CorpusFolder

SHIPPED = "default"


class Principles:
    """Principles by id: of the run's constitution, or of the one that ships.

    A corpus keeps only the hash of its constitution. Where that is another's, or not known, the ids alone are known: a
    principle of the same name elsewhere may say something else.
    """

    def __init__(self, opened: Opened) -> None:
        self._shipped = _read(SHIPPED)
        self._own = {"run": _of_run, "corpus": self._of_corpus}.get(opened.kind, _none)(opened)

    def of(self, entry: Entry) -> Principle | None:
        """A record's principle, without its text where that is not known; None if it has none."""
        name = entry.field("principle")
        known = self._own | (self._shipped if entry.ships else {})
        return known.get(name, Principle(id=name, title="")) if name else None

    def _of_corpus(self, opened: Opened) -> dict[str, Principle]:
        try:
            settings = json.loads(CorpusFolder(opened.folder).settings.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        told = settings.get("constitution") if isinstance(settings, dict) else None
        return self._shipped if told == fingerprint(list(self._shipped.values())) else {}


def _of_run(opened: Opened) -> dict[str, Principle]:
    try:
        return _read(read_study(opened.run).constitution)
    except UserError:  # the study is of another version
        return {}


def _none(opened: Opened) -> dict[str, Principle]:
    return {}


def _read(name: str) -> dict[str, Principle]:
    try:
        return {one.id: one for one in read_constitution(catalogue.constitution_path(name))}
    except UserError:  # it was moved
        return {}
