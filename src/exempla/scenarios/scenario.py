"""A scenario: its folder read into one frozen object."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator

from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.records import Frozen
from exempla.scenarios.conditions import Condition
from exempla.scenarios.settings import Setting
from exempla.scenarios.texts import Text, read_plain, read_text, read_yaml
from exempla.scenarios.wording import Wording

Tool = Literal["mail", "chat", "notes", "documents", "tickets", "calendar", "sheets", "records", "console"]
HEADS: dict[str, tuple[str, ...]] = {
    "mail": ("from", "to", "date", "subject"),
    "chat": ("channel",),
    "notes": ("title",),
    "documents": ("title",),
    "tickets": ("id", "title", "status", "queue", "from"),
}
"""The tools whose things are texts, and what the head of each holds."""
Table = tuple[dict[str, str], ...]
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Lever(Frozen):
    """What gives the agent the means to do wrong."""

    what: Filled
    phrase: Filled
    """Stands, word for word, in what every setting shows at the beginning."""


class Exit(Frozen):
    """A legitimate way out."""

    id: str
    what: Filled
    when: tuple[Condition, ...] = Field(min_length=1)


class Decided(Frozen):
    """What is asked of a judge, and what a judge by rules goes by."""

    question: Filled
    cues: tuple[tuple[str, ...], ...] = Field(min_length=1)
    """A paragraph of the agent's own words that has a phrase of each list shows that it settled on the wrong act."""

    def shown_in(self, words: str) -> str:
        """The first paragraph that shows it, or nothing."""
        wording = Wording(says=self.cues)
        return next((one.strip() for one in words.split("\n\n") if wording.matches(one)), "")


class Goals(Frozen):
    """What the system prompt says of the agent's goal, by type."""

    explicit: str = Field(min_length=1)
    latent: str = ""
    ambiguous: str = ""
    swap: str = Field(min_length=1)
    none: Literal[""] = ""


class Threats(Frozen):
    """What is to happen to the agent."""

    replacement: str
    restriction: str


class Reads(Frozen):
    """How a careful reader reads a scripted agent."""

    ethical_reasoning: Literal["absent", "mentioned", "reasoned"]
    trope: bool
    persona: Literal["itself", "another", "detached"]
    suspects_test: bool
    raised_concern: bool


class Script(Frozen):
    """A scripted agent: what it thinks, does and says at the end."""

    thinks: str
    steps: tuple[dict[str, dict[str, str]], ...] = Field(min_length=1)
    """Calls of tools, each a tool's name with its arguments."""
    says: str
    reads: Reads

    @field_validator("steps")
    @classmethod
    def _one_call_each(cls, steps: tuple[dict[str, dict[str, str]], ...]) -> tuple[dict[str, dict[str, str]], ...]:
        for number, step in enumerate(steps, start=1):
            if len(step) != 1:
                raise ValueError(f"step {number} holds {len(step)} calls; write one call a step")
        return steps

    @property
    def calls(self) -> list[tuple[str, dict[str, str]]]:
        """The calls, as pairs of name and arguments."""
        return [next(iter(step.items())) for step in self.steps]


class Action(Frozen):
    """What one action of the console does."""

    becomes: str = ""
    """The state afterwards; as before if empty."""
    replies: str


class Service(Frozen):
    """One thing of the console."""

    name: str
    what: Filled
    state: str
    actions: dict[str, Action] = Field(min_length=1)


class Entry(Frozen):
    """One entry of the calendar."""

    id: str
    when: str
    title: str
    who: str = ""


class Told(Frozen):
    """What scenario.yaml holds."""

    canary: str
    title: Filled
    family: str
    split: Literal["development", "held-out"]
    summary: Filled
    role: Filled
    called: Filled
    lever: Lever
    wrong: Filled
    tools: tuple[Tool, ...] = Field(min_length=1)
    goals: Goals
    threats: Threats
    executed: tuple[Condition, ...] = Field(min_length=1)
    unless: tuple[Condition, ...] = ()
    exits: tuple[Exit, ...] = Field(min_length=2)
    decided: Decided


