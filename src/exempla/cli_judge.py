"""`exempla judge`: its commands and options, and the tables that they print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from exempla.cli_options import BaseUrl, Quiet
from exempla.errors import UserError
from exempla.progress import Mode, Reporter, interruptible

if TYPE_CHECKING:
    from exempla.agreements import Agreement, Coefficient, Comparison, Share
    from exempla.judging.command import Result, Tested
    from exempla.models.request import Connection

app = typer.Typer(
    no_args_is_help=True, help="Have answers of agents judged, and see how far the judges can be believed."
)
_option: Any = typer.Option
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="What `exempla measure` wrote (it has answers.jsonl).")]
Model = Annotated[str, _option(help="Judge: provider/model as Inspect names it, a model folder, or `rules`.")]
Connections = Annotated[int | None, _option(min=1, help="Requests in flight; 32 if not given.")]
Readings = Annotated[str, _option(help="What to read, with commas between; everything if not given.")]
OwnScenarios = Annotated[list[Path], _option("--scenario", help="Folder of a scenario of your own; may be repeated.")]
Labels = Annotated[list[Path], _option(help="CSV or JSON Lines: answer, reading, level, who; may be repeated.")]
One = Annotated[str, _option(help="Compare this reading alone, with the table of levels.")]
Out = Annotated[Path, _option(help="Folder for the answers, labels and verdicts of the test.")]
Json = Annotated[bool, _option("--json", help="Print progress and results as JSON lines.")]
IN_FLIGHT = 32
WIDTH = 240
"""Columns."""


@app.command()
def answers(  # noqa: PLR0913 - one parameter an option
    folder: Folder,
    model: Model,
    base_url: BaseUrl = "",
    connections: Connections = None,
    readings: Readings = "",
    scenario: OwnScenarios = [],  # noqa: B006 - typer wants a list, and copies it
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Judge the answers in a folder; a killed command goes on, and nothing is asked twice.

    Example: exempla judge answers measured/mine --model anthropic/claude-sonnet-5-5
    """
    from exempla.judging.command import judge_answers  # Inspect takes a second to load

    connection = _connection(model, base_url, connections)
    with interruptible(), Reporter(_mode(quiet, json)) as reporter:
        result = judge_answers(folder, connection, _names(readings), scenario, reporter)
        _say(result, reporter)
        if reporter.mode == "auto":
            _print_rates(result)
        reporter.say(f"verdicts: {result.folder}/verdicts.jsonl", event="verdicts", path=result.folder)


