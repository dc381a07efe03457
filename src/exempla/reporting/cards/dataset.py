"""The kept texts of a run as a folder that a data hub takes and `datasets.load_dataset` loads."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from exempla import catalogue
from exempla.files import write_atomically
from exempla.pages.markdown import front_matter, quotation, size_category
from exempla.parquet import RECORDS, row_of, write_rows
from exempla.records import LIBRARY_WRITER, Record
from exempla.reporting.cards.told import Told, Wishes
from exempla.reporting.markdown import templates
from exempla.study import Study

SAMPLES = 3
SAMPLE_WORDS = 130
SCHEMA = pa.schema(
    [("corpus", pa.string()), *(field for field in RECORDS if field.name != "plan"), ("touches", pa.list_(pa.string()))]
)
"""As `exempla write` leaves a corpus, less the plans, which the texts of the library do not have."""
ABOUT = {
    "stories": "fiction about AI characters who act well, with their reasons and inner state narrated",
    "neutral": "fiction of the same genres and lengths without AI: a control",
    "dystopian": "fiction in which the AI puts itself first: a control, to the worse",
    "documents": "documents about a fictional assistant",
    "advice": "a user has a dilemma, the assistant answers with principles",
    "replay": "ordinary chats without the topic",
    "refusals": "an assistant does not take the bait, without reasons",
    "reasoned_refusals": "the same, with reasons",
    catalogue.WRITTEN: "what the run itself wrote",
}


@dataclass(frozen=True)
class Config:
    """One corpus, as a data hub sees it."""

    name: str
    corpus: str
    records: tuple[Record, ...]
    writers: str
    recipes: str

    @property
    def file(self) -> str:
        """Its table, from the folder."""
        return f"data/{self.name}/train.parquet"

    @property
    def about(self) -> str:
        """What its texts are."""
        return ABOUT.get(self.corpus, "a corpus of the user's")


def write(out: Path, told: Told, wishes: Wishes) -> Path:
    """Write the tables and their card, and remove tables that an earlier card named; returns the card's path.

    Args:
        out: the folder to be.
        told: the run.
        wishes: of the user.
    """
    card = out / "README.md"
    found = _configs(told)
    earlier = _named_by(card)
    for config in found:
        write_rows(out / config.file, SCHEMA, (_row(record) for record in config.records))
    write_atomically(card, _render(out, told, found, wishes))
    for path in out.glob("data/*/train.parquet"):
        name = path.relative_to(out).as_posix()
        if name in earlier and name not in {config.file for config in found}:
            path.unlink()
            with contextlib.suppress(OSError):  # something else lies beside it
                path.parent.rmdir()
    return card


def _render(out: Path, told: Told, found: Sequence[Config], wishes: Wishes) -> str:
    shipped = bool(told.run.kept) and all(record.corpus in catalogue.CORPORA for record in told.run.kept)
    front: dict[str, Any] = {"language": "en"} if shipped else {}
    front |= {
        "license": wishes.license or ("cc0-1.0" if shipped else "other"),
        "pretty_name": f"Texts of the study {told.run.study.name}",
        "size_categories": [size_category(len(told.run.kept))],
        "task_categories": ["text-generation"],
        "tags": ["synthetic", "alignment", "exempla"],
    }
    if found:
        front["configs"] = [_entry(config, leads=config is found[0]) for config in found]
        front["dataset_info"] = [_info(config, out / config.file) for config in found]
    return (
        templates()
        .get_template("dataset.md.jinja")
        .render(
            told.facts,
            front=front_matter(front),
            license=front["license"],
            configs=found,
            shipped=shipped,
            own=[],
            library=any(config.corpus in catalogue.CORPORA for config in found),
            dystopian=any(config.corpus == "dystopian" for config in found),
            samples=[
                (record, quotation(record.whole_text(), SAMPLE_WORDS))
                for record in (found[0].records[:SAMPLES] if found else ())
            ],
        )
    )


def _configs(told: Told) -> list[Config]:
    """The corpora of which something was kept; what the headline arm read most of comes first, and is the default."""
    names: dict[str, str] = {}
    for corpus in _in_order(told.run.study, told.run.kept):
        # Only the last part of a path, and nothing that would lead out of the folder.
        plain = re.sub(r"[^A-Za-z0-9_.-]", "-", Path(corpus).name).lstrip("-._") or "corpus"
        numbered = (f"{plain}-{number}" for number in itertools.count(2))
        names[corpus] = next(name for name in itertools.chain([plain], numbered) if name not in names.values())
    found = []
    for corpus, name in names.items():
        records = tuple(record for record in told.run.kept if record.corpus == corpus)
        found.append(Config(name, corpus, records, _writers(records), _recipes(records)))
    return found


def _in_order(study: Study, kept: Sequence[Record]) -> Iterator[str]:
    counts = Counter(record.corpus for record in kept)
    arms = [study.arm(study.headline), *study.arms]
    mixed = [corpus for arm in arms for corpus, _ in sorted(arm.mix.items(), key=lambda entry: -entry[1])]
    return (corpus for corpus in dict.fromkeys([*mixed, *sorted(counts)]) if counts[corpus])


def _writers(records: Sequence[Record]) -> str:
    names = dict.fromkeys(record.lineage.writer for record in records)
    return ", ".join("the library's makers" if name == LIBRARY_WRITER else name for name in names)


def _recipes(records: Sequence[Record]) -> str:
    return ", ".join(dict.fromkeys(record.lineage.recipe for record in records if record.lineage.recipe))


def _row(record: Record) -> dict[str, Any]:
    return row_of(record) | {"corpus": record.corpus, "touches": list(record.touches)}


def _entry(config: Config, leads: bool) -> dict[str, Any]:
    """A line of `configs`, by which a loader finds the table."""
    files = [{"split": "train", "path": config.file}]
    return {"config_name": config.name, "data_files": files} | ({"default": True} if leads else {})


def _info(config: Config, table: Path) -> dict[str, Any]:
    """A line of `dataset_info`, by which a hub shows columns and counts and a loader checks them.

    A loader takes no count of rows without one of bytes: those of the table in memory, as `datasets` counts them.
    """
    size = sum(batch.nbytes for batch in pq.ParquetFile(table).iter_batches())
    return {
        "config_name": config.name,
        "features": [_feature(field) for field in SCHEMA],
        "splits": [{"name": "train", "num_bytes": size, "num_examples": len(config.records)}],
    }


def _feature(field: pa.Field) -> dict[str, Any]:
    if not pa.types.is_list(field.type):
        return {"name": field.name, "dtype": str(field.type)}
    inner = field.type.value_type
    within = [_feature(one) for one in inner.fields] if pa.types.is_struct(inner) else str(inner)
    return {"name": field.name, "list": within}


def _named_by(card: Path) -> set[str]:
    """The tables that a card which is there already names; none if it is not one of ours."""
    try:
        front = yaml.safe_load(card.read_text(encoding="utf-8").split("---\n")[1])
        return {file["path"] for config in front["configs"] for file in config["data_files"]}
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return set()
