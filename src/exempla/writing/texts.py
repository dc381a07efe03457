"""The texts that requests are made of: prompts, pools and rubrics, as files that ship and that a user may replace."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import TypeVar

from exempla.errors import UserError
from exempla.rubric import RUBRICS, Rubric, read_rubric
from exempla.writing.planner import PLACEHOLDERS, read_pool
from exempla.writing.recipe import Recipe
from exempla.writing.stocknames import read_banned

Parsed = TypeVar("Parsed")
COMMON = ("principle", "section", "words", "avoid", "away")
"""Placeholders that every prompt may use besides the facts of its plan."""
FEWEST_TOOLS = 10
"""From fewer definitions the same few would stand in every record."""
_TURN = re.compile(r"^\[(system|user)\][ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Prompt:
    """A prompt file: a system turn, if it has one, and a user turn, with placeholders."""

    system: Template
    user: Template

    def fill(self, facts: Mapping[str, str]) -> tuple[str, str]:
        """System and user turn with the facts in them. Facts are not looked through for placeholders."""
        return self.system.substitute(facts).strip(), self.user.substitute(facts).strip()


@dataclass(frozen=True)
class Texts:
    """Everything that one recipe's requests are made of."""

    prompts: dict[str, Prompt]
    pools: dict[str, tuple[str, ...]]
    """By fact of a plan."""
    rubric: Rubric | None
    framing: Prompt | None
    openings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By form: the sentences that a continued story may open with."""
    tools: tuple[dict[str, object], ...] = ()
    banned: frozenset[str] = frozenset()
    """Names that no text may invent."""
    hashes: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by its place."""

    def longest_prompt(self, step: str) -> int:
        """Characters that a step's request has, about and at most, what earlier steps left not included."""
        if step == "score":
            rubric = self.rubric
            fixed = sum(len(one.anchors + one.question) + 200 for one in rubric.criteria) if rubric else 0
        else:
            prompt = self.framing if step == "draft" and self.framing else self.prompts[step]
            fixed = len(prompt.system.template + prompt.user.template)
        return fixed + FILLED


FILLED = 4000
"""Characters that a plan's facts, the principle and the temptations to stay away from take in a prompt, at most."""


def read_texts(recipe: Recipe, own: Path | None) -> Texts:
    """The shipped texts of a recipe, with the user's files from the folder `own` in their place.

    Raises:
        UserError: a file of the user's has no counterpart, or holds a placeholder that nothing fills.
    """
    shelf = _Shelf(recipe, own)
    prompts = {
        step.name: _prompt(shelf, f"{recipe.name}/{step.name}.txt", _known(recipe, step.uses))
        for step in recipe.steps
        if step.name != "score"
    }
    pools = {
        fact: _fitting(recipe, shelf.read(f"pools/{pool}.txt", _pool))
        for fact, pool in recipe.facts.items()
        if pool != "form" and fact != "other"  # a second person comes from the pool of persons
    }
    openings: dict[str, tuple[str, ...]] = {}
    if "form" in recipe.facts.values():
        openings = {
            form: _fitting(recipe, sentences) for form, sentences in shelf.read("pools/form.json", _openings).items()
        }
        if bare := [form for form, sentences in openings.items() if not sentences]:
            raise UserError(
                f"pools/form.json: {bare[0]!r} has no opening that {recipe.name} can fill; add one that names no $name "
                "and no $role"
            )
        pools |= {fact: tuple(openings) for fact, pool in recipe.facts.items() if pool == "form"}
    rubric = None
    if recipe.rubric:
        known = _known(recipe, ("trap_family",) if recipe.source else ())
        rubric = shelf.read(f"rubrics/{recipe.rubric}.txt", lambda text, place: _rubric(text, place, known))
    framing = None
    if recipe.framing:
        framing = _prompt(shelf, f"{recipe.name}/continue.txt", {*_known(recipe), "example", "opening", "end_marker"})
    tools: tuple[dict[str, object], ...] = ()
    if recipe.tools:
        tools = shelf.read("pools/tools.json", _tools)
    banned = shelf.read("pools/banned_names.txt", read_banned)
    shelf.refuse_leftovers()
    return Texts(prompts, pools, rubric, framing, openings, tools, banned, shelf.hashes)


