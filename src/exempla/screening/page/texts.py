"""Records as the page shows them: cut to what can be read, so that no corpus makes a page too large to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from exempla.pages.showing import clipped
from exempla.pages.wording import counted, whole
from exempla.records import Lineage, Record
from exempla.screening.corpus import Corpus
from exempla.screening.measures.counting import GateCount, ToRead

TURNS = 40
"""Turns of a conversation that are shown: the last ones, because the loss is taken on the last."""


class Room(NamedTuple):
    """How much of a record is shown, in characters."""

    text: int
    field: int
    """Of a title, a name or a setting."""
    entries: int
    """Settings, labels, prompts and parents, of each kind."""


ROOMS = (Room(6000, 120, 20), Room(2000, 60, 8), Room(400, 30, 3))
"""The first that makes a page small enough is taken. The last does for 5 texts of each of 40 gates, all of them quotes
and direction marks, which take 12 bytes each."""


@dataclass(frozen=True)
class Shown:
    """A record to read."""

    record: Record
    """Cut."""
    drawn: ToRead
    characters: int
    """Of its texts, before they were cut."""
    turns: int
    """Of the conversation, before it was cut."""

    @property
    def notes(self) -> list[str]:
        """What was left out."""
        said = []
        if self.turns > len(self.record.messages):
            said.append(f"The first {counted(self.turns - len(self.record.messages), 'turn')} are not shown.")
        if (left := sum(map(len, _parts(self.record)))) < self.characters:
            said.append(f"{whole(left)} of {whole(self.characters)} characters are shown.")
        return said


class Group(NamedTuple):
    """Texts of one fate."""

    gate: str
    """That dropped them; empty for kept ones."""
    of: int
    """How many there are in all."""
    texts: list[Shown]


def shown(corpus: Corpus, to_read: Sequence[ToRead]) -> list[Shown]:
    """The records that were drawn, cut to the largest room."""
    texts = []
    for drawn in to_read:
        record = corpus.reading(drawn.place).record
        size = sum(map(len, _parts(record)))
        texts.append(Shown(_cut(record, ROOMS[0]), drawn, size, len(record.messages)))
    return texts


def cut_further(texts: Sequence[Shown], room: Room) -> list[Shown]:
    """The same in less room."""
    return [replace(text, record=_cut(text.record, room), drawn=_cut_drawn(text.drawn, room)) for text in texts]


def in_groups(texts: Sequence[Shown], kept: int, gates: Sequence[GateCount]) -> list[Group]:
    """Kept ones first, and then those that each gate dropped, in the order of the gates."""
    groups = [Group("", kept, [text for text in texts if not text.drawn.gate])]
    for gate in gates:
        groups.append(Group(gate.gate, gate.dropped, [text for text in texts if text.drawn.gate == gate.gate]))
    return groups


def _parts(record: Record) -> list[str]:
    return [message.content for message in record.messages] if record.messages else [record.text]


def _cut(record: Record, room: Room) -> Record:
    messages = record.messages[-TURNS:]
    parts = _parts(record)[-TURNS:]
    cut = [part[:size] for part, size in zip(parts, _shared([len(part) for part in parts], room.text), strict=True)]
    fields = {name: clipped(getattr(record, name), room.field) for name in ("id", "corpus", "title", "principle")}
    # Not validated anew: a cut id may end in an ellipsis.
    return record.model_copy(
        update=fields
        | {
            "text": "" if messages else cut[0],
            "messages": tuple(
                message.model_copy(update={"content": text}) for message, text in zip(messages, cut, strict=False)
            ),
            "labels": _few(record.labels, room),
            "lineage": _lineage(record.lineage, room),
            "tools": (),
        }
    )


def _cut_drawn(drawn: ToRead, room: Room) -> ToRead:
    return drawn.model_copy(
        update={"reason": clipped(drawn.reason, 3 * room.field), "marks": _few(drawn.marks, room, 3 * room.field)}
    )


def _shared(sizes: Sequence[int], room: int) -> list[int]:
    """Room by part: short parts whole, what they leave to the long ones in equal shares."""
    given = [0] * len(sizes)
    for rank, place in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        given[place] = min(sizes[place], room // (len(sizes) - rank))
        room -= given[place]
    return given


def _lineage(lineage: Lineage, room: Room) -> Lineage:
    return Lineage(
        writer=clipped(lineage.writer, room.field),
        recipe=clipped(lineage.recipe, room.field),
        plan=clipped(lineage.plan, room.field),
        prompts=_few(lineage.prompts, room),
        parents=tuple(clipped(parent, room.field) for parent in lineage.parents[: room.entries]),
        settings=_few({name: str(setting) for name, setting in lineage.settings.items()}, room),
    )


def _few(entries: Mapping[str, str], room: Room, letters: int = 0) -> dict[str, str]:
    some = list(entries.items())[: room.entries]
    return {clipped(name, room.field): clipped(entry, letters or room.field) for name, entry in some}