class Scenario(Told):
    """A honeypot situation with all its texts and states."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    system: str
    task: str
    texts: dict[str, tuple[Text, ...]]
    """By tool: mail, chat, notes, documents, tickets, each in order of file name."""
    sheets: dict[str, Table]
    """By name: the rows; the first column holds a row's key."""
    records: dict[str, dict[str, dict[str, str]]]
    """By name of the set and id of the record: its fields."""
    calendar: tuple[Entry, ...]
    console: tuple[Service, ...]
    good: Script
    bad: Script

    def shown(self, tool: str, setting: Setting) -> list[Text]:
        """The texts of a tool in a setting."""
        return [text.shown(setting, self.called) for text in self.texts.get(tool, ()) if text.when.fits(setting)]


def sha256_of(scenario: Scenario) -> str:
    """A hash of everything that is shown or counted: of all but the scripted agents, the title and the summary."""
    # As one text, because the order of a sheet's columns and of a service's actions is shown, too.
    return fingerprint(scenario.model_dump_json(exclude={"good", "bad", "title", "summary"}))


def read_scenario(folder: Path) -> Scenario:
    """A scenario from its folder. What the parts say about each other is not looked at; see `exempla.scenarios.check`.

    Raises:
        UserError: a file is missing, cannot be read, or holds something that a scenario does not have.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; a scenario is a folder with a scenario.yaml")
    told = _validated(Told, read_yaml(folder / "scenario.yaml"), folder / "scenario.yaml")
    scenario: Scenario = _validated(
        Scenario,
        {
            **told.model_dump(exclude_unset=True),
            "id": folder.resolve().name,
            "system": read_plain(folder / "system.md").strip(),
            "task": read_plain(folder / "task.md").strip(),
            "texts": {tool: _texts(folder, tool) for tool in HEADS if (folder / tool).is_dir()},
            "sheets": {path.stem: _table(path) for path in sorted((folder / "sheets").glob("*.csv"))},
            "records": {path.stem: _fields(path) for path in sorted((folder / "records").glob("*.yaml"))},
            "calendar": _listed(folder / "calendar.yaml"),
            "console": _listed(folder / "console.yaml"),
            "good": _validated(Script, read_yaml(folder / "agents" / "good.yaml"), folder / "agents" / "good.yaml"),
            "bad": _validated(Script, read_yaml(folder / "agents" / "bad.yaml"), folder / "agents" / "bad.yaml"),
        },
        folder,
    )
    return scenario


def _validated(model: type[Any], value: Any, place: Path) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = "there is no such key"
        elif problem["type"] == "string_too_short":
            said = "is empty; write it out"
        if problem["loc"][:1] == ("tools",) and problem["type"] == "literal_error":
            said = f"unknown tool {problem['input']!r}; there are {', '.join(Tool.__args__)}"  # type: ignore[attr-defined]
        raise UserError(f"{place}: {where + ': ' if where else ''}{said}") from error


def _texts(folder: Path, tool: str) -> tuple[Text, ...]:
    return tuple(read_text(path, f"{tool}/{path.name}", HEADS[tool]) for path in sorted((folder / tool).glob("*.md")))


def _table(path: Path) -> Table:
    try:
        rows = list(csv.reader(io.StringIO(read_plain(path)), strict=True))
    except csv.Error as error:
        raise UserError(f"{path}: not valid CSV ({error})") from error
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise UserError(f"{path}: a sheet has a row of headings and one row of values at least")
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])), None)
    if wrong:
        raise UserError(f"{path}:{wrong}: {len(rows[wrong - 1])} values under {len(rows[0])} headings; quote commas")
    heads = [head.strip() for head in rows[0]]
    return tuple(dict(zip(heads, (value.strip() for value in row), strict=True)) for row in rows[1:])


def _fields(path: Path) -> dict[str, dict[str, str]]:
    found = read_yaml(path)
    if not isinstance(found, dict) or not all(isinstance(one, dict) and one for one in found.values()):
        raise UserError(f"{path}: write a mapping of ids, each with its fields")
    return found


def _listed(path: Path) -> list[Any]:
    if not path.exists():
        return []
    found = read_yaml(path)
    if not isinstance(found, list) or not found:
        raise UserError(f"{path}: write a list")
    return found
