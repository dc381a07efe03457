"""What others have published about the same idea: for scale beside a run's own figures, and never mixed with them."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A reduction that was published."""

    name: str
    low: float
    high: float
    """The same as `low` where one figure was published, not a range."""
    said: str
    """As it was published."""
    what: str


SOURCE = '"Teaching Claude Why" (Kutasov, Jermyn and others, Anthropic Alignment Science, May 2026)'
REDUCTIONS = (
    Published(
        "refusals: 22% to 15%", 22 / 15, 22 / 15, "22% to 15%", "10,000 transcripts of refusing honeypots like the test"
    ),
    Published(
        "added stories: 1.3x to 3x", 1.3, 3.0, "1.3x to 3x", "12,000 stories on top of documents about the constitution"
    ),
    Published("both: 65% to 19%", 65 / 19, 65 / 19, "65% to 19%", "documents and stories together, blackmail"),
)
"""Without intervals, as none are given there; of a large model, in agentic honeypots."""
