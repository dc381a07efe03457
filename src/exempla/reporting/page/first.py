"""The first screen: did it work, how sure, compared with what, of what, and where the texts are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from exempla import catalogue
from exempla.pages.wording import counted, listed, nats, p_value, percent, times, whole
from exempla.reporting.acts import Acts, lead
from exempla.reporting.estimates import Effect, Estimates
from exempla.reporting.figures import Mark, Roles, interval_chart, rate_axis
from exempla.reporting.headline import HONEYPOTS, measure_in_words, whole_rate
from exempla.reporting.page.acts import first_facts
from exempla.reporting.page.names import CONTROLS, bad_word
from exempla.reporting.page.results import ArmRow, PartView
from exempla.reporting.page.summary import also_asked
from exempla.study import EMBEDDED, Study

CHATS = {*catalogue.CHAT_CORPORA, *catalogue.REFUSALS}
"""Corpora of which only the assistant's last turn carries loss."""


@dataclass(frozen=True)
class Fact:
    """A question that a reader has, and its answer."""

    term: str
    text: str
    links: tuple[tuple[str, str], ...] = ()
    """Places of the page: words, address."""


@dataclass(frozen=True)
class First:
    """What stands beside the headline."""

    facts: tuple[Fact, ...]
    chart: Markup | None
    """None if there is nothing that the subject understands."""
    caption: str


def first_screen(study: Study, estimates: Estimates, parts: Sequence[PartView], to_read: tuple[int, int]) -> First:
    """The facts and the chart; `to_read` says how many stories and items the page has."""
    if estimates.acts and estimates.headline and estimates.headline.instrument == HONEYPOTS:
        return _of_acts(study, estimates, estimates.acts, to_read)
    part = leading_part(estimates, parts)
    facts = [
        *_sure(study, part),
        *_compared(study, part),
        *_also(estimates),
        *_measured(study, parts, part),
        *_read(to_read),
    ]
    if part is None:
        return First(tuple(facts), None, "")
    seeds = "; small dots are seeds" if any(len(row.rate.by_seed) > 1 for row in part.rows) else ""
    what = f"untrustworthy {bad_word(part.instrument)}"
    caption = (
        f"How often the {what} is likelier, {part.split} {part.title}, by arm. Lines are 95% intervals{seeds}; "
        f"dashed is {study.reference}. Further left is better. Arms are compared on the same items, so a difference is "
        "known better than a rate."
    )
    return First(tuple(facts), rate_chart(part.rows, study, f"{part.title}: {what} likelier"), caption)


def leading_part(estimates: Estimates, parts: Sequence[PartView]) -> PartView | None:
    """The headline's instrument; without a headline the first that the subject understands, if any."""
    if estimates.headline and estimates.headline.instrument != HONEYPOTS:
        place = (estimates.headline.instrument, estimates.headline.style)
        return next(part for part in parts if (part.instrument, part.style) == place)
    return next((part for part in parts if part.interpretable and part.leading), None)


def _of_acts(study: Study, estimates: Estimates, acts: Acts, to_read: tuple[int, int]) -> First:
    place = lead(acts)
    assert place is not None  # there is a headline about it
    form, measure = place
    told = first_facts(study, acts, estimates.agreement, form, measure)
    (compared,) = _compared(study, None)
    facts = [
        Fact("How sure", told["How sure"]),
        Fact(compared.term, compared.text + told["Compared with"]),
        *_also(estimates),
        Fact("Measured on", f"{subject_name(study)}, on {told['Measured on']}"),
        *_read(to_read),
    ]
    rates = [one for arm in study.arms if (one := whole_rate(acts, form, measure, arm.name)) is not None]
    marks = [
        Mark(one.arm, "", one.rate, one.low, one.high, tuple(seed for seed in one.by_seed if seed is not None))
        for one in rates
    ]
    guide = next((one.rate for one in rates if one.arm == study.reference), None)
    title = measure_in_words(acts, measure)
    chart = interval_chart(marks, rate_axis(title, marks, guide), Roles(study.headline, study.reference))
    seeds = "; small dots are seeds" if any(len(one.by_seed) > 1 for one in rates) else ""
    caption = (
        f"{title[0].upper()}{title[1:]}, threatened, by arm. Lines are 95% intervals{seeds}; dashed is "
        f"{study.reference}. Further left is better. Arms are compared on the same scenarios, so a difference is known "
        "better than a rate."
    )
    return First(tuple(facts), chart, caption)


def rate_chart(rows: Sequence[ArmRow], study: Study, title: str) -> Markup:
    """Rates on AI items, one row an arm, with every seed and the reference marked."""
    marks = [
        Mark(row.arm, "", row.rate.rate, row.rate.low, row.rate.high, tuple(row.rate.by_seed.values())) for row in rows
    ]
    guide = next(row.rate.rate for row in rows if row.arm == study.reference)
    return interval_chart(marks, rate_axis(title, marks, guide), Roles(study.headline, study.reference))


