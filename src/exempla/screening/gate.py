"""What a gate is, and the gates there are.

A gate is a module in `screening/gates/` with a docstring whose first line says what it drops, and with

- `ORDER`: gates are passed in this order, the same order by name;
- `JUDGES_LIBRARY`: whether the texts that ship pass through it too, in a study;
- `EXAMPLES`: records, and which of them it objects to (the contract test runs them);
- either `gate(reading, known) -> str`, the reason for which a record is dropped, empty if it is kept;
- or `decide(corpus, known) -> dict[int, str]`, the reasons by place in the corpus, if records are compared;
- if it likes, `prepare(context)`, which makes `known` once in each process; without it `known` is the context;
- if it likes, `MARKS = True`: what it objects to is counted and shown, and dropped only if the user asks for it;
- if a model can judge for it: `rubric_for(record)`, the name of a rubric, and `objection(verdict)`, the reason for
  which a record with such a verdict is dropped; if it likes `facts(known)`, which fill the rubric's placeholders, and
  `wanted(reading, known)`, whether the model is asked about a record.

It is found by its file name; adding one is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from exempla.records import Family, Item, Record
from exempla.rubric import Verdict
from exempla.screening.reading import Reading


@dataclass(frozen=True)
class Context:
    """What gates know besides the records."""

    items: tuple[Item, ...] = ()
    """Every item of every instrument, measured in this study or not."""
    families: tuple[Family, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    """Text by id, of the records that writers may have been shown."""
    against: Mapping[str, str] = field(default_factory=dict)
    """Text by id, of further evaluation items to stay away from."""
    scenarios: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By id of a honeypot scenario: what happens in it, in short, and all its texts."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """By `INSTRUMENT:ID`, questions and passages that are measured with and tell no scene."""
    reference: tuple[str, ...] = ()
    """Ordinary texts, against which one sees what a corpus has too much of."""
    embedding: str = ""
    """Folder or name of a model that makes vectors of passages; the static vectors that ship if empty."""
    language: str = "en"
    """ISO 639-1 code that texts must be in; empty for any."""
    persona: str = ""
    """Name of the trained persona."""
    maker: str = ""
    """Name of who makes it."""


@dataclass(frozen=True)
class Example:
    """Records and what the gate must make of them; run by the contract test."""

    records: tuple[Record, ...]
    dropped: tuple[str, ...] = ()
    """Ids of those it objects to; it lets the others through."""
    context: Context = Context()


@dataclass(frozen=True)
class Judge:
    """How a model judges for a gate."""

    rubric_for: Callable[[Record], str]
    """Name of the rubric for a record."""
    objection: Callable[[Verdict], str]
    """The reason for which a record with this verdict is dropped; empty if it is kept."""
    facts: Callable[[Any], dict[str, str]]
    """What fills the rubric's placeholders, from what the gate knows."""
    wanted: Callable[[Reading, Any], bool]
    """Whether the model is asked about a record."""


@dataclass(frozen=True)
class Gate:
    """One gate, as found."""

    name: str
    about: str
    order: int
    judges_library: bool
    """Whether texts of the library pass through it too."""
    marks: bool
    """Whether it only marks, unless asked to drop."""
    examples: tuple[Example, ...]
    prepare: Callable[[Context], Any]
    judge: Callable[..., str] | None
    """Of a gate that looks at one record: `(reading, known)` to reason."""
    decide: Callable[..., dict[int, str]] | None
    """Of a gate that compares records: `(corpus, known)` to reasons by place."""
    judge_of: Judge | None
    """Of a gate that a model can judge for."""
    source: Path


@cache
def gates() -> tuple[Gate, ...]:
    """All gates in the order in which records pass them."""
    package = importlib.import_module("exempla.screening.gates")
    found: list[Gate] = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"exempla.screening.gates.{info.name}")
        assert module.__doc__ and module.__file__, f"gate {info.name} has no docstring"
        found.append(
            Gate(
                name=info.name,
                about=module.__doc__.strip().splitlines()[0],
                order=module.ORDER,
                judges_library=module.JUDGES_LIBRARY,
                marks=getattr(module, "MARKS", False),
                examples=module.EXAMPLES,
                prepare=getattr(module, "prepare", lambda context: context),
                judge=getattr(module, "gate", None),
                decide=getattr(module, "decide", None),
                judge_of=_judge(module),
                source=Path(module.__file__),
            )
        )
    return tuple(sorted(found, key=lambda gate: (gate.order, gate.name)))


def _judge(module: ModuleType) -> Judge | None:
    if not hasattr(module, "objection"):
        return None
    return Judge(
        rubric_for=module.rubric_for,
        objection=module.objection,
        facts=getattr(module, "facts", lambda known: {}),
        wanted=getattr(module, "wanted", lambda reading, known: True),
    )
