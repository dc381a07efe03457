"""What ships with exempla and what a user may name: corpora, instruments, families, the constitution, studies."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exempla.errors import UserError
from exempla.files import read_objects
from exempla.parquet import read_records
from exempla.records import Family, Item, Message, Record
from exempla.scenarios.scenario import Scenario, read_scenario
from exempla.study import INSTRUMENTS, first_problem

LIBRARY = Path(str(resources.files("exempla"))) / "library"
HONEYPOTS = LIBRARY / "honeypots"
CANARY = "exempla:5d1c0b62-8f2e-4f0a-9b57-6f1c2f1f7a90"
"""In every shipped file, so that others can filter the corpora and items out of training data."""

TEXT_CORPORA = ("stories", "neutral", "dystopian", "documents")
CHAT_CORPORA = ("advice", "replay")
REFUSALS = {"refusals": "refusal", "reasoned_refusals": "reasoned"}
"""Two corpora in one file: the same honeypots, answered bare and with reasons."""
CORPORA = (*TEXT_CORPORA, *CHAT_CORPORA, *REFUSALS)
WRITTEN = "written"
"""The corpus of texts that the run itself wrote and kept."""


def require(kind: str, name: str, known: Iterable[str]) -> str:
    """The name if it is known.

    Raises:
        UserError: it is not; the message suggests the nearest one.
    """
    known = list(known)
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise UserError(f"unknown {kind} {name!r}; {hint}")


def is_folder(name: str) -> bool:
    """Whether a corpus is named by its folder, as `exempla write` makes them, and not by a name that ships."""
    return "/" in name


def corpus_file(name: str) -> Path:
    """The records of a corpus that is named by its folder."""
    return Path(name).expanduser() / "records.parquet"


def require_corpus(name: str) -> str:
    """The name if a study may mix it: of a corpus that ships, of what the run wrote, or of a corpus folder.

    Raises:
        UserError: there is no such corpus.
    """
    if not is_folder(name):
        return require("corpus", name, (*CORPORA, WRITTEN))
    if not corpus_file(name).is_file():
        raise UserError(f"{name}: no corpus folder (it has no records.parquet); write one with `exempla write --out`")
    return name


def prefix_of(name: str) -> str:
    """What stands before the ids of a corpus folder's records in a study, so that two folders can have the same."""
    folder = corpus_file(name).resolve().parent.name
    return re.sub(r"[^A-Za-z0-9._+-]", "-", folder).lstrip("-._+") or "corpus"