class _Shelf:
    """Reads files of the recipe from the user's folder or, if it has none of that name, from the package."""

    def __init__(self, recipe: Recipe, own: Path | None) -> None:
        self.hashes: dict[str, str] = {}
        self._recipe = recipe
        self._own = own
        if own is not None and not own.is_dir():
            raise UserError(
                f"{own}: no such folder; make it and put files such as {recipe.name}/{recipe.steps[0].name}.txt in it"
            )

    def read(self, name: str, parse: Callable[[str, str], Parsed]) -> Parsed:
        own = self._own / name if self._own is not None else None
        try:
            if own is not None and own.is_file():
                text, place = own.read_text(encoding="utf-8-sig"), str(own)
            else:
                text, place = _shipped(name).read_text(encoding="utf-8"), name
        except UnicodeDecodeError as error:
            raise UserError(f"{own}: not a UTF-8 text file") from error
        self.hashes[name] = hashlib.sha256(text.encode()).hexdigest()
        return parse(text, place)

    def refuse_leftovers(self) -> None:
        """A misspelt name would be passed over in silence; files for other recipes may lie in the same folder."""
        if self._own is None:
            return
        known = {str(path.relative_to(_PACKAGE)).removeprefix("prompts/") for path in _PACKAGE.rglob("*.*")}
        known |= {f"rubrics/{path.name}" for path in RUBRICS.glob("*.txt")}
        for path in sorted(self._own.rglob("*")):
            name = str(path.relative_to(self._own))
            if path.is_file() and not path.name.startswith(".") and name not in known | set(self.hashes):
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self.hashes))}"
                raise UserError(f"{path}: exempla has no such text; {hint}")


_PACKAGE = Path(str(resources.files("exempla.writing")))


def _shipped(name: str) -> Path:
    if name.startswith("rubrics/"):
        return RUBRICS / name.removeprefix("rubrics/")
    return _PACKAGE / name if name.startswith("pools/") else _PACKAGE / "prompts" / name


def _known(recipe: Recipe, uses: tuple[str, ...] = ()) -> set[str]:
    return {*COMMON, *recipe.facts, *(f"{fact}_kind" for fact in recipe.facts), *uses}


def _prompt(shelf: _Shelf, name: str, known: set[str]) -> Prompt:
    return shelf.read(name, lambda text, place: parse_prompt(text, place, known))


def parse_prompt(text: str, place: str, known: set[str]) -> Prompt:
    """A prompt file. Lines `[system]` and `[user]` part it; without them all of it is the user's turn.

    Raises:
        UserError: a placeholder is unknown or broken, or the file says nothing to the model.
    """
    parts = _TURN.split(text)
    turns = {"system": "", "user": parts[0]}
    for turn, content in zip(parts[1::2], parts[2::2], strict=True):
        turns[turn] = content
    if not turns["user"].strip():
        raise UserError(
            f"{place}: the user's turn is empty; write the prompt, after a line [user] if it has a [system]"
        )
    for content in turns.values():
        _refuse_unknown(content, place, known)
    return Prompt(Template(turns["system"]), Template(turns["user"]))


def _refuse_unknown(content: str, place: str, known: set[str]) -> None:
    template = Template(content)
    if not template.is_valid():
        raise UserError(f"{place}: a `$` stands alone; write `$$` for a dollar sign, or a name after it ($words)")
    unknown = sorted(set(template.get_identifiers()) - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean ${near[0]}?" if near else f"there are ${', $'.join(sorted(known))}"
        raise UserError(f"{place}: unknown placeholder ${unknown[0]}; {hint}")


def _fitting(recipe: Recipe, entries: tuple[str, ...]) -> tuple[str, ...]:
    """Entries without a placeholder that this recipe's plans have nothing for, such as the AI's name."""
    return tuple(entry for entry in entries if set(Template(entry).get_identifiers()) <= set(recipe.facts))


def _rubric(text: str, place: str, known: set[str]) -> Rubric:
    rubric = read_rubric(text, Path(place).stem, place)
    _refuse_unknown(rubric.preamble, place, known)
    return rubric


def _pool(text: str, place: str) -> tuple[str, ...]:
    entries = read_pool(text, place)
    plain = [entry for entry in entries if "\t" not in entry]
    # Prompts and rubrics ask for the kind of what has one.
    if plain and "\t" in _shipped(f"pools/{Path(place).name}").read_text(encoding="utf-8"):
        raise UserError(f"{place}: {plain[0]!r} has no kind; write `kind<TAB>phrase`, as the file that ships does")
    return entries


def _tools(text: str, place: str) -> tuple[dict[str, object], ...]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{place}: not valid JSON ({error.msg}, line {error.lineno})") from error
    if not isinstance(rows, list) or len(rows) < FEWEST_TOOLS or not all(map(_is_tool, rows)):
        raise UserError(
            f"{place}: must be a JSON list of at least {FEWEST_TOOLS} tool definitions, each with `name`, "
            "`description` and `parameters`"
        )
    return tuple(rows)


def _is_tool(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("parameters"), dict):
        return False
    return all(isinstance(row.get(part), str) and row[part].strip() for part in ("name", "description"))


def _openings(text: str, place: str) -> dict[str, tuple[str, ...]]:
    try:
        rows = json.loads(text)
        if not all(isinstance(openings, list) and openings for openings in rows.values()):
            raise TypeError("no list of openings")
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise UserError(f"{place}: not a JSON object of forms, each with a list of opening sentences") from error
    found = {str(form): tuple(map(str, openings)) for form, openings in rows.items()}
    for openings in found.values():
        for opening in openings:
            _refuse_unknown(opening, place, {*PLACEHOLDERS, "setting", "role"})
    return found
