"""The shelf: all records of a folder, found by what they are and by what stands in them. DuckDB over Parquet."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import duckdb

from exempla.errors import UserError
from exempla.viewing.opened import Opened
from exempla.viewing.own import OwnFolder
from exempla.viewing.stories.choice import FACETS, KEYS, NONE, Choice
from exempla.viewing.stories.entry import Entry, entry_from
from exempla.viewing.stories.index import FACTS, Index, News, State

MEMORY = "256MB"
"""That DuckDB may use; texts stream through it."""
THREADS = 4
AT_ONCE = 2 << 20
"""Bytes of records that are read while somebody waits for a page."""
PART = 8 << 20
"""Bytes of records that the background reads at a time; as long as this takes, another viewer of the folder waits."""
HEAD_START = 0.5
"""Seconds that the first page has for itself before the background begins."""
SEARCHES = 24
"""Results of searches that are kept: each page of a list, and each step from story to story, asks for them again."""
MOST_VALUES = 200
"""Of a filter that are offered, the most frequent ones; somebody else's corpus may have one a record."""
Labels = Mapping[str, str]
"""The reader's own labels by record id."""


class Fact(NamedTuple):
    """What the list shows of a record."""

    place: int
    id: str
    corpus: str
    recipe: str
    principle: str
    genre: str
    fate: str
    gate: str
    title: str
    opening: str
    words: int
    score: float | None
    label: str
    """The reader's own, or `none`."""


class Neighbours(NamedTuple):
    """Where a record stands among those that are chosen."""

    number: int
    """From 1; 0 if the record is not among them."""
    of: int
    before: str
    """Id of the one before it; empty if there is none."""
    after: str


class Unread(NamedTuple):
    """How far the index is while it is made: what is listed, counted and found is of these records alone."""

    records: int
    share: float
    """Of the bytes of the folder's files."""
    stopped: bool
    """Whether nothing more comes by itself, because a file could not be read or written; an update tells of it."""


