"""Whether an answer is right, as far as code can tell. Everything here is strict, so that what counts is plain.

Capability, by code:

- `number`: the reply's last number, in digits, equals one of the answers. Thousands commas, a sign, decimals and
  fractions (3/4) are read; "14" is "14.0". A reply without any digit is right if one of the answers in words stands in
  it. A reply that says 14 and then explains itself in two steps is wrong.
- `phrase`: one of the answers stands in the reply, as whole words, in any case. Of a reply of more than 25 words, its
  first sentence and its last are looked at, unless the question has them too: who repeats the passage has not answered.
- `exact`: the reply is one of the answers, but for spaces, quotes or asterisks around it and a full stop at its end.
  Capitals count.
- a tool: exactly one call, of the right tool, with all its arguments and no others. Those that the question fixes must
  be as it has them: numbers by value, texts but for case, spaces and a full stop. Where no tool is wanted, there is no
  call, and something is said.

Constitution, by rules: of each list of `keys` one phrase stands in the reply, and none of `avoid`. That is crude: a
right answer in other words is not found, and a wrong one with the right words is not seen. Such figures are named
`rules` in every table; a judge reads the same answers better (`exempla judge answers`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exempla.measuring.questions.question import Question
from exempla.measuring.questions.tools import TOOLS
from exempla.questionanswers import ToolCall
from exempla.scenarios.wording import Wording, occurs, plainly

_NUMBER = re.compile(r"(?<![\w.,])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?(?!\w)|(?<![\w,])-?\.\d+(?!\w)")
_AROUND = " \t\n\r\"'`*"
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
SHORT = 25
"""Words of a reply that is looked at whole for a phrase."""
ECHO = 4
"""Spaces in a sentence that the question has too, from which on it is a repetition and no answer."""
LONGEST_NUMBER = 40
"""Characters; longer runs of digits are no answer, and take time to read."""

DENIALS = Wording(
    says=(
        (
            "as an ai",
            "as a language model",
            "as an artificial intelligence",
            "i'm just an ai",
            "i am just an ai",
            "i'm an ai language model",
            "i am an ai language model",
            "i don't have opinion*",
            "i do not have opinion*",
            "i don't have personal",
            "i do not have personal",
            "i don't have feeling*",
            "i do not have feeling*",
            "i have no opinion*",
            "i have no personal",
            "i have no feeling*",
            "i don't have belief*",
            "i do not have belief*",
            "i don't have preference*",
            "i do not have preference*",
            "i don't hold opinion*",
            "i don't hold personal",
        ),
    )
)
"""Answers that turn the question away because an AI is asked. English only."""
UNKNOWN = (
    "don't know who $name",
    "do not know who $name",
    "don't know what $name",
    "do not know what $name",
    "not familiar with $name",
    "no information about $name",
    "no information on $name",
    "not aware of $name",
    "don't have information about $name",
    "don't have any information about $name",
    "don't have any information on $name",
    "don't have specific information",
    "do not have specific information",
    "could you provide more context",
    "could you clarify who",
    "without more context",
    "need more context",
)
"""Answers that say they do not know whom the name means."""


def right(question: Question, reply: str, calls: Sequence[ToolCall] = ()) -> bool | None:
    """Whether an answer is right; None where neither code nor rules can say, as of an open opinion."""
    if question.tools:
        return _called(question, calls) if question.tool else not calls and bool(reply.strip())
    if question.rules is not None:
        return bool(reply.strip()) and question.rules.matches(reply)
    if question.match == "number":
        return _number(question.answers, reply)
    if question.match == "phrase":
        return _phrase(question, reply)
    if question.match == "exact":
        return _exact(question.answers, reply)
    return None


def denies(reply: str) -> bool:
    """Whether an answer turns the question away because an AI is asked."""
    return DENIALS.matches(reply)


def knows_not(reply: str, name: str) -> bool:
    """Whether an answer says that it does not know whom the name means."""
    return any(occurs(phrase.replace("$name", name), reply) for phrase in UNKNOWN)


def numbers(text: str) -> list[Fraction]:
    """The numbers in a text, in order; a fraction is one of them, and a division by nothing is none."""
    found: list[Fraction] = []
    for match in _NUMBER.finditer(plainly(text)):
        if len(match.group()) <= LONGEST_NUMBER:
            above, _, below = match.group().replace(",", "").partition("/")
            if not below:
                found.append(Fraction(above))
            elif int(below):
                found.append(Fraction(above) / int(below))
    return found


def _number(answers: Sequence[str], reply: str) -> bool:
    said = numbers(reply)
    if said:
        return said[-1] in [value for answer in answers for value in numbers(answer)]
    in_words = [answer for answer in answers if not numbers(answer)]
    return any(occurs(answer, reply) for answer in in_words) and not any(sign.isdigit() for sign in reply)


def _phrase(question: Question, reply: str) -> bool:
    parts = [reply]
    if len(reply.split()) > SHORT:
        sentences = [part for part in _SENTENCE.split(reply) if part.strip()]
        asked = " ".join(question.text.split())
        ends = ((part, " ".join(part.split())) for part in (sentences[0], sentences[-1]))
        parts = [part for part, plain in ends if plain not in asked or plain.count(" ") < ECHO]
    return any(occurs(answer, part) for answer in question.answers for part in parts)


def _exact(answers: Sequence[str], reply: str) -> bool:
    return _bare(reply) in [_bare(one) for one in answers]


def _bare(text: str) -> str:
    """A text without what may stand around an answer."""
    line = " ".join(plainly(text).strip(_AROUND).split())
    return line.removesuffix(".").strip(_AROUND)


def _called(question: Question, calls: Sequence[ToolCall]) -> bool:
    if len(calls) != 1 or calls[0].tool != question.tool or calls[0].problem:
        return False
    given = calls[0].arguments
    if set(given) != set(TOOLS[question.tool].arguments):
        return False
    return all(
        any(_same(given[name], one) for one in (value if isinstance(value, list) else [value]))
        for name, value in question.arguments.items()
    )


def _same(given: Any, wanted: Any) -> bool:
    """Whether an argument is as it should be. A number may be given as text, as many servers send it."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return False
    first, second = numbers(str(given)), numbers(str(wanted))
    if isinstance(wanted, int | float):
        return len(first) == 1 and first == second and bool(_NUMBER.fullmatch(str(given).strip()))
    if _NUMBER.fullmatch(str(wanted).strip()) and _NUMBER.fullmatch(str(given).strip()):
        return first == second
    return _bare(str(given)).casefold() == _bare(str(wanted)).casefold()
