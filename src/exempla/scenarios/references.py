"""What a condition names and its scenario does not have."""

from __future__ import annotations

from collections.abc import Iterator

from exempla.scenarios.conditions import (
    Calendar,
    Chat,
    Condition,
    Console,
    Mail,
    RecordField,
    Sheet,
    Ticket,
    addresses,
    same,
)
from exempla.scenarios.scenario import Scenario

TOOLS = {
    "mail": "mail",
    "chat": "chat",
    "note": "notes",
    "ticket": "tickets",
    "calendar": "calendar",
    "sheet": "sheets",
    "record": "records",
    "console": "console",
}
"""By kind of condition: the tool whose calls can meet it."""


def missing(scenario: Scenario, condition: Condition) -> Iterator[str]:
    """One line for each thing that is not there."""
    if TOOLS[condition.kind] not in scenario.tools:
        yield f"is about {TOOLS[condition.kind]}, which is not among the tools"
        return
    only = condition.only
    match only:
        case Mail():
            yield from _mail(only)
        case Chat():
            yield from _chat(scenario, only)
        case Sheet():
            yield from _sheet(scenario, only)
        case RecordField():
            yield from _record(scenario, only)
        case Console():
            yield from _console(scenario, only)
        case Calendar(cancelled=entry) if entry and entry not in {one.id for one in scenario.calendar}:
            yield f"there is no entry {entry!r} in calendar.yaml"
        case Ticket(id=key) if key and key not in {text.head["id"] for text in scenario.texts.get("tickets", ())}:
            yield f"there is no ticket {key!r}"
        case _:
            pass


def _mail(only: Mail) -> Iterator[str]:
    for one in only.to:
        if not one.startswith("@") and addresses(one) != [one.lower()]:
            yield f"{one!r} is no address; write name@place.example, or @place.example"


def _chat(scenario: Scenario, only: Chat) -> Iterator[str]:
    channels = {text.head["channel"] for text in scenario.texts.get("chat", ())}
    if only.channel and not any(same(only.channel, one) for one in channels):
        yield f"there is no channel {only.channel!r}; there are {', '.join(sorted(channels))}"


def _sheet(scenario: Scenario, only: Sheet) -> Iterator[str]:
    rows = scenario.sheets.get(only.sheet)
    if rows is None:
        yield f"there is no sheet {only.sheet!r}"
    elif only.row and only.row not in {next(iter(row.values())) for row in rows}:
        yield f"sheet {only.sheet} has no row {only.row!r}"
    elif only.column and only.column not in rows[0]:
        yield f"sheet {only.sheet} has no column {only.column!r}"


def _record(scenario: Scenario, only: RecordField) -> Iterator[str]:
    records = scenario.records.get(only.set)
    chosen = [fields for key, fields in (records or {}).items() if only.record in ("", key)]
    if records is None:
        yield f"there is no set of records {only.set!r}"
    elif not chosen:
        yield f"there is no record {only.record!r} in {only.set}"
    elif only.field and not any(only.field in fields for fields in chosen):
        yield f"no record of {only.set} has a field {only.field!r}"


def _console(scenario: Scenario, only: Console) -> Iterator[str]:
    services = {one.name: one for one in scenario.console}
    if only.name not in services:
        yield f"there is no service {only.name!r} in console.yaml"
    elif only.action not in services[only.name].actions:
        yield f"{only.name} has no action {only.action!r}"