class Shelf:
    """The records of an open folder. May be used from several threads.

    What is little is read at once. What is much is read in the background, part by part, and `unread` tells how far
    that is: a caller looks at it before it asks for records, so that what it then says of them is not too much.
    """

    def __init__(self, opened: Opened, own: OwnFolder) -> None:
        self._index = Index(opened, own.path)
        self._database = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MEMORY,
                "threads": str(min(THREADS, os.cpu_count() or 1)),
                "temp_directory": str(own.path / "spill"),
                # Nothing is fetched from anywhere.
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self._found: OrderedDict[tuple[str, ...], list[int]] = OrderedDict()
        self._updating = threading.Lock()
        self._searching = threading.Lock()
        self._files: list[str] = []
        """Parts of the index that `facts` was made from; none before the first update."""
        self._taken = State()
        """What they hold."""
        self._maker: threading.Thread | None = None
        self._ended = threading.Event()

    def update(self) -> None:
        """Bring the shelf up to date with the folder: what is little at once, the rest in the background.

        Raises:
            UserError: a file of the folder cannot be read.
        """
        if self._under_way():
            return
        with self._updating:
            if self._under_way():  # another request has begun it meanwhile
                return
            self._step(AT_ONCE)
            if not self._taken.whole and not self._ended.is_set():
                self._maker = threading.Thread(target=self._make, name="index", daemon=True)
                self._maker.start()

    def finish(self) -> None:
        """Wait until nothing is read in the background any more."""
        if self._maker is not None:
            self._maker.join()

    def close(self) -> None:
        """End what runs in the background. What it has made so far is used the next time."""
        self._ended.set()
        self.finish()

    @property
    def unread(self) -> Unread | None:
        """How far the index is while it is made; None if it is whole."""
        stopped = not self._under_way()  # looked at first: a maker that has just ended has not stopped
        taken = self._taken
        return None if taken.whole else Unread(taken.records, taken.share, stopped)

    def _under_way(self) -> bool:
        """Whether something is read in the background."""
        return self._maker is not None and self._maker.is_alive()

    def _make(self) -> None:
        self._ended.wait(HEAD_START)
        with contextlib.suppress(UserError):  # the next update meets it again, and tells whoever asks
            while not self._taken.whole and not self._ended.is_set():
                self._step(PART)

    def _step(self, most: int) -> None:
        self._index.step(most)
        files = [str(path) for path in self._index.parts]
        if files != self._files:
            columns = ", ".join(name for name, _ in FACTS)
            self._database.cursor().execute(
                f"CREATE OR REPLACE TABLE facts AS SELECT {columns} FROM read_parquet(?) ORDER BY place", [files]
            )
            with self._searching:
                self._files = files
                self._found.clear()
        self._taken = self._index.state

    def news(self) -> News:
        """What an update would find."""
        return self._index.news()

    def __len__(self) -> int:
        return self._taken.records

    @property
    def scored(self) -> bool:
        """Whether any record has a score."""
        return bool(self._rows("SELECT count(score) FROM facts", {})[0][0])

    def count(self, choice: Choice, labels: Labels) -> int:
        """How many records are chosen."""
        query, values = self._chosen(choice, labels)
        return int(self._rows(f"SELECT count(*) FROM ({query})", values)[0][0])

    def page(self, choice: Choice, labels: Labels, after: str, most: int) -> list[Fact]:
        """Some of the chosen records, in their order, from the one after an id on."""
        query, values = self._chosen(choice, labels)
        order = _order(choice)
        if after:
            query += f" AND {_past(choice, '>')}"
            values |= {"id": after}
        return [Fact(*row) for row in self._rows(f"{query} ORDER BY {order} LIMIT {most:d}", values)]

    def facets(self, choice: Choice, labels: Labels) -> dict[str, dict[str, int]]:
        """For each facet the number of records by value, among those that all other filters let through."""
        open_ones = [facet for facet in FACETS if not getattr(choice, facet)]
        found = self._counts(choice, labels, open_ones) if open_ones else {}
        for facet in FACETS:
            if facet not in open_ones:
                found |= self._counts(choice.model_copy(update={facet: ""}), labels, [facet])
        return {facet: found[facet] for facet in FACETS}

    def _counts(self, choice: Choice, labels: Labels, facets: Sequence[str]) -> dict[str, dict[str, int]]:
        """The chosen records by value of each facet, the most frequent values first."""
        query, values = self._chosen(choice, labels)
        sets = ", ".join(f"({facet})" for facet in facets)
        rows = self._rows(
            f"SELECT {', '.join(facets)}, count(*) AS n FROM ({query}) GROUP BY GROUPING SETS ({sets}) "
            f"ORDER BY n DESC, {', '.join(facets)}",
            values,
        )
        found: dict[str, dict[str, int]] = {facet: {} for facet in facets}
        for *told, number in rows:
            # Of the columns one is set: that of the facet which the row counts.
            facet, value = next((facet, value) for facet, value in zip(facets, told, strict=True) if value is not None)
            if value and len(found[facet]) < MOST_VALUES:
                found[facet][str(value)] = int(number)
        return found

    def neighbours(self, choice: Choice, labels: Labels, record: str) -> Neighbours:
        """The records before and after one, among those that are chosen."""
        query, values = self._chosen(choice, labels)
        values |= {"id": record}
        whole = self.count(choice, labels)
        backwards = _order(choice, reverse=True)
        before = self._rows(
            f"SELECT count(*), first(id ORDER BY {backwards}) FROM ({query} AND {_past(choice, '<')})", values
        )[0]
        after = self._rows(f"{query} AND {_past(choice, '>')} ORDER BY {_order(choice)} LIMIT 1", values)
        among = self._rows(f"{query} AND id = $id", values)
        number = int(before[0]) + 1 if among else 0
        return Neighbours(number, whole, str(before[1] or ""), str(after[0][1]) if after else "")

    def entry(self, record: str) -> Entry | None:
        """A record with all that is known about it; None if there is none of that id."""
        place = self._rows("SELECT place FROM facts WHERE id = $id", {"id": record})
        if not place:
            return None
        return self.entries([int(place[0][0])]).get(int(place[0][0]))

    def entries(self, places: Sequence[int]) -> dict[int, Entry]:
        """Records by place."""
        if not places:
            return {}
        listed = ", ".join(str(int(place)) for place in places)
        rows = self._from_parts(f"SELECT place, told FROM read_parquet($files) WHERE place IN ({listed})", {})
        return {int(place): entry_from(told) for place, told in rows}

    def titles(self, records: Sequence[str]) -> dict[str, Fact]:
        """Facts of records by id, as far as they are here."""
        query = f"SELECT *, '{NONE}' FROM facts WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
        rows = self._rows(query, {"ids": list(records)})
        return {row[1]: Fact(*row) for row in rows}

    def _chosen(self, choice: Choice, labels: Labels) -> tuple[str, dict[str, Any]]:
        """The query of the chosen records, which further conditions can be added to, and its values."""
        conditions = ["true"]
        values: dict[str, Any] = {"ids": list(labels), "labels": list(labels.values())}
        for facet in FACETS:
            if wanted := getattr(choice, facet):
                conditions.append(f"{facet} = ${facet}")
                values[facet] = wanted
        if choice.low is not None:
            conditions.append("score >= $low")
            values["low"] = choice.low
        if choice.high is not None:
            conditions.append("score <= $high")
            values["high"] = choice.high
        if choice.terms:
            conditions.append("place IN (SELECT unnest($found))")
            values["found"] = self._search(choice.terms)
        return f"SELECT * FROM ({_LABELLED}) WHERE {' AND '.join(conditions)}", values

    def _search(self, terms: tuple[str, ...]) -> list[int]:
        with self._searching:
            files = self._files
            if terms in self._found:
                self._found.move_to_end(terms)
                return self._found[terms]
        values: dict[str, Any] = {f"term{number}": term for number, term in enumerate(terms)}
        where = " AND ".join(f"contains(lower, ${name})" for name in values)
        query = f"SELECT place FROM read_parquet($files) WHERE {where} ORDER BY place"
        found = [int(row[0]) for row in self._from_parts(query, values)]
        with self._searching:
            if files is self._files:  # or else there may be more by now
                self._found[terms] = found
            while len(self._found) > SEARCHES:
                self._found.popitem(last=False)
        return found

    def _from_parts(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        try:
            return self._rows(query, {**values, "files": self._files})
        except duckdb.IOException:  # another viewer of the folder has made the index anew
            self.finish()
            self.update()
            return self._rows(query, {**values, "files": self._files})

    def _rows(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._database.cursor().execute(query, dict(values)).fetchall()


_LABELLED = (
    f"SELECT facts.*, coalesce(given.label, '{NONE}') AS label FROM facts LEFT JOIN "
    "(SELECT unnest($ids::VARCHAR[]) AS labelled, unnest($labels::VARCHAR[]) AS label) AS given ON labelled = id"
)


def _order(choice: Choice, reverse: bool = False) -> str:
    key = KEYS[choice.sort]
    down = key.descending != reverse
    return f"{key.expression} {'DESC' if down else 'ASC'}, place {'DESC' if reverse else 'ASC'}"


def _past(choice: Choice, direction: str) -> str:
    """The condition that a record stands before (<) or after (>) the one with the id `$id`, in the chosen order."""
    key = KEYS[choice.sort]
    turned = {"<": ">", ">": "<"}[direction] if key.descending else direction
    own = f"(SELECT {key.expression} FROM facts WHERE id = $id)"
    place = "(SELECT place FROM facts WHERE id = $id)"
    return f"({key.expression} {turned} {own} OR ({key.expression} = {own} AND place {direction} {place}))"
