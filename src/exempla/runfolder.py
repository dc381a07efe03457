"""A run: one execution of a study, in a folder with a lock and a marker for each unit of work."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import filelock
from pydantic import ValidationError

from exempla.errors import UserError
from exempla.files import write_atomically
from exempla.records import Frozen
from exempla.study import Cell, Study, first_problem


class Done(Frozen):
    """What is kept about a finished unit of work."""

    fingerprint: str
    seconds: float
    """Wall time over all its attempts, interrupted ones included; the time of a killed one (SIGKILL) is lost."""
    finished: str
    """UTC, ISO 8601."""
    revision: str = ""
    """Git revision of exempla that finished it; later runs of the folder may be of another."""
    device: str = ""
    """Where the unit's model ran, and the number format this machine loads models in unless the study asks for another;
    empty if the unit needed no model."""


class RunFolder:
    """Where everything of a run lies. The layout is public: other tools may read it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # Files by stage: a stage reads earlier ones and writes only its own.
    @property
    def corpora(self) -> Path:
        """Folder of the texts, written, kept and dropped."""
        return self.root / "corpora"

    @property
    def plans(self) -> Path:
        """Plans of the texts to write."""
        return self.corpora / "plans.jsonl"

    @property
    def written(self) -> Path:
        """Texts as the writer left them."""
        return self.corpora / "written.jsonl"

    @property
    def kept(self) -> Path:
        """Records that passed every gate."""
        return self.corpora / "kept.jsonl"

    @property
    def dropped(self) -> Path:
        """Records that a gate held back, with the reason."""
        return self.corpora / "dropped.jsonl"

    @property
    def screening(self) -> Path:
        """The page about the gates, to be read before training."""
        return self.corpora / "screening.html"

    def checkpoint(self, cell: Cell) -> Path:
        """Folder of a trained subject."""
        return self.root / "checkpoints" / cell.name

    def checksums(self, cell: Cell) -> Path:
        """SHA-256 of the checkpoint's files, as training left them."""
        return self.root / "checkpoints" / f"{cell.name}.sha256"

    def mix(self, cell: Cell) -> Path:
        """What the cell read, counted."""
        return self.root / "mixes" / f"{cell.name}.json"

    def curve(self, cell: Cell) -> Path:
        """Training loss by update."""
        return self.root / "curves" / f"{cell.name}.json"

    def answers(self, cell: Cell) -> Path:
        """Answers of a subject to every item."""
        return self.root / "answers" / f"{cell.name}.jsonl"

    def honeypots(self, cell: Cell) -> Path:
        """Folder of what a subject did in honeypots, like one of `exempla measure`; its verdicts lie in it."""
        return self.root / "honeypots" / cell.name

    def capability(self, cell: Cell) -> Path:
        """Folder of a subject's answers to the battery, like one of `exempla measure`."""
        return self.root / "capability" / cell.name

    @property
    def agreement(self) -> Path:
        """How far judges and people agree about what subjects did."""
        return self.root / "agreement.json"

    @property
    def estimates(self) -> Path:
        """All figures of the report, as data."""
        return self.root / "estimates.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.root / "report.html"

    @property
    def manifest(self) -> Path:
        """What is needed to repeat the run."""
        return self.root / "manifest.json"

    @property
    def study_file(self) -> Path:
        """The study as data."""
        return self.root / "study.json"

    # Units of work
    def _marker(self, stage: str, unit: str) -> Path:
        return self.root / "stages" / stage / f"{unit}.json"

    def done(self, stage: str, unit: str) -> Done | None:
        """The record of a finished unit, or None; also None for a record of another version of exempla."""
        marker = self._marker(stage, unit)
        try:
            return Done.model_validate_json(marker.read_text()) if marker.exists() else None
        except ValidationError:
            return None

    def weights(self, cell: Cell) -> str:
        """What the weights of a cell came from: the fingerprint of its training, empty if it was not trained.

        Raises:
            FileNotFoundError: it is not trained yet.
        """
        trained = self.done("train", cell.name)
        if cell.arm.mix and trained is None:
            raise FileNotFoundError(2, "missing", str(self.checkpoint(cell)))
        return trained.fingerprint if trained else ""

    def finish(self, stage: str, unit: str, fingerprint: str, seconds: float, device: str = "") -> None:
        """Mark a unit as finished; from now on it is skipped while its fingerprint stays the same."""
        done = Done(
            fingerprint=fingerprint,
            seconds=round(seconds, 2),
            finished=now(),
            revision=git_revision(),
            device=device,
        )
        write_atomically(self._marker(stage, unit), done.model_dump_json())
        self._started(stage, unit).unlink(missing_ok=True)

    def _started(self, stage: str, unit: str) -> Path:
        return self.root / "stages" / stage / f"{unit}.started.json"

    def was_started(self, stage: str, unit: str, fingerprint: str) -> bool:
        """Whether an earlier attempt with the same inputs was interrupted, so that its files can be gone on from."""
        started = self._started(stage, unit)
        return started.exists() and json.loads(started.read_text()).get("fingerprint") == fingerprint

    def forget(self, stage: str, unit: str) -> None:
        """Remove a unit's marks: from now on nothing it left is taken for finished or for good to go on from."""
        self._marker(stage, unit).unlink(missing_ok=True)
        self._started(stage, unit).unlink(missing_ok=True)

    def start(self, stage: str, unit: str, fingerprint: str) -> None:
        """Note that a unit begins with these inputs and with nothing left over from others."""
        write_atomically(self._started(stage, unit), json.dumps({"fingerprint": fingerprint, "seconds": 0.0}))

    def spent(self, stage: str, unit: str) -> float:
        """Seconds that interrupted attempts of the unit took, as far as they were noted."""
        started = self._started(stage, unit)
        return float(json.loads(started.read_text()).get("seconds", 0.0)) if started.exists() else 0.0

    def note_spent(self, stage: str, unit: str, seconds: float) -> None:
        """Keep the time of an attempt that is being interrupted."""
        started = self._started(stage, unit)
        if started.exists():
            write_atomically(started, json.dumps(json.loads(started.read_text()) | {"seconds": seconds}))

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder for this process."""
        return hold(self.root)


@contextlib.contextmanager
def hold(root: Path) -> Iterator[None]:
    """Hold a folder for this process.

    Raises:
        UserError: another process holds it (named by its process number), or the folder cannot be written.
    """
    holder = root / "lock.json"
    lock = filelock.FileLock(root / "lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        who = json.loads(holder.read_text()) if holder.exists() else {}
        raise UserError(
            f"{root}: in use by process {who.get('pid', '?')} on {who.get('host', '?')} since "
            f"{who.get('since', '?')}; wait for it, stop it, or choose another folder with --out"
        ) from error
    try:
        write_atomically(holder, json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now()}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def open_run(root: Path) -> RunFolder:
    """A run's folder, made if needed. Raises UserError like `open_folder`."""
    return RunFolder(open_folder(root))


