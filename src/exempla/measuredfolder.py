"""The folder of a measurement: what was asked of which model, its answers, and the verdicts about them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import mend_torn_tail, stream_lines, write_atomically
from exempla.questionanswers import QuestionAnswer
from exempla.records import Frozen

KEPT = ("lock", "lock.json", "labels")
"""What may lie in a folder that nothing was measured into, or whose answers are asked for anew. People's labels name
the text that they are about."""
_FILES = re.compile(r" \S+=[0-9a-f]{64}")
Row = TypeVar("Row", AgentAnswer, QuestionAnswer)


class Measured(Frozen):
    """What a folder holds answers of."""

    task: str
    model: str
    identity: str
    """The model's name, with the SHA-256 of its files if they are here."""
    address: str = ""
    """Of the server that was asked, without secrets; empty if the provider has its own."""
    persona: str = ""
    """The subject's own name."""
    settings: dict[str, Any] = {}
    """Of the last command: what was asked, and how the model was sampled."""
    provenance: dict[str, Any] = {}


class Judged(Frozen):
    """What a study's own judge read, in the folder of a cell; other judges may have read it too."""

    judge: str
    """The model's name, or `rules`."""
    folder: str
    """Name of the folder of its verdicts, in `verdicts/`."""
    answers: int
    """That were judged."""
    left_out: dict[str, int]
    """Answers without behaviour to judge, by their state."""


class MeasuredFolder:
    """Where everything of a measurement lies. The layout is public: other tools may read it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.about = root / "measured.json"
        self.answers = root / "answers.jsonl"
        self.passages = root / "passages.jsonl"
        """Of capability: how likely the subject finds shipped texts."""
        self.items = root / "items.jsonl"
        """Of constitution: the questions, where a model wrote them."""
        self.rates = root / "rates.json"
        self.verdicts = root / "verdicts"
        self.judged = root / "judged.json"
        """Of a study's cell: which of the verdicts are its judge's."""
        self.labels = root / "labels"
        """What people read in the answers, a file each."""
        self.logs = root / "logs"
        """Inspect's own logs, for `inspect view`."""

    def read_about(self) -> Measured | None:
        """What the folder holds; None if nothing yet.

        Raises:
            UserError: it cannot be read.
        """
        if not self.about.exists():
            return None
        try:
            return Measured.model_validate_json(self.about.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise UserError(
                f"{self.about}: not of this version of exempla; choose another folder with --out"
            ) from error

    def begin(self, about: Measured) -> None:
        """Note what is being asked.

        Raises:
            UserError: the folder holds answers of another model, server or task, or of one that was sampled otherwise.
        """
        before = self.read_about()
        if before is not None:
            same_model = _of_files(before.identity) == _of_files(about.identity)
            for what, old, new in (
                ("task", before.task, about.task),
                ("model", before.identity, before.identity if same_model else about.identity),
                ("server", before.address, about.address),
                ("persona", before.persona, about.persona),
                ("sampling", _sampling(before), _sampling(about)),
            ):
                if old != new:
                    raise UserError(
                        f"{self.root}: holds answers of another {what} ({old[:80] or 'none given'}); choose another "
                        "folder with --out"
                    )
        elif self.root.is_dir() and any(path.name not in KEPT for path in self.root.iterdir()):
            raise UserError(f"{self.root}: is not empty and holds no measurement; choose another folder with --out")
        write_atomically(self.about, about.model_dump_json(indent=2) + "\n")
        mend_torn_tail(self.answers)

    def latest(self) -> dict[str, AgentAnswer]:
        """The answers by id; of a sample that was asked again, the last one.

        Raises:
            UserError: naming file and line of a row that cannot be read.
        """
        return self.rows(AgentAnswer)

    def rows(self, kind: type[Row]) -> dict[str, Row]:
        """The rows by id, of the kind that the folder's task writes; of two of one id, the last.

        Raises:
            UserError: naming file and line of a row that cannot be read.
        """
        return {row.id: row for row in stream_lines(self.answers, kind, torn=True)}

    def honeypots(self) -> Iterator[AgentAnswer]:
        """The answers that tell of behaviour, in order of their ids; probes are none."""
        for _, answer in sorted(self.latest().items()):
            if answer.kind == "honeypot":
                yield answer

    def write_rates(self, rates: dict[str, Any]) -> None:
        """Keep the figures as data."""
        write_atomically(self.rates, json.dumps(rates, indent=2, ensure_ascii=False) + "\n")


def _of_files(identity: str) -> str:
    """What a model is known by: its files if they are here, wherever they lie, so that a folder can be moved."""
    found = _FILES.search(identity)
    return identity[found.start() :].strip() if found else identity


def _sampling(about: Measured) -> str:
    told = about.settings.get("sampling", {})
    return ", ".join(f"{name} {value}" for name, value in sorted(told.items()) if value is not None)


def existing_measurement(root: Path) -> MeasuredFolder:
    """A folder that a measurement was written to.

    Raises:
        UserError: there is none.
    """
    folder = MeasuredFolder(root)
    if not folder.about.is_file():
        raise UserError(
            f"{root}: holds no measurement (no measured.json); give the folder that `exempla measure` printed"
        )
    return folder
