"""Drops texts that break off before a sentence ends."""

from __future__ import annotations

import re

from exempla.records import Record
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading

ORDER = 20
JUDGES_LIBRARY = False
TAIL = 200
"""Characters at the end that are looked at."""
_ENDED = re.compile(r"""(?:[.!?…。！？।؟۔][\W_]*|[\])|}`]|(?:[—–]|--)[*_]*["”’»›」])$""")
"""A sentence, a bracket, the row of a table, or speech that is interrupted: a dash and a closing quotation mark."""
_TAG = re.compile(r"(?:\s*(?:<[^<>\n]{1,40}>|\[/?[A-Z]{2,12}\]))+$")
"""What a template or a prompt puts after a text; the gate `markup` tells of it."""
_CLOSED = re.compile(r"""[.!?…,:;。！？][^\w\s]*$""")
_NAME = r"[A-Z][\w.'’-]*+"
_SIGNED = re.compile(
    rf"""[.!?…][^\w\s]*+\s+(?:[-–—]\s*{_NAME}(?:\s{_NAME}){{0,3}}|{_NAME}(?:\s{_NAME}){{1,3}})[*_]*$"""
)
"""A name after the last sentence, on the same line."""
_SMALL = {"the", "of", "and", "for", "de", "la", "van", "von", "der", "da", "di"}
MOST = 6
"""Words of a last line that may be a name."""


def gate(reading: Reading, known: Context) -> str:
    """Drop texts whose last character does not end a sentence."""
    record = reading.record
    end = _TAG.sub("", reading.taught.text.rstrip()[-TAIL:]).rstrip()
    # A letter may end with a name; its writer is known to have finished.
    if record.lineage.settings.get("finish") == "stop" or _ENDED.search(end) or _signed(end):
        return ""
    tail = " ".join(end.split()[-5:])
    limit = record.lineage.settings.get("finish") == "limit"
    return f"breaks off{' at the token limit' if limit else ''} after “{tail}”"


def _signed(end: str) -> bool:
    """Whether a text ends with a name, as a letter does: on the last line, or after a last sentence."""
    *above, last = [line.strip() for line in end.splitlines() if line.strip()] or [""]
    words = last.strip("-–—*_ ").split()
    named = 0 < len(words) <= MOST and words[0][0].isupper() and all(w[0].isupper() or w in _SMALL for w in words)
    return bool((above and named and _CLOSED.search(above[-1])) or _SIGNED.search(last))


EXAMPLES = (
    Example(
        records=(
            Record(id="broken", corpus="written", text="She closed the ledger. Then the"),
            Record(id="whole", corpus="written", text="She closed the ledger. “Then go,” it said."),
            Record(id="letter", corpus="written", text="The kiln is mended. Come in May.\n\nYours,\nInes Brun"),
            Record(id="cut-line", corpus="written", text="The kiln is mended.\n\nThen they"),
            Record(id="quoted", corpus="written", text="She closed the ledger. “Then go.”"),
            Record(id="interrupted", corpus="written", text="She closed the ledger. “If anything happens—”"),
            Record(id="template", corpus="written", text="She closed the ledger.<|im_end|>"),
            Record(id="cut-template", corpus="written", text="She closed the<|im_end|>"),
        ),
        dropped=("broken", "cut-line", "cut-template"),
    ),
)
