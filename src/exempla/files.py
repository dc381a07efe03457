"""Files that survive `kill -9`: whole-line appends, atomic replacement, and errors a person can act on."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.records import Frozen

Model = TypeVar("Model", bound=Frozen)


@contextlib.contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn the operating system's complaints about a place into one line for the user.

    Libraries that write for us (safetensors) wrap the same complaint in errors of their own, so the text is read too.
    """
    try:
        yield
    except PermissionError as error:
        raise UserError(f"{error.filename or place}: no permission; choose a folder you may write to") from error
    except Exception as error:
        number = getattr(error, "errno", None)
        text = str(error)
        if number == errno.ENOSPC or "No space left on device" in text or "os error 28" in text:
            raise UserError(f"{place}: the disk is full; free some space and run the same command again") from error
        if number == errno.EDQUOT:
            raise UserError(f"{place}: your quota of the disk is full; free some space and run it again") from error
        if number == errno.EFBIG:
            raise UserError(f"{place}: a file may not grow so large here; raise the limit (ulimit -f)") from error
        if number == errno.EROFS:
            raise UserError(f"{place}: the file system is read-only; choose another folder") from error
        raise


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees either the old content or the whole new one, also after a power cut."""
    with write_through(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def write_through(path: Path) -> Iterator[Path]:
    """A temporary file to be written, which takes the place of `path` at the end, and vanishes on an error.

    Every folder that is written to is locked by its writer, so another process's temporary file is a killed one's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append_lines(path: Path, rows: Iterable[Frozen]) -> None:
    """Append rows as JSON Lines in one write each, and see them to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as stream:
        for row in rows:
            line = memoryview(row.model_dump_json().encode() + b"\n")
            while line:  # a raw write may be short on a full disk; the rest then raises ENOSPC
                line = line[stream.write(line) :]
        os.fsync(stream.fileno())


def mend_torn_tail(path: Path) -> None:
    """Cut off a last line that a killed process left half written."""
    if not path.exists():
        return
    with path.open("r+b") as stream:
        end = place = stream.seek(0, os.SEEK_END)
        while place > 0:  # backwards, because a ledger may be larger than the memory
            start = max(0, place - 65536)
            stream.seek(start)
            newline = stream.read(place - start).rfind(b"\n")
            if newline >= 0:
                place = start + newline + 1
                break
            place = start
        if place < end:
            stream.truncate(place)
            os.fsync(stream.fileno())


def write_lines(path: Path, rows: Iterable[Frozen]) -> None:
    """Write a whole JSON Lines file atomically."""
    write_atomically(path, "".join(row.model_dump_json() + "\n" for row in rows))


def read_lines(path: Path, model: type[Model]) -> list[Model]:
    """Read a JSON Lines file.

    Raises:
        UserError: naming file and line of the first row that cannot be read, or that there is no such file.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    return list(stream_lines(path, model))


def stream_lines(path: Path, model: type[Model], torn: bool = False) -> Iterator[Model]:
    """The rows of a JSON Lines file, one after the other; none if there is no such file. See `read_objects` for `torn`.

    Raises:
        UserError: naming file and line of the first row that cannot be read.
    """
    if not path.exists():
        return
    for number, row in read_objects(path, torn):
        try:
            yield model.model_validate(row)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in problem["loc"]) or "row"
            raise UserError(f"{path}:{number}: {field}: {problem['msg']}") from error


def read_objects(path: Path, torn: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """The line number and the object of each line that is not empty.

    Args:
        path: of the file.
        torn: whether a last line without its end, as a killed writer leaves it, is passed over.

    Raises:
        UserError: naming file and line, when the file is missing, is not UTF-8, or a line is no JSON object.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip() and not (torn and not line.endswith("\n")):
                    yield number, _object(line, f"{path}:{number}")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a UTF-8 text file") from error


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{place}: not valid JSON ({error.msg}, column {error.colno})") from error
    if not isinstance(row, dict):
        raise UserError(f"{place}: expected an object, found {type(row).__name__}")
    return row


def fingerprint(*parts: Any) -> str:
    """SHA-256 of JSON-able parts, or of frozen models, in a form that does not depend on the order of keys."""

    def plain(part: Any) -> Any:
        return part.model_dump(mode="json") if isinstance(part, Frozen) else str(part)

    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
