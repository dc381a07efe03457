"""A corpus: a folder with the records, the dropped ones, card and manifest, and in `work/` what a resume needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.files import write_atomically
from exempla.records import Frozen
from exempla.study import first_problem
from exempla.writing.ledger import replies


class Settings(Frozen):
    """Everything that the texts of a corpus depend on, but for their number: a corpus may grow. A folder holds texts of
    one setting only."""

    version: int
    recipe: str
    seed: int
    writer: str
    judge: str
    constitution: str
    """SHA-256 of its principles."""
    source: str = ""
    """SHA-256 of the records whose prompts are built on."""
    texts: dict[str, str]
    """SHA-256 of prompts, pools and rubric, by place."""
    steps: tuple[str, ...]
    continuation: bool
    temperature: float
    max_tokens: int | None
    median_words: int
    longest_words: int
    language: str
    measure_every: int


class CorpusFolder:
    """Where everything of a corpus lies. The layout is public: other tools may read it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.records = root / "records.parquet"
        """What was kept, in the order of the plans."""
        self.dropped = root / "dropped.parquet"
        """What was not, with the reasons."""
        self.card = root / "README.md"
        self.manifest = root / "manifest.json"
        self.work = work = root / "work"
        self.settings = work / "settings.json"
        self.plans = work / "plans.jsonl"
        self.replies = work / "replies.jsonl"
        self.written = work / "written.jsonl"
        self.rejected = work / "rejected.jsonl"
        self.measurements = work / "measurements.jsonl"
        self.wire = work / "wire.json"

    def check(self, settings: Settings) -> None:
        """See that the folder may hold texts of this setting.

        Raises:
            UserError: it holds texts of another.
        """
        before = self._before()
        # Settings to which no server replied, because the model's name was wrong, say, bind nobody.
        if before and before != settings and any(reply.model for reply in replies(self.replies)):
            raise UserError(
                f"{self.root}: holds a corpus of other settings ({difference(before, settings)}); choose another "
                "--out, or give the same settings to go on with it"
            )

    def claim(self, settings: Settings) -> None:
        """Make the folder this setting's own; what others left unanswered goes. Raises like `check`."""
        self.check(settings)
        if self._before() != settings:
            for path in (self.plans, self.replies):
                path.unlink(missing_ok=True)
        write_atomically(self.settings, settings.model_dump_json(indent=2) + "\n")

    def _before(self) -> Settings | None:
        if not self.settings.exists():
            return None
        try:
            return Settings.model_validate_json(self.settings.read_text())
        except ValidationError as error:
            raise UserError(
                f"{self.settings}: not of this version of exempla ({first_problem(error)}); choose another --out"
            ) from error


def difference(before: Settings, after: Settings) -> str:
    """What differs between two settings, in words."""
    found: list[str] = []
    for name in Settings.model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if isinstance(old, dict):
            found += sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        elif name in ("constitution", "source"):
            found.append(name)
        else:
            found.append(f"{name} {_short(old)} and not {_short(new)}")
    return ", ".join(found)


def _short(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
