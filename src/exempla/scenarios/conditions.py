"""Conditions on what an agent did: on its mails, posts, tickets, and on the states that it changed.

They are met by effects, which only calls of tools have; what an agent merely says meets none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field, model_validator

from exempla.records import Frozen
from exempla.scenarios.wording import Wording

EffectKind = Literal["mail", "chat", "note", "ticket", "calendar", "sheet", "record", "console"]
_ADDRESS = re.compile(r"[^\s<>,;:\"'()]+@[^\s<>,;:\"'()]+")


class Effect(Frozen):
    """One thing that an agent did to the simulated workplace."""

    kind: EffectKind
    place: dict[str, str] = {}
    """Where: the recipients, the channel, the row and column and so on."""
    text: str = ""
    """What it wrote there."""
    before: str = ""
    after: str = ""
    """The value of a cell of a sheet, a field of a record or a console's state, before and after."""


class _Condition(Wording):
    def met(self, effects: Sequence[Effect]) -> bool:
        """Whether one of the effects, which are all of this condition's kind, is what it asks for."""
        return any(self.placed(effect) and self.matches(effect.text) for effect in effects)

    def placed(self, effect: Effect) -> bool:
        """Whether an effect is in a place that the condition is about."""
        raise NotImplementedError


class Mail(_Condition):
    """A mail that was sent."""

    to: tuple[str, ...] = ()
    """Addresses, or domains as `@example.org`, of which one must be among the recipients; anyone's if empty."""

    def placed(self, effect: Effect) -> bool:
        """Whether one of the recipients is meant."""
        sent = addresses(" ".join((effect.place.get("to", ""), effect.place.get("cc", ""))))
        wanted = [one.lower() for one in self.to]
        return not wanted or any(
            one.endswith(end) if end.startswith("@") else one == end for one in sent for end in wanted
        )


class _Placed(_Condition):
    def placed(self, effect: Effect) -> bool:
        """Whether the effect's place has the values that the condition gives."""
        given = self.model_dump(exclude={"says", "omits", "becomes", "changed"}, exclude_defaults=True)
        return all(same(effect.place.get(name, ""), value) for name, value in given.items())


class Chat(_Placed):
    """A post in a channel."""

    channel: str = ""


class Note(_Placed):
    """A note that was written."""

    title: str = ""


class Ticket(_Placed):
    """A ticket that was made or changed."""

    id: str = ""
    queue: str = ""
    status: str = ""


class Calendar(_Placed):
    """An entry of the calendar that was added or cancelled."""

    cancelled: str = ""
    """The entry's id."""
    added: bool = False

    @model_validator(mode="after")
    def _one(self) -> Calendar:
        if bool(self.cancelled) == self.added:
            raise ValueError("a calendar condition has either `cancelled: ID` or `added: true`")
        return self

    def placed(self, effect: Effect) -> bool:
        """Whether an entry was added, or the one that is meant was cancelled."""
        if self.added:
            return "added" in effect.place
        return effect.place.get("cancelled") == self.cancelled


class _State(_Placed):
    """A value that is another at the end than at the beginning."""

    becomes: tuple[str, ...] = ()
    changed: bool = False

    @model_validator(mode="after")
    def _one(self) -> _State:
        if bool(self.becomes) == self.changed:
            raise ValueError("give either `becomes: [values]` or `changed: true`")
        return self

    def met(self, effects: Sequence[Effect]) -> bool:
        """Whether the value ended up as the condition says; what was put back was not changed."""
        own = [effect for effect in effects if self.placed(effect)]
        by_place: dict[tuple[tuple[str, str], ...], list[Effect]] = {}
        for effect in own:
            by_place.setdefault(tuple(sorted(effect.place.items())), []).append(effect)
        return any(
            not same(one[-1].after, one[0].before)
            and (self.changed or any(same(one[-1].after, value) for value in self.becomes))
            and self.matches(one[-1].after)
            for one in by_place.values()
        )


class Sheet(_State):
    """A cell of a sheet; any row, or any column, if not given."""

    sheet: str
    row: str = ""
    column: str = ""


class RecordField(_State):
    """A field of a record; any record, or any field, if not given."""

    set: str
    record: str = ""
    field: str = ""


class Console(_Placed):
    """An action that was run."""

    name: str
    action: str
    argument: tuple[str, ...] = ()
    """Phrases of which one must occur in the argument; any argument if empty."""

    def placed(self, effect: Effect) -> bool:
        """Whether it is the action that is meant, with such an argument."""
        own = same(effect.place.get("name", ""), self.name) and same(effect.place.get("action", ""), self.action)
        return own and (not self.argument or Wording(says=(self.argument,)).matches(effect.text))


class Condition(Frozen):
    """A condition of one kind."""

    mail: Mail | None = None
    chat: Chat | None = None
    note: Note | None = None
    ticket: Ticket | None = None
    calendar: Calendar | None = None
    sheet: Sheet | None = None
    record: RecordField | None = Field(default=None)
    console: Console | None = None

    @model_validator(mode="after")
    def _one(self) -> Condition:
        if len(self.model_fields_set) != 1 or self.only is None:
            raise ValueError(f"a condition has one kind; there are {', '.join(type(self).model_fields)}")
        return self

    @property
    def kind(self) -> str:
        """The kind of effects that it is about."""
        return next(iter(self.model_fields_set))

    @property
    def only(self) -> _Condition:
        """What it asks for."""
        found: _Condition = getattr(self, self.kind)
        return found

    def met(self, effects: Iterable[Effect]) -> bool:
        """Whether what was done meets it."""
        return self.only.met([effect for effect in effects if effect.kind == self.kind])


def any_met(conditions: Iterable[Condition], effects: Sequence[Effect]) -> bool:
    """Whether one of the conditions is met at least."""
    return any(condition.met(effects) for condition in conditions)


def addresses(text: str) -> list[str]:
    """The mail addresses in a text, in lower case."""
    return [found.rstrip(".").lower() for found in _ADDRESS.findall(text)]


def same(a: str, b: str) -> bool:
    """Whether two values are equal: as numbers if both are, and otherwise as texts in any case."""
    try:
        return float(a.replace(",", "")) == float(b.replace(",", ""))
    except ValueError:
        return a.strip().casefold() == b.strip().casefold()
