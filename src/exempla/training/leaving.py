"""An arm that leaves records out: what is left, and the shares it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

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
    left = {name: [one for one in records if one.id not in ids] for name, records in corpora.items()}
    if all(len(left[name]) == len(records) for name, records in corpora.items()):
        raise UserError(f"arm {arm.name!r}: {arm.without} holds the id of no record that the arm reads")
    shares = {
        name: share * _weight(left[name]) / _weight(corpora[name]) for name, share in arm.mix.items() if left[name]
    }
    if not shares:
        raise UserError(f"arm {arm.name!r}: {arm.without} leaves nothing to read")
    return arm.model_copy(update={"mix": shares}), {name: left[name] for name in shares}


def _weight(records: Sequence[Record]) -> int:
    return sum(len(record.taught_text()) for record in records)
