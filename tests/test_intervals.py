"""Intervals hold what they promise, in simulated studies."""

import numpy as np
import pytest

from exempla.intervals import clustered, share, wilson


@pytest.mark.parametrize(
    ("mean", "concentration", "least"),
    [
        (0.3, 2.0, 0.92),  # scenarios differ much
        (0.1, 2.0, 0.91),
        (0.5, 0.5, 0.92),  # nearly all or nothing in each
        (0.3, 1e6, 0.93),  # no differences at all: as good as independent
        (0.05, 1.0, 0.86),  # almost nothing happens, in few of them: known to be short, see docs/measuring.md
    ],
)
def test_a_clustered_interval_covers_the_truth(mean, concentration, least):
    draw = np.random.default_rng(7)
    studies, scenarios, samples = 1_000, 24, 6
    held = 0
    for _ in range(studies):
        rates = draw.beta(mean * concentration, (1 - mean) * concentration, scenarios)
        hits = draw.binomial(samples, rates)
        low, high = clustered([(int(one), samples) for one in hits])
        held += low <= mean <= high
    assert least <= held / studies <= 0.99


def test_where_nothing_or_all_happened_each_cluster_counts_once():
    assert clustered([(0, 6)] * 24) == wilson(0, 24)
    assert clustered([(6, 6)] * 24) == wilson(24, 24)
    assert clustered([]) == (0.0, 1.0)
    low, high = clustered([(1, 2)])
    assert low < 0.1 and high > 0.9  # one cluster tells next to nothing


def test_alike_clusters_are_as_good_as_independent_trials_and_no_better():
    assert clustered([(3, 6)] * 24) == pytest.approx(wilson(72, 144), abs=0.01)  # Student for normal
    wide = clustered([(0, 6), (6, 6)] * 12)
    assert wide[1] - wide[0] > 2 * (wilson(72, 144)[1] - wilson(72, 144)[0])


def test_a_share_of_nothing_has_no_rate():
    assert share([]).rate is None
    found = share([("a", 1.0), ("a", 0.0), ("b", 1.0)])
    assert (found.total, found.of, found.clusters) == (2.0, 3, 2)
    assert found.rate == pytest.approx(2 / 3)
