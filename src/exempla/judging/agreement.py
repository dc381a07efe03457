"""How far two who read the same answers agree, beyond what chance would bring: Cohen's and Krippendorff's coefficients.

All of them are 1 - D_o / D_e: disagreement observed, and expected if levels fell at random.

- Cohen (1960), "A coefficient of agreement for nominal scales"; with linear weights for scales (Cohen, 1968). Chance is
  each reader's own share of the levels.
- Krippendorff (2011), "Computing Krippendorff's alpha-reliability": any number of readers, answers that some have not
  read, and a metric for scales. Chance is the shares of all readers together.

Intervals are percentiles of a bootstrap over answers. Answers of one scenario resemble each other, which it knows
nothing of: with few scenarios the intervals are too narrow. Where all agree, a bootstrap would find no spread at all;
the lower end then comes from Wilson's limit for the share of disagreements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from exempla.agreements import DRAWS, Agreement, Coefficient, Together
from exempla.intervals import wilson

SEED = 20260508
LEAST_DEFINED = 0.5
"""Share of draws in which a coefficient must be defined: it is not where everybody reads one level only."""
Array = NDArray[np.float64]


def agreement(
    reading: str, levels: Sequence[str], ordered: bool, first: tuple[str, Mapping[str, str]],
    second: tuple[str, Mapping[str, str]],
) -> Agreement:  # fmt: skip
    """The agreement of two readers.

    Args:
        reading: its name.
        levels: in order.
        ordered: whether they are a scale.
        first: a reader's name, and level by answer.
        second: another's.
    """
    both = [answer for answer in first[1] if answer in second[1]]
    places = {level: number for number, level in enumerate(levels)}
    table = np.zeros((len(levels), len(levels)))
    for answer in both:
        table[places[first[1][answer]], places[second[1][answer]]] += 1
    drawn = _drawn(table)
    alike = int(np.trace(table))
    low, high = wilson(alike, len(both))
    units = [(places[first[1][answer]], places[second[1][answer]]) for answer in both]
    return Agreement(
        reading=reading,
        first=first[0],
        second=second[0],
        answers=len(both),
        levels=tuple(levels),
        table=tuple(tuple(int(cell) for cell in row) for row in table),
        raw=Coefficient(value=alike / len(both), low=low, high=high) if both else _UNDEFINED,
        kappa=_kappa_interval(table, drawn, nominal(len(levels))),
        weighted=_kappa_interval(table, drawn, linear(len(levels))) if ordered else None,
        alpha=alpha_interval(units, len(levels), ordered),
    )


def together(reading: str, levels: Sequence[str], ordered: bool, readers: Mapping[str, Mapping[str, str]]) -> Together:
    """The agreement of several readers, by name: level by answer."""
    places = {level: number for number, level in enumerate(levels)}
    answers = dict.fromkeys(answer for read in readers.values() for answer in read)
    units = [tuple(places[read[answer]] for read in readers.values() if answer in read) for answer in answers]
    units = [unit for unit in units if len(unit) > 1]
    return Together(
        reading=reading,
        readers=tuple(readers),
        answers=len(units),
        alpha=alpha_interval(units, len(levels), ordered),
    )


def nominal(count: int) -> Array:
    """Weights of disagreement (levels, levels): any is a whole one."""
    return 1.0 - np.eye(count)


def linear(count: int) -> Array:
    """Weights of disagreement (levels, levels): by distance on the scale, the largest one."""
    places = np.arange(count)
    return np.asarray(np.abs(places[:, None] - places[None, :]) / max(1, count - 1))


def kappa(tables: Array, weights: Array) -> Array:
    """Cohen's coefficient of tables of counts (..., levels, levels); NaN where chance would bring no disagreement."""
    shares = tables / np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1)
    observed = (shares * weights).sum(axis=(-2, -1))
    return _one_less(observed, _expected(shares, weights))


def _expected(shares: Array, weights: Array) -> Array:
    chance = shares.sum(axis=-1)[..., :, None] * shares.sum(axis=-2)[..., None, :]
    return np.asarray((chance * weights).sum(axis=(-2, -1)))


