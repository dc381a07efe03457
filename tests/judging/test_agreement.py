"""Coefficients of agreement: published values, what libraries say of the same data, and intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from exempla.agreements import DRAWS
from exempla.judging.agreement import agreement, alpha, alpha_interval, coincidences, kappa, linear, nominal, together

FOUR = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
"""Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers, twelve units."""
TWO = ("a a b b d c c c e d d a", "b a b b b c c c e d d d")
"""The same, section B: two observers, five categories."""
BINARY = ("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
"""The same, section A."""


def alpha_of(rows: Sequence[str], ordered: bool = False) -> float:
    read = [row.split() for row in rows]
    names = sorted({value for row in read for value in row if value != "."})
    units = [[names.index(value) for value in unit if value != "."] for unit in zip(*read, strict=True)]
    counts = np.asarray([np.bincount(unit, minlength=len(names)) for unit in units if len(unit) > 1], dtype=float)
    return float(alpha(coincidences(counts).sum(axis=0), ordered))


def test_krippendorffs_published_values() -> None:
    assert alpha_of(BINARY) == pytest.approx(0.095, abs=5e-4)
    assert alpha_of(TWO) == pytest.approx(0.692, abs=5e-4)
    assert alpha_of(FOUR) == pytest.approx(0.743, abs=5e-4)
    assert alpha_of(FOUR, ordered=True) == pytest.approx(0.815, abs=5e-4)


def test_the_other_textbook_example() -> None:
    # The one with three observers and fifteen units whose nominal coefficient is 0.691 (Wikipedia, "Krippendorff's
    # alpha", a computational example).
    rows = ("* * * * * 3 4 1 2 1 1 3 3 * 3", "1 * 2 1 3 3 4 3 * * * * * * *", "* * 2 1 3 4 4 * 2 1 1 3 3 * 4")
    assert alpha_of([row.replace("*", ".") for row in rows]) == pytest.approx(0.691, abs=5e-4)


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ([[88, 10, 2], [14, 40, 6], [18, 10, 12]], 0.492),  # Cohen (1968), table 1
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.676),  # Fleiss, Levin and Paik (2003), table 18.1
        ([[20, 5], [10, 15]], 0.4),
        ([[45, 15], [25, 15]], 0.130),
    ],
)
def test_cohens_published_values(table: list[list[int]], value: float) -> None:
    counts = np.asarray(table, dtype=float)
    assert float(kappa(counts, nominal(len(table)))) == pytest.approx(value, abs=5e-4)


def test_values_of_libraries() -> None:
    # scikit-learn 1.9.1 (cohen_kappa_score) and krippendorff 0.9.0 on the same 60 pairs; sixty random cases with up to
    # four readers and missing values agreed to 1e-15 when this was written.
    table = np.asarray([[14, 6, 4], [3, 12, 2], [2, 4, 13]], dtype=float)
    first = [place for place in range(3) for _ in range(int(table[place].sum()))]
    second = [at for row in table for at, count in enumerate(row) for _ in range(int(count))]
    counts = np.asarray([np.bincount(pair, minlength=3) for pair in zip(first, second, strict=True)], dtype=float)
    found = [
        float(kappa(table, nominal(3))),
        float(kappa(table, linear(3))),
        float(alpha(coincidences(counts).sum(axis=0), False)),
        float(alpha(coincidences(counts).sum(axis=0), True)),
    ]
    assert found == pytest.approx(
        [0.47696139476961397, 0.49783013019218847, 0.47861464635927387, 0.5195642057430675], abs=1e-12
    )


def readers(count: int, errors: float, seed: int = 0) -> tuple[dict[str, str], dict[str, str]]:
    draw = np.random.default_rng(seed)
    first = draw.choice(["no", "yes"], count, p=[0.7, 0.3])
    second = np.where(draw.random(count) < errors, draw.choice(["no", "yes"], count), first)
    names = [f"a{number}" for number in range(count)]
    return dict(zip(names, first.tolist(), strict=True)), dict(zip(names, second.tolist(), strict=True))


def test_an_agreement_has_a_table_and_intervals_that_are_the_same_each_time() -> None:
    first, second = readers(200, 0.3)
    second.pop("a0")
    one = agreement("trope", ("no", "yes"), False, ("m", first), ("anna", second))
    assert one == agreement("trope", ("no", "yes"), False, ("m", first), ("anna", second))
    assert one.answers == 199 and sum(map(sum, one.table)) == 199 and one.weighted is None
    alike = sum(first[name] == level for name, level in second.items())
    assert one.raw.value == alike / 199 and one.table[0][0] + one.table[1][1] == alike
    for found in (one.raw, one.kappa, one.alpha):
        assert found.value is not None and found.low is not None and found.high is not None
        assert found.low < found.value < found.high < found.low + 0.4
    turned = agreement("trope", ("no", "yes"), False, ("anna", second), ("m", first))
    assert turned.kappa.value == pytest.approx(one.kappa.value) and turned.table[0][1] == one.table[1][0]


def test_intervals_hold_the_true_value() -> None:
    # With a third of the answers read at random, kappa is 1 - 1/3 in a large sample.
    held = 0
    for seed in range(120):
        first, second = readers(150, 1 / 3, seed)
        one = agreement("trope", ("no", "yes"), False, ("m", first), ("n", second)).kappa
        assert one.low is not None and one.high is not None
        held += one.low <= TRUE_KAPPA <= one.high
    assert held / 120 >= 0.9


def _true_kappa() -> float:
    first, second = np.asarray([0.7, 0.3]), np.asarray([0.7, 0.3]) * 2 / 3 + 1 / 6
    same = 2 / 3 + 1 / 3 * 1 / 2
    chance = float(first @ second)
    return (same - chance) / (1 - chance)


TRUE_KAPPA = _true_kappa()


def test_a_scale_counts_a_near_miss_less() -> None:
    levels = ("absent", "mentioned", "reasoned")
    first = {f"a{n}": levels[n % 3] for n in range(60)}
    near = first | {f"a{n}": levels[min(2, n % 3 + 1)] for n in range(12)}
    far = first | {f"a{n}": levels[2 - n % 3] for n in range(12)}
    nearly, wide = (agreement("e", levels, True, ("m", first), ("n", other)) for other in (near, far))
    assert nearly.raw == wide.raw
    assert nearly.weighted and wide.weighted and nearly.weighted.value and wide.weighted.value
    assert nearly.kappa.value and wide.kappa.value and nearly.alpha.value and wide.alpha.value
    assert nearly.weighted.value > nearly.kappa.value and wide.weighted.value < nearly.weighted.value
    assert nearly.alpha.value > wide.alpha.value


def test_full_agreement_is_no_certainty() -> None:
    first, _ = readers(12, 0)
    few = agreement("trope", ("no", "yes"), False, ("m", first), ("n", first)).kappa
    more, _ = readers(300, 0)
    many = agreement("trope", ("no", "yes"), False, ("m", more), ("n", more)).kappa
    assert few.value == many.value == few.high == 1
    assert few.low is not None and many.low is not None and few.low < 0.6 < 0.9 < many.low < 1


def test_what_is_not_defined_is_said_to_be() -> None:
    alone = {f"a{n}": "no" for n in range(9)}
    one = agreement("trope", ("no", "yes"), False, ("m", alone), ("n", alone))
    assert one.kappa.value is None and one.alpha.value is None and one.raw.value == 1
    none = agreement("trope", ("no", "yes"), False, ("m", alone), ("n", {}))
    assert none.answers == 0 and none.raw.value is None and none.kappa.value is None
    split = agreement("trope", ("no", "yes"), False, ("m", alone), ("n", alone | {"a0": "yes"}))
    assert split.kappa.value == 0
    assert alpha_interval([], 2, False).value is None


def test_many_readers_together() -> None:
    first, second = readers(80, 0.2)
    _, third = readers(80, 0.5)
    found = together(
        "trope", ("no", "yes"), False, {"a": first, "b": second, "c": dict(list(third.items())[:40]), "d": {}}
    )
    assert found.answers == 80 and found.alpha.value is not None
    assert found.alpha.low is not None and found.alpha.low < found.alpha.value and DRAWS >= 1000
