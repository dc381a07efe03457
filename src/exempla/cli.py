"""The command line: thin, with manners. Errors are one line and exit code 2.

What a command needs is imported by the command: all of it takes two seconds to load, and `exempla view` shows a page
in less.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exempla import (
    __version__,
    cli_check,
    cli_judge,
    cli_measure,
    cli_portray,
    cli_report,
    cli_screen,
    cli_trace,
    cli_view,
    cli_write,
)
from exempla.cli_options import Json, Quiet
from exempla.errors import UserError
from exempla.files import disk_errors
from exempla.progress import Mode, Reporter, interruptible

if TYPE_CHECKING:
    from exempla.study import Study

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Write stories of AI systems that act well, train on them beside fair controls, measure what changed.",
)
console = Console(highlight=False, soft_wrap=True)
PIPED = 1000
"""Columns of a table that no terminal shows: none is folded."""

Out = Annotated[Path | None, typer.Option("--out", help="Run folder; runs/NAME if not given.")]
Seeds = Annotated[str | None, typer.Option(help="Seeds instead of the study's, for instance 1,2,3.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many items of each family and kind.")]
From = Annotated[str | None, typer.Option("--from", help="Begin with this stage; earlier ones are left as they are.")]
Only = Annotated[str | None, typer.Option(help="Run this stage alone.")]
Model = Annotated[str | None, typer.Option(help="Subject instead of the study's: embedded, a folder, or a hub name.")]
JudgedBy = Annotated[
    str | None, typer.Option("--judge", help="Who reads what agents did, instead of the study's: rules, or a model.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run and what is up to date; run nothing.")]


@app.command()
def run(  # noqa: PLR0913 - one parameter an option
    study: Annotated[str, typer.Argument(help="A study file, or the name of one that ships (exempla list studies).")],
    out: Out = None,
    seeds: Seeds = None,
    limit: Limit = None,
    from_stage: From = None,
    only: Only = None,
    model: Model = None,
    judge: JudgedBy = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run a study: write, screen, train, measure, judge, report.

    What is up to date is skipped; what was interrupted goes on. Example: exempla run quickstart
    """
    from exempla.pipeline import run_study
    from exempla.runfolder import open_run

    chosen = _changed(find_study(study), seeds, limit, model, judge)
    stages = _stages(from_stage, only)
    root = out or Path("runs") / chosen.name
    if dry_run:
        _print_forecast(chosen, root, stages)
        return
    folder = open_run(root)
    mode: Mode = "quiet" if quiet else "json" if json else "auto"
    with interruptible(), Reporter(mode) as reporter:
        run_study(chosen, folder, reporter, stages)


app.command()(cli_write.write)
app.command()(cli_screen.screen)
app.command()(cli_measure.measure)
app.command()(cli_portray.portray)
app.command()(cli_trace.trace)
app.command()(cli_report.report)
app.command()(cli_report.cards)
app.command()(cli_view.view)
app.add_typer(cli_check.app, name="check")
app.add_typer(cli_judge.app, name="judge")


@app.command("list")
def list_things(
    what: Annotated[
        Literal["studies", "corpora", "arms", "recipes", "gates", "instruments", "scenarios", "tasks"],
        typer.Argument(help="What to list."),
    ],
) -> None:
    """List what ships: studies, corpora, arms, recipes, gates, instruments, scenarios or tasks of measuring."""
    from exempla import show

    table = Table(box=None, pad_edge=False)
    for row_number, row in enumerate(show.listing(what)):
        if row_number == 0:
            for place, column in enumerate(row):
                table.add_column(column, overflow="fold", no_wrap=place == 0)  # an id in two lines cannot be copied
        else:
            table.add_row(*[escape(value) for value in row])
    # Through a pipe, a row is a line.
    (console if console.is_terminal else Console(width=PIPED, highlight=False)).print(table)


@app.command("show")
def show_one(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a record, plan, item, question, scenario, family, task or study.")
    ],
    folder: Annotated[
        Path | None, typer.Option("--run", help="Run or corpus folder to look in; runs/* and corpora/* if not given.")
    ] = None,
) -> None:
    """Show a record, a plan, an item, a family or a study, with where it comes from and what became of it."""
    from exempla import show

    console.print(show.describe(name, folder), markup=False)


@app.command("doctor")
def check_machine() -> None:
    """Check versions, threads, accelerators, the cache and the embedded model. Exit code 1 if something is wrong."""
    from exempla import doctor

    findings = doctor.examine()
    for finding in findings:
        console.print(f"{'ok  ' if finding.good else 'BAD '} {finding.name}: {finding.text}", markup=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def find_study(name: str) -> Study:
    """A study by path or by the name of one that ships."""
    from exempla import catalogue
    from exempla.study import load_study

    if name.endswith(".py") or "/" in name:
        return load_study(Path(name))
    return load_study(catalogue.studies()[catalogue.require("study", name, catalogue.studies())])


def _changed(study: Study, seeds: str | None, limit: int | None, model: str | None, judge: str | None) -> Study:
    """The study with what the command line changes, validated again."""
    from exempla.study import Study, first_problem

    changes = study.model_dump()
    if seeds is not None:
        try:
            changes["seeds"] = tuple(int(seed) for seed in seeds.split(",") if seed.strip())
        except ValueError as error:
            raise UserError(f"--seeds {seeds!r}: whole numbers with commas between them, for instance 1,2,3") from error
    if limit is not None:
        changes["measuring"]["limits"] = dict.fromkeys(study.measuring.instruments, limit)
    if model is not None:
        changes["subject"] = model
    if judge is not None:
        if study.measuring.honeypots is None:
            raise UserError(f"--judge has no effect: study {study.name} measures no honeypots; leave it out")
        changes["judging"]["judge"] = judge
    try:
        return Study.model_validate(changes)
    except ValidationError as error:
        raise UserError(first_problem(error)) from error


def _stages(from_stage: str | None, only: str | None) -> list[str]:
    from exempla import catalogue
    from exempla.pipeline import STAGES

    names = list(STAGES)
    if from_stage and only:
        raise UserError("--from and --only exclude each other; give one of them")
    if only:
        return [catalogue.require("stage", only, names)]
    return names[names.index(catalogue.require("stage", from_stage, names)) :] if from_stage else names


def _print_forecast(study: Study, root: Path, stages: Sequence[str]) -> None:
    from exempla.forecast import forecast, power_ahead
    from exempla.runfolder import RunFolder

    table = Table("stage", "unit", "state", "last time", box=None, pad_edge=False)
    for unit, state, seconds in forecast(study, RunFolder(root), stages):
        table.add_row(unit.stage, escape(unit.name), state, "" if seconds is None else f"{seconds:.0f} s")
    console.print(table)
    if said := power_ahead(study):
        console.print(f"\n{said}", markup=False)


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"exempla {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options for all commands."""


def main() -> None:
    """Carry out a command line; what is wrong with it is told in one line."""
    try:
        with disk_errors(Path.cwd()):
            app()
    except UserError as error:
        sys.stderr.write(f"exempla: {error}\n")
        sys.exit(2)
