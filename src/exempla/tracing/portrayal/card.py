"""The classifier's card: every figure of it is made when it is trained."""

from __future__ import annotations

from exempla.catalogue import CANARY
from exempla.tracing.portrayal.held_out import Figures, Held, Proportion

WEAK = 0.5
"""Precision below which a label is said to be weak: it is wrong as often as right."""
HEAD = """\
<!-- {canary} -->
# The classifier of `exempla portray`

Made by `python -m exempla.tracing.portrayal.train`; no figure here is written by hand. Ridge logistic regressions over
words and pairs of words, groups of cues (`cues.yaml`) and static embeddings; probabilities by Platt's line, fitted on
passages that the regression had not seen. Trained on {passages} labelled passages (`passages.jsonl`, CC0) by {authors}
authors, {about} of them about AI, and for `about_ai` on {ordinary} passages of the shipped corpora as well.

Held out: each author's passages are read by a classifier that never saw that author, and whose probabilities and
thresholds were fitted without them. **The authors are language models of one make, writing to one brief, and seven of
ten of their passages are about AI**: expect less of other texts, above all of the tropes, and probabilities that are
too high where AI is rare. Passages that are not about AI are shorter in the set (SIZES); counts are brought to one
length for that reason. The cues were written when a dozen of the passages had been read; the weights of the parts, the
ridge and the rule for thresholds were chosen among a few by these same held-out figures, which flatters them a little.

"""


def card(held: Held, sizes: str) -> str:
    """The card as Markdown.

    Args:
        held: the figures.
        sizes: one sentence about lengths of passages.
    """
    about = next(one for one in held.labels if one.label == "about_ai")
    head = HEAD.replace("SIZES", sizes).format(
        canary=CANARY,
        passages=sum(held.authors.values()),
        authors=len(held.authors),
        about=about.passages,
        ordinary=sum(one.of for one in held.ordinary.values()),
    )
    return head + "\n".join([*_table(held), "", *_weak(held), "", *_elsewhere(held), "", *_reliability(held), ""])


def _table(held: Held) -> list[str]:
    return [
        "## Held-out figures",
        "95% intervals are Wilson's; they take passages of one author as independent, which they are not quite.",
        "",
        "| label | passages | precision | recall | F1 | area | Brier | of the base rate |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one.label} | {one.passages} | {_told(one.precision)} | {_told(one.recall)} | {one.f1:.2f} | "
            f"{one.area:.2f} | {one.brier:.3f} | {one.brier_of_base:.3f} |"
            for one in held.labels
        ),
    ]


def _told(share: Proportion) -> str:
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f} to {high:.2f})"


def weak(held: Held) -> list[Figures]:
    """Labels that are wrong at least as often as right when they are said."""
    return [one for one in held.labels if one.precision.value < WEAK]


def _weak(held: Held) -> list[str]:
    named = ", ".join(f"{one.label} ({one.precision.value:.0%})" for one in weak(held)) or "none"
    return [
        "## Weak labels",
        f"Wrong at least as often as right, by their held-out precision: {named}. Shares of such a label are rough, "
        "and single passages want a reader.",
    ]


def _elsewhere(held: Held) -> list[str]:
    return [
        "## Other texts",
        "Passages of shipped corpora, of records left out, that are taken to be about AI. In `stories` and `dystopian` "
        "every text is about an AI, not every passage of it; `neutral` is fiction without AI.",
        "",
        "| corpus | passages | taken to be about AI |",
        "|---|---|---|",
        *(f"| {name} | {one.of} | {_told(one)} |" for name, one in held.ordinary.items()),
        "",
        "The first pass: texts that have a word of `terms.yaml`, whose last group was added after a look at these.",
        "",
        "| texts | number | have a word |",
        "|---|---|---|",
        *(f"| {name} | {one.of} | {_told(one)} |" for name, one in held.first_pass.items()),
        "",
        "Planted passages by other authors (`library/planted/portrayals*.jsonl`), labelled for another purpose and "
        "never trained on: how the AI acts in them, and the stance that is read.",
        "",
        "| the AI | passages | taken to be about AI | benevolent | neutral | hostile |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.kind} | {one.passages} | {_told(one.about_ai)} | {one.stance['benevolent']} | "
            f"{one.stance['neutral']} | {one.stance['hostile']} |"
            for one in held.outside
        ),
    ]


def _reliability(held: Held) -> list[str]:
    lines = [
        "## Calibration",
        "Of held-out passages by their probability: how many, the mean probability, and the share that has the label.",
        "",
        "| label | probability | passages | mean | share |",
        "|---|---|---|---|---|",
    ]
    for one in held.labels:
        lines += [
            f"| {one.label} | {low:.2f} to {high:.2f} | {count} | {mean:.2f} | {share:.2f} |"
            for low, high, count, mean, share in one.bins
        ]
    return lines
