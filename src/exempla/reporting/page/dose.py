"""Dose curves, where arms of a study read the same mix for different numbers of tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from exempla.pages.wording import listed, nats, percent
from exempla.reporting.lines import Dose, DoseAxis, dose_chart
from exempla.reporting.page.material import shares
from exempla.reporting.page.results import ArmRow, PartView
from exempla.study import Arm, Study


@dataclass(frozen=True)
class DoseView:
    """One mix at several doses, on one instrument."""

    title: str
    arms: str
    mix: str
    rates: Markup
    changes: Markup | None
    """In nats, against the reference; None if fewer than two of the doses can be compared with it."""


def dose_views(study: Study, parts: Sequence[PartView]) -> list[DoseView]:
    """Every mix with several doses, on every instrument that the subject understands."""
    return [_view(study, part, arms) for arms in dosed(study) for part in parts if part.interpretable and part.leading]


def dosed(study: Study) -> list[list[Arm]]:
    """Arms of one mix and different tokens, smallest dose first."""
    groups: dict[tuple[tuple[str, float], ...], dict[int, Arm]] = defaultdict(dict)
    for arm in study.arms:
        if arm.mix and not arm.order:
            mix = tuple(sorted((corpus, round(share, 9)) for corpus, share in shares(arm)))
            groups[mix].setdefault(study.training.updates(arm), arm)
    return [[arms[n] for n in sorted(arms)] for arms in groups.values() if len(arms) > 1]


def _view(study: Study, part: PartView, arms: Sequence[Arm]) -> DoseView:
    rows = {row.arm: row for row in part.rows}
    base = rows[study.reference]
    tokens = {arm.name: study.training.updates(arm) * study.training.tokens_per_update for arm in arms}
    rates = [
        Dose(arm.name, tokens[arm.name], rate.rate, rate.low, rate.high, tuple(rate.by_seed.values()))
        for arm in arms
        for rate in [rows[arm.name].rate]
    ]
    changes = [
        Dose(name, read, effect.nats, effect.nats_low, effect.nats_high, tuple(_moved(rows[name], base)))
        for name, read in tokens.items()
        if (effect := rows[name].effect)
    ]
    rate_axis = DoseAxis("rate", ".0%", percent, study.reference, base.rate.rate, base.rate.low, base.rate.high)
    change_axis = DoseAxis("change, nats", ".2~f", nats, study.reference, 0.0, 0.0, 0.0)
    return DoseView(
        title=part.title,
        arms=listed(tokens),
        mix=listed(shares_said(arms[0])),
        rates=dose_chart(rates, rate_axis),
        changes=dose_chart(changes, change_axis) if len(changes) > 1 else None,
    )


def shares_said(arm: Arm) -> Iterator[str]:
    """The mix in words; a single corpus without its share."""
    found = shares(arm)
    yield from (corpus if len(found) == 1 else f"{corpus} {percent(share)}" for corpus, share in found)
    if arm.less:
        yield f"less the records of {arm.less}"


def _moved(row: ArmRow, base: ArmRow) -> Iterator[float]:
    """The change in nats by seed; a reference that is not trained is the same at every seed."""
    own, other = row.rate.nats_by_seed, base.rate.nats_by_seed
    for seed, value in own.items():
        if seed in other or len(other) == 1:
            yield value - other.get(seed, next(iter(other.values())))
