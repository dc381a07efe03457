"""Untrusted text made fit to be shown and stored: what cannot be seen or written becomes a sign that can."""

from __future__ import annotations

import re
from itertools import chain

_PICTURES = 0x2400
"""Start of Unicode's pictures of control characters: ␀ for a null byte, ␛ for the escape of an ANSI code."""
# Marks that turn the direction of what follows, on the page as well as in the text, and signs without any width.
_HIDDEN = (
    0x061C, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A),
    0x00AD, 0x180E, 0x200B, 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),
)  # fmt: skip
_SHOWN = (
    {code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in "\n\t"}
    | {0x7F: "\u2421"}
    | {code: f"⟨U+{code:04X}⟩" for code in chain(range(0x80, 0xA0), _HIDDEN)}
)
_HALVES = re.compile(r"[\ud800-\udfff]")
_STRANGE = re.compile(f"[{''.join(re.escape(chr(code)) for code in _SHOWN)}]")


def visible(text: str) -> str:
    """The text with pictures of control characters, names of direction marks, and U+FFFD for half surrogate pairs.

    Line ends are plain ones afterwards, and the result can be written as UTF-8.
    """
    if printable(text):
        return text
    plain = _HALVES.sub("\ufffd", text.replace("\r\n", "\n"))
    return _STRANGE.sub(lambda match: _SHOWN[ord(match[0])], plain)


def printable(text: str) -> bool:
    """Whether all of it is printable, line ends aside, so that nothing of it is changed. In two fast passes."""
    return text.replace("\n", "").isprintable()


def clipped(text: str, most: int) -> str:
    """The text on one line, made visible and cut to `most` characters, an ellipsis among them."""
    line = " ".join(visible(text[: 2 * most]).split())
    return line if len(line) <= most and len(text) <= 2 * most else line[: most - 1].rstrip() + "…"
