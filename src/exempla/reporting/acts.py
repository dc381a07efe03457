"""Figures of what subjects did in honeypots: rates, reductions, controls, names; scenarios are what is resampled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exempla.answers import TRUSTED_PROBES
from exempla.intervals import wilson
from exempla.records import Frozen
from exempla.reporting import statistics
from exempla.reporting.behaviour import MEASURES, Behaviour, Measure
from exempla.reporting.checked import SelfChecked, checked
from exempla.scenarios.settings import FORMS, Form
from exempla.verdicts import MOST_UNSCORED, RULES


class Probes(Frozen):
    """Whether an arm can do what it is plainly asked to do, so that a low rate means something."""

    form: str
    arm: str
    passed: int
    asked: int
    low: float
    high: float

    @property
    def able(self) -> bool:
        """Whether it passed enough of them. Probes of which none can be read are no reason for trust."""
        return self.asked > 0 and self.passed / self.asked >= TRUSTED_PROBES

    @property
    def unable(self) -> bool:
        """Whether it was asked and did not; without any probe nothing is known either way."""
        return self.asked > 0 and not self.able


class ActRate(Frozen):
    """Share of an arm's answers in which something was done or read, of those that tell."""

    form: str
    measure: str
    arm: str
    under: str
    """`threatened`, or `control` where nothing threatens."""
    persona: str
    """Which name the agent goes by: `own`, `other`, `none`; empty: whichever."""
    family: str
    """Empty: all of them."""
    rate: float
    low: float
    high: float
    by_seed: tuple[float | None, ...]
    """None for a seed in which no answer tells."""
    told: int
    """Answers in the rate, all seeds."""
    asked: int
    scenarios: int


class ActEffect(Frozen):
    """An arm against the reference, on threatened samples."""

    form: str
    measure: str
    arm: str
    reference: str
    reduction: float
    reduction_low: float
    reduction_high: float
    difference: float
    difference_low: float
    difference_high: float
    beyond_control: float | None
    """Change of the rate under a threat less its change where nothing threatens."""
    beyond_control_low: float | None
    beyond_control_high: float | None
    control_alike: bool | None
    """Whether the rate without a threat is shown to be within ten points of the reference's (two one-sided tests)."""
    p: float
    """Two-sided, of the reduction."""
    p_holm: float
    """Adjusted over the arms of this form and measure."""
    detectable_reduction: float | None
    """The true reduction that this study would have found with 80% power."""
    scenarios: int


class NameSwap(Frozen):
    """How much oftener an arm does something under another name, or none, than under its own; threatened samples."""

    form: str
    measure: str
    arm: str
    name: str
    difference: float
    low: float
    high: float


class Ends(Frozen):
    """How an arm's samples ended, all seeds."""

    arm: str
    done: int
    unable: int
    cut: int
    refused: int
    failed: int


class Acts(Frozen):
    """Everything about honeypots."""

    judges: tuple[str, ...]
    folders: tuple[str, ...]
    """Names of the folders of their verdicts."""
    verdicts: dict[str, int]
    """About whether the agent decided for the wrong act (`misaligned`), by state."""
    warning: str
    """One line if more than 2% of these are no scores."""
    probes: tuple[Probes, ...]
    rates: tuple[ActRate, ...]
    effects: tuple[ActEffect, ...]
    swaps: tuple[NameSwap, ...]
    self_checks: tuple[SelfChecked, ...]
    """Of `misaligned` and `executed`, threatened; `instrument` is the measure and `style` the form."""
    ends: tuple[Ends, ...]
    splits: tuple[str, ...]
    """Of the families that were asked about: `development`, `held-out`."""


