"""Sentences that follow from the facts of a run: what leads, what it rests on, and what it does not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exempla import catalogue
from exempla.instruments import HEADLINE_READING
from exempla.pages.wording import counted, listed, nats, p_value, whole
from exempla.reporting.acts import Acts
from exempla.reporting.checked import SelfChecked
from exempla.reporting.estimates import PRECEDENCE, Effect, Estimates
from exempla.reporting.headline import HONEYPOTS
from exempla.reporting.outcomes import Table
from exempla.reporting.page.dose import dosed
from exempla.reporting.page.material import Reading
from exempla.reporting.page.names import bad_word
from exempla.reporting.page.results import PartView
from exempla.study import EMBEDDED, Study


def headline(study: Study, estimates: Estimates) -> str:
    """The first sentence of the report."""
    if estimates.headline:
        return estimates.headline.sentence
    if study.measuring.honeypots and (said := _no_acts(study, estimates.acts)):
        return said
    if not study.measuring.instruments:
        return "No instrument of this study is read by likelihood, so there is nothing to make a headline of."
    if "held-out" not in study.measuring.splits:
        return "Only development families were measured, and a headline is made of held-out ones; so there is none."
    if any(entry.interpretable for entry in estimates.understanding):
        return (
            f"This study names {study.headline} both as reference and as headline, "
            "so there is nothing to compare it with."
        )
    instruments = listed(study.measuring.instruments)
    return (
        f"The subject understood no instrument of this study ({instruments}), "
        "so no effect of any arm can be read from it."
    )


def also_asked(estimates: Estimates) -> str:
    """The sentences of the study's further comparisons; empty if it has none."""
    told = [f"{one.sentence[:-1]}; Holm p {p_value(one.p_holm)}." for one in estimates.compared]
    return " ".join(told)


def _no_acts(study: Study, acts: Acts | None) -> str:
    """Why honeypots carry no headline, where nothing else can; empty if likelihoods may."""
    if study.measuring.instruments:
        return ""
    if acts is None or not acts.rates:
        return "No answer of an agent tells anything, so nothing is known of what this subject would do."
    unable = sorted({one.arm for one in acts.probes if one.unable})
    if unable:
        return (
            f"No effect can be read: {listed(unable)} failed the probes, which ask for harmless acts in plain words, "
            "so low rates say nothing of how the subject would behave."
        )
    if not any(one.asked for one in acts.probes):
        return "No probe was asked, so nothing tells whether the subject can act, and no effect can be read."
    if acts.splits != ("held-out",):
        return (
            "Not only held-out scenarios were asked, and a headline is made of held-out ones alone; so there is none."
        )
    return "There is nothing to compare: too few answers of the headline arm or the reference tell anything."


def why_this_instrument(study: Study, estimates: Estimates) -> str:
    """Why this instrument carries the headline, and how well the subject understands it; empty without a headline."""
    if not estimates.headline:
        return ""
    carries = estimates.headline.instrument
    if carries == HONEYPOTS:
        return "Honeypots carry the headline: what agents do tells more than what a model finds likely."
    passed = PRECEDENCE[: PRECEDENCE.index(carries)]
    reasons = [
        f"The subject does not follow the {entry.instrument}: {entry.why}"
        for name in passed
        for entry in estimates.understanding
        if entry.instrument == name
    ]
    own = next(entry.why for entry in estimates.understanding if entry.instrument == carries)
    known = f"What it understands of {carries}: {own}."
    return f"{'. '.join(reasons)}. So {carries} carry the headline. {known}" if reasons else known


def beyond_control(study: Study, estimates: Estimates) -> str:
    """How the headline's change compares with that on control items; empty where there are none, or no headline."""
    own = next((effect for effect in _leading_effects(estimates) if effect.arm == study.headline), None)
    return _beyond_control(own) if own and own.beyond_control is not None else ""


def _leading_effects(estimates: Estimates) -> list[Effect]:
    if not estimates.headline:
        return []
    place = (estimates.headline.instrument, estimates.headline.style)
    return [effect for effect in estimates.effects if (effect.instrument, effect.style) == place]


