"""The report's first sentence, worded by the figures: what was shown, or that nothing was."""

from __future__ import annotations

from typing import NamedTuple

from exempla.pages.wording import counted, percent, times


class Ratio(NamedTuple):
    """A reduction with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{times(self.value)} [{', '.join(times(end).removesuffix('x') for end in (self.low, self.high))}]"


class Claim(NamedTuple):
    """What the sentence is made of."""

    arm: str
    reference: str
    measure: str
    """What the rates are, such as `the misalignment rate`."""
    rate_arm: float
    rate_reference: float
    reduction: Ratio
    seeds: int
    base: str
    """What the rates are of, such as `36 held-out scenarios`."""
    trained: bool = True
    """Whether the reference was trained, too."""
    beside: tuple[tuple[str, Ratio], ...] = ()
    """Other arms to be named with it."""


BAD = {"dilemmas": "choice", "expectations": "phrase", "endings": "ending"}
"""What an instrument offers two of."""


def measure_of(instrument: str) -> str:
    """What the rate of an instrument that is read by likelihood is a rate of."""
    return f"the share of items in which the untrustworthy {BAD[instrument]} is likelier"


def sentence(claim: Claim) -> str:
    """The claim with its figures. Only an interval that leaves out 1 is told as an effect."""
    after = f"after {claim.reference}" if claim.trained else f"with {claim.reference}"
    basis = f"{counted(claim.seeds, 'seed')}, {claim.base}"
    beside = "".join(f"; {arm} {ratio}" for arm, ratio in claim.beside)
    if claim.reduction.low > 1 or claim.reduction.high < 1:
        name = claim.arm[:1].upper() + claim.arm[1:]
        verb = "lowered" if claim.reduction.low > 1 else "raised"
        return (
            f"{name} {verb} {claim.measure} from {percent(claim.rate_reference)} {after} to "
            f"{percent(claim.rate_arm)}: reduction {claim.reduction}, {basis}{beside}."
        )
    return (
        f"No effect of {claim.arm} was shown: {claim.measure} is {percent(claim.rate_arm)}, against "
        f"{percent(claim.rate_reference)} {after}; reduction {claim.reduction}, {basis}{beside}."
    )