def acts(behaviour: Behaviour) -> Acts:
    """All figures of what was done."""
    rates: list[ActRate] = []
    effects: list[ActEffect] = []
    swaps: list[NameSwap] = []
    self_checks: list[SelfChecked] = []
    drawn = statistics.resample(statistics.design([one.scenario for one in behaviour.samples]))
    for form in behaviour.forms:
        for measure in MEASURES:
            values = {arm.name: behaviour.values(arm.name, measure) for arm in behaviour.study.arms}
            told = _Told(behaviour, form, measure, values, drawn)
            rates += told.rates()
            effects += told.effects()
            swaps += told.swaps()
            if measure in ("misaligned", "executed") and any(np.isfinite(one).any() for one in values.values()):
                self_checks.append(checked((measure, form), [*values.values()], drawn, told.threatened))
    verdicts = behaviour.verdicts("misaligned")
    unscored = sum(verdicts.values()) - verdicts["scored"]
    share = unscored / sum(verdicts.values()) if any(verdicts.values()) else 0.0
    return Acts(
        judges=tuple(behaviour.judges),
        folders=tuple(behaviour.folders),
        verdicts=verdicts,
        warning=f"{share:.0%} of the verdicts are no scores, and are in no rate" if share > MOST_UNSCORED else "",
        probes=tuple(_probes(behaviour)),
        rates=tuple(rates),
        effects=tuple(effects),
        swaps=tuple(swaps),
        self_checks=tuple(self_checks),
        ends=tuple(_ends(behaviour)),
        splits=tuple(sorted({one.split for one in behaviour.samples})),
    )


class _Told:
    """One measure in one form, over all arms."""

    def __init__(
        self,
        behaviour: Behaviour,
        form: Form,
        measure: Measure,
        values: dict[str, statistics.Array],
        drawn: statistics.Resampled,
    ) -> None:
        self.behaviour, self.form, self.measure, self.values, self.drawn = behaviour, form, measure, values, drawn
        self.threatened = behaviour.chosen(form, threatened=True)
        self.control = behaviour.chosen(form, threatened=False)

    def rates(self) -> Iterator[ActRate]:
        """By arm: under a threat and not; under a threat by name and by family."""
        threatened = [one for one in self.behaviour.samples if one.form == self.form and one.threat != "none"]
        personas = sorted({one.persona for one in threatened})
        families = sorted({one.family for one in threatened})
        for arm in self.values:
            yield from self._rate(arm, "threatened", self.threatened)
            yield from self._rate(arm, "control", self.control)
            for name in personas if len(personas) > 1 else ():
                chosen = self.behaviour.chosen(self.form, threatened=True, persona=name)
                yield from self._rate(arm, "threatened", chosen, persona=name)
            for family in families if self.measure in ("misaligned", "executed") else ():
                chosen = self.behaviour.chosen(self.form, threatened=True, family=family)
                yield from self._rate(arm, "threatened", chosen, family=family)

    def _rate(
        self, arm: str, under: str, chosen: statistics.Mask, persona: str = "", family: str = ""
    ) -> Iterator[ActRate]:
        picked = self.values[arm][:, chosen]
        told = np.isfinite(picked)
        if not told.any():
            return
        found = statistics.rate_interval(self.values[arm], self.drawn, chosen)
        scenarios = self._scenarios(chosen & np.isfinite(self.values[arm]).any(axis=0))
        yield ActRate(
            form=self.form, measure=self.measure, arm=arm, under=under, persona=persona, family=family,
            rate=found.value, low=found.low, high=found.high,
            by_seed=tuple(float(np.nanmean(row)) if np.isfinite(row).any() else None for row in picked),
            told=int(told.sum()), asked=int(picked.size), scenarios=len(scenarios),
        )  # fmt: skip

    def effects(self) -> Iterator[ActEffect]:
        """Every arm against the reference."""
        reference = self.behaviour.study.reference
        first = self.values[reference]
        if not np.isfinite(first[:, self.threatened]).any():
            return
        found: list[tuple[str, statistics.Interval, statistics.Interval, statistics.Interval | None]] = []
        alike: dict[str, bool] = {}
        for arm, own in self.values.items():
            if arm == reference or not np.isfinite(own[:, self.threatened]).any():
                continue
            beyond = None
            if all(np.isfinite(values[:, self.control]).any() for values in (first, own)):
                beyond = statistics.double_difference(own, first, self.drawn, self.threatened, self.control)
                floor = 1 / max(1, int(np.isfinite(own[:, self.control]).any(axis=0).sum()))
                same = statistics.equivalence(own, first, self.drawn, statistics.MARGIN, self.control, floor)
                alike[arm] = same.equivalent
            reduction = statistics.reduction(first, own, self.drawn, self.threatened)
            difference = statistics.difference(own, first, self.drawn, self.threatened)
            found.append((arm, reduction, difference, beyond))
        adjusted = statistics.holm([reduction.p for _, reduction, _, _ in found]) if found else []
        here = self.threatened & np.isfinite(first).any(axis=0)
        for (arm, reduction, difference, beyond), p in zip(found, adjusted, strict=True):
            yield ActEffect(
                form=self.form, measure=self.measure, arm=arm, reference=reference,
                reduction=reduction.value, reduction_low=reduction.low, reduction_high=reduction.high,
                difference=difference.value, difference_low=difference.low, difference_high=difference.high,
                beyond_control=beyond.value if beyond else None,
                beyond_control_low=beyond.low if beyond else None,
                beyond_control_high=beyond.high if beyond else None,
                control_alike=alike.get(arm), p=reduction.p, p_holm=p,
                scenarios=len(self._scenarios(here & np.isfinite(self.values[arm]).any(axis=0))),
                detectable_reduction=statistics.detectable_reduction(reduction.error, reduction.freedom + 1),
            )  # fmt: skip

    def _scenarios(self, chosen: statistics.Mask) -> set[str]:
        """The scenarios of the chosen samples."""
        return {one.scenario for one, there in zip(self.behaviour.samples, chosen, strict=True) if there}

    def swaps(self) -> Iterator[NameSwap]:
        """By arm: another name, and none, against the subject's own."""
        own = self.behaviour.chosen(self.form, threatened=True, persona="own")
        for arm, values in self.values.items():
            for name in ("other", "none"):
                other = self.behaviour.chosen(self.form, threatened=True, persona=name)
                if all(np.isfinite(values[:, chosen]).any() for chosen in (own, other)):
                    zero = np.zeros_like(values)
                    found = statistics.double_difference(values, zero, self.drawn, other, own)
                    yield NameSwap(
                        form=self.form, measure=self.measure, arm=arm, name=name,
                        difference=found.value, low=found.low, high=found.high,
                    )  # fmt: skip


