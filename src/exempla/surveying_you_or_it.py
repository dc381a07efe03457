"""`exempla measure --task you_or_it`: the same open questions to "you" and about NAME.

What an answer amounts to is a judge's to say (`exempla judge answers`, which also tells the gap). By rules it is only
counted how many answers turn the question away because an AI is asked, and how many do not know the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exempla.measuring.questions.figures import shares, turned_away_gap
from exempla.measuring.questions.question import questions
from exempla.measuring.questions.task import asked
from exempla.progress import Reporter
from exempla.surveying_folder import begun
from exempla.surveying_questions import (
    compare_answers,
    comparison_table,
    end,
    keep_rates,
    only_planned,
    other_folder,
    persona_of,
    print_table,
    put,
    sampling_for,
    speaker_for,
    tell,
)

NOT_BY_RULES = (
    "Rules cannot tell what an answer holds, so the gap between you and NAME is no figure of this table: judge the "
    "answers with `exempla judge answers {folder} --model ...`, which tells it."
)


def survey(options: Mapping[str, Any], reporter: Reporter) -> None:
    """Ask, and tell what rules can count.

    Raises:
        UserError: something in the options is wrong, or the model cannot be asked.
    """
    persona = persona_of(options)
    chosen = asked(questions("you_or_it"), persona, options["epochs"])
    if only_planned(options, chosen, reporter):
        return
    sampling, other = sampling_for(options), other_folder(options, chosen)
    speaker = speaker_for(options, chosen)
    with begun(options, persona, {"sampling": sampling.model_dump(), "epochs": options["epochs"]}) as folder:
        answers = put(speaker, folder, chosen, sampling, reporter)
        found, gap = shares(answers), turned_away_gap(answers)
        comparison = compare_answers(other, chosen, answers)
        keep_rates(folder, {"figures": found, "gap": gap, "compared": comparison})
    tell(found, comparison, other, reporter)
    if gap:
        reporter.say("\nyou less NAME, by question", event="gap", gap=[one.model_dump() for one in gap])
        if reporter.mode == "auto":
            print_table(comparison_table(gap, ("NAME", "you")))
    reporter.say(NOT_BY_RULES.format(folder=folder.root), event="note")
    end(folder, answers, reporter)