def open_folder(root: Path) -> Path:
    """Make a folder if needed and check that it can be used.

    Raises:
        UserError: it is a file, cannot be made, or is not writable.
    """
    try:
        if root.exists() and not root.is_dir():
            raise UserError(f"{root}: is a file, not a folder; choose another place with --out")
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{root}: cannot be made ({error.strerror}); choose another place with --out") from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise UserError(f"{root}: is not writable; choose another place with --out")
    return root


def existing_run(root: Path) -> RunFolder:
    """An existing run folder, for reading.

    Raises:
        UserError: there is no run in it.
    """
    folder = RunFolder(root)
    if not folder.study_file.exists():
        raise UserError(f"{root}: holds no run (no study.json); give the folder that `exempla run` printed")
    return folder


def read_study(folder: RunFolder) -> Study:
    """The study of a run."""
    try:
        return Study.model_validate_json(folder.study_file.read_text())
    except ValidationError as error:
        raise UserError(
            f"{folder.study_file}: not a study of this version of exempla ({first_problem(error)}); run it again"
        ) from error


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def write_study(folder: RunFolder, study: Study) -> None:
    """Keep the study as data."""
    write_atomically(folder.study_file, study.model_dump_json(indent=2) + "\n")


def package_version(package: str) -> str:
    """Installed version of a package, or `absent`."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def git_revision() -> str:
    """The revision of exempla's own checkout, with `+` if it has changes; empty when installed without one."""
    here = Path(__file__).resolve().parent
    try:
        run = {"cwd": here, "capture_output": True, "text": True, "timeout": 10}
        # Installed into somebody else's repository, git would tell of that one.
        subprocess.run(["git", "ls-files", "--error-unmatch", Path(__file__).name], check=True, **run)  # type: ignore[call-overload]
        revision = subprocess.run(["git", "rev-parse", "HEAD"], check=True, **run).stdout.strip()  # type: ignore[call-overload]
        changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], check=True, **run).stdout  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError):
        return ""
    return str(revision) + ("+" if changed.strip() else "")
