"""Labels: how people read answers, from CSV or JSON Lines with `answer`, `reading`, `level` and perhaps `who`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import read_objects
from exempla.judging.reading import EVERY, ReadingName, readings
from exempla.records import Frozen

COLUMNS = ("answer", "reading", "level")
WHO = "who"
LINES = (".jsonl", ".ndjson")
DELIMITERS = ",;\t"
"""Spreadsheets write any of them, by the country they are used in."""


class Label(Frozen):
    """What a person reads in one answer."""

    answer: str
    reading: ReadingName
    level: str
    who: str


def read_labels(path: Path) -> list[Label]:
    """The labels of a file. Whoever is not named in it goes by the file's name.

    Raises:
        UserError: naming file and line: something is missing or unknown, or one person labels one answer twice.
    """
    rows = read_objects(path) if path.suffix.lower() in LINES else _table(path)
    found: list[Label] = []
    seen: dict[tuple[str, str, str], int] = {}
    for number, row in rows:
        label = _label(row, f"{path}:{number}", path.stem)
        key = (label.who, label.answer, label.reading)
        if key in seen:
            raise UserError(
                f"{path}:{number}: {label.who} labels {label.reading} of {label.answer} in line {seen[key]} already"
            )
        seen[key] = number
        found.append(label)
    if not found:
        raise UserError(f"{path}: holds no labels")
    return found


def _label(row: Mapping[str, Any], place: str, otherwise: str) -> Label:
    values = {name: str(value).strip() for name, value in row.items() if value is not None}
    if more := sorted(set(values) - {*COLUMNS, WHO}):
        raise UserError(f"{place}: unknown column {more[0]!r}; there are {', '.join((*COLUMNS, WHO))}")
    for name in COLUMNS:
        if not values.get(name):
            raise UserError(f"{place}: no {name}")
    try:
        name = catalogue.require("reading", values["reading"], EVERY)
        reading = readings([name])[0]
        level = catalogue.require("level", values["level"].casefold(), reading.names)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
    return Label(answer=values["answer"], reading=reading.name, level=level, who=values.get(WHO) or otherwise)


def _table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by its heading, each with the line that it begins in."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a UTF-8 text file; save it as CSV in UTF-8") from error
    heading = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=heading.count)
    stream = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    begins = 1
    try:
        for values in stream:
            number, begins = begins, stream.line_num + 1
            if not any(value.strip() for value in values):
                continue
            if not names:
                names = [value.strip().lower() for value in values]
                if missing := [name for name in COLUMNS if name not in names]:
                    raise UserError(
                        f"{path}:{number}: the heading lacks {missing[0]!r}; write answer,reading,level,who"
                    )
            elif len(values) != len(names):
                raise UserError(f"{path}:{number}: {len(values)} values under {len(names)} headings; quote commas")
            else:
                yield number, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}:{stream.line_num}: not valid CSV ({error})") from error
