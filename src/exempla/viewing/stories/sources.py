"""Where the records of a folder lie, and what a row of each file says about one record.

Rows are read leniently: a folder of an older version, or one that somebody edited, is still worth reading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from exempla.errors import UserError
from exempla.files import read_objects
from exempla.screening.results import ScreenedFolder
from exempla.viewing.opened import Opened
from exempla.writing.corpusfolder import CorpusFolder

Fate = Literal["kept", "dropped", "waiting"]
"""`waiting`: written, and not through the gates yet."""
BATCH = 128
"""Rows of a Parquet file that are in memory at once."""
_PACKED = ("tools", "labels", "scores", "plan", "lineage", "marks", "other")
"""Columns of our Parquet files that hold JSON."""


@dataclass(frozen=True)
class Source:
    """A file with records. Of two sources that tell of one id, the first counts."""

    path: Path
    fate: Fate
    rejected: bool = False
    """Whether its rows are texts without a record, which were given up while they were written."""

    @property
    def grows(self) -> bool:
        """Whether rows are appended to it, so that it can be read on from where it was left."""
        return self.path.suffix == ".jsonl"


def sources(opened: Opened) -> tuple[Source, ...]:
    """The files of a folder that hold records; some may not be there yet."""
    if opened.kind == "measured":
        return ()
    if opened.kind == "screened":
        screened = ScreenedFolder(opened.folder)
        return Source(screened.records, "kept"), Source(screened.dropped, "dropped")
    run = opened.run
    corpus = CorpusFolder(run.corpora if opened.kind == "run" else opened.folder)
    done: tuple[Source, ...] = (Source(corpus.records, "kept"), Source(corpus.dropped, "dropped", rejected=True))
    if opened.kind == "run":
        done = (Source(run.kept, "kept"), Source(run.dropped, "dropped"), Source(run.written, "waiting"))
    return (*done, Source(corpus.written, "waiting"), Source(corpus.rejected, "dropped", rejected=True))


def half_written(opened: Opened) -> list[str]:
    """The files with what the gates decided whose last line has no end yet, so that it is not read; paths in the
    folder."""
    grown = [source for source in sources(opened) if source.grows and source.fate != "waiting" and not source.rejected]
    return [str(source.path.relative_to(opened.folder)) for source in grown if _torn(source.path)]


def _torn(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            if not stream.seek(0, os.SEEK_END):
                return False
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except FileNotFoundError:
        return False


def plan_files(opened: Opened) -> tuple[Path, ...]:
    """The files of a folder that hold plans; some may not be there yet."""
    run = opened.run
    corpus = CorpusFolder(run.corpora if opened.kind == "run" else opened.folder)
    return (corpus.plans, run.plans) if opened.kind == "run" else (corpus.plans,)


def plans(opened: Opened) -> dict[str, dict[str, Any]]:
    """The plans of a folder by id."""
    found = (path for path in plan_files(opened) if path.exists())
    return {str(row.get("id")): row for path in found for _, row in read_objects(path, torn=True)}


@dataclass(frozen=True)
class Line:
    """A row of a file that grows, and where it ends."""

    row: dict[str, Any]
    end: int
    """Bytes of the file up to and with this line."""


def lines_from(path: Path, start: int) -> Iterator[Line]:
    """The whole lines of a JSON Lines file from a byte on; a torn last one is waited for.

    Raises:
        UserError: a line is no JSON object.
    """
    with path.open("rb") as stream:
        stream.seek(start)
        for line in stream:
            if not line.endswith(b"\n"):
                return
            start += len(line)
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise TypeError
            except (ValueError, TypeError) as error:
                raise UserError(
                    f"{path}: the line that ends at byte {start} is no JSON object; mend or remove it"
                ) from error
            yield Line(row, start)


@dataclass(frozen=True)
class TableRow:
    """A row of a Parquet file, and where it stands."""

    row: dict[str, Any]
    number: int
    """From 1."""
    of: int
    """Rows of the file."""
    size: int
    """Bytes of a row, in the mean."""


def parquet_rows(source: Source, start: int) -> Iterator[TableRow]:
    """The rows of a Parquet file of ours after the first `start` ones, with their JSON unpacked.

    Raises:
        UserError: it cannot be read as such a file.
    """
    try:
        with pq.ParquetFile(source.path) as file:
            groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
            rows = file.metadata.num_rows
            size = sum(group.total_byte_size for group in groups) // max(1, rows)
            for number, row in _numbered_rows(file, start):
                # What was given up has a plan's id where a record has its plan.
                packed = [name for name in _PACKED if row.get(name) and not (source.rejected and name == "plan")]
                unpacked = row | {name: json.loads(row[name]) for name in packed}
                yield TableRow(unpacked, number, rows, size)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{source.path}: not a table of this version of exempla ({error}); make it again") from error


def _numbered_rows(file: pq.ParquetFile, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for group in range(file.num_row_groups):
        if number + file.metadata.row_group(group).num_rows <= start:
            number += file.metadata.row_group(group).num_rows
            continue
        for batch in file.iter_batches(batch_size=BATCH, row_groups=[group]):
            passed = min(max(0, start - number), len(batch))
            number += passed
            for row in batch.slice(passed).to_pylist():
                number += 1
                yield number, row


def entry_of(source: Source, row: Mapping[str, Any], known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What a row says, in one form for all files.

    Args:
        source: the file that it is from.
        row: as it stands there.
        known: plans by id.

    Returns:
        `record` (the fields of a record), `plan`, `fate`, `gate`, `reason`, `detail`, and what a screening noted:
        `marks`, `place`, `other`.
    """
    whole = row.get("record")
    record: dict[str, Any] = dict(whole) if isinstance(whole, dict) else dict(row)
    lineage = mapping(record.get("lineage"))
    plan_id = str(row.get("plan")) if source.rejected else str(lineage.get("plan") or "")
    plan = known.get(plan_id) or mapping(row.get("plan"))
    if source.rejected:
        record = {"id": row.get("id"), "text": row.get("text") or "", "principle": plan.get("principle", "")}
        lineage = {"plan": plan_id, "recipe": plan.get("recipe", "")}
    reason = str(row.get("reason") or "")
    gate = str(row.get("gate") or "") or (reason.removeprefix("gate ") if source.rejected else "")
    fields = ("id", "corpus", "text", "messages", "title", "principle", "touches", "labels", "tools", "scores")
    return {
        "record": {name: record[name] for name in fields if record.get(name)} | {"lineage": lineage},
        "plan": plan,
        "fate": source.fate,
        "gate": gate,
        "reason": str(row.get("detail") or "") if source.rejected else reason,
        "marks": mapping(row.get("marks")),
        "place": str(row.get("place") or ""),
        "other": mapping(row.get("other")),
    }


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, or an empty one."""
    return value if isinstance(value, dict) else {}
