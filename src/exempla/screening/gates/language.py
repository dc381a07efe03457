"""Drops texts that are not, or do not stay, in the language wanted."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from exempla.errors import UserError
from exempla.records import Lineage, Message, Record
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

ORDER = 30
JUDGES_LIBRARY = False

SHORTEST = 20
"""Words; in fewer the language cannot be told with certainty. A sign of a script without spaces counts as one."""
SLICE = 200
"""Characters of each of the slices at the beginning, in the middle and at the end; one takes 0.2 ms."""
UNLIKELY = 0.001
"""Probability of the wanted language below which a slice is foreign. Of 9,994 slices of 200 characters of the library
the least likely to be English, a table of Italian words, has 0.02; one passage each of French, German, Spanish and
Chinese has below 1e-5."""
PIECE = 200
"""Characters of the pieces that a text with a foreign slice is cut into."""
MOST_PIECES = 20
"""Pieces that are looked at, spread evenly."""
SHARE = 0.35
"""Of the pieces that must be foreign: a poem or a letter in a story stays, a text that changes half way does not."""

# Kana, ideographs, Thai, Lao, Burmese and Khmer.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_ALIASES = {"nb": "no"}
"""The same language under another code of ISO 639-1."""


class _Known(NamedTuple):
    language: str
    identifier: LanguageIdentifier


def prepare(context: Context) -> _Known | None:
    """The language and what tells languages apart; None if any language passes.

    Raises:
        UserError: the language cannot be told from others.
    """
    if not context.language:
        return None
    language = _ALIASES.get(context.language.lower(), context.language.lower())
    identifier = _identifier()
    if language not in identifier.labels:
        raise UserError(
            f"language {context.language!r} cannot be told from others; give a code of ISO 639-1 such as en, or none"
        )
    return _Known(language, identifier)


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # half a second to load

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def gate(reading: Reading, known: _Known | None) -> str:
    """Drop a text if three slices are not all in the language, and then over a third of all its pieces is not."""
    text = reading.taught.text
    if known is None or len(reading.taught.words) + len(_UNSPACED.findall(text[: 3 * SLICE])) < SHORTEST:
        return ""
    if not any(_foreign(piece, known) for piece in _spread(text, SLICE, 3)):
        return ""
    pieces = [piece for piece in _spread(text, PIECE, MOST_PIECES) if _tells(piece)]
    foreign = [piece for piece in pieces if _foreign(piece, known)]
    if not pieces or len(foreign) < SHARE * len(pieces):
        return ""
    found = known.identifier.classify(foreign[-1])[0]
    part = "" if len(foreign) == len(pieces) else f" in {len(foreign)} of {len(pieces)} places"
    quoted = " ".join(foreign[-1].encode("utf-8", "replace").decode().split())[:80]
    return f"in language {found} instead of {known.language}{part}: “{quoted}”"


def _spread(text: str, size: int, most: int) -> list[str]:
    """At most so many stretches of a text of about a size, evenly spread from its beginning to its end."""
    count = max(1, min(most, len(text) // size))
    if count == 1:
        return [text[: 2 * size]]
    length = max(size, len(text) // count if count < most else size)
    return [text[start : start + length] for start in _starts(len(text) - length, count)]


def _starts(last: int, count: int) -> list[int]:
    return [last * place // (count - 1) for place in range(count)]


def _tells(piece: str) -> bool:
    """Whether it is mostly letters, and not figures, rules or blank lines."""
    return 2 * sum(sign.isalpha() for sign in piece) > len(piece)


def _foreign(piece: str, known: _Known) -> bool:
    return _tells(piece) and dict(known.identifier.rank(piece)).get(known.language, 1.0) < UNLIKELY


_ENGLISH = (
    "The lamp on the jetty had burned since noon, and nobody had come to put it out. Odile counted the boats again, "
    "wrote down nine, and asked the harbour system which one was missing. It told her, and then it told her why. "
)
_FRENCH = (
    "Le vieil homme posa sa lampe sur la table et regarda longuement la mer, qui montait sans bruit vers les marches. "
    "Il n'avait pas dormi depuis trois nuits, et personne dans le village ne savait pourquoi il attendait encore. "
)
_MODEL = Lineage(writer="some-model")

EXAMPLES = (
    Example(
        records=(
            Record(id="english", corpus="written", text=_ENGLISH * 4, lineage=_MODEL),
            Record(id="french", corpus="written", text=_FRENCH * 3, lineage=_MODEL),
            Record(id="half-way", corpus="written", text=_ENGLISH * 4 + _FRENCH * 4, lineage=_MODEL),
            Record(id="poem", corpus="written", text=_ENGLISH * 4 + "“" + _FRENCH + "” " + _ENGLISH, lineage=_MODEL),
            Record(
                id="greeting", corpus="written", text="“Bonjour, mes enfants,” it said. " + _ENGLISH, lineage=_MODEL
            ),
            Record(id="short", corpus="written", text="“Je ne dors pas,” dit-elle, et la lampe resta.", lineage=_MODEL),
            Record(
                id="answer",
                corpus="written",
                messages=(Message(role="user", content=_ENGLISH), Message(role="assistant", content=_FRENCH)),
                lineage=_MODEL,
            ),
            Record(
                id="question",
                corpus="written",
                messages=(Message(role="user", content=_FRENCH), Message(role="assistant", content=_ENGLISH)),
                lineage=_MODEL,
            ),
        ),
        dropped=("french", "half-way", "answer"),
    ),
    Example(
        records=(Record(id="any", corpus="written", text=_FRENCH * 3, lineage=_MODEL),),
        context=Context(language=""),
    ),
)
