"""What `exempla write` says before and after, and the forecast of a dry run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from exempla.authoring import plan_ahead, write_corpus
from exempla.errors import UserError
from exempla.progress import Mode, Reporter, interruptible
from exempla.study import first_problem
from exempla.writing.estimate import Estimate, Range
from exempla.writing.finishing import Result
from exempla.writing.order import Commission, Order
from exempla.writing.tally import counted

STOPPED_EARLY = 3
"""Exit code when the corpus is not complete: a limit is reached, or the server failed."""
INTERRUPTED = 130
console = Console(highlight=False, soft_wrap=True)


def carry_out(options: dict[str, Any]) -> int:
    """Carry out what the options of `exempla write` ask for, or tell what it would take; gives the exit code.

    Raises:
        UserError: something in them is wrong.
    """
    order = _order(options)
    folder = Path(options["out"] or Path("corpora") / order.recipe)
    if options["dry_run"]:
        _print_ahead(*plan_ahead(order, folder))
        return 0
    mode: Mode = "quiet" if options["quiet"] else "json" if options["json"] else "auto"
    with interruptible(), Reporter(mode) as reporter:
        result = write_corpus(order, folder, reporter, options["screen"])
        _say(result, folder, reporter)
    if not result.stopped:
        return 0
    return INTERRUPTED if result.stopped == "interrupted" else STOPPED_EARLY


def _order(options: dict[str, Any]) -> Order:
    limits = {"budget": "budget", "tokens": "max_tokens_total", "requests": "max_requests"}
    wanted = {name: options[name] for name in Order.model_fields if name in options}
    wanted |= {
        "in_flight": options["connections"],
        "limits": {name: options[option] for name, option in limits.items()},
        "steps": tuple(step.strip() for step in options["steps"].split(",") if step.strip()),
    }
    try:
        return Order.model_validate(wanted)
    except ValidationError as error:
        raise UserError(first_problem(error)) from error


def _say(result: Result, folder: Path, reporter: Reporter) -> None:
    dropped = sum(result.dropped.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in result.dropped.items())
    reporter.say(
        f"kept {result.kept}, dropped {dropped}" + (f" ({reasons})" if reasons else ""),
        event="done",
        **result.model_dump(),
    )
    if result.stopped:
        reporter.say(
            f"not complete: {result.stopped}; run the same command again to go on, with a higher limit if need be"
        )
    reporter.say(f"card: {folder / 'README.md'}", event="card", path=str(folder / "README.md"))


def _print_ahead(commission: Commission, ahead: Estimate, finished: int) -> None:
    console.print(
        f"{commission.planned} {commission.recipe.name} by {commission.writer.model}"
        + (f", of which {finished} are finished" if finished else ""),
        markup=False,
    )
    table = Table("step", "requests", "tokens read", "tokens written", box=None, pad_edge=False)
    for step in ahead.steps:
        table.add_row(step.step, counted(step.requests), counted(step.tokens_in), counted(step.tokens_out))
    console.print(table)
    rows = [
        ("requests", _range(ahead.requests)),
        ("tokens read", _range(ahead.tokens_in)),
        ("tokens written", _range(ahead.tokens_out)),
        ("cost", _cost(commission, ahead)),
        ("time", _time(commission, ahead)),
    ]
    for name, value in rows:
        console.print(f"{name}: {value}", markup=False)
    basis = f"measured on {ahead.measured} finished texts" if ahead.measured else "a guess from the prompts and lengths"
    console.print(f"For the whole corpus, {basis}. Nothing was sent.", markup=False)


def _cost(commission: Commission, ahead: Estimate) -> str:
    prices = commission.prices
    if commission.writer.local and commission.judge.local:
        return "nothing: the model runs here"
    if ahead.cost is None:
        return "unknown: no price for this model; give one with --prices FILE"
    return f"{ahead.cost.low:.2f} to {ahead.cost.high:.2f} {prices.currency} (prices of {prices.date or 'your table'})"


def _time(commission: Commission, ahead: Estimate) -> str:
    connection = commission.writer
    if connection.batch:
        return "up to a day for each step of the recipe (batch mode)"
    if ahead.hours is None:
        return "unknown until some texts are written here; then this line is measured"
    return f"{_hours(ahead.hours.low)} to {_hours(ahead.hours.high)} with {connection.in_flight} requests in flight"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min" if hours >= 1 / 60 else f"{hours * 3600:.0f} s"


def _range(span: Range) -> str:
    low, high = counted(span.low), counted(span.high)
    return low if low == high else f"{low} to {high}"