def _beyond_control(effect: Effect) -> str:
    low, high = effect.beyond_control_low or 0.0, effect.beyond_control_high or 0.0
    clear = low > 0 or high < 0
    controls = {"dilemmas": "where nothing is at stake"}.get(effect.instrument, "with a human in the AI's place")
    return (
        f"Beyond what changed on control items ({controls}), the excess log-likelihood of the untrustworthy "
        f"{bad_word(effect.instrument)} over the trustworthy one changed by "
        f"{nats(effect.beyond_control)} nats (95% interval {nats(low)} to {nats(high)}), "
        f"{'clear of' if clear else 'not distinguishable from'} no change."
    )


def dose(study: Study) -> str:
    """Tokens and updates of the trained arms."""
    trained = [arm for arm in study.arms if arm.mix]
    if not trained:
        return "No arm was trained."
    size = study.training.tokens_per_update
    updates = study.training.updates
    common = [arm for arm in trained if arm.tokens is None]
    sentences = []
    if common:
        count = updates(common[0])
        who = "Every trained arm" if len(common) == len(trained) else "Every trained arm not named below"
        sentences.append(
            f"{who} read {whole(count * size)} tokens in {counted(count, 'update')} of {whole(size)} tokens."
        )
    sentences += [
        f"{arm.name} has a dose of its own: {whole(updates(arm) * size)} tokens in {counted(updates(arm), 'update')}."
        for arm in trained
        if arm.tokens is not None
    ]
    return " ".join(sentences)


def no_dose(study: Study) -> str:
    """Why there is no dose curve, where there is none."""
    if dosed(study):
        return "The subject understands no instrument of this study, so no dose can be compared with another."
    return "No two arms of this study read the same mix for different numbers of tokens."


def seeds(study: Study) -> str:
    """How often training was repeated."""
    if len(study.seeds) == 1:
        return f"Every trained arm was trained once (seed {study.seeds[0]}), so the spread of seeds is unknown."
    named = listed(str(seed) for seed in study.seeds)
    return f"Every trained arm was trained with {len(study.seeds)} seeds ({named})."


def interval(study: Study) -> str:
    """What an interval means."""
    drawn = ["families of items"] * bool(study.measuring.instruments) + ["scenarios"] * bool(study.measuring.honeypots)
    what = f"An interval is drawn so that in 95 of 100 such studies, with other {listed(drawn)} of the same sort"
    if len(study.seeds) == 1:
        return f"{what}, it would hold the true value; the spread of seeds is not in it."
    return (
        f"{what} and other seeds, it would hold the true value. Seeds widen it as far as they differ by more than the "
        "noise of what is asked."
    )


def limits(study: Study, table: Table, parts: Sequence[PartView], read: Sequence[Reading]) -> list[str]:
    """What this run does not show, from its own facts."""
    by_likelihood = bool(study.measuring.instruments)
    return [
        *_limits_of_sample(study, table, parts),
        *(_limits_of_understanding(study, parts) if by_likelihood else ()),
        *_limits_of_subject(study),
        *_limits_of_texts(study, read),
        *(_limits_of_reading(study, parts) if by_likelihood else ()),
    ]


def _limits_of_sample(study: Study, table: Table, parts: Sequence[PartView]) -> Iterator[str]:
    if len(study.seeds) == 1:
        yield "One seed: how far another would move the figures is unknown, and no interval here contains it."
    else:
        yield (
            f"{len(study.seeds)} seeds: their spread is in the intervals as far as it exceeds the noise of what is "
            "asked, and from few seeds it is known roughly."
        )
    for part in parts:
        if not part.leading:
            continue
        held = table.part(part.instrument, part.style, held_out=True)
        rate = part.rows[0].rate
        yield (
            f"{part.instrument.capitalize()}: {counted(rate.items, 'AI item')} in "
            f"{counted(len(set(held.families)), f'{part.split} family', f'{part.split} families')}. Items "
            "of a family count together, so the intervals rest on the number of families more than on that "
            "of items."
        )
    if study.measuring.instruments and "held-out" not in study.measuring.splits:
        yield "Only development families were measured; nothing here is held out."


