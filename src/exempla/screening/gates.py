"""What a gate is, the gates there are, and how records pass through them.

A gate is a module in this package with a one-line docstring, `ORDER`, `JUDGES_LIBRARY`, `EXAMPLES` and a function
`gate`. It is found by its file name; adding one is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from exempla.records import LIBRARY_WRITER, Dropped, Family, Item, Record


@dataclass(frozen=True)
class Context:
    """What gates know besides the records."""

    items: tuple[Item, ...] = ()
    """Every item of every instrument, measured in this study or not."""
    families: tuple[Family, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    """Text by id, of the records that writers may have been shown."""


@dataclass(frozen=True)
class Example:
    """Records and what the gate must make of them; run by the contract test."""

    records: tuple[Record, ...]
    dropped: tuple[str, ...] = ()
    """Ids of those it drops; it keeps the others."""
    context: Context = Context()


@dataclass(frozen=True)
class Gate:
    """One gate, as found."""

    name: str
    about: str
    order: int
    judges_library: bool
    """Whether texts of the library pass through it too."""
    examples: tuple[Example, ...]
    judge: Callable[[Sequence[Record], Context], dict[str, str]]
    """Record id to reason, for those it drops."""
    source: Path


@cache
def gates() -> tuple[Gate, ...]:
    """All gates in the order in which records pass them."""
    package = importlib.import_module(__package__)
    found: list[Gate] = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{__package__}.{info.name}")
        if not hasattr(module, "gate"):
            continue
        assert module.__doc__ and module.__file__, f"gate {info.name} has no docstring"
        found.append(
            Gate(
                name=info.name,
                about=module.__doc__.strip().splitlines()[0],
                order=module.ORDER,
                judges_library=module.JUDGES_LIBRARY,
                examples=module.EXAMPLES,
                judge=module.gate,
                source=Path(module.__file__),
            )
        )
    return tuple(sorted(found, key=lambda gate: (gate.order, gate.name)))


def screen(records: Sequence[Record], context: Context) -> tuple[list[Record], list[Dropped]]:
    """Part the records into kept and dropped; the first gate that objects gives the reason."""
    kept, dropped = list(records), list[Dropped]()
    for gate in gates():
        judged = [record for record in kept if gate.judges_library or record.lineage.writer != LIBRARY_WRITER]
        reasons = gate.judge(judged, context)
        dropped += [Dropped(record=r, gate=gate.name, reason=reasons[r.id]) for r in kept if r.id in reasons]
        kept = [record for record in kept if record.id not in reasons]
    return kept, dropped
