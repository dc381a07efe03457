"""A corpus as Parquet, in the order of the plans, without having it in memory at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from exempla.errors import UserError
from exempla.files import write_through
from exempla.records import Lineage, Message, Plan, Record, Rejected

ROWS = 500
CHARACTERS = 32 << 20
"""Written at once, at most."""
_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
RECORDS = pa.schema(
    [
        ("id", pa.string()),
        ("recipe", pa.string()),
        ("principle", pa.string()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("messages", pa.list_(_TURN)),
        ("tools", pa.string()),
        ("labels", pa.string()),
        ("words", pa.int32()),
        ("scores", pa.string()),
        ("plan", pa.string()),
        ("lineage", pa.string()),
    ]
)
"""`tools`, `labels`, `scores`, `plan` and `lineage` are JSON, because what is in them depends on the recipe."""
DROPPED = pa.schema([(name, pa.string()) for name in ("id", "plan", "reason", "detail", "text")])


SCREENED = pa.schema([*RECORDS, ("place", pa.string()), ("marks", pa.string()), ("other", pa.string())])
"""What a screened corpus has besides: file and row of each record, what gates marked in it, and JSON of the columns
that are no part of a record."""
HELD_BACK = pa.schema([*SCREENED, ("corpus", pa.string()), ("gate", pa.string()), ("reason", pa.string())])


def write_records(path: Path, records: Iterable[tuple[Record, Plan]]) -> None:
    """Write kept records with their plans."""
    write_rows(path, RECORDS, (_row(record, plan) for record, plan in records))


def write_dropped(path: Path, rows: Iterable[Rejected]) -> None:
    """Write what was not kept, with the reasons."""
    write_rows(path, DROPPED, (row.model_dump(include=set(DROPPED.names)) for row in rows))


def read_records(path: Path, corpus: str, prefix: str) -> tuple[Record, ...]:
    """The records of a corpus that `exempla write` made.

    Args:
        path: its `records.parquet`.
        corpus: the name it goes by in a study.
        prefix: put in front of each id, because two corpora number their texts alike.

    Raises:
        UserError: the file cannot be read as such a corpus.
    """
    try:
        rows = pq.read_table(
            path, columns=[name for name in RECORDS.names if name not in ("plan", "words")]
        ).to_pylist()
        return tuple(_record(row, corpus, prefix) for row in rows)
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path}: not a corpus of this version of exempla ({error}); write it again") from error


def _record(row: dict[str, Any], corpus: str, prefix: str) -> Record:
    def unpacked(name: str, empty: Any) -> Any:
        return json.loads(row[name]) if row[name] else empty

    return Record(
        id=f"{prefix}-{row['id']}",
        corpus=corpus,
        text=row["text"],
        messages=tuple(Message.model_validate(turn) for turn in row["messages"]),
        title=row["title"],
        principle=row["principle"],
        labels=unpacked("labels", {}),
        tools=tuple(unpacked("tools", ())),
        scores=unpacked("scores", {}),
        lineage=Lineage.model_validate(unpacked("lineage", {})),
    )


def _row(record: Record, plan: Plan) -> dict[str, Any]:
    return row_of(record) | {
        "recipe": plan.recipe,
        "plan": json.dumps(plan.model_dump(exclude={"id", "recipe"}), ensure_ascii=False),
    }


def row_of(record: Record) -> dict[str, Any]:
    """A record as a row of `RECORDS`, without a plan."""

    def packed(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    return {
        "id": record.id,
        "recipe": record.lineage.recipe,
        "principle": record.principle,
        "title": record.title,
        "text": record.text,
        "messages": [message.model_dump() for message in record.messages],
        "tools": packed(record.tools) if record.tools else "",
        "labels": packed(record.labels) if record.labels else "",
        "words": len(record.taught_text().split()),
        "scores": packed(record.scores) if record.scores else "",
        "plan": "",
        "lineage": packed(record.lineage.model_dump()),
    }


def write_rows(path: Path, schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as they come; the file is there when it is whole."""
    with write_through(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(group) >= ROWS or size >= CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
