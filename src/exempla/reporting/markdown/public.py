"""A run as it may be published: of a path that tells where somebody's files lie, the last part alone is shown."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exempla import catalogue
from exempla.files import stream_lines
from exempla.records import Dropped, MixAccount, Record
from exempla.reporting.page.material import Reading, trained_cells
from exempla.runfolder import RunFolder
from exempla.study import Arm, Cell, Study

LOCAL = "exempla/"
"""What Inspect's names of models in folders, and of the embedded one, begin with."""


@dataclass(frozen=True)
class Public:
    """A run with public names: its study, what its cells read, and its texts."""

    study: Study
    readings: list[Reading]
    """Of the cells that have been trained."""
    kept: list[Record]
    dropped: list[Dropped]
    folders: tuple[str, ...]
    """Corpora that are folders of the user's."""


def publish(study: Study, folder: RunFolder) -> Public:
    """Read what a run has so far, and give it public names.

    Raises:
        UserError: a file of it cannot be read.
    """
    names: dict[str, str] = {}
    for corpus in (corpus for arm in study.arms for corpus in arm.mix):
        names.setdefault(corpus, unlike(public_name(corpus), names))
    shown = study.model_copy(
        update={
            "subject": public_model(study.subject),
            "constitution": public_name(study.constitution),
            "arms": tuple(_public_arm(arm, names) for arm in study.arms),
            "judging": study.judging.model_copy(update={"judge": public_model(study.judging.judge)}),
        }
    )
    accounts = [(cell, account(folder, cell)) for cell in trained_cells(shown)]
    return Public(
        study=shown,
        readings=[Reading(cell, _public_account(mix, names)) for cell, mix in accounts if mix],
        kept=[_public_record(record, names) for record in stream_lines(folder.kept, Record)],
        dropped=[
            drop.model_copy(update={"record": _public_record(drop.record, names)})
            for drop in stream_lines(folder.dropped, Dropped)
        ],
        folders=tuple(name for corpus, name in names.items() if catalogue.is_folder(corpus)),
    )


def public_name(name: str) -> str:
    """A name as it may be published; one that is no path of somebody's own stays as it is."""
    path = name.removeprefix(LOCAL)
    return Path(path).name or name if path.startswith(("/", "~")) else name


def public_model(name: str) -> str:
    """The name of a model as it may be published, whether it is in the user's form or in Inspect's."""
    return public_name(name).removeprefix(LOCAL)


def unlike(name: str, taken: Mapping[str, str]) -> str:
    """The name, with a number if it is among the values of `taken` already."""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken.values())


def account(folder: RunFolder, cell: Cell) -> MixAccount | None:
    """What a cell read; None if it has not been trained yet."""
    path = folder.mix(cell)
    return MixAccount.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None


def _public_arm(arm: Arm, names: Mapping[str, str]) -> Arm:
    order = tuple(names[corpus] for corpus in arm.order)
    return arm.model_copy(update={"mix": _renamed(arm.mix, names), "order": order, "without": arm.less})


def _renamed(counts: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    return {names.get(corpus, public_name(corpus)): count for corpus, count in counts.items()}


def _public_account(mix: MixAccount, names: Mapping[str, str]) -> MixAccount:
    by_corpus = ("records", "distinct_records", "corpus_tokens", "passes")
    return mix.model_copy(update={field: _renamed(getattr(mix, field), names) for field in by_corpus})


def _public_record(record: Record, names: Mapping[str, str]) -> Record:
    lineage = record.lineage.model_copy(update={"writer": public_model(record.lineage.writer)})
    corpus = names.get(record.corpus, public_name(record.corpus))
    return record.model_copy(update={"corpus": corpus, "lineage": lineage})
