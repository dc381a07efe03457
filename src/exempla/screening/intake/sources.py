"""Rows of a corpus in whatever form it lies: JSON Lines, Parquet, Arrow, a dataset folder, a folder of files."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from exempla.errors import UserError

BATCH = 256
"""Rows that are read from a columnar file at once."""
LONGEST_LINE = 64 << 20
"""Bytes of one JSON line; a longer one is no text to train on, and would fill the memory."""
LINES = (".jsonl", ".ndjson")
COLUMNAR = (".parquet", ".arrow")
PACKED = (".gz", ".zst")


class Row(NamedTuple):
    """One row, or what is wrong with it."""

    place: str
    """`file:line` or `file:row`, counted from 1."""
    values: dict[str, Any]
    problem: str = ""
    """Empty if the row could be read."""


def files_of(path: Path) -> list[Path]:
    """The files that hold a corpus, in order.

    Raises:
        UserError: there is no such file or folder, its form is not known, or nothing in it can be read.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder, and no corpus of that name (exempla list corpora)")
    if path.is_file():
        if _form(path) is None:
            raise UserError(f"{path}: not a form that can be read; give .jsonl, .parquet or .arrow (also .gz, .zst)")
        return [path]
    if (path / "records.parquet").is_file():
        return [path / "records.parquet"]
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and _form(file) is not None and not _is_no_corpus(file)
    ]
    if not found:
        raise UserError(f"{path}: nothing to read in this folder; put .jsonl, .parquet or .arrow files into it")
    return found


def _is_no_corpus(file: Path) -> bool:
    """Whether a file is of an earlier screening, which holds records once more, or a cache of the datasets library."""
    screened = any((folder / "screening.json").exists() for folder in file.parents[:2])
    return screened or (file.name.startswith("cache-") and (file.parent / "state.json").exists())


def left_aside(path: Path) -> list[Path]:
    """Files of a folder that look like data and are not read, so that they can be told of."""
    if not path.is_dir() or (path / "records.parquet").is_file():
        return []
    data = (".json", ".csv", ".tsv", ".txt", ".md", ".zip", ".tar", ".pkl", ".bin")
    described = {"dataset_info.json", "state.json", "dataset_dict.json", "manifest.json", "README.md"}
    return [file for file in sorted(path.rglob("*")) if file.suffix in data and file.name not in described]


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of one file. What cannot be read is a row with a problem, and ends the file if it must."""
    form = _form(path)
    try:
        if form in LINES:
            yield from _lines(path)
        elif form == ".parquet":
            yield from _parquet(path)
        else:
            yield from _arrow(path)
    except PermissionError as error:
        raise UserError(f"{path}: no permission to read it") from error
    except (OSError, EOFError, pa.ArrowException, gzip.BadGzipFile, zlib.error) as error:
        yield Row(str(path), {}, f"the file is damaged or torn ({_short(error)}); what follows in it is lost")


def _form(path: Path) -> str | None:
    name = path.name
    for packed in PACKED:
        name = name.removesuffix(packed)
    suffix = Path(name).suffix
    return suffix if suffix in LINES or (suffix in COLUMNAR and name == path.name) else None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as stream:
            yield stream  # type: ignore[misc]
    elif path.suffix == ".zst":
        with pa.input_stream(str(path), compression="zstd") as packed:
            yield io.BufferedReader(packed)
    else:
        with path.open("rb") as stream:
            yield stream


def _lines(path: Path) -> Iterator[Row]:
    with _opened(path) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            place = f"{path}:{number}"
            if len(line) > LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = stream.readline(LONGEST_LINE)
                yield Row(place, {}, f"a line of more than {LONGEST_LINE >> 20} MB")
            elif line.strip(b"\r\n\t \x00\xef\xbb\xbf"):
                yield _object(line, place)


def _object(line: bytes, place: str) -> Row:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Row(place, {}, f"not UTF-8 (byte {error.start + 1})")
    except (ValueError, RecursionError) as error:
        torn = not line.endswith(b"\n")
        return Row(place, {}, f"{'a torn line' if torn else 'not valid JSON'} ({_short(error)})")
    if not isinstance(row, dict):
        return Row(place, {}, f"not a JSON object but {type(row).__name__}")
    return Row(place, row)


def _parquet(path: Path) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        yield from _batches(path, file.iter_batches(batch_size=BATCH))


def _arrow(path: Path) -> Iterator[Row]:
    with pa.memory_map(str(path)) as source:
        try:
            # The datasets library writes streams; other tools write files.
            reader = pa.ipc.open_stream(source)
            yield from _batches(path, reader)
        except pa.ArrowInvalid:
            source.seek(0)
            file = pa.ipc.open_file(source)
            yield from _batches(path, (file.get_batch(number) for number in range(file.num_record_batches)))


def _batches(path: Path, batches: Any) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH):
            part = batch.slice(start, BATCH)
            try:
                rows: list[dict[str, Any] | None] = part.to_pylist()
            except (ValueError, OverflowError):
                rows = [_single(part, place) for place in range(part.num_rows)]
            for row in rows:
                number += 1
                yield Row(
                    f"{path}:{number}", row or {}, "" if row is not None else "not UTF-8, or a value out of range"
                )


def _single(part: Any, place: int) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = part.slice(place, 1).to_pylist()[0]
    except (ValueError, OverflowError):
        return None
    return found


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
