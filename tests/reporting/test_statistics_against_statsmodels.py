"""The same figures from statsmodels, which others use; `rel` and `abs` are the tolerances."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize
from statsmodels.stats.weightstats import ttost_paired

from exempla.intervals import wilson
from exempla.reporting import statistics as s
from exempla.reporting.power import Plan, minimal_reduction


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson(trials: tuple[int, int]) -> None:
    assert wilson(*trials) == pytest.approx(proportion_confint(*trials, method="wilson"), abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_holm(count: int) -> None:
    """With ties, and values that differ by a hundredfold."""
    p_values = [float(p) for p in np.random.default_rng(count).choice([0.001, 0.004, 0.01, 0.02, 0.1, 0.9], count)]
    assert s.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


@pytest.mark.parametrize("margin", [0.1, 0.5, 1.0])
def test_equivalence(margin: float) -> None:
    """One item a family, where the paired t test is exact: the rest is the error of the bootstrap (0.5%)."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=(1, 40))
    second = first + rng.normal(0.1, 0.8, (1, 40))
    drawn = s.resample(s.Design(np.arange(40)), draws=20_000)
    found = s.equivalence(first, second, drawn, margin)
    wanted, *_ = ttost_paired(first[0], second[0], -margin, margin)
    assert found.p == pytest.approx(wanted, rel=0.08, abs=1e-3)
    assert found.equivalent == (wanted < 0.05)


@pytest.mark.parametrize(("families", "missing"), [(12, 0.0), (24, 0.0), (24, 0.2)])
def test_mean_and_difference_of_clustered_outcomes(families: int, missing: float) -> None:
    """The error is that of a regression with clustered errors, and so are t and p with (families - 1) degrees."""
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(families), rng.integers(4, 12, families))
    pull = rng.normal(0, 1.5, families)[family]
    arms = (rng.random((2, 1, len(family))) < 1 / (1 + np.exp(-pull))).astype(float)
    arms[rng.random(arms.shape) < missing] = np.nan
    drawn = s.resample(s.Design(family), draws=20_000)
    for found, values, columns in (
        (s.mean_interval(arms[0], drawn), arms[0, 0], np.ones((len(family), 1))),
        (
            s.difference(arms[0], arms[1], drawn),
            arms[:, 0].ravel(),
            np.column_stack([np.ones(2 * len(family)), np.repeat([1, 0], len(family))]),
        ),
    ):
        known = np.isfinite(values)
        groups = np.tile(family, len(values) // len(family))[known]
        fitted = sm.OLS(values[known], columns[known]).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
        # statsmodels also multiplies the variance by (n - 1) / (n - k), which says nothing of clusters.
        count, parameters = columns[known].shape
        error = fitted.bse[-1] * np.sqrt((count - parameters) / (count - 1))
        assert found.value == pytest.approx(fitted.params[-1], abs=1e-12)
        assert found.error == pytest.approx(error, rel=0.03)
        assert found.freedom == families - 1 == fitted.df_resid_inference


@pytest.mark.parametrize("rate", [0.1, 0.22, 0.6])
@pytest.mark.parametrize("outcomes", [400, 2000])
def test_power_of_two_independent_proportions(rate: float, outcomes: int) -> None:
    """Many clusters of one outcome that share nothing. statsmodels takes the arcsine scale, here it is the log."""
    found = minimal_reduction(Plan(outcomes, 1, 1, rate, correlation=0.0))
    effect = proportion_effectsize(rate, rate / found)
    assert NormalIndPower().power(effect, outcomes, 0.05) == pytest.approx(0.8, abs=0.04)
