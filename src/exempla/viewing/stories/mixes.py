"""What the arms of a run read: the accounts of their mixes, and which of them read a record."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.records import MixAccount
from exempla.runfolder import RunFolder, read_study

_SEED = re.compile(r"(?P<arm>.+)-seed(?P<seed>\d+)")


@dataclass(frozen=True)
class Mix:
    """What one arm at one seed read."""

    name: str
    """Of the cell."""
    account: MixAccount

    @property
    def arm(self) -> str:
        """The arm."""
        match = _SEED.fullmatch(self.name)
        return match["arm"] if match else self.name

    @property
    def seed(self) -> str:
        """The seed; empty if the name holds none."""
        match = _SEED.fullmatch(self.name)
        return match["seed"] if match else ""

    @cached_property
    def times(self) -> Counter[str]:
        """How often each record was read."""
        return Counter(self.account.ids)


class Mixes:
    """The mixes of a run; a file is read again when it changes."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._folder = run.root / "mixes"
        self._known: dict[Path, tuple[int, Mix | None]] = {}

    def all(self) -> list[Mix]:
        """All that can be read, by arm and seed."""
        found = [mix for path in self._folder.glob("*.json") if (mix := self._mix(path)) is not None]
        return sorted(found, key=lambda mix: (mix.arm, int(mix.seed or 0)))

    def of(self, name: str) -> Mix | None:
        """The mix of a cell."""
        return next((mix for mix in self.all() if mix.name == name), None)

    def readers(self, record: str) -> dict[str, list[tuple[Mix, int]]]:
        """By arm: the seeds at which it read a record, and how often."""
        found: dict[str, list[tuple[Mix, int]]] = {}
        for mix in self.all():
            if times := mix.times[record]:
                found.setdefault(mix.arm, []).append((mix, times))
        return found

    @property
    def whole(self) -> bool:
        """Whether the mix of every arm and seed that trains can be read, so that no other will read anything."""
        try:
            wanted = {cell.name for cell in read_study(self._run).cells() if cell.arm.mix}
        except UserError:  # a study of another version: nobody knows what is still to come
            return False
        return wanted <= {mix.name for mix in self.all()}

    def _mix(self, path: Path) -> Mix | None:
        try:
            changed = path.stat().st_mtime_ns
            if path not in self._known or self._known[path][0] != changed:
                self._known[path] = changed, Mix(path.stem, MixAccount.model_validate_json(path.read_bytes()))
        except ValidationError:  # of another version, or damaged: the others are still worth showing
            self._known[path] = changed, None
        except OSError:
            return None
        return self._known[path][1]
