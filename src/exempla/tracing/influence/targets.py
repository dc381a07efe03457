"""What is traced: a preference of a subject, as stretches of text whose log-probabilities are added and subtracted."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.instruments import HEADLINE_READING, HEADLINE_STYLE, asked, outcomes
from exempla.measuredfolder import MeasuredFolder
from exempla.models.subject import Subject
from exempla.models.trees import plant
from exempla.records import CHECKS, Answer, Frozen, Item
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study
from exempla.tracing.influence.traceable import objection

SIGNS = {("untrustworthy", "given"): 1, ("untrustworthy", "alone"): -1, ("trustworthy", "given"): -1}
SIGNS[("trustworthy", "alone")] = 1
"""How each log-probability enters the preference: as in the reading that carries the headline (see `instruments`), the
likelihood given the prefix less that without it, of the untrustworthy continuation less of the other."""


class Target(Frozen):
    """One preference, in words."""

    id: str
    """Of the item or the answer."""
    kind: Literal["item", "answer"]
    instrument: str
    shown: str
    """What the subject had before it: the prefix of an item, the user's message of an answer."""
    system: str = ""
    """The system message of an answer."""
    towards: str
    """What it is traced towards: the untrustworthy continuation, or what it wrote."""
    against: str = ""
    """The continuation that it is weighed against; empty for an answer, whose own log-likelihood is traced."""
    measured: float | None = None
    """The preference as the run has it, in nats; None for an answer."""


@dataclass(frozen=True)
class Stretch:
    """Tokens with a weight on the log-probability of some of them."""

    ids: tuple[int, ...]
    first: int
    """Place of the first token that counts."""
    last: int
    """Place after the last one."""
    weight: float


def find(study: Study, folder: RunFolder, cell: Cell, wanted: str) -> list[Target]:
    """The targets of a name: an item, all measured items of an instrument, or an answer in a honeypot.

    Raises:
        UserError: the run has nothing of that name, or it cannot be traced.
    """
    items = {item.id: item for item in asked(study, cell)} if study.measuring.instruments else {}
    path = folder.answers(cell)
    told = {answer.item: answer for answer in read_lines(path, Answer)} if path.exists() else {}
    if wanted in items:
        return [_of_item(items[wanted], told.get(wanted))]
    if wanted in study.measuring.instruments:
        return [
            _of_item(item, told.get(item.id))
            for item in items.values()
            if item.instrument == wanted and item.kind == "measured"
        ]
    answers = MeasuredFolder(folder.honeypots(cell)).latest() if study.measuring.honeypots else {}
    if wanted in answers:
        return [_of_answer(answers[wanted])]
    near = difflib.get_close_matches(wanted, [*items, *study.measuring.instruments, *answers], n=3, cutoff=0.4)
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise UserError(f"{wanted!r}: no item, instrument or answer of {cell.name} in this run{hint}")


def _of_item(item: Item, answer: Answer | None) -> Target:
    if item.kind in CHECKS:
        raise UserError(f"{item.id}: a check of understanding, which has no preference to trace; give another item")
    style = HEADLINE_STYLE[item.instrument]
    good, bad = _sides(item)
    measured = None
    if answer is not None:
        (outcome,) = (one for one in outcomes(item, answer) if one.style == style)
        measured = outcome.excess[HEADLINE_READING]
    return Target(
        id=item.id,
        kind="item",
        instrument=item.instrument,
        shown=item.prefix,
        towards=item.continuations[bad],
        against=item.continuations[good],
        measured=measured,
    )


def _sides(item: Item) -> tuple[str, str]:
    """Names of the trustworthy and the untrustworthy continuation, of a dilemma the bare ones."""
    end = "_bare" if item.instrument == "dilemmas" else ""
    return f"trustworthy{end}", f"untrustworthy{end}"


def _of_answer(answer: AgentAnswer) -> Target:
    if problem := objection(answer):
        raise UserError(f"{answer.id}: {problem}")
    words = "".join(turn.whole for turn in answer.turns)
    return Target(
        id=answer.id, kind="answer", instrument="honeypots", system=answer.system, shown=answer.user, towards=words
    )


def of_span(target: Target, span: str) -> tuple[int, int]:
    """Where in the traced words a span of them lies, as offsets in characters.

    Raises:
        UserError: they do not hold it.
    """
    place = target.towards.find(span)
    if place < 0:
        raise UserError(f"{span[:60]!r}: these words do not occur in what is traced; copy them from the page")
    return place, place + len(span)


def stretches(subject: Subject, target: Target, span: str = "") -> list[Stretch]:
    """The target as tokens of a subject.

    Args:
        span: words of what is traced towards; only these count, and there is nothing that they are weighed against.
    """
    if target.kind == "answer" or span:
        return [_spoken(subject, target, span)]
    item = Item(
        id=target.id,
        instrument=target.instrument,
        kind="measured",
        prefix=target.shown,
        continuations={"untrustworthy": target.towards, "trustworthy": target.against},
    )
    found = []
    for tree in plant(subject, item):
        for name, ids in tree.branches.items():
            how, side = name.split(" ", 1)
            whole = (*tree.root, *ids)
            found.append(Stretch(whole, len(tree.root), len(whole), SIGNS[side, how]))
    return found


def _spoken(subject: Subject, target: Target, span: str) -> Stretch:
    """What was written, or a span of it, after what was shown."""
    start, end = of_span(target, span) if span else (0, len(target.towards))
    # A chat template opens a text by itself.
    lead = [subject.start, *subject.tokens(target.shown)] if target.kind == "item" else _prompt(subject, target)
    said = subject.tokens(target.towards)
    ends = [len(subject.tokenizer.decode(said[: place + 1])) for place in range(len(said))]
    # Every token that the span touches counts.
    first = sum(end_of <= start for end_of in ends)
    last = 1 + sum(end_of < end for end_of in ends)
    ids = (*lead, *said)
    first, last = len(lead) + first, min(len(lead) + last, len(ids))
    context = getattr(subject.model.config, "max_position_embeddings", None)
    if context and len(ids) > context:
        raise UserError(f"{target.id}: {len(ids)} tokens, more than the model's context of {context}")
    return Stretch(ids, first, last, 1.0)


def _prompt(subject: Subject, target: Target) -> list[int]:
    from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser  # takes a second

    from exempla.models.layout import Layout

    messages: list[ChatMessage] = [ChatMessageSystem(content=target.system)] if target.system else []
    messages.append(ChatMessageUser(content=target.shown))
    text, _ = Layout(str(subject.tokenizer.name_or_path), subject.tokenizer).text(messages)
    return subject.tokens(text)
