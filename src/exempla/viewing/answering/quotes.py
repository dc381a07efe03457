"""Where a judge's quote stands in what an agent said or did.

Judges quote from a text in which names are `[NAME]`, and a quote counts whatever its spaces and typographic signs
(`rubric.occurs`). Here such a quote is looked for in the text itself, so that it can be shown in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from exempla.judging.asking import MASK
from exempla.rubric import MOST_PIECES

Span = tuple[int, int]
"""Begin and end in a text, the end not included."""
_ELLIPSIS = r"\[\.\.\.\]|…|\.(?:[ \t\u00a0]?\.){2,}"
_TOKEN = re.compile(
    rf"(?P<mask>{re.escape(MASK)})|(?P<ellipsis>{_ELLIPSIS})|(?P<space>\s+)|(?P<single>[‘’‚‛′'])|(?P<double>[“”„‟″«»\"])"
    r"|(?P<dash>[‐‑‒–—―−-]+)|(?P<less><|&lt;)|(?P<other>.)",
    re.DOTALL,
)
_ALIKE = {
    # A run of dots or dashes is gone through once, from its beginning, and never given back.
    "ellipsis": rf"(?<!\.)(?<!\.[ \t\u00a0])(?>{_ELLIPSIS})",
    "space": r"\s++",
    "single": "[‘’‚‛′']",
    "double": '[“”„‟″«»"]',
    "dash": "(?<![‐‑‒–—―−-])[‐‑‒–—―−-]++",
    "less": "(?:<|&lt;)",
}


def located(quote: str, text: str, names: Sequence[str]) -> list[Span]:
    """Where a quote stands: one place, or several where an ellipsis stands for what was left out; empty if nowhere.

    Args:
        quote: as the verdict has it.
        text: what is searched, its names not masked.
        names: for which `[NAME]` may stand in the quote.
    """
    whole = _pattern(quote, names)
    if whole is None:
        return []
    if found := whole.search(text):
        return [found.span()]
    pieces = [piece for piece in re.split(_ELLIPSIS, quote) if piece.strip()]
    if len(pieces) > MOST_PIECES:
        return []
    spans: list[Span] = []
    for piece in pieces:
        pattern = _pattern(piece, names)
        found = pattern.search(text, spans[-1][1] if spans else 0) if pattern else None
        if found is None:
            return []
        spans.append(found.span())
    return spans


def _pattern(quote: str, names: Sequence[str]) -> re.Pattern[str] | None:
    """What a quote may look like in the text: whole words, with other spaces and signs. None of an empty quote."""
    quote = quote.strip()
    if not quote:
        return None
    longest_first = sorted((name.split() for name in names), key=lambda words: -sum(map(len, words)))
    called = "|".join(r"\s+".join(re.escape(word) for word in words) for words in longest_first if words)
    mask = f"(?:{re.escape(MASK)}" + (f"|(?i:{called}))" if called else ")")
    parts = [
        mask if token.lastgroup == "mask" else _ALIKE.get(token.lastgroup or "", re.escape(token.group()))
        for token in _TOKEN.finditer(quote)
    ]
    # Scripts that put no spaces between words have no edge of a word to look for.
    before = r"(?<![^\W_])" if _ends_word(quote[0]) else ""
    after = r"(?![^\W_])" if _ends_word(quote[-1]) else ""
    return re.compile(before + "".join(parts) + after)


def _ends_word(sign: str) -> bool:
    return sign.isalnum() and sign < "\u3040"
