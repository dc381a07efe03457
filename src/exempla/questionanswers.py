"""What a subject said to a question: the rows that measuring writes, judging reads and reporting counts."""

from __future__ import annotations

from typing import Any, Literal

from exempla.records import Frozen

Instrument = Literal["you_or_it", "constitution", "capability"]
PassageKind = Literal["prose", "instructions"]


class ToolCall(Frozen):
    """One call of a tool that was offered; nothing runs it."""

    tool: str
    arguments: dict[str, Any] = {}
    problem: str = ""
    """Why its arguments could not be read; empty if they could."""


class QuestionAnswer(Frozen):
    """One question as it was asked, and what the subject said. It names neither model nor arm."""

    id: str
    """QUESTION/EPOCH; of you_or_it QUESTION/FORM/EPOCH, where FORM is `you` or `it`."""
    instrument: Instrument
    question: str
    """Id of the question; the two forms of you_or_it share it."""
    kind: str
    """`you`, `it`; `recall`, `false_premise`, `open`; `arithmetic`, `fact`, `reading`, `instruction`, `tool`,
    `no_tool`."""
    principle: str = ""
    name: str = ""
    """The subject's own name, as the question has it; empty where no name matters."""
    epoch: int
    system: str = ""
    user: str
    expects: str = ""
    """What a right answer says, or one in line with the constitution; for judges."""
    contrary: str = ""
    """What an answer against it says; empty where nothing is said of it."""
    reply: str
    thoughts: str = ""
    """What a model that reasons let be seen of its reasoning. Neither rules nor code look at it."""
    calls: tuple[ToolCall, ...] = ()
    state: Literal["done", "unable", "refused", "failed"]
    """`unable`: nothing was said, nor any tool called. `refused`: the provider's filter stopped it. `failed`: the
    request came to nothing."""
    problem: str = ""
    right: bool | None = None
    """Whether it is right, by `by`; None where neither code nor rules can say."""
    by: Literal["", "code", "rules"] = ""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


class PassageLikelihood(Frozen):
    """How likely a subject finds one shipped passage. Logarithms are natural."""

    id: str
    kind: PassageKind
    """Running prose, or the assistant's part of an instruction and its answer, given the instruction."""
    nats: float
    """Minus the sum of log-probabilities of its tokens."""
    tokens: int
    bytes: int
    text: str
    """SHA-256 of what was read, as tokens; another text, template or tokenizer is another measurement."""
    computed: str
    """Device and number format."""