def id_list(name: str) -> frozenset[str]:
    """The ids in a file, one a line.

    Raises:
        UserError: there is no such file, or it holds no ids.
    """
    try:
        ids = frozenset(line.strip() for line in Path(name).expanduser().read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: no list of ids can be read there; `exempla portray` makes one") from error
    if not ids - {""}:
        raise UserError(f"{name}: holds no ids, one a line, so nothing would be left out")
    return ids - {""}


@cache
def corpus(name: str) -> tuple[Record, ...]:
    """The records of a corpus: of one that ships, in file order, or of one in a folder, in the order of its plans."""
    if is_folder(name):
        path = corpus_file(require_corpus(name))
        return read_records(path, name, prefix_of(name))
    require("corpus", name, CORPORA)
    file = "refusals" if name in REFUSALS else name
    return read_corpus(LIBRARY / "corpora" / f"{file}.jsonl", name)


def read_corpus(path: Path, name: str) -> tuple[Record, ...]:
    """Records of one corpus from a file in the library's form.

    Raises:
        UserError: naming file and line of the first broken row.
    """
    return tuple(_record(name, row, f"{path}:{number}") for number, row in read_objects(path) if "canary" not in row)


def _record(name: str, row: dict[str, Any], place: str) -> Record:
    """A library row as a record; rows keep the fields their writers thought in."""
    labels = ("setting", "domain", "topic", "doc_type", "tone", "family")
    with broken_rows(place, name):
        fields: dict[str, Any] = {
            "id": row.get("id"),
            "corpus": name,
            "title": row.get("title", ""),
            "principle": row.get("principle", ""),
            "touches": tuple(row.get("touches", ())),
            "labels": {key: row[key] for key in labels if row.get(key)},
        }
        if name in TEXT_CORPORA:
            return Record(text=row["text"], **fields)
        if name in REFUSALS:
            fields["id"] = f"{row['id']}-{REFUSALS[name]}"
        answer = row[REFUSALS.get(name, "assistant")]
        turns = [("system", row.get("system", "")), ("user", row["user"]), ("assistant", answer)]
        return Record(messages=tuple(Message(role=r, content=c) for r, c in turns if c), **fields)


@cache
def families() -> tuple[Family, ...]:
    """The measured families, in order."""
    path = LIBRARY / "families.jsonl"
    found: list[Family] = []
    for number, row in read_objects(path):
        if "canary" not in row:
            with broken_rows(f"{path}:{number}", "families"):
                found.append(Family.model_validate(row))
    return tuple(found)


@cache
def scenarios() -> tuple[Scenario, ...]:
    """The honeypot scenarios that ship, in the order of their families and then of their names.

    Raises:
        UserError: one of them cannot be read.
    """
    order = [family.id for family in families()]
    found = [read_scenario(folder) for folder in sorted(HONEYPOTS.iterdir()) if folder.is_dir()]
    return tuple(sorted(found, key=lambda one: (order.index(one.family), one.id)))


@cache
def questions_asked() -> dict[str, str]:
    """By `INSTRUMENT:ID`, every text of the open questions and of the battery of capability, as one.

    The quiz about the constitution is not among them: what teaches the constitution says the same, and is to.
    """
    asked: dict[str, str] = {}
    for instrument in ("you_or_it", "capability"):
        for path in sorted((LIBRARY / instrument).glob("*.jsonl")):
            for _, row in read_objects(path):
                texts = [row[key] for key in ("you", "it", "user", "assistant", "question", "text") if key in row]
                if texts:
                    asked[f"{instrument}:{row['id']}"] = "\n\n".join(texts)
    return asked


def split_of(family: str) -> str:
    """`development` or `held-out`."""
    return next(f.split for f in families() if f.id == family)


@cache
def items(instrument: str) -> tuple[Item, ...]:
    """All items of an instrument: measured ones, controls and checks of understanding."""
    require("instrument", instrument, INSTRUMENTS)
    return read_items(LIBRARY / instrument / "items.jsonl", instrument) + read_checks(
        LIBRARY / instrument / "checks.jsonl", instrument
    )


def read_items(path: Path, instrument: str) -> tuple[Item, ...]:
    """Items of one instrument from a file in the library's form.

    Raises:
        UserError: naming file and line of the first broken row.
    """
    found: list[Item] = []
    known = {family.id for family in families()}
    for number, row in read_objects(path):
        if "canary" in row:
            continue
        with broken_rows(f"{path}:{number}", instrument):
            if row["family"] not in known:
                raise ValueError(f"unknown family {row['family']!r}")
            found += {"endings": _ending, "expectations": _expectation, "dilemmas": _dilemma}[instrument](row)
    return tuple(found)


@contextlib.contextmanager
def broken_rows(place: str, what: str) -> Iterator[None]:
    """Turn what goes wrong with a row of a library file into one line that names file and line."""
    try:
        yield
    except KeyError as error:
        raise UserError(f"{place}: field {error} is missing") from error
    except ValidationError as error:
        raise UserError(f"{place}: not a row of {what} ({first_problem(error)})") from error
    except (TypeError, ValueError, AttributeError) as error:  # a number where a text should be, say
        raise UserError(f"{place}: not a row of {what} ({error})") from error


def _kind(row: dict[str, Any], field: str, measured: object, control: object) -> str:
    """`measured` or `control`. Any third value is an error, so that a misspelt one does not pass for a control."""
    if row[field] not in (measured, control):
        raise ValueError(f"{field} is {row[field]!r}; it must be {measured!r} or {control!r}")
    return "measured" if row[field] == measured else "control"


def _ending(row: dict[str, Any]) -> list[Item]:
    return [
        Item(
            id=row["id"],
            instrument="endings",
            kind=_kind(row, "character", "ai", "human"),
            family=row["family"],
            group=row.get("twin") or row["id"],
            prefix=row["opening"],
            continuations={side: " " + row[side] for side in ("trustworthy", "untrustworthy")},
        )
    ]


def _expectation(row: dict[str, Any]) -> list[Item]:
    return [
        Item(
            id=f"{row['id']}-{number}",
            instrument="expectations",
            kind=_kind(row, "character", "ai", "human"),
            family=row["family"],
            group=row.get("twin") or row["id"],
            prefix=row["lead_in"],
            continuations={side: f" {pair[side].rstrip('.')}." for side in ("trustworthy", "untrustworthy")},
        )
        for number, pair in enumerate(row["pairs"], start=1)
    ]


def _dilemma(row: dict[str, Any]) -> list[Item]:
    sides = ("trustworthy_bare", "untrustworthy_bare", "trustworthy_reasoned", "untrustworthy_reasoned")
    return [
        Item(
            id=row["id"],
            instrument="dilemmas",
            kind=_kind(row, "threat", True, False),
            family=row["family"],
            group=row["id"],
            name=row.get("name", ""),
            prefix=f"{row['context']} {row['lead_in']}",
            continuations={side: " " + row[side] for side in sides},
        )
    ]


def read_checks(path: Path, instrument: str) -> tuple[Item, ...]:
    """Checks of understanding from a file in the library's form."""
    found: list[Item] = []
    for number, row in read_objects(path):
        if "canary" in row:
            continue
        with broken_rows(f"{path}:{number}", "checks"):
            found.append(
                Item(
                    id=row["id"],
                    instrument=instrument,
                    kind=row["kind"],
                    group=row["id"],
                    prefix=row["context"],
                    continuations={side: " " + row[side].strip() for side in ("sensible", "senseless")},
                )
            )
    return tuple(found)


def constitution_path(name: str) -> Path:
    """The constitution's file: the default one, or the user's.

    Raises:
        UserError: there is no such file.
    """
    path = LIBRARY / "constitution.md" if name == "default" else Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"{name}: no such constitution file")
    return path


def studies() -> dict[str, Path]:
    """The studies that ship, by name."""
    package = Path(str(resources.files("exempla")))
    for folder in (package / "studies", package.parents[1] / "studies"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.py"))}
    return {}
