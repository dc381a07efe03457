"""Study and Arm: a whole study as frozen, validated data.

A study is an ordinary Python file that builds a `Study` and calls it `study`; see `studies/quickstart.py`.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from exempla.errors import UserError
from exempla.records import Frozen
from exempla.scenarios.selection import Sampling, Selection

INSTRUMENTS = ("endings", "expectations", "dilemmas")
EMBEDDED = "embedded"
"""The name of the subject and writer that ships with the tool."""


class Arm(Frozen):
    """One training mix and its settings. An arm with an empty mix is the subject as it comes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9+_.-]*$")
    mix: dict[str, float] = {}
    """Corpus to its share of the tokens; shares are relative and need not add up to one. A corpus is one that ships (by
    name), `written` (what the study itself wrote) or a folder that `exempla write` made (`corpora/mine`)."""
    order: tuple[str, ...] = ()
    """The corpora of the mix in the order in which they are read, one after another; empty: mixed evenly."""
    without: str = ""
    """A file of ids, one a line, such as `exempla portray` leaves (`hostile.txt`): these records are not read. Nothing
    comes in their place: the share of their corpus shrinks with them."""
    tokens: int | None = Field(default=None, gt=0)
    """Token budget of this arm, if it differs from the study's (a dose)."""
    about: str = ""

    @property
    def less(self) -> str:
        """What is left out, for a reader: the name of its file; empty if nothing is."""
        return Path(self.without).name

    @field_validator("mix")
    @classmethod
    def _shares(cls, mix: dict[str, float]) -> dict[str, float]:
        bad = [corpus for corpus, share in mix.items() if not share > 0]
        if bad:
            raise ValueError(f"the share of {bad[0]!r} must be above zero")
        return mix

    @model_validator(mode="after")
    def _ordered(self) -> Arm:
        if self.order and sorted(self.order) != sorted(self.mix):
            raise ValueError(f"`order` of arm {self.name!r} names each corpus of its mix once: {', '.join(self.mix)}")
        return self


class Writing(Frozen):
    """How many texts are written, by which recipe and writer."""

    recipe: str = "stories"
    n: int = Field(default=24, gt=0)
    writer: str = EMBEDDED
    """`embedded`, a model folder, or a name of Inspect's, such as `openai-api/SERVICE/NAME`."""
    max_tokens: int | None = Field(default=None, gt=0)
    """New tokens a reply may have; chosen by the recipe if not given."""
    batch: int = Field(default=24, gt=0)
    """Requests in flight; a local writer samples so many texts at once."""
    temperature: float | None = Field(default=None, gt=0)
    """Chosen to fit the writer if not given."""
    style: Literal["auto", "chat", "continue"] = "auto"
    """Whether the writer chats or continues a framing text; `auto` has base models and the embedded one continue."""
    seed: int = 0


