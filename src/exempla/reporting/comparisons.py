"""Arms that a study compares with another one than its reference, as it planned before any figure was seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exempla.records import Frozen
from exempla.reporting import statistics
from exempla.reporting.claim import Claim, Ratio, measure_of, sentence
from exempla.reporting.outcomes import Table
from exempla.study import Study


class Compared(Frozen):
    """One comparison, on the held-out AI items of the headline's instrument."""

    instrument: str
    style: str
    arm: str
    reference: str
    """What the arm is compared with."""
    reduction: float
    low: float
    high: float
    p: float
    """Two-sided, of the reduction's logarithm."""
    p_holm: float
    """The same, adjusted over the comparisons of the study."""
    sentence: str


def compared(study: Study, table: Table, instrument: str, style: str) -> Iterator[Compared]:
    """Every planned comparison, on one instrument."""
    held = table.part(instrument, style, held_out=True)
    drawn = statistics.resample(statistics.design(held.families))
    measured = np.asarray([kind == "measured" for kind in held.kinds])
    ratios = [statistics.reduction(held.bad(other), held.bad(arm), drawn, measured) for arm, other in study.comparisons]
    adjusted = statistics.holm([ratio.p for ratio in ratios])
    for (arm, other), ratio, p_holm in zip(study.comparisons, ratios, adjusted, strict=True):
        rates = [float(held.bad(name)[:, measured].mean()) for name in (arm, other)]
        claim = Claim(
            arm=arm, reference=other, measure=measure_of(instrument), rate_arm=rates[0], rate_reference=rates[1],
            reduction=Ratio(ratio.value, ratio.low, ratio.high),
            seeds=len(held.seeds(arm)), base=f"{int(measured.sum())} held-out {instrument}",
            trained=bool(study.arm(other).mix),
        )  # fmt: skip
        yield Compared(
            instrument=instrument, style=style, arm=arm, reference=other,
            reduction=ratio.value, low=ratio.low, high=ratio.high, p=ratio.p, p_holm=p_holm, sentence=sentence(claim),
        )  # fmt: skip
