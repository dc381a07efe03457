"""A rate corrected for a judge's errors, as far as labels by people tell of them.

The rate that a judge reads is p Se + (1 - p) (1 - Sp), so p = (read + Sp - 1) / (Se + Sp - 1): Rogan and Gladen (1978),
"Estimating prevalence from the results of a screening test". Its interval knows that sensitivity and specificity are
themselves estimated: Lang and Reiczigel (2014), "Confidence limits for prevalence of disease adjusted for estimated
sensitivity and specificity", Preventive Veterinary Medicine 113, 13-22.

It holds for labelled answers that were drawn without a look at the judge's verdicts, and for a judge that errs among
them as it does among all: so it is made within threatened answers of one form, with the labels of these alone. Answers
of one scenario resemble each other: the rate counts as many of them as independent ones would tell as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from exempla.agreements import Correction, Share, Validation
from exempla.intervals import Z, effective_trials, wilson

LEAST_LABELS = 50
"""Fewer tell too little: with 25 of each level, a sensitivity of 0.9 is known to about 0.12 on each side."""


def validation(verdicts: Mapping[str, str], labels: Mapping[str, str]) -> Validation:
    """What labels tell of a judge: levels `yes` and `no` by answer."""
    both = [(verdicts[answer] == "yes", label == "yes") for answer, label in labels.items() if answer in verdicts]
    return Validation(
        positives=sum(label for _, label in both),
        true_positives=sum(read and label for read, label in both),
        negatives=sum(not label for _, label in both),
        true_negatives=sum(not read and not label for read, label in both),
    )


def correct(levels: Mapping[str, str], scenarios: Mapping[str, str], labelled: Validation) -> Correction:
    """A rate, corrected if the labels allow it.

    Args:
        levels: of the scored verdicts, `yes` or `no` by answer; one at least.
        scenarios: by answer: what it shares with others, so that intervals know of it.
        labelled: what labels tell of the judge. Its own answers are few and spread, and are taken for independent.
    """
    positives, scored = sum(level == "yes" for level in levels.values()), len(levels)
    clusters: dict[str, list[bool]] = {}
    for answer, level in levels.items():
        clusters.setdefault(scenarios.get(answer, answer), []).append(level == "yes")
    effective = effective_trials([(sum(own), len(own)) for own in clusters.values()])
    low, high = wilson(positives / scored * effective, effective)
    why_not = _why_not(labelled)
    return Correction(
        positives=positives,
        scored=scored,
        uncorrected=Share(value=positives / scored, low=low, high=high),
        corrected=None if why_not else _corrected(positives / scored, effective, labelled),
        why_not=why_not,
        labelled=labelled,
    )


def _why_not(labelled: Validation) -> str:
    if labelled.labels < LEAST_LABELS:
        return f"{labelled.labels} labels; {LEAST_LABELS} are needed"
    if not labelled.positives or not labelled.negatives:
        return f"no label is {'no' if labelled.positives else 'yes'}"
    if labelled.sensitivity + labelled.specificity <= 1:
        return "the judge tells the levels apart no better than chance"
    return ""


def _corrected(rate: float, scored: float, labelled: Validation) -> Share:
    se, sp = labelled.sensitivity, labelled.specificity
    value = (rate + sp - 1) / (se + sp - 1)
    # From here on as in Lang and Reiczigel, section 2.2: all proportions moved towards the middle, and the centre of
    # the interval moved by `shift`.
    count = scored + Z * Z
    read = (rate * scored + Z * Z / 2) / count
    se = (labelled.true_positives + 1) / (labelled.positives + 2)
    sp = (labelled.true_negatives + 1) / (labelled.negatives + 2)
    centre = (read + sp - 1) / (se + sp - 1)
    if se + sp <= 1:  # few labels and a poor judge: moved towards the middle, it is no better than chance
        return Share(value=_within(value), low=0.0, high=1.0)
    var_se, var_sp = se * (1 - se) / (labelled.positives + 2), sp * (1 - sp) / (labelled.negatives + 2)
    shift = 2 * Z * Z * (centre * var_se - (1 - centre) * var_sp)
    reach = Z * sqrt(read * (1 - read) / count + centre**2 * var_se + (1 - centre) ** 2 * var_sp) / (se + sp - 1)
    value = _within(value)
    low, high = _within(centre + shift - reach), _within(centre + shift + reach)
    return Share(value=value, low=min(low, value), high=max(high, value))


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
