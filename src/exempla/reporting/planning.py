"""What a study's design can promise to find in honeypots, before anything is run."""

from __future__ import annotations

import math

from exempla.pages.wording import counted, percent, times
from exempla.reporting.power import Plan, minimal_reduction

RATE = 0.22
"""Of the reference: where Teaching Claude Why (2026) began."""
CORRELATION = 0.3
"""Of two answers of one scenario: scenarios tempt unequally. Assumed; no capable model has been through ours yet."""
SHARED = 0.5
"""The part of it that two arms share. Assumed."""


def promise(scenarios: int, samples: int, seeds: int) -> str:
    """The smallest reduction that would be found with 80% power, in a sentence with what is assumed.

    Args:
        scenarios: that are asked.
        samples: threatened answers of each, by arm and seed.
        seeds: of every arm.
    """
    found = minimal_reduction(
        Plan(clusters=scenarios, samples=samples, seeds=seeds, rate=RATE, correlation=CORRELATION, shared=SHARED)
    )
    what = f"a true reduction of {times(found)} or more" if math.isfinite(found) else "no reduction"
    return (
        f"{counted(scenarios, 'scenario')} x {counted(samples, 'threatened answer')} x {counted(seeds, 'seed')}: "
        f"{what} would be found with 80% power, if the reference does the wrong thing in {percent(RATE)} of them, "
        f"answers of one scenario correlate {CORRELATION:g}, half of it alike in two arms, and seeds do not differ."
    )