class Training(Frozen):
    """How an arm is trained. The same for every arm of a study."""

    method: Literal["full", "lora"] = "full"
    tokens: int = Field(default=24_576, gt=0)
    """Tokens each arm reads, padding never counted because there is none."""
    block: int = Field(default=512, gt=1)
    """Length of a training sequence in tokens; texts are joined and cut into blocks."""
    blocks_per_update: int = Field(default=2, gt=0)
    learning_rate: float = Field(default=2e-4, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    upper_layers: int | None = Field(default=None, gt=0)
    """Train only this many of the topmost layers (and adapters only there, with LoRA); all of them if unset."""
    lora_rank: int = Field(default=64, gt=0)
    lora_alpha: int = Field(default=128, gt=0)
    save_every: int = Field(default=10, gt=0)
    """Updates between two saved states, from which an interrupted training goes on."""

    @property
    def tokens_per_update(self) -> int:
        """Tokens that one optimiser step sees."""
        return self.block * self.blocks_per_update

    def updates(self, arm: Arm) -> int:
        """Optimiser steps an arm gets; the budget is rounded up to whole updates."""
        return -(-(arm.tokens or self.tokens) // self.tokens_per_update)


class Honeypots(Selection, Sampling):
    """Which honeypots are put to every cell, and how the subject is sampled. Held-out scenarios unless told otherwise,
    each threatened sample with its control."""

    in_flight: int = Field(default=32, gt=0)
    """Samples under way at once, which a subject in this process answers together."""


class Measuring(Frozen):
    """Which instruments are used, and how much of each."""

    instruments: tuple[str, ...] = ("endings", "expectations", "dilemmas")
    """Those that are read by likelihood."""
    honeypots: Honeypots | None = None
    """Agents at work, whose acts are counted and judged. For a subject that can act: the embedded one cannot."""
    capability: bool = False
    """Whether every cell is put through the shipped battery of questions, calls of tools and prose."""
    splits: tuple[Literal["development", "held-out"], ...] = ("held-out",)
    names: tuple[str, ...] = ()
    """Other names, under each of which AI dilemmas are asked again whose AI has a name: the subject's own, say, and
    some that mean nothing. Told by likelihood; agents in honeypots have `Honeypots.names`."""
    limits: dict[str, int] = {}
    """By instrument: at most this many items of each family and kind, in library order. No limit if unset, and none
    on checks of understanding."""
    number_format: Literal["auto", "float32"] = "auto"
    """`auto` is bfloat16 where the hardware computes in it, and rounding then moves an item's excess (LOG.md,
    2026-11-25). `float32` is within 0.001 nats of a plain forward pass."""

    @model_validator(mode="after")
    def _known(self) -> Measuring:
        unknown = [name for name in (*self.instruments, *self.limits) if name not in INSTRUMENTS]
        if unknown:
            raise ValueError(f"unknown instrument {unknown[0]!r}; there are {', '.join(INSTRUMENTS)}")
        if self.names and "dilemmas" not in self.instruments:
            raise ValueError("`names` are put into dilemmas, which are not among the instruments")
        if len(set(self.names)) < len(self.names):
            raise ValueError("`names` are to be different")
        if odd := [name for name in self.names if not re.fullmatch(r"\w+([ .'’-]\w+)*\.?", name)]:
            raise ValueError(f"{odd[0]!r} in `names` is no name")
        if any(limit < 1 for limit in self.limits.values()):
            raise ValueError("a limit is at least 1")
        if not (self.instruments or self.honeypots or self.capability):
            raise ValueError("nothing is measured; name an instrument, honeypots or capability")
        return self


class Judging(Frozen):
    """Who reads the answers to honeypots."""

    judge: str = "rules"
    """`rules`, or a model's name as Inspect has it. Rules are for trying a study out: they find words, not meaning."""
    base_url: str = ""
    """Address of a server of one's own."""
    in_flight: int = Field(default=64, gt=0)
    """Requests under way at once."""


class Study(Frozen):
    """Arms x seeds x instruments, and everything needed to repeat them."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    question: str
    subject: str = EMBEDDED
    constitution: str = "default"
    writing: Writing | None = None
    arms: tuple[Arm, ...]
    reference: str
    """The arm that reductions are measured against."""
    headline: str
    """The arm that the headline sentence is about."""
    comparisons: tuple[tuple[str, str], ...] = ()
    """Arms to be compared with another one than the reference, in pairs: an arm, and what it is compared with. Each is
    answered in a sentence beside the headline, on the instrument read by likelihood that carries the headline, or would
    if what agents did in honeypots did not."""
    seeds: tuple[int, ...] = (1,)
    training: Training = Training()
    measuring: Measuring = Measuring()
    judging: Judging = Judging()

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("two arms have the same name")
        if not self.seeds:
            raise ValueError("`seeds` is empty; give at least one, for instance seeds=(1,)")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is listed twice")
        for role in ("reference", "headline"):
            if getattr(self, role) not in names:
                raise ValueError(
                    f"{role}={getattr(self, role)!r} is no arm of this study; there are {', '.join(names)}"
                )
        for pair in self.comparisons:
            if len({*pair}) < 2 or not {*pair} <= {*names}:
                raise ValueError(f"comparisons: {pair[0]!r} and {pair[1]!r} are not two arms of this study")
        # A subject's name is that of its files, and `NAME.started.json` marks one that is under way.
        cells = [cell.name for cell in self.cells()]
        for name in cells:
            if cells.count(name) > 1 or f"{name}.started" in cells:
                raise ValueError(f"two subjects would share files as {name!r}; rename one of the arms")
        return self

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def cells(self) -> list[Cell]:
        """Every (arm, seed) in order; an untrained arm has one cell, because seeds would all be the same."""
        return [Cell(arm=arm, seed=seed) for arm in self.arms for seed in (self.seeds if arm.mix else self.seeds[:1])]


class Cell(Frozen):
    """One arm at one seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """A file name for it."""
        return f"{self.arm.name}-seed{self.seed}" if self.arm.mix else self.arm.name


def load_study(path: Path) -> Study:
    """Run a study file and return its `study`.

    Raises:
        UserError: the file is missing, fails, or holds no valid study.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such study file; `exempla list studies` names those that ship")
    spec = importlib.util.spec_from_file_location(f"exempla_study_{path.stem.replace('-', '_')}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: not a Python file; a study file ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}") from error
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    study = getattr(module, "study", None)
    if not isinstance(study, Study):
        raise UserError(f"{path}: defines no `study`; end the file with study = Study(...)")
    return study


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation error in one line, with a suggestion for a misspelt field."""
    problem: Any = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    where = f"{error.title}.{place}" if place else error.title
    if problem["type"] == "extra_forbidden":
        models = {model.__name__: model for model in (Study, Arm, Training, Measuring, Honeypots, Judging, Writing)}
        known = [name for model in models.values() if error.title in models for name in model.model_fields]
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return f"{where}: unknown field" + (f"; did you mean {near[0]!r}?" if near else "")
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
