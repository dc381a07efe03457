"""Rows as an Arrow table from plain memory: pyarrow's own way from Python objects loads pandas, for half a second."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa

_CODES = {pa.int64(): "q", pa.int32(): "i", pa.float32(): "f"}
"""How `array` names the numbers that columns may hold."""


def table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """A table of rows that have each column of the schema: strings without half surrogate pairs, or numbers or None."""
    return pa.Table.from_arrays(
        [_column([row[field.name] for row in rows], field.type) for field in schema], schema=schema
    )


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        texts = [value.encode() for value in values]
        ends = array("i", [0, *accumulate(map(len, texts))])
        return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
    known = bytearray(-(-len(values) // 8))
    for place, value in enumerate(values):
        known[place // 8] |= (value is not None) << place % 8
    numbers = array(_CODES[kind], [value or 0 for value in values])
    return pa.Array.from_buffers(kind, len(values), [pa.py_buffer(bytes(known)), pa.py_buffer(numbers)])
