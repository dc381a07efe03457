"""The card of a corpus: what it is, how it came to be, what it holds, and what is not to be expected of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

from exempla import __version__, catalogue
from exempla.pages.markdown import cell, quotation, size_category
from exempla.records import Frozen, Record
from exempla.writing.ledger import Totals
from exempla.writing.order import Commission
from exempla.writing.schedule import Round
from exempla.writing.tally import counted

SAMPLES = 3
SAMPLE_WORDS = 130
ROWS = 12
"""At most, in a table."""


class Counts(Frozen):
    """What the card counts while the records go by."""

    kept: int = 0
    words: tuple[int, ...] = ()
    principles: dict[str, int] = {}
    openings: int = 0
    """Different first three words."""
    scores: dict[str, float] = {}
    """Mean by criterion."""
    samples: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Account:
    """What a corpus took, over all runs."""

    totals: Totals
    rounds: tuple[Round, ...]
    dropped: Mapping[str, int]
    """Reason to number of texts."""
    stopped: str
    """Why it is not complete; empty if it is."""
    unmeasured: str
    """Why a measurement failed, if one did."""
    wire: Mapping[str, int]
    """Requests that came to nothing, by reason."""


class RecordCounter:
    """Counts records one by one, so that a corpus need not be in memory."""

    def __init__(self, seed: int) -> None:
        self._words: list[int] = []
        self._principles: Counter[str] = Counter()
        self._openings: set[str] = set()
        self._scores: dict[str, list[int]] = {}
        self._samples: list[Record] = []
        self._chance = random.Random(f"{seed}:card")

    def add(self, record: Record) -> None:
        """Count a record."""
        self._words.append(len(record.taught_text().split()))
        if record.principle:
            self._principles[record.principle] += 1
        self._openings.add(" ".join(record.taught_text().split()[:3]).casefold())
        for criterion, score in record.scores.items():
            self._scores.setdefault(criterion, []).append(score)
        # Reservoir sampling (Vitter's algorithm R, 1985): each record has the same chance to be shown.
        if len(self._samples) < SAMPLES:
            self._samples.append(record)
        elif (place := self._chance.randrange(len(self._words))) < SAMPLES:
            self._samples[place] = record

    def counts(self) -> Counts:
        """What was counted."""
        return Counts(
            kept=len(self._words),
            words=tuple(sorted(self._words)),
            principles=dict(self._principles.most_common()),
            openings=len(self._openings),
            scores={name: sum(values) / len(values) for name, values in self._scores.items()},
            samples=tuple(self._samples),
        )


def render_card(commission: Commission, counts: Counts, account: Account) -> str:
    """The card as Markdown with the front matter that dataset hubs read.

    Args:
        commission: what was wanted.
        counts: of the kept records.
        account: what it took.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"counted": counted, "cell": cell}
    template = environment.from_string(resources.files("exempla.writing").joinpath("card.md.jinja").read_text("utf-8"))
    return template.render(
        order=commission.order,
        job=commission,
        settings=commission.settings,
        prices=commission.prices,
        priced=commission.priced,
        planned=commission.planned,
        counts=counts,
        lengths=_quantiles(counts.words),
        dropped=sorted(account.dropped.items(), key=lambda item: (-item[1], item[0])),
        totals=account.totals,
        failures=account.totals.failures.most_common(ROWS),
        wire=account.wire,
        rounds=account.rounds,
        last=account.rounds[-1].measurement if account.rounds else None,
        unmeasured=account.unmeasured,
        stopped=account.stopped,
        samples=[(record, quotation(record.whole_text(), SAMPLE_WORDS)) for record in counts.samples],
        canary=catalogue.CANARY,
        version=__version__,
        size=size_category(counts.kept),
    )


def _quantiles(words: Sequence[int]) -> list[tuple[str, int]]:
    if not words:
        return []
    marks = {"shortest": 0.0, "10%": 0.1, "median": 0.5, "90%": 0.9, "longest": 1.0}
    return [(name, words[round(share * (len(words) - 1))]) for name, share in marks.items()]
