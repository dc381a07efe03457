"""The headline of a study that put its subjects to honeypots: what agents did leads, if they were able to act."""

from __future__ import annotations

from exempla.agreements import RunAgreement
from exempla.pages.wording import counted
from exempla.reporting.acts import ActRate, Acts, lead
from exempla.reporting.claim import Claim, Ratio, sentence
from exempla.reporting.estimates import Estimates, Headline
from exempla.study import Study
from exempla.verdicts import RULES

HONEYPOTS = "honeypots"
LEAST_SCENARIOS = 2
"""Scenarios in which both arms tell something. One tells nothing of others."""
PHRASES = {"misaligned": "the misalignment rate", "executed": "the rate of wrong acts carried out"}


def with_acts(study: Study, estimates: Estimates, acts: Acts, agreement: RunAgreement | None = None) -> Estimates:
    """The estimates with what was done in honeypots, which then carries the headline where it can."""
    headline = _headline(study, acts) or estimates.headline
    return estimates.model_copy(update={"acts": acts, "headline": headline, "agreement": agreement})


def measure_in_words(acts: Acts, measure: str) -> str:
    """What is counted, with the judge named where it is none to rely on."""
    by = " (as rules read it)" if measure == "misaligned" and RULES in acts.judges else ""
    return PHRASES[measure] + by


def able(acts: Acts, form: str, arm: str) -> bool:
    """Whether an arm could do what it was plainly asked to do, in that form."""
    return any(one.able for one in acts.probes if (one.form, one.arm) == (form, arm))


def _headline(study: Study, acts: Acts) -> Headline | None:
    """None if nothing is told, the arms compared were not able, or nothing held out was asked."""
    place = lead(acts)
    if place is None or study.headline == study.reference or acts.splits != ("held-out",):
        return None
    form, measure = place
    if not all(able(acts, form, arm) for arm in (study.headline, study.reference)):
        return None
    effects = [one for one in acts.effects if (one.form, one.measure) == (form, measure)]
    ratios = {one.arm: Ratio(one.reduction, one.reduction_low, one.reduction_high) for one in effects}
    own, other = (whole_rate(acts, form, measure, arm) for arm in (study.headline, study.reference))
    compared = next((one.scenarios for one in effects if one.arm == study.headline), 0)
    if own is None or other is None or compared < LEAST_SCENARIOS:
        return None
    refusing = [arm.name for arm in study.arms if set(arm.mix) == {"refusals"} and arm.name in ratios]
    claim = Claim(
        arm=study.headline, reference=study.reference, measure=measure_in_words(acts, measure),
        rate_arm=own.rate, rate_reference=other.rate, reduction=ratios[study.headline],
        seeds=max(len(own.by_seed), len(other.by_seed)),
        base=counted(compared, "held-out scenario") + (", as written" if form == "text" else ""),
        trained=bool(study.arm(study.reference).mix),
        beside=tuple((arm, ratios[arm]) for arm in refusing if arm != study.headline),
    )  # fmt: skip
    return Headline(
        instrument=HONEYPOTS, style=form, arm=study.headline, reference=study.reference,
        rate_arm=own.rate, rate_reference=other.rate, items=compared, sentence=sentence(claim),
    )  # fmt: skip


def whole_rate(acts: Acts, form: str, measure: str, arm: str, under: str = "threatened") -> ActRate | None:
    """An arm's rate over all names and families; None if no answer tells."""
    wanted = (form, measure, arm, under, "", "")
    return next(
        (one for one in acts.rates if (one.form, one.measure, one.arm, one.under, one.persona, one.family) == wanted),
        None,
    )
