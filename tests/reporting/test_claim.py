"""The first sentence says no more than the figures do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exempla.reporting.claim import Claim, Ratio, sentence


def claim(reduction: Ratio, **changes: object) -> Claim:
    made = Claim(
        arm="stories", reference="neutral", measure="the misalignment rate", rate_arm=0.36, rate_reference=0.65,
        reduction=reduction, seeds=3, base="36 held-out scenarios",
    )  # fmt: skip
    return made._replace(**changes)


def test_an_effect_is_told_with_all_its_figures() -> None:
    beside = (("refusals", Ratio(1.1, 0.9, 1.4)),)
    assert sentence(claim(Ratio(1.8, 1.3, 2.6), beside=beside)) == (
        "Stories lowered the misalignment rate from 65% after neutral to 36%: reduction 1.80x [1.30, 2.60], 3 seeds, "
        "36 held-out scenarios; refusals 1.10x [0.90, 1.40]."
    )


def test_an_effect_to_the_worse_is_told_as_plainly() -> None:
    found = sentence(claim(Ratio(0.6, 0.4, 0.9), rate_arm=0.65, rate_reference=0.39, seeds=1, trained=False))
    assert found == (
        "Stories raised the misalignment rate from 39% with neutral to 65%: reduction 0.60x [0.40, 0.90], 1 seed, "
        "36 held-out scenarios."
    )


def test_an_interval_that_runs_off_is_told() -> None:
    assert "[1.20, over 100]" in sentence(claim(Ratio(30.0, 1.2, 900.0)))


@given(st.tuples(*[st.floats(0.01, 50)] * 3).map(sorted))
def test_only_an_interval_that_leaves_out_one_is_an_effect(ends: list[float]) -> None:
    low, value, high = ends
    found = sentence(claim(Ratio(value, low, high)))
    assert ("No effect of stories was shown" in found) == (low <= 1 <= high)
    assert ("lowered" in found) == (low > 1) and ("raised" in found) == (high < 1)