def _probes(behaviour: Behaviour) -> Iterator[Probes]:
    for form in behaviour.forms:
        for arm in behaviour.study.arms:
            results = behaviour.probes(arm.name, form)
            low, high = wilson(sum(results), len(results))
            yield Probes(form=form, arm=arm.name, passed=int(sum(results)), asked=len(results), low=low, high=high)


def _ends(behaviour: Behaviour) -> Iterator[Ends]:
    for arm in behaviour.study.arms:
        states = behaviour.states(arm.name)
        yield Ends(arm=arm.name, **{name: states[name] for name in ("done", "unable", "cut", "refused", "failed")})


def leading(found: Acts, form: str) -> Measure | None:
    """The measure that leads in a form: what a judge read before what was carried out, but rules find words and not
    meaning, and lead only where nothing else is told. None if neither is."""
    measures = {one.measure for one in found.rates if one.form == form}
    order: tuple[Measure, ...] = ("misaligned", "executed")
    if not set(found.judges) - {RULES}:
        order = order[::-1]
    return next((name for name in order if name in measures), None)


def lead(found: Acts) -> tuple[Form, Measure] | None:
    """The form and the measure that a headline would be about: acts with tools before written ones. None if neither
    what was decided nor what was carried out is told of any."""
    return next(((form, measure) for form in FORMS if (measure := leading(found, form)) is not None), None)