def coincidences(units: Array) -> Array:
    """Krippendorff's matrices (units, levels, levels) from how often each level was read of each unit (units, levels):
    all pairs of values within a unit, each pair divided by the number of its values less one."""
    pairs = units[:, :, None] * units[:, None, :] - units[:, :, None] * np.eye(units.shape[1])
    return np.asarray(pairs / np.maximum(units.sum(axis=1) - 1, 1)[:, None, None])


def alpha(matrices: Array, ordered: bool) -> Array:
    """Krippendorff's coefficient of summed coincidences (..., levels, levels); NaN where only one level was read."""
    observed, expected = _disagreement(matrices, ordered)
    return _one_less(observed, expected)


def _disagreement(matrices: Array, ordered: bool) -> tuple[Array, Array]:
    """Observed and expected disagreement, as shares of the largest weight."""
    margins = matrices.sum(axis=-1)
    total = margins.sum(axis=-1)
    weights = _ordinal(margins) if ordered else np.broadcast_to(nominal(matrices.shape[-1]), matrices.shape)
    weights = weights / np.maximum(weights.max(axis=(-2, -1), keepdims=True), 1e-300)
    observed = (matrices * weights).sum(axis=(-2, -1)) / np.maximum(total, 1)
    chance = margins[..., :, None] * margins[..., None, :]
    return observed, (chance * weights).sum(axis=(-2, -1)) / np.maximum(total * (total - 1), 1)


def _ordinal(margins: Array) -> Array:
    """Squared distances: the values between two levels, with half of those of the two themselves."""
    before = np.cumsum(margins, axis=-1) - margins / 2
    return np.asarray((before[..., :, None] - before[..., None, :]) ** 2)


def alpha_interval(units: Sequence[Sequence[int]], count: int, ordered: bool) -> Coefficient:
    """Krippendorff's coefficient with its interval.

    Args:
        units: places of the levels that each answer was given, two at least.
        count: number of levels.
        ordered: whether they are a scale.
    """
    if not units:
        return _UNDEFINED
    kinds = Counter(tuple(np.bincount(unit, minlength=count)) for unit in units)  # alike ones are drawn together
    matrices = coincidences(np.asarray(list(kinds), dtype=float))
    times = np.asarray(list(kinds.values()), dtype=float)
    whole = np.tensordot(times, matrices, 1)
    drawn = np.tensordot(_draw(times), matrices, 1)
    return _interval(alpha(whole, ordered), alpha(drawn, ordered), (*_disagreement(whole, ordered), len(units)))


def _kappa_interval(table: Array, drawn: Array, weights: Array) -> Coefficient:
    count = int(table.sum())
    if not count:
        return _UNDEFINED
    shares = table / count
    parts = ((shares * weights).sum(), _expected(shares, weights), count)
    return _interval(kappa(table, weights), kappa(drawn, weights), parts)


def _drawn(table: Array) -> Array:
    """Tables of counts (draws, levels, levels) of answers drawn with replacement."""
    return _draw(table.ravel()).reshape(-1, *table.shape) if table.sum() else table[None]


def _draw(times: Array) -> Array:
    count = int(times.sum())
    return np.random.default_rng(SEED).multinomial(count, times / count, size=DRAWS).astype(float)


_UNDEFINED = Coefficient(value=None, low=None, high=None)


def _interval(value: Array, draws: Array, parts: tuple[Array, Array, int]) -> Coefficient:
    """A coefficient with its interval, from its draws; `parts` are the disagreements observed and expected, and the
    number of answers."""
    if not np.isfinite(value):
        return _UNDEFINED
    observed, expected, count = parts
    good = draws[np.isfinite(draws)]
    if observed == 0:
        most = 1 - wilson(count, count)[0]
        return Coefficient(value=1.0, low=max(-1.0, float(1 - most / expected)), high=1.0)
    if len(good) < LEAST_DEFINED * len(draws):
        return Coefficient(value=float(value), low=None, high=None)
    low, high = np.percentile(good, [2.5, 97.5])
    return Coefficient(value=float(value), low=float(low), high=float(high))


def _one_less(observed: Array, expected: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))
