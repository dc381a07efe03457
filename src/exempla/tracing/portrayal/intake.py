"""Documents of a corpus, one after the other, in whatever form it lies; what cannot be read is counted and named."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from exempla import catalogue
from exempla.errors import UserError

LINES = (".jsonl", ".ndjson")
COLUMNAR = (".parquet", ".arrow")
PLAIN = (".txt", ".text", ".md")
PACKED = (".gz", ".zst")
TEXTS = ("text", "content", "story", "document", "body", "completion", "response", "output")
TURNS = ("messages", "conversation", "conversations")
IDS = ("id", "uid", "uuid", "doc_id", "_id")
BATCH = 64
"""Rows of a columnar file that are in memory at once, at least one; documents may be long."""
LONGEST = 512 << 20
"""Bytes of one document; a longer one is no text, and would fill the memory."""
NAMED = 200
"""Problems that are kept in words; all are counted."""


class Document(NamedTuple):
    """One document as it was found."""

    number: int
    """From 0, over the whole corpus."""
    id: str
    place: str
    """File, and line or row counted from 1."""
    text: bytes
    """UTF-8."""
    values: dict[str, Any]
    """The row it came in; empty of a plain text file."""


class Problem(NamedTuple):
    """What could not be read."""

    place: str
    problem: str


class Corpus:
    """Files, folders of files, corpora that ship, one after another. Documents can be gone through more than once."""

    def __init__(self, sources: Sequence[str], text_column: str = "", id_column: str = "") -> None:
        """Find the files.

        Raises:
            UserError: there is nothing of that name, or nothing in it that can be read.
        """
        self.sources = [
            source if source in catalogue.CORPORA and not Path(source).exists() else _files(Path(source).expanduser())
            for source in sources
        ]
        """The name of a corpus that ships, or files."""
        self.text_column = text_column
        self.id_column = id_column
        self.problems: list[Problem] = []
        """Of the last time the documents were gone through; the first ones."""
        self.counts: Counter[str] = Counter()
        """Kind of problem to number."""

    def documents(self) -> Iterator[Document]:
        """All documents that can be read, in the order of files and rows.

        Raises:
            UserError: a column that the user named, or any for a text, is not in the first row of a file.
        """
        self.problems, self.counts = [], Counter()
        number = 0
        for source in self.sources:
            for found in _shipped(source) if isinstance(source, str) else self._lying(source):
                # Of rows without an id, the number is the id.
                yield found._replace(number=number, id=found.id or f"row-{number + 1:08d}")
                number += 1

    def _lying(self, files: Sequence[Path]) -> Iterator[Document]:
        for file in files:
            before = _state(file)
            for place, values, text in self._rows(file):
                yield Document(0, self._id(values, file), place, text, values)
            if _state(file) != before:
                self._problem(str(file), "changed while it was read")

    def _rows(self, file: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
        """Place, row and text. What goes wrong ends the file at most."""
        try:
            if _form(file) in PLAIN:
                yield from self._plain(file)
            else:
                yield from self._tabular(file)
        except PermissionError as error:
            raise UserError(f"{file}: no permission to read it") from error
        except (OSError, EOFError, pa.ArrowException, zlib.error) as error:
            said = " ".join(str(error).split())[:120]
            self._problem(str(file), "damaged or torn", f"({said}); what follows in it is lost")

    def _plain(self, file: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
        with opened(file) as stream:
            text = stream.read(LONGEST + 1)
        if len(text) > LONGEST:
            self._problem(str(file), f"over {LONGEST >> 20} MB")
        elif b"\0" in text:
            self._problem(str(file), "binary")
        elif not text.strip():
            self._problem(str(file), "empty")
        elif not _is_utf8(text):
            self._problem(str(file), "not UTF-8")
        else:
            yield str(file), {}, text.removeprefix(b"\xef\xbb\xbf")

    def _tabular(self, file: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
        first = True
        for place, values in self._lines(file) if _form(file) in LINES else self._columns(file):
            if set(values) == {"canary"}:
                continue
            text, problem = self._text(values, place, first)
            first = False
            if problem:
                self._problem(place, problem)
            else:
                yield place, values, text

    def _text(self, values: dict[str, Any], place: str, first: bool) -> tuple[bytes, str]:
        """A row's text, or what is wrong with it."""
        columns = (self.text_column,) if self.text_column else (*TEXTS, *TURNS)
        column = next((name for name in columns if values.get(name)), "")
        if not column:
            if first and not any(name in values for name in columns):
                there = ", ".join(map(repr, list(values)[:20])) or "none"
                raise UserError(f"{place}: no column of text; name it with --text-column: there are {there}")
            return b"", "no text"
        value = values[column]
        if isinstance(value, list):
            value = "\n\n".join(
                str(turn.get("content", turn.get("value", ""))) for turn in value if isinstance(turn, dict)
            )
        if not isinstance(value, str) or not value.strip():
            return b"", "no text"
        found = value.encode("utf-8", "replace")  # half a surrogate pair cannot be written
        return (found, "") if len(found) <= LONGEST else (b"", f"over {LONGEST >> 20} MB")

    def _lines(self, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        with opened(file) as stream:
            number = 0
            while line := stream.readline(LONGEST + 1):
                number += 1
                place = f"{file}:{number}"
                if len(line) > LONGEST:
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(LONGEST)
                    self._problem(place, f"over {LONGEST >> 20} MB")
                elif line.strip(b"\r\n\t \x00\xef\xbb\xbf"):
                    row = self._object(line, place)
                    if row is not None:
                        yield place, row

    def _object(self, line: bytes, place: str) -> dict[str, Any] | None:
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            self._problem(place, "not UTF-8")
        except (ValueError, RecursionError):
            self._problem(place, "not valid JSON" if line.endswith(b"\n") else "a torn line")
        else:
            if isinstance(row, dict):
                return row
            self._problem(place, "not a JSON object")
        return None

    def _columns(self, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        number = 0
        for batch in _batches(file):
            for start in range(0, batch.num_rows, BATCH):
                part = batch.slice(start, BATCH)
                for place in range(part.num_rows):
                    number += 1
                    try:
                        row = part.slice(place, 1).to_pylist()[0]
                    except (ValueError, OverflowError):
                        self._problem(f"{file}:{number}", "not UTF-8, or a value out of range")
                    else:
                        yield f"{file}:{number}", row

    def _id(self, values: dict[str, Any], file: Path) -> str:
        """The id of a row; empty if it has none."""
        if self.id_column and self.id_column not in values:
            raise UserError(f"{file}: no column {self.id_column!r}; there are {', '.join(map(repr, values)) or 'none'}")
        column = self.id_column or next((name for name in IDS if values.get(name) is not None), "")
        return str(values[column]) if column else (str(file) if not values else "")

    def _problem(self, place: str, kind: str, more: str = "") -> None:
        self.counts[kind] += 1
        if len(self.problems) < NAMED:
            self.problems.append(Problem(place, f"{kind} {more}".strip()))


def _shipped(name: str) -> Iterator[Document]:
    for record in catalogue.corpus(name):
        values = {"messages": [message.model_dump() for message in record.messages]}
        yield Document(0, record.id, record.id, record.whole_text().encode(), values)


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked if it is packed."""
    if file.suffix == ".gz":
        with gzip.open(file, "rb") as packed:
            yield packed  # type: ignore[misc]
    elif file.suffix == ".zst":
        with pa.input_stream(str(file), compression="zstd") as stream:
            yield io.BufferedReader(stream)
    else:
        with file.open("rb") as plain:
            yield plain


def _batches(file: Path) -> Iterator[Any]:
    if _form(file) == ".parquet":
        with pq.ParquetFile(file) as table:
            yield from table.iter_batches(batch_size=BATCH)
        return
    with pa.memory_map(str(file)) as source:
        try:
            # The datasets library writes streams; other tools write files.
            reader: Any = pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            source.seek(0)
            table = pa.ipc.open_file(source)
            reader = (table.get_batch(place) for place in range(table.num_record_batches))
        yield from reader


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder, and no corpus of that name (exempla list corpora)")
    if path.is_file():
        if not _form(path):
            raise UserError(
                f"{path}: not a form that can be read; give .jsonl, .parquet, .arrow or .txt (also .gz, .zst)"
            )
        return [path]
    if (path / "records.parquet").is_file():
        return [path / "records.parquet"]
    found = [file for file in sorted(path.rglob("*")) if file.is_file() and _form(file) and not _aside(file)]
    if not found:
        raise UserError(f"{path}: nothing to read in this folder; put .jsonl, .parquet, .arrow or .txt files into it")
    return found


def _aside(file: Path) -> bool:
    """Whether a file is a cache of the datasets library, or of an earlier portrayal."""
    return file.name.startswith("cache-") or any((folder / "portrayal.json").exists() for folder in file.parents[:3])


def _form(path: Path) -> str:
    """The ending that tells how a file is read; empty if none does."""
    name = path.name
    for packed in PACKED:
        name = name.removesuffix(packed)
    suffix = Path(name).suffix
    return suffix if suffix in (*LINES, *PLAIN) or (suffix in COLUMNAR and name == path.name) else ""


def _state(file: Path) -> tuple[int, int]:
    try:
        state = file.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
