"""The tally of a corpus being written: what the live line shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from exempla.progress import Reporter
from exempla.writing.ledger import Totals

SHOWN_REASONS = 3


class Tally:
    """Counts of what was kept, dropped, sent and spent."""

    def __init__(self, reporter: Reporter, currency: str, priced: bool) -> None:
        self.reporter = reporter
        self.kept = 0
        self.dropped: Counter[str] = Counter()
        self.postponed: Counter[str] = Counter()
        """Texts that a failure of the server left for the next run."""
        self.in_flight = 0
        self.totals = Totals()
        self._currency = currency
        self._priced = priced
        self._shown = 0

    def resume(self, kept: int, dropped: Sequence[str]) -> None:
        """Take over the counts of earlier runs."""
        self.kept += kept
        self.dropped.update(dropped)
        self._shown = self.done

    @property
    def done(self) -> int:
        """Texts that are finished, kept or not."""
        return self.kept + sum(self.dropped.values())

    def show(self) -> None:
        """Bring the live line up to date."""
        self.reporter.advance(self.done - self._shown, self.line())
        self._shown = self.done

    def sampling(self, rows: int, tokens: int) -> None:
        """A model in this process has sampled so many tokens of each of a batch's texts."""
        self.reporter.advance(0, f"{self.line()} · {rows} texts at token {tokens}")

    def line(self) -> str:
        """Kept, dropped by reason, under way, tokens and cost, in one line."""
        dropped = ""
        if self.dropped:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.dropped.most_common(SHOWN_REASONS))
            more = len(self.dropped) - SHOWN_REASONS
            dropped = f" ({reasons}{f', {more} more' if more > 0 else ''})"
        parts = [
            f"kept {self.kept}",
            f"dropped {sum(self.dropped.values())}{dropped}",
            f"{self.in_flight} in flight",
            f"{counted(self.totals.tokens)} tokens",
        ]
        if self._priced:
            parts.append(f"{self.totals.cost:.2f} {self._currency}")
        return " · ".join(parts)


def counted(number: float) -> str:
    """A large number as people read it: 950, 12k, 3.4M."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.{0 if number >= 10 * size else 1}f}{sign}"
    return f"{number:.0f}"
