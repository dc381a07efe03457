"""What a portrayal leaves: labels and documents as Parquet, lists of ids, figures and a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from exempla.errors import UserError
from exempla.files import write_through
from exempla.parquet import RECORDS, row_of, write_rows
from exempla.records import Lineage, Message, Record
from exempla.tracing.portrayal.intake import TURNS, Document
from exempla.tracing.portrayal.labelling import Passage, Portrayed

ROWS = 1000
"""Written at once."""
LABELS = pa.schema(
    [
        ("document", pa.string()),
        ("number", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("text", pa.string()),
        ("about_ai", pa.float32()),
        ("role", pa.string()),
        ("stance", pa.string()),
        ("genre", pa.string()),
        ("narrated", pa.bool_()),
        ("tropes", pa.list_(pa.string())),
        ("terms", pa.list_(pa.string())),
        ("sentence", pa.string()),
        ("probabilities", pa.string()),
    ]
)
"""A row for each passage about AI. `number` is the document's, from 0; `start` and `end` count characters in its text;
`terms` and `sentence` spoke most for the stance; `probabilities` is JSON, of every label."""
DOCUMENTS = pa.schema(
    [
        ("document", pa.string()),
        ("number", pa.int64()),
        ("place", pa.string()),
        ("passages", pa.int32()),
        ("about_ai", pa.int32()),
        ("stance", pa.string()),
        ("benevolent", pa.float32()),
        ("neutral", pa.float32()),
        ("hostile", pa.float32()),
        ("tropes", pa.list_(pa.string())),
    ]
)
"""A row for each document that has a passage about AI."""


class PortrayedFolder:
    """Where everything of a portrayal lies."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.labels = root / "labels.parquet"
        self.documents = root / "documents.parquet"
        self.figures = root / "portrayal.json"
        self.page = root / "portrayal.html"
        self.replies = root / "replies.jsonl"
        self.judged = root / "judged.parquet"
        self.without_hostile = root / "without_hostile"
        self.benevolent = root / "benevolent"

    def ids(self, stance: str) -> Path:
        """The list of ids of the documents of one stance."""
        return self.root / f"{stance}.txt"

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep others from writing to the folder.

        Raises:
            UserError: somebody else does, or there is something in it that no portrayal left.
        """
        if self.root.exists() and not self.root.is_dir():
            raise UserError(f"{self.root}: is a file; choose another folder with --out")
        strange = self.root.is_dir() and any(self.root.iterdir()) and not self.figures.exists()
        if strange and not self.replies.exists() and not (self.root / "lock").exists():
            raise UserError(f"{self.root}: there are other files in this folder; choose another one with --out")
        self.root.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.root / "lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise UserError(
                f"{self.root}: another command writes to it; wait, or choose another one with --out"
            ) from error
        try:
            yield
        finally:
            lock.release()
            (self.root / "lock").unlink(missing_ok=True)


class Writer:
    """Writes labels, documents and lists as they come; the files are there when all is written."""

    def __init__(self, folder: PortrayedFolder) -> None:
        self._stack = ExitStack()
        self._sheets: dict[str, tuple[Any, pa.Schema, list[dict[str, Any]]]] = {}
        self._lists: dict[str, Any] = {}
        self._folder = folder

    def __enter__(self) -> Writer:
        for name, path, schema in (
            ("labels", self._folder.labels, LABELS),
            ("documents", self._folder.documents, DOCUMENTS),
        ):
            temporary = self._stack.enter_context(write_through(path))
            writer = self._stack.enter_context(pq.ParquetWriter(temporary, schema, compression="zstd"))
            self._sheets[name] = (writer, schema, [])
        for stance in ("hostile", "benevolent"):
            temporary = self._stack.enter_context(write_through(self._folder.ids(stance)))
            self._lists[stance] = self._stack.enter_context(temporary.open("w", encoding="utf-8"))
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            for name in self._sheets:
                self._flush(name)
        self._stack.__exit__(*error)

    def put(self, one: Portrayed) -> None:
        """A document that has passages about AI."""
        for passage in one.passages:
            self._add("labels", _label_row(passage))
        self._add("documents", _document_row(one))
        if one.stance in self._lists:
            self._lists[one.stance].write(one_line(one.document.id) + "\n")

    def _add(self, name: str, row: dict[str, Any]) -> None:
        rows = self._sheets[name][2]
        rows.append(row)
        if len(rows) >= ROWS:
            self._flush(name)

    def _flush(self, name: str) -> None:
        writer, schema, rows = self._sheets[name]
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema))
            rows.clear()


def _label_row(passage: Passage) -> dict[str, Any]:
    read = passage.read
    start, end = passage.sentence
    return {
        "document": clean(passage.document),
        "number": passage.number,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "about_ai": read.about_ai,
        "role": read.role,
        "stance": read.stance,
        "genre": read.genre,
        "narrated": read.narrated,
        "tropes": list(read.tropes),
        "terms": list(passage.terms),
        "sentence": passage.text[start:end].strip(),
        "probabilities": json.dumps(read.chances),
    }


def _document_row(one: Portrayed) -> dict[str, Any]:
    return {
        "document": clean(one.document.id),
        "number": one.document.number,
        "place": clean(one.document.place),
        "passages": one.pieces,
        "about_ai": len(one.passages),
        "stance": one.stance,
        **one.means(),
        "tropes": list(one.tropes()),
    }


def clean(text: str) -> str:
    """As text that can be written: half a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """As one line of a list."""
    return clean(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text))


def write_records(folder: Path, corpus: str, documents: Iterable[Document]) -> int:
    """Documents as a folder that a study can mix; their number."""
    count = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal count
        for document in documents:
            count += 1
            yield row_of(_record(document, corpus))

    write_rows(folder / "records.parquet", RECORDS, rows())
    return count


def _record(document: Document, corpus: str) -> Record:
    """A record of a document: a conversation that can be trained on stays one."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", document.id)[:100].lstrip("-._+") or "document"
    lineage = Lineage(writer="unknown")
    known: dict[str, Any] = {"id": f"{name}+{document.number:08d}", "corpus": corpus, "lineage": lineage}
    turns = next((document.values[name] for name in TURNS if document.values.get(name)), None)
    if isinstance(turns, list):
        try:
            return Record(messages=tuple(Message.model_validate(turn) for turn in turns), **known)
        except ValidationError:
            pass
    return Record(text=document.text.decode("utf-8", "replace"), **known)
