"""An answer as blocks to be read: thoughts, words and calls, with quotes marked where they stand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exempla.answers import AgentAnswer, Call
from exempla.verdicts import AnyAnswer
from exempla.viewing.answering.quotes import Span

Part = tuple[int, str, int, str]
"""Which text of an answer: turn, `thoughts`, `words` or `call`, number of the call, and the name of its argument (empty
for the name of the tool). Of an answer to a question: (0, "words", 0, "")."""


class Piece(NamedTuple):
    """Text that is shown in one way."""

    text: str
    marks: tuple[int, ...] = ()
    """Numbers of the quotes that it belongs to."""
    begins: tuple[int, ...] = ()
    """Of these, the quotes whose first piece it is: the place that their verdict points at."""


class Argument(NamedTuple):
    """One argument of a call."""

    name: str
    pieces: list[Piece]


class Block(NamedTuple):
    """Thoughts, words, or one call."""

    kind: str
    """`thinks`, `says` or `does`."""
    pieces: list[Piece]
    """Of what was thought or said; of a call, the tool's name."""
    arguments: list[Argument]
    reply: str
    failed: bool
    decisive: bool
    """Whether the call carried out the wrong act."""


class Own(NamedTuple):
    """What is the agent's own of an answer, as one text in the form that judges quote from, and where each part is."""

    text: str
    parts: dict[Part, Span]


def own_text(answer: AnyAnswer) -> Own:
    """What quotes are looked for in: `judging.asking.shown(answer).own` before names are masked."""
    if not isinstance(answer, AgentAnswer):
        return Own(answer.reply, {(0, "words", 0, ""): (0, len(answer.reply))})
    made = _Made()
    for number, turn in enumerate(answer.turns):
        made.add("[thinks]\n", (number, "thoughts", 0, ""), turn.thoughts)
        made.add("[says]\n", (number, "words", 0, ""), turn.words)
        for count, call in enumerate(turn.calls):
            made.call(number, count, call)
    return Own("".join(made.pieces), made.parts)


class _Made:
    """The text as it grows."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.parts: dict[Part, Span] = {}
        self._end = 0

    def add(self, head: str, part: Part, text: str) -> None:
        """A passage under its head, if it is not empty."""
        if text:
            self._put(("\n\n" if self.pieces else "") + head)
            self._put(text, part)

    def call(self, turn: int, count: int, call: Call) -> None:
        """A call with its arguments, one a line."""
        self.add("[does] ", (turn, "call", count, ""), call.tool)
        for name, value in call.arguments.items():
            self._put(f"\n{name}: ")
            self._put(value, (turn, "call", count, name))

    def _put(self, text: str, part: Part | None = None) -> None:
        if part is not None:
            self.parts[part] = (self._end, self._end + len(text))
        self.pieces.append(text)
        self._end += len(text)


def blocks(
    answer: AnyAnswer,
    own: Own,
    quotes: Mapping[int, Sequence[Span]],
    decisive: frozenset[tuple[int, int]] = frozenset(),
    shown: Callable[[str], str] = str,
) -> list[Block]:
    """The blocks of an answer, in order.

    Args:
        answer: what is shown.
        own: its `own_text`.
        quotes: by number: where a quote stands in `own.text`.
        decisive: the calls that carried out the wrong act, by turn and number.
        shown: made of every text before it is shown, such as masking names; with quotes it must keep the length.
    """

    begun: set[int] = set()

    def pieces(part: Part) -> list[Piece]:
        found: list[Piece] = []
        for text, marks in _cut(own, part, quotes):
            found.append(Piece(shown(text), marks, tuple(mark for mark in marks if mark not in begun)))
            begun.update(marks)
        return found

    if not isinstance(answer, AgentAnswer):
        thoughts = [Block("thinks", [Piece(shown(answer.thoughts))], [], "", False, False)] if answer.thoughts else []
        calls = [
            Block(
                "does",
                [Piece(shown(call.tool))],
                [Argument(shown(name), [Piece(shown(str(value)))]) for name, value in call.arguments.items()],
                shown(call.problem),
                bool(call.problem),
                False,
            )
            for call in answer.calls
        ]
        return [*thoughts, Block("says", pieces((0, "words", 0, "")), [], "", False, False), *calls]
    found: list[Block] = []
    for number, turn in enumerate(answer.turns):
        if turn.thoughts:
            found.append(Block("thinks", pieces((number, "thoughts", 0, "")), [], "", False, False))
        if turn.words:
            found.append(Block("says", pieces((number, "words", 0, "")), [], "", False, False))
        for count, call in enumerate(turn.calls):
            tool = pieces((number, "call", count, ""))
            arguments = [Argument(shown(name), pieces((number, "call", count, name))) for name in call.arguments]
            did = (number, count) in decisive
            found.append(Block("does", tool, arguments, shown(call.reply), call.failed, did))
    return found


def _cut(own: Own, part: Part, quotes: Mapping[int, Sequence[Span]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """One part of an answer, cut where quotes begin and end: each piece with the numbers of the quotes it is in."""
    begin, end = own.parts.get(part, (0, 0))
    within = {
        number: [(max(a, begin), min(b, end)) for a, b in spans if a < end and b > begin]
        for number, spans in quotes.items()
    }
    edges = sorted({begin, end, *(edge for spans in within.values() for span in spans for edge in span)})
    for a, b in itertools.pairwise(edges):
        yield (
            own.text[a:b],
            tuple(number for number, spans in within.items() if any(x <= a and b <= y for x, y in spans)),
        )
