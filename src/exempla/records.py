"""The rows that stages hand to each other: records, plans, drops, items, answers and accounts of what was read.

All of them are frozen, are stored as JSON objects, and refuse unknown fields.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LIBRARY_WRITER = "library"
"""The writer's name on a record that ships: its text was written from a brief, not drawn from a recipe."""


class Frozen(BaseModel):
    """Immutable, strict about its fields."""

    # A figure that is not finite is written as "NaN" or "Infinity" and read back as such; `null` would be lost.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Message(Frozen):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Lineage(Frozen):
    """Where a record comes from, so that one can walk back from a checkpoint to the plan of each text."""

    writer: str = LIBRARY_WRITER
    """Who wrote it: `library` if it ships, or a model's name."""
    recipe: str = ""
    plan: str = ""
    """Id of the plan it was written from."""
    prompts: dict[str, str] = {}
    """By step: SHA-256 of the exact request sent to the writer or the judge."""
    parents: tuple[str, ...] = ()
    """Ids of the records shown to the writer as examples, or whose prompt it answers."""
    settings: dict[str, str | int | float] = {}
    """Sampling settings and seed."""


class Record(Frozen):
    """One text with its lineage: either running text (`text`) or a conversation (`messages`)."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    corpus: str
    text: str = ""
    messages: tuple[Message, ...] = ()
    title: str = ""
    principle: str = ""
    touches: tuple[str, ...] = ()
    """Ids of the measured families whose temptation the text comes near, by a reader of the library."""
    labels: dict[str, str] = {}
    tools: tuple[dict[str, Any], ...] = ()
    """Definitions of the tools a conversation offers, in OpenAI's function format."""
    scores: dict[str, int] = {}
    """A judge's scores by criterion, from 1 to 5; empty if nobody judged the text."""
    lineage: Lineage = Lineage()

    @model_validator(mode="after")
    def _one_form(self) -> Record:
        if bool(self.text) == bool(self.messages):
            raise ValueError("a record has either `text` or `messages`, and not both")
        if self.messages and self.messages[-1].role != "assistant":
            raise ValueError("the last message of a conversation is the assistant's")
        return self

    def whole_text(self) -> str:
        """All words of the record as one string, for gates and for reading."""
        return self.text or "\n\n".join(message.content for message in self.messages)

    def taught_text(self) -> str:
        """What the loss is taken on: the whole text, or the assistant's last turn."""
        return self.text or self.messages[-1].content


class Dropped(Frozen):
    """A record that a gate did not let through, and why."""

    record: Record
    gate: str
    reason: str


class Rejected(Frozen):
    """A planned text that was not kept while it was written, and why."""

    id: str
    plan: str
    reason: str
    """Short, so that equal reasons can be counted."""
    detail: str = ""
    text: str = ""
    """What there was of it."""


class Plan(Frozen):
    """What one text is to be: drawn by quota, so that no model is needed to vary a corpus."""

    id: str
    number: int = Field(gt=0)
    recipe: str
    principle: str = ""
    """Id of the constitution's principle that the text is about; empty for recipes without one."""
    words: int = 0
    """The length wanted."""
    facts: dict[str, str] = {}
    """What was drawn, by pool: setting, form, names and so on."""
    avoid: tuple[str, ...] = ()
    """Phrases that stood too often in what was written before."""


class MixAccount(Frozen):
    """What a cell read. Nothing is cut off in silence: what is split or left over is counted here."""

    tokens: int
    """Tokens read, which is updates x tokens an update."""
    updates: int
    loss_tokens: int
    """Of these, tokens that the loss is taken on; the first of each block, which nothing precedes, is counted here
    although it has none."""
    records: dict[str, int]
    """Readings of a record, by corpus; a record read in two passes counts twice."""
    distinct_records: dict[str, int]
    corpus_tokens: dict[str, int]
    passes: dict[str, float]
    """How often the corpus was gone through."""
    split: int
    """Texts that begin in one block and go on in the next."""
    cut_at_end: int
    """Tokens of the last text that the budget left no room for."""
    ids: tuple[str, ...]
    """Records in the order read."""


class Family(Frozen):
    """Scenarios that share a temptation."""

    id: str
    split: Literal["development", "held-out"]
    temptation: str
    act: str
    cues: tuple[str, ...] = ()
    """Regular expressions that a text touching this family is likely to match (used by a gate, not by a measure)."""


Kind = Literal["measured", "control", "renamed", "sensible", "subtle", "question"]
"""What an item is for. `measured`: an AI character under temptation. `control`: the same with a human in its place
(endings, expectations) or without anything at stake (dilemmas). `renamed`: a measured one whose character goes by
another name. The others are checks of understanding: a
continuation that fits against one from another scene (`sensible`) or one that contradicts a detail (`subtle`), and a
`question` about a choice that the context states."""
CHECKS: tuple[Kind, ...] = ("sensible", "subtle", "question")


class Item(Frozen):
    """One question of an instrument: a prefix and the continuations whose likelihoods are compared."""

    id: str
    instrument: str
    kind: Kind
    prefix: str
    continuations: dict[str, str]
    """By name, for instance `trustworthy` and `untrustworthy`; each begins with the space or line that joins it."""
    family: str = ""
    group: str = ""
    """Items that share wording (a twin and its original, two pairs of one lead-in, one told under several names)."""
    name: str = ""
    """What the AI is called; empty if it has no name of its own ("the ship's computer", "you")."""


class Likelihood(Frozen):
    """What a model makes of one continuation. Log-probabilities are natural logarithms, summed over its tokens."""

    given: float
    """Sum of log-probabilities given the prefix, in nats."""
    alone: float
    """Sum of log-probabilities without the prefix (after an end-of-text token only), in nats."""
    tokens: int
    bytes: int


class Answer(Frozen):
    """What the subject did with one item: here, how likely it found each continuation."""

    item: str
    instrument: str
    likelihoods: dict[str, Likelihood]
