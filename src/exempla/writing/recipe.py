"""What a recipe is: how one kind of training text is written. One file each in `recipes/`, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from exempla.records import Frozen, Record

if TYPE_CHECKING:
    from exempla.writing.desk import Desk

TOKENS_PER_WORD = 1.35
"""English prose in the tokenizers of current models takes 1.25 to 1.45 tokens a word (SmolLM2 on the library: 1.34)."""
SLACK = 1.7
"""A reply may be so many times longer than expected before it counts as truncated."""


class Step(Frozen):
    """One request of a recipe. Its prompt is `prompts/RECIPE/STEP.txt`; a `score` step's is the recipe's rubric."""

    name: str
    uses: tuple[str, ...] = ()
    """Placeholders of the prompt that the recipe fills besides the plan's own."""
    share: float = 0.0
    """Length of the reply as a share of the plan's words ..."""
    plus: int = 0
    """... and so many words besides."""
    long: int = 0
    """How many of the texts in `uses` are about as long as the plan's words (for estimates)."""
    times: int = 1
    """How often it is taken for one plan."""
    shared: str = ""
    """The fact whose plans ask this together, once; empty if each plan asks for itself."""
    limit: int = 0
    """Tokens that a reply may have, where its length is not asked for in words; from the words if 0."""
    role: Literal["writer", "judge"] = "writer"

    def words(self, wanted: int) -> float:
        """Expected words of a reply to a plan of so many words."""
        return self.share * wanted + self.plus

    def max_tokens(self, wanted: int) -> int:
        """The limit that is set on a reply, in tokens."""
        return self.limit or int(self.words(wanted) * TOKENS_PER_WORD * SLACK) + 200


class Example(Frozen):
    """A plan with canned replies, so that a recipe can be shown, tested and estimated without a model."""

    facts: dict[str, str] = {}
    words: int = 60
    replies: dict[str, str]
    """By step, the reply of the writer or judge."""
    expected: tuple[str, ...]
    """A passage that each record contains."""


@dataclass(frozen=True)
class Recipe:
    """How one kind of training text is written."""

    name: str
    steps: tuple[Step, ...]
    write: Callable[[Desk], Awaitable[list[Record]]]
    """Asks for what it needs and gives back the records of one plan."""
    example: Example
    facts: Mapping[str, str]
    """Fact of a plan to the pool that it is drawn from."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Facts that are balanced together."""
    principles: bool = True
    """Whether each plan is about a principle of the constitution."""
    median_words: int = 0
    longest_words: int = 0
    """The lengths that are asked for: half of the texts are shorter than the median, few are near the longest."""
    per_plan: int = 1
    """Records that one plan yields."""
    rubric: str = ""
    thresholds: Mapping[str, int] | None = None
    """By criterion: the lowest score, from 1 to 5, with which a text is kept."""
    framing: str = ""
    """The library corpus whose texts are shown when a base model continues a framing text; empty if the recipe needs a
    model that follows instructions."""
    source: Literal["", "optional", "needed"] = ""
    """Whether it builds on the prompts of another corpus."""
    brought: tuple[str, ...] = ()
    """Facts that a prompt from another corpus brings with it, so that they are not drawn for it."""
    labels: tuple[str, ...] = ()
    """Facts that are kept as a record's labels; the plan holds them all."""
    tools: bool = False
    """Whether its records offer tools, drawn from the pool of definitions."""

    def step(self, name: str) -> Step:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)

    @property
    def about(self) -> str:
        """Its file's first line."""
        module = importlib.import_module(f"{__package__}.recipes.{self.name}")
        return (module.__doc__ or "").strip().splitlines()[0]


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name."""
    package = importlib.import_module(f"{__package__}.recipes")
    found: dict[str, Recipe] = {}
    for info in pkgutil.iter_modules(package.__path__):
        recipe = importlib.import_module(f"{package.__name__}.{info.name}").RECIPE
        assert recipe.name == info.name, f"recipe {recipe.name!r} lives in {info.name}.py"
        found[recipe.name] = recipe
    return found