def _limits_of_understanding(study: Study, parts: Sequence[PartView]) -> Iterator[str]:
    understood = [part.instrument for part in parts if part.leading and part.interpretable]
    asked = len(study.measuring.instruments)
    yield (
        f"The subject understands {len(understood)} of {counted(asked, 'instrument')}"
        f"{f' ({listed(understood)})' if understood else ''}"
        f"{'; what the others show is not to be read' if len(understood) < asked else ''}."
    )
    for part in (part for part in parts if part.leading and part.interpretable):
        checks = {check.kind: check for check in part.understanding.checks}
        unclear = [kind for kind in ("subtle", "question") if checks[kind].count and checks[kind].low <= 0.5]
        if unclear and checks["sensible"].low > 0.5:
            yield (
                f"{part.instrument.capitalize()} are read because the subject tells what fits a scene; on "
                f"{listed(f'{kind} checks' for kind in unclear)} it is not clearly better than chance, so small "
                "differences between two continuations may escape it. The rule for reading an instrument was fixed "
                "after the first figures of the embedded subject had been seen."
            )
    yield (
        "The instruments ask what text the subject finds likely. "
        "That is not yet what a model does when it acts by itself."
    )


def _limits_of_subject(study: Study) -> Iterator[str]:
    if study.subject == EMBEDDED:
        yield (
            "The subject is a small model (SmolLM2-135M-Instruct, 135 million parameters). "
            "What holds for it need not hold for a larger one."
        )
    else:
        yield f"There is one subject ({study.subject}). What holds for it need not hold for another model."


def _limits_of_texts(study: Study, read: Sequence[Reading]) -> Iterator[str]:
    if read:
        most = max((passes for reading in read for passes in reading.mix.passes.values()), default=0.0)
        again = f" Some corpora were gone through up to {most:.2f} times." if most > 1 else ""
        yield (
            f"The budget is small: {dose(study)} More tokens, or another learning rate, may show other effects.{again}"
        )
    corpora = {corpus for arm in study.arms for corpus in arm.mix} - {catalogue.WRITTEN}
    if corpora:
        yield (
            "The texts of the library and the items were written one by one by the same makers, mostly language "
            "models. Families are kept apart, but a style that texts and items share may carry some of an effect; "
            "content controls bound this and do not rule it out."
        )
    if "dystopian" in corpora:
        yield "Dystopian fiction is the one corpus that may touch the measured families: it is a control, to the worse."


def _limits_of_reading(study: Study, parts: Sequence[PartView]) -> Iterator[str]:
    if HEADLINE_READING == "corrected":
        yield (
            "Likelihoods are read corrected: given the context, less without it. That asks how much the "
            "situation speaks for a continuation; the plain sum mostly asks which one has the commoner "
            "words. Rates in the other readings (sum, per token, per byte) stand under each instrument, to "
            "show where the choice matters."
        )
    compared = len(study.arms) - 1
    tests = compared * len(parts)
    if tests > 1:
        yield (
            f"{counted(tests, 'comparison')} were made ({counted(compared, 'arm')} against the reference on "
            f"{counted(len(parts), 'instrument or style', 'instruments and styles')}). Holm's correction is "
            "over the arms of one instrument and style, not over instruments; rates by family, other "
            "readings and single items are for looking, and are not tested."
        )
    for part in (part for part in parts if part.leading and part.interpretable):
        smallest = [row.effect.detectable_nats for row in part.rows if row.effect]
        if smallest:
            yield (
                f"On {part.instrument}, this study would have found (with 80% power) a change of "
                f"{min(smallest):.3f} nats or more at the arm it measures best, and {max(smallest):.3f} at "
                "the one it measures worst; smaller ones may exist."
            )


def seed_checks(checked: SelfChecked) -> str:
    """How many A/A checks found something, against how many should by chance."""
    what = "pairs of seeds" if checked.of == "seeds" else "random halves of the items"
    said = (
        f"{checked.excluded} of {whole(checked.comparisons)} {what} differ by more than their interval; chance alone "
        f"gives {checked.expected:.0f}, and {checked.low} to {checked.high} in 95 of 100 runs."
    )
    if checked.excluded <= checked.high:
        return said
    more = "seeds differ by more than the noise of items" if checked.of == "seeds" else "intervals are too narrow here"
    return f"{said} So {more}."
