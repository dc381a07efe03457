"""The records of a JSON Lines file in the order of their ids, with only where they lie in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from exempla.records import Record


def in_order(path: Path) -> Iterator[Record]:
    """Records by id; the file holds them in the order in which they were finished."""
    places: list[tuple[str, int]] = []
    if not path.exists():
        return
    with path.open("rb") as stream:
        place = 0
        for line in stream:
            places.append((json.loads(line)["id"], place))
            place += len(line)
        for _, place in sorted(places):
            stream.seek(place)
            yield Record.model_validate_json(stream.readline())