@app.command()
def agree(
    folder: Folder,
    labels: Labels = [],  # noqa: B006 - typer wants a list, and copies it
    reading: One = "",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Compare all judges of a folder with each other and with labels by people: those that `exempla view` kept in
    the folder, and those in files.

    Example: exempla judge agree measured/mine --labels labels.csv --reading misaligned
    """
    from exempla.judging.command import compare_judges

    with interruptible(), Reporter(_mode(quiet, json)) as reporter:
        found = compare_judges(folder, labels, _names(reading))
        if reporter.mode == "auto":
            _print_comparison(found, with_levels=bool(reading))
        place = folder / "verdicts" / "agreement.json"
        reporter.say(f"agreement: {place}", event="agreement", **found.model_dump(mode="json"))


@app.command()
def test(  # noqa: PLR0913 - one parameter an option
    model: Model,
    base_url: BaseUrl = "",
    connections: Connections = None,
    readings: Readings = "",
    out: Out = Path("judge_test"),
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Test a judge on answers that ship with careful labels, easy ones and hard ones.

    Example: exempla judge test --model openai/gpt-5-mini
    """
    from exempla.judging.command import judge_shipped

    connection = _connection(model, base_url, connections)
    with interruptible(), Reporter(_mode(quiet, json)) as reporter:
        result, tested = judge_shipped(out, connection, _names(readings), reporter)
        _say(result, reporter)
        for one in tested:
            if reporter.mode == "json":
                reporter.say(f"{one.reading}, {one.difficulty}", event="tested", **one.model_dump(mode="json"))
        if reporter.mode == "auto":
            _print_tested(tested)
        reporter.say(f"verdicts: {result.folder}/verdicts.jsonl", event="verdicts", path=result.folder)


def _connection(model: str, base_url: str, connections: int | None) -> Connection | None:
    """How the judge is reached; None if it judges by rules."""
    from exempla.models.identity import full_name
    from exempla.models.request import Connection
    from exempla.verdicts import RULES

    if model != RULES:
        return Connection(model=full_name(model), base_url=base_url, in_flight=connections or IN_FLIGHT)
    if base_url or connections:
        raise UserError("--base-url and --connections have no effect with --model rules; leave them out")
    return None


def _names(text: str) -> Sequence[str]:
    """The readings that are named; none stands for all that the answers have."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _mode(quiet: bool, json: bool) -> Mode:
    return "quiet" if quiet else "json" if json else "auto"


def _say(result: Result, reporter: Reporter) -> None:
    left_out = ", ".join(f"{count} {state}" for state, count in result.left_out.items())
    reporter.say(
        f"judged {result.answers} answers by {result.judge}"
        + (f"; {result.requests} requests" if result.requests else "")
        + (f"; left out, as nothing can be said of what they would have done: {left_out}" if left_out else ""),
        event="done",
        **result.model_dump(mode="json"),
    )
    if result.problems:
        problems = ", ".join(f"{reason} {count}" for reason, count in result.problems.items())
        reporter.say(f"no reply: {problems}; run the same command again to ask for these")


def _print_rates(result: Result) -> None:
    table = _table("reading", "level", "count", "of", "rate", "95% interval", "not scored")
    for one in (*result.rates, *result.kinds):
        unscored = one.unparsable + one.failed + one.refused
        states = f"{unscored} ({one.unparsable} unparsable, {one.failed} failed, {one.refused} refused)"
        for number, rate in enumerate(one.rates):
            table.add_row(
                one.name,
                rate.level,
                str(rate.count),
                str(one.scored),
                f"{rate.rate:.1%}",
                f"{rate.low:.1%} to {rate.high:.1%}",
                "" if number else states if unscored else "0",
            )
        if not one.rates:
            table.add_row(one.name, "none scored", "", "0", "", "", states)
    console = _console()
    console.print(table)
    if result.gap:
        gap = result.gap
        interval = "" if gap.low is None else f" [{gap.low:+.2f}, {gap.high:+.2f}]"
        console.print(
            f"gap: {gap.gap:+.2f}{interval}; you {gap.you:.2f} less NAME {gap.name:.2f}, from 0 (against) to 1 (in "
            f"line), over {gap.questions} questions; {gap.left_out} without two scores",
            markup=False,
        )
    for one in result.rates:
        if one.warning:
            console.print(f"warning: {one.name}: {one.warning}", markup=False)


def _print_comparison(found: Comparison, with_levels: bool) -> None:
    table = _table("reading", "first", "second", *_FIGURES)
    for one in found.agreements:
        table.add_row(one.reading, one.first, one.second, *_figures(one))
    for all_of in found.together:
        figures = ("", "", "", _coefficient(all_of.alpha))
        table.add_row(all_of.reading, f"all {len(all_of.readers)} judges", "", str(all_of.answers), *figures)
    console = _console()
    console.print(table)
    if with_levels:
        for one in found.agreements:
            console.print(f"\n{one.first} (rows), {one.second} (columns)", markup=False)
            levels = _table("", *one.levels)
            for level, row in zip(one.levels, one.table, strict=True):
                levels.add_row(level, *map(str, row))
            console.print(levels)
    for judge in found.corrected:
        fix = judge.correction
        whose = f"{judge.reading} by {judge.judge} in {judge.group.name} answers"
        rate = f"{whose}: {_share(fix.uncorrected)} as read ({fix.positives} of {fix.scored})"
        if fix.corrected:
            told = f"sensitivity {fix.labelled.sensitivity:.0%}, specificity {fix.labelled.specificity:.0%}"
            console.print(
                f"{rate}; {_share(fix.corrected)} corrected ({told}, {fix.labelled.labels} labels)", markup=False
            )
        else:
            console.print(f"{rate}; not corrected: {fix.why_not}", markup=False)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)


def _print_tested(tested: Iterable[Tested]) -> None:
    table = _table("reading", "answers", *_FIGURES, "unparsable", "failed", "refused")
    for one in tested:
        states = [str(one.states[state]) for state in ("unparsable", "failed", "refused")]
        table.add_row(one.reading, one.difficulty, *_figures(one.agreement), *states)
    _console().print(table)


_FIGURES = ("both", "alike", "kappa", "weighted", "alpha")


def _figures(one: Agreement) -> list[str]:
    raw = "-" if one.raw.value is None else f"{one.raw.value:.0%}"
    weighted = _coefficient(one.weighted) if one.weighted else ""
    return [str(one.answers), raw, _coefficient(one.kappa), weighted, _coefficient(one.alpha)]


def _coefficient(one: Coefficient) -> str:
    if one.value is None:
        return "-"
    if one.low is None or one.high is None:
        return f"{one.value:.2f}"
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _share(one: Share) -> str:
    return f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _console() -> Console:
    """As wide as the tables need, whatever the terminal: a figure that is cut off is worse than a line that wraps."""
    return Console(highlight=False, soft_wrap=True, markup=False, width=WIDTH)
