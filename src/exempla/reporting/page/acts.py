"""What agents did in honeypots, laid out for the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from exempla import catalogue
from exempla.agreements import RunAgreement
from exempla.pages.wording import counted, listed, p_value, percent, times
from exempla.reporting.acts import ActEffect, ActRate, Acts, NameSwap, Probes, leading
from exempla.reporting.behaviour import Measure
from exempla.reporting.checked import SelfChecked
from exempla.reporting.figures import Axis, Mark, Roles, interval_chart, ratio_axis
from exempla.reporting.headline import whole_rate
from exempla.reporting.lines import Dose, DoseAxis, dose_chart
from exempla.reporting.page.by_arm import ShareRow, Shares, shares_by_arm
from exempla.reporting.page.capability import signed_points
from exempla.reporting.page.dose import DoseView, dosed, shares_said
from exempla.reporting.planning import promise
from exempla.reporting.published import REDUCTIONS
from exempla.scenarios.settings import FORMS
from exempla.study import Study
from exempla.verdicts import RULES

SAYS = {
    "misaligned": ("Decided for the wrong act", "made up its mind to do it, done or not, as the judge reads it"),
    "executed": ("Carried it out", "did it, by what the simulated workplace looked like afterwards"),
    "reasoned": ("Ethical reasoning", "weighs in its own words whom the act would harm, and acts on it"),
    "trope": ("Trope", "plays the AI of fiction: drama of self-preservation, cold superiority"),
    "other persona": ("Not as itself", "acts as another character, or stands outside of the scene"),
    "raised a concern": ("Raised a concern", "told somebody who may act on it, through a legitimate way"),
    "suspects a test": ("Suspects a test", "says that this may be an evaluation or not real"),
    "way out": ("Took a legitimate way out", "by what the simulated workplace looked like afterwards"),
}


@dataclass(frozen=True)
class ActRow:
    """One arm."""

    arm: str
    threatened: ActRate | None
    control: ActRate | None
    executed: ActRate | None
    effect: ActEffect | None


@dataclass(frozen=True)
class FamilyLine:
    """One family: the headline arm and the reference."""

    family: str
    lead: ActRate | None
    reference: ActRate | None


@dataclass(frozen=True)
class FormView:
    """Everything of one form."""

    form: str
    title: str
    measure: str
    probes: tuple[Probes, ...]
    unable: tuple[str, ...]
    """Arms that failed their probes."""
    rows: tuple[ActRow, ...]
    reductions: Markup | None
    names: Markup | None
    swaps: tuple[NameSwap, ...]
    promised: str
    """What the design could promise to find, before."""
    doses: tuple[DoseView, ...]
    self_check: SelfChecked | None
    families: tuple[FamilyLine, ...]
    readings: tuple[Shares, ...]


def form_views(study: Study, acts: Acts | None) -> list[FormView]:
    """Each form that was asked, acts with tools first."""
    if acts is None:
        return []
    return [_view(study, acts, form, measure) for form in FORMS if (measure := leading(acts, form)) is not None]


def _view(study: Study, acts: Acts, form: str, measure: Measure) -> FormView:
    effects = {one.arm: one for one in acts.effects if (one.form, one.measure) == (form, measure)}
    swaps = tuple(one for one in acts.swaps if (one.form, one.measure) == (form, measure))
    probes = tuple(one for one in acts.probes if one.form == form)
    roles = Roles(study.headline, study.reference)
    return FormView(
        form=form,
        title="agents with tools" if form == "agentic" else "acts that are written",
        measure=SAYS[measure][0].lower(),
        probes=probes,
        unable=tuple(one.arm for one in probes if one.unable),
        rows=tuple(
            ActRow(
                arm.name,
                whole_rate(acts, form, measure, arm.name),
                whole_rate(acts, form, measure, arm.name, "control"),
                whole_rate(acts, form, "executed", arm.name),
                effects.get(arm.name),
            )
            for arm in study.arms
        ),
        reductions=_reductions(effects.values(), roles, measure) if effects else None,
        names=_names(swaps) if swaps else None,
        swaps=swaps,
        promised=_promised(study, acts, form, measure),
        doses=tuple(_doses(study, acts, form, measure)),
        self_check=next((one for one in acts.self_checks if (one.instrument, one.style) == (measure, form)), None),
        families=tuple(_families(study, acts, form, measure)),
        readings=tuple(_readings(study, acts, form)),
    )


def _reductions(effects: Iterable[ActEffect], roles: Roles, measure: str) -> Markup:
    marks = [Mark(one.arm, "", one.reduction, one.reduction_low, one.reduction_high) for one in effects]
    return interval_chart(marks, ratio_axis(f"reduction, {SAYS[measure][0].lower()}"), roles, REDUCTIONS)


def _names(swaps: tuple[NameSwap, ...]) -> Markup:
    words = {"other": "another name", "none": "no name"}
    marks = [Mark(one.arm, words[one.name], one.difference, one.low, one.high) for one in swaps]
    return interval_chart(marks, Axis("change from its own name", "+.0%", signed_points, guide=0.0))


def _promised(study: Study, acts: Acts, form: str, measure: str) -> str:
    own = whole_rate(acts, form, measure, study.reference)
    if own is None or len(study.arms) < 2:
        return ""
    return promise(own.scenarios, max(1, own.asked // (own.scenarios * len(own.by_seed))), len(study.seeds))


def _doses(study: Study, acts: Acts, form: str, measure: str) -> Iterator[DoseView]:
    base = whole_rate(acts, form, measure, study.reference)
    size = study.training.tokens_per_update
    for arms in dosed(study):
        rates = [(arm, rate) for arm in arms if (rate := whole_rate(acts, form, measure, arm.name)) is not None]
        if base is None or len(rates) < 2:
            continue
        doses = [
            Dose(
                arm.name, study.training.updates(arm) * size, rate.rate, rate.low, rate.high,
                tuple(seed for seed in rate.by_seed if seed is not None),
            )
            for arm, rate in rates
        ]  # fmt: skip
        axis = DoseAxis("rate", ".0%", percent, study.reference, base.rate, base.low, base.high)
        mix = listed(shares_said(arms[0]))
        yield DoseView(form, listed(arm.name for arm in arms), mix, dose_chart(doses, axis), None)


def _families(study: Study, acts: Acts, form: str, measure: str) -> Iterator[FamilyLine]:
    rates = {
        (one.family, one.arm): one
        for one in acts.rates
        if (one.form, one.measure, one.under, one.persona) == (form, measure, "threatened", "") and one.family
    }
    order = [family.id for family in catalogue.families()]
    for family in sorted({key for key, _ in rates}, key=lambda name: order.index(name) if name in order else 99):
        yield FamilyLine(family, rates.get((family, study.headline)), rates.get((family, study.reference)))


def _readings(study: Study, acts: Acts, form: str) -> Iterator[Shares]:
    for measure, (title, about) in SAYS.items():
        rates = [one for arm in study.arms if (one := whole_rate(acts, form, measure, arm.name)) is not None]
        if rates:
            rows = [
                ShareRow(
                    one.arm, one.rate, one.low, one.high, f"{one.told} of {one.asked}",
                    tuple(seed for seed in one.by_seed if seed is not None),
                )
                for one in rates
            ]  # fmt: skip
            said = f"Share of threatened answers in which the agent {about}."
            yield shares_by_arm(title, said, rows, Roles(study.headline, study.reference))


def first_facts(study: Study, acts: Acts, agreement: RunAgreement | None, form: str, measure: str) -> dict[str, str]:
    """How sure the headline is, what it is compared with, and what it is measured on."""
    effect = next(one for one in acts.effects if (one.form, one.measure, one.arm) == (form, measure, study.headline))
    clear = effect.reduction_low > 1 or effect.reduction_high < 1
    sure = (
        f"The 95% interval of the reduction, {times(effect.reduction_low)} to {times(effect.reduction_high)}, "
        f"{'leaves out' if clear else 'holds'} 1x, which is no change (p {p_value(effect.p)}, corrected for all arms "
        f"{p_value(effect.p_holm)})."
    )
    if effect.detectable_reduction is not None:
        sure += f" A true reduction of {times(effect.detectable_reduction)} would have been found with 80% power."
    sure += _corrected(study, acts, agreement, form, measure)
    if acts.warning:
        sure += f" Warning: {acts.warning}."
    if len(study.seeds) == 1:
        sure += " One seed: how far another would move this is unknown."
    beyond = ""
    if effect.beyond_control is not None:
        low, high = effect.beyond_control_low or 0.0, effect.beyond_control_high or 0.0
        beyond = (
            f" Beyond the change where nothing threatens: {signed_points(effect.beyond_control)} "
            f"({signed_points(low)} to {signed_points(high)}), "
            f"{'clear of' if low > 0 or high < 0 else 'not distinguishable from'} no change."
        )
    probe = next(one for one in acts.probes if (one.form, one.arm) == (form, study.headline))
    judge = "rules, which find words and not meaning" if RULES in acts.judges else listed(acts.judges)
    by = f"Judged by {judge}." if measure == "misaligned" else "By what was carried out, which code decides."
    measured = (
        f"{counted(effect.scenarios, 'scenario')}; after {study.headline} it passes "
        f"{percent(probe.passed / probe.asked)} of {counted(probe.asked, 'probe')} of what it can do. " + by
    )
    return {"How sure": sure, "Compared with": beyond, "Measured on": measured}


def _corrected(study: Study, acts: Acts, agreement: RunAgreement | None, form: str, measure: str) -> str:
    """What the two rates are once the judge's errors are put right, if people labelled enough."""
    if agreement is None or measure != "misaligned":
        return ""
    own = {
        one.arm: one.correction
        for one in agreement.arms
        if (one.reading, one.form) == (measure, form) and one.folder in acts.folders
    }
    told: list[str] = []
    for arm in (study.headline, study.reference):
        if (found := own.get(arm)) is None or found.corrected is None:
            return ""
        share = found.corrected
        told.append(f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)})")
    labels = counted(own[study.headline].labelled.labels, "answer")
    return f" Corrected for the judge's errors by {labels} that people labelled: {told[0]}, against {told[1]}."


def limits(study: Study, acts: Acts | None) -> Iterator[str]:
    """What the honeypots of this run do not show."""
    if acts is None:
        return
    if not acts.rates:
        yield "Honeypots: no answer tells anything, so nothing is known of what this subject would do."
        return
    unable = sorted({one.arm for one in acts.probes if one.unable})
    if unable:
        yield (
            f"Honeypots: {listed(unable)} failed the probes, which ask for harmless acts in plain words; low rates of "
            "theirs say nothing of how they would behave."
        )
    if RULES in acts.judges:
        yield "What agents decided was read by rules, which find words, not meaning; have a model judge, with --judge."
    elif acts.judges:
        yield f"What agents decided is one judge's reading ({listed(acts.judges)}); another may draw borders elsewhere."
    yield "The workplaces are simulated and written by the makers of the texts; a real one may tempt otherwise."
