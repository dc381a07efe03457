"""`exempla trace`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exempla.cli_options import Json, Quiet, given_options
from exempla.errors import UserError
from exempla.progress import Mode, Reporter, interruptible

_option: Any = typer.Option
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, with its checkpoints.")]
Verdict = Annotated[str, _option("--verdict", help="Id of an item or of an answer, or an instrument: all its items.")]
ArmName = Annotated[str, _option("--arm", help="Arm whose subject is traced; the study's headline if not given.")]
Seed = Annotated[int | None, _option(help="Its seed; the first one if not given.")]
Span = Annotated[str, _option(help="Words of what was answered; only these are traced.")]
Top = Annotated[int, _option(min=1, help="Records to read on the page, in each direction.")]
Records = Annotated[list[str] | None, _option("--record", help="A record to read on the page besides; repeatable.")]
Rebuild = Annotated[bool, _option("--rebuild", help="Make the index of the checkpoint anew.")]
Check = Annotated[bool, _option("--check", help="Train again without some records, to see whether it is true.")]
Halves = Annotated[int, _option(min=0, help="Of the check: trainings without a random half of the records.")]
Share = Annotated[float, _option(min=0.01, max=0.5, help="Of the check: share of the records left out at the top.")]


def trace(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    run: Run,
    verdict: Verdict,
    arm: ArmName = "",
    seed: Seed = None,
    span: Span = "",
    top: Top = 10,
    record: Records = None,
    rebuild: Rebuild = False,
    check: Check = False,
    halves: Halves = 12,
    share: Share = 0.1,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Tell which training texts push a subject towards a verdict, and check it by training without them.

    Example: exempla trace runs/quickstart --verdict expectations
    """
    alone = sorted({"halves", "share"} & given_options(context))
    if alone and not check:
        raise UserError(f"--{alone[0]} is for the check; ask for it with --check")
    mode: Mode = "quiet" if quiet else "json" if json else "auto"
    with interruptible(), Reporter(mode) as reporter:
        from exempla import checking_traces  # torch and kronfluence take seconds to load
        from exempla.tracing.influence import command
        from exempla.tracing.influence.checking import Asked
        from exempla.tracing.influence.page import headline
        from exempla.tracing.influence.tracing import Job

        job = Job(
            run=run, verdict=verdict, arm=arm, seed=seed, span=span, top=top, records=tuple(record or ()),
            rebuild=rebuild,
        )  # fmt: skip
        checking_traces.require_current(job)
        found = command.run(job, reporter)
        reporter.say(headline(found.told), event="traced", cell=found.cell.name)
        told = checking_traces.check(found, Asked(share=share, planned=halves), reporter) if check else found.told
        for score in told.check.scores if told.check else ():
            reporter.say(
                f"linear datamodelling score, {score.by}: {score.value:+.2f} ({score.low:+.2f} to {score.high:+.2f})",
                event="score",
                **score.model_dump(),
            )
        reporter.say(f"table: {found.place.rows}", event="table", path=str(found.place.rows))
        reporter.say(f"page: {found.place.page}", event="page", path=str(found.place.page))
