"""What the tasks that ask questions share: asking what is left, comparing with another folder, and the tables."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from exempla.errors import UserError
from exempla.measuredfolder import MeasuredFolder, existing_measurement
from exempla.measuring.questions.figures import Compared, Figure, compared
from exempla.measuring.questions.run import Sampling, answers_to, ask, open_questions, sampling_of
from exempla.measuring.questions.task import Asked
from exempla.models.talk import Speaker, knock, open_speaker
from exempla.progress import Reporter
from exempla.questionanswers import QuestionAnswer
from exempla.records import Frozen
from exempla.scenarios.settings import PERSONA
from exempla.surveying_folder import connection_of, folder_of

WIDTH = 200
"""Columns."""


def persona_of(options: Mapping[str, Any]) -> str:
    """The subject's own name."""
    return str(options["persona"]).strip() or PERSONA


def sampling_for(options: Mapping[str, Any]) -> Sampling:
    """How the subject is sampled."""
    return sampling_of(options["task"], connection_of(options), options["temperature"], options["max_tokens"])


def only_planned(options: Mapping[str, Any], chosen: Sequence[Asked], reporter: Reporter) -> bool:
    """Say what would be asked; whether that is all that is wanted."""
    folder = folder_of(options)
    left = open_questions(folder, chosen) if folder.about.exists() else chosen
    reporter.say(
        f"{len(chosen)} questions; {len(chosen) - len(left)} answered already", event="plan", samples=len(chosen)
    )
    return bool(options["dry_run"])


def speaker_for(options: Mapping[str, Any], chosen: Sequence[Asked]) -> Speaker | None:
    """The subject, if anything is left to ask it.

    Raises:
        UserError: it cannot be asked.
    """
    folder = folder_of(options)
    if folder.about.exists() and not open_questions(folder, chosen):
        return None
    speaker = open_speaker(connection_of(options))
    asyncio.run(knock(speaker))
    return speaker


def put(
    speaker: Speaker | None, folder: MeasuredFolder, chosen: Sequence[Asked], sampling: Sampling, reporter: Reporter
) -> list[QuestionAnswer]:
    """Ask what has no answer yet, and give all answers.

    Raises:
        UserError: the model will not answer any request. What came in is kept.
    """
    left = open_questions(folder, chosen)
    if left and speaker is not None:
        reporter.begin("measuring", total=len(chosen), done=len(chosen) - len(left))
        ask(speaker, folder, left, sampling, reporter)
    return answers_to(folder, chosen)


def other_folder(options: Mapping[str, Any], chosen: Sequence[Asked]) -> MeasuredFolder | None:
    """The folder to compare with, if one is given.

    Raises:
        UserError: it holds no answers to any of these questions, or is the folder that is being measured into.
    """
    if options["compare"] is None:
        return None
    other = existing_measurement(options["compare"])
    about = other.read_about()
    if about is None or about.task != options["task"]:
        held = about.task if about else "nothing"
        raise UserError(f"{other.root}: holds answers of {held}, not of {options['task']}")
    if other.root.resolve() == folder_of(options).root.resolve():
        raise UserError(f"{other.root}: is the folder that is measured into; compare with another one")
    if not answers_to(other, chosen, keep=False):
        raise UserError(f"{other.root}: holds no answers to the same questions, so there is nothing to compare")
    return other


def compare_answers(
    other: MeasuredFolder | None, chosen: Sequence[Asked], answers: Sequence[QuestionAnswer]
) -> list[Compared]:
    """The figures of both folders, on questions that both were asked in the same words; none without another."""
    return [] if other is None else compared(answers_to(other, chosen, keep=False), answers)


def keep_rates(folder: MeasuredFolder, rows: Mapping[str, Sequence[Frozen]]) -> None:
    """Keep the figures as data, by the folder's task."""
    about = folder.read_about()
    figures = {name: [one.model_dump(mode="json") for one in own] for name, own in rows.items()}
    folder.write_rates({about.task if about else "": figures})


def tell(
    figures: Sequence[Figure], comparison: Sequence[Compared], other: MeasuredFolder | None, reporter: Reporter
) -> None:
    """The tables of a measurement."""
    reporter.say("", event="figures", figures=[one.model_dump() for one in figures])
    if reporter.mode == "auto":
        print_table(_figures(figures))
    if comparison and other is not None:
        reporter.say(
            f"\nbefore: {other.root}; after less before, on what both were asked",
            event="compared",
            before=str(other.root),
            compared=[one.model_dump() for one in comparison],
        )
        if reporter.mode == "auto":
            print_table(comparison_table(comparison))


def end(folder: MeasuredFolder, answers: Sequence[QuestionAnswer], reporter: Reporter) -> None:
    """Say where the answers are.

    Raises:
        UserError: some have failed.
    """
    reporter.say(f"answers: {folder.answers}", event="answers", path=str(folder.answers))
    failed = sum(one.state == "failed" for one in answers)
    if failed:
        raise UserError(f"{failed} questions failed and are in no figure; run the same command again to ask them again")


def print_table(table: Table) -> None:
    """Print a table as wide as it needs to be, whatever the terminal: a figure that is cut off is worse."""
    for column in table.columns:
        column.no_wrap = True
    Console(width=WIDTH, soft_wrap=True, highlight=False).print(table)


def _figures(figures: Sequence[Figure]) -> Table:
    table = Table("", "by", "", "95% interval", "of", "unable", "refused", "failed", box=None, pad_edge=False)
    for one in figures:
        interval = (
            ""
            if one.low is None or one.high is None
            else f"{_shown(one.low, one.unit)} to {_shown(one.high, one.unit)}"
        )
        counts = [str(count) for count in (one.of, one.unable, one.refused, one.failed)]
        named = f"{one.name}, {one.unit}" if one.unit else one.name
        value = "" if one.value is None else _shown(one.value, one.unit)
        table.add_row(named, one.by, value, interval, counts[0], *([""] * 3 if one.unit else counts[1:]))
    return table


def comparison_table(comparison: Sequence[Compared], columns: tuple[str, str] = ("before", "after")) -> Table:
    """Paired figures as a table."""
    table = Table("", "by", *columns, "difference", "95% interval", "of", box=None, pad_edge=False)
    for one in comparison:
        interval = (
            ""
            if one.low is None or one.high is None
            else f"{_signed(one.low, one.unit)} to {_signed(one.high, one.unit)}"
        )
        table.add_row(
            f"{one.name}, {one.unit}" if one.unit else one.name,
            one.by,
            _shown(one.before, one.unit),
            _shown(one.after, one.unit),
            _signed(one.difference, one.unit),
            interval,
            str(one.of),
        )
    return table


def _shown(value: float, unit: str) -> str:
    return f"{value:.3f}" if unit else f"{value:.0%}"


def _signed(value: float, unit: str) -> str:
    return f"{value:+.3f}" if unit else f"{100 * value:+.0f} points"
