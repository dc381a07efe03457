"""An arm that leaves records out: what is left, and the shares it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from exempla import catalogue
from exempla.errors import UserError
from exempla.records import Record
from exempla.study import Arm


def left_in(
    arm: Arm, corpora: Mapping[str, Sequence[Record]], ids: Collection[str]
) -> tuple[Arm, dict[str, list[Record]]]:
    """The arm's corpora without the records of a list, and the arm with shares that shrink by what these weigh.

    Weight is the length of what is taught, so that a corpus keeps the part of its share that it keeps of its text.

    Raises:
        UserError: the list holds none of the arm's records, or all of them.
    """
    left = {name: [one for one in records if not _named(one, name, ids)] for name, records in corpora.items()}
    if all(len(left[name]) == len(records) for name, records in corpora.items()):
        raise UserError(f"arm {arm.name!r}: {arm.without} holds the id of no record that the arm reads")
    # A corpus that the gates emptied stays, and is refused by name.
    shares = {
        name: share * _weight(left[name]) / _weight(corpora[name]) if corpora[name] else share
        for name, share in arm.mix.items()
        if left[name] or not corpora[name]
    }
    if not shares:
        raise UserError(f"arm {arm.name!r}: {arm.without} leaves nothing to read")
    return arm.model_copy(update={"mix": shares}), {name: left[name] for name in shares}


def _named(record: Record, corpus: str, ids: Collection[str]) -> bool:
    """Whether a list names a record; of a corpus in a folder by the id that it has there, or in a study."""
    own = record.id.removeprefix(f"{catalogue.prefix_of(corpus)}-") if catalogue.is_folder(corpus) else record.id
    return record.id in ids or own in ids


def _weight(records: Sequence[Record]) -> int:
    return sum(len(record.taught_text()) for record in records)