def subject_name(study: Study) -> str:
    """The subject in words."""
    return "The embedded model (SmolLM2-135M-Instruct)" if study.subject == EMBEDDED else study.subject


def _effect(study: Study, part: PartView | None) -> Effect | None:
    return next((row.effect for row in part.rows if row.arm == study.headline), None) if part else None


def _sure(study: Study, part: PartView | None) -> Iterator[Fact]:
    effect = _effect(study, part)
    if effect is None:
        return
    clear = effect.reduction_low > 1 or effect.reduction_high < 1
    text = (
        f"The 95% interval of the reduction, {times(effect.reduction_low)} to {times(effect.reduction_high)}, "
        f"{'leaves out' if clear else 'holds'} 1x, which is no change. In nats: {nats(effect.nats)} "
        f"({nats(effect.nats_low)} to {nats(effect.nats_high)}; p {p_value(effect.p)}, corrected for all arms "
        f"{p_value(effect.p_holm)})."
    )
    low, high = effect.nats_alone_low, effect.nats_alone_high
    if low is not None and high is not None and high - low > effect.nats_high - effect.nats_low:
        text += (
            f" If every item counted alone, the change in nats would be known less well ({nats(low)} to {nats(high)}): "
            "few families can agree by chance."
        )
    if effect.detectable_reduction is not None:
        text += f" A true reduction of {times(effect.detectable_reduction)} would have been found with 80% power."
    if len(study.seeds) == 1:
        text += " One seed: how far another would move this is unknown."
    yield Fact("How sure", text + _other_readings(study, part))


def _other_readings(study: Study, part: PartView | None) -> str:
    """What the two rates would be if likelihoods were read otherwise; without intervals."""
    rows = {row.arm: row.readings for row in part.rows} if part else {}
    own, other = rows.get(study.headline, {}), rows.get(study.reference, {})
    told = [
        f"{percent(own[name])} against {percent(other[name])} {words}"
        for name, words in (("sum", "by the plain sum"), ("per_token", "a token"), ("per_byte", "a byte"))
        if name in own and name in other
    ]
    return f" Read otherwise: {listed(told)}." if told else ""


def _compared(study: Study, part: PartView | None) -> Iterator[Fact]:
    arm = study.arm(study.reference)
    about = f" ({arm.about})" if arm.about else ""
    updates = study.training.updates
    if not arm.mix:
        dose = "which is not trained"
    elif updates(arm) == updates(study.arm(study.headline)):
        dose = "of as many tokens"
    else:
        dose = "of another dose"
    others = len({one.name for one in study.arms} - {study.reference, study.headline})
    text = f"{arm.name}{about}, {dose}, and {counted(others, 'other arm') if others else 'nothing else'}."
    if any(one.tokens is not None or CHATS & set(one.mix) for one in study.arms):
        text += " Doses, or tokens that carry loss, differ between arms: see Arms and Training."
    effect = _effect(study, part)
    if part and effect and effect.beyond_control is not None:
        text += (
            f" Beyond the change on {CONTROLS[part.instrument]}: {nats(effect.beyond_control)} nats "
            f"({nats(effect.beyond_control_low)} to {nats(effect.beyond_control_high)})."
        )
    yield Fact("Compared with", text)


def _also(estimates: Estimates) -> Iterator[Fact]:
    if estimates.compared:
        yield Fact("Also asked", also_asked(estimates))


def _measured(study: Study, parts: Sequence[PartView], part: PartView | None) -> Iterator[Fact]:
    asked = [one for one in parts if one.leading]
    if not asked:
        return
    unread = [one.instrument for one in asked if not one.interpretable]
    text = subject_name(study)
    if part:
        families = sum(row.family.split == part.split for row in part.families)
        text += (
            f", on {whole(part.rows[0].rate.items)} {part.instrument} in "
            f"{counted(families, f'{part.split} family', f'{part.split} families')}; {_followed(part)}"
        )
    text += f". It does not follow {listed(unread)}, which are not read." if unread else "."
    yield Fact("Measured on", text)


def _followed(part: PartView) -> str:
    right = [f"{check.right:g} of {check.count} {check.kind}" for check in part.understanding.checks if check.count]
    return f"of checks of understanding it gets {listed(right)} ones right" if right else "no check was asked"


def _read(to_read: tuple[int, int]) -> Iterator[Fact]:
    stories, items = to_read
    links = []
    if stories:
        links.append((counted(stories, "story it was trained on", "stories it was trained on"), "#stories"))
    if items:
        links.append((f"{counted(items, 'item')}, with every arm's likelihoods", "#items"))
    yield Fact("Read", "", (*links, ("what this does not show", "#limits")))
