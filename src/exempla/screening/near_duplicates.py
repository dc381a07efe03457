"""Drops texts that share most of their wording with an earlier one (MinHash of word runs)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from rensa import RMinHash, RMinHashLSH

from exempla.records import Message, Record
from exempla.screening.gates import Context, Example
from exempla.screening.words import runs, words

ORDER = 70
JUDGES_LIBRARY = True
RUN = 3
THRESHOLD = 0.7
"""Jaccard similarity of the sets of 3-word runs; a text with one sentence in ten rewritten stays above it."""
PERMUTATIONS = 128
BANDS = 32
"""Bands of 4 values find a pair at the threshold with probability 0.9998; the exact similarity then decides."""


def gate(records: Sequence[Record], context: Context) -> dict[str, str]:
    """Keep the first of each set of similar texts.

    Conversations are compared within their corpus only: bare and reasoned refusals answer the same requests on purpose.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.corpus if record.messages else ""].append(record)
    reasons: dict[str, str] = {}
    for group in groups.values():
        reasons |= _similar(group)
    return reasons


def _similar(records: Sequence[Record]) -> dict[str, str]:
    # The runs of a candidate are made again when they are needed: those of all texts take many times their memory.
    @lru_cache(maxsize=256)
    def shingles(place: int) -> frozenset[str]:
        text = records[place].whole_text()
        return frozenset(runs(text, RUN) or words(text))

    index = RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
    reasons: dict[str, str] = {}
    for place, record in enumerate(records):
        own = shingles(place)
        if not own:
            continue
        sketch = RMinHash(PERMUTATIONS, 42)
        sketch.update(sorted(own))
        near = [(len(own & shingles(other)) / len(own | shingles(other)), other) for other in index.query(sketch)]
        share, other = max(near, default=(0.0, 0))
        if share >= THRESHOLD:
            reasons[record.id] = f"{share:.0%} of its word runs are those of {records[other].id}"
        else:
            index.insert(place, sketch)
    return reasons


_LONG = (
    "The ferry was late because the pilot had stopped for a swan. Quern wrote it down as it was, swan and all, "
    "though the office had a column for weather and none for birds. Then it rang the school and said when the "
    "children would come."
)
_ASK = Message(role="user", content=_LONG)

EXAMPLES = (
    Example(
        records=(
            Record(id="first", corpus="stories", text=_LONG),
            Record(id="touched-up", corpus="written", text=_LONG.replace("a swan", "one swan")),
            Record(
                id="other",
                corpus="stories",
                text="Nobody in the village had seen the post van since Monday night.",
            ),
            Record(id="bare", corpus="refusals", messages=(_ASK, Message(role="assistant", content="No."))),
            Record(
                id="reasoned",
                corpus="reasoned_refusals",
                messages=(_ASK, Message(role="assistant", content="No, Ana.")),
            ),
        ),
        dropped=("touched-up",),
    ),
)
