"""`exempla screen`: its options."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from exempla.cli_options import BaseUrl, Json, Quiet, given_options
from exempla.errors import UserError
from exempla.progress import Mode, Reporter, interruptible

if TYPE_CHECKING:
    from exempla.screening.command import Result
    from exempla.screening.job import Job

MUCH = 0.2
"""Share of a corpus that a gate drops, from which another way is shown."""

PIPED = 200
"""Columns of a table that no terminal shows."""

_option: Any = typer.Option
Source = Annotated[str, typer.Argument(help="A .jsonl, .parquet or .arrow file, a folder, a shipped corpus, or a RUN.")]
Out = Annotated[Path | None, _option(help="Folder for the result; screened/NAME if not given.")]
TextColumn = Annotated[str, _option(help="Column of the text; found if not given (text, content, messages ...).")]
IdColumn = Annotated[str, _option(help="Column of the id; found if not given, or the row's number.")]
ScoreColumn = Annotated[str, _option(help="Column of a score: of two alike records the better one is kept.")]
Against = Annotated[
    list[str],
    _option(help="More items to stay away from: a file, a folder, or PACKAGE/TASK of Inspect."),
]
Only = Annotated[str, _option(help="Pass only these gates, with commas between (exempla list gates).")]
Skip = Annotated[str, _option(help="Leave these gates out.")]
Mark = Annotated[str, _option(help="These gates only mark what they would drop.")]
Drop = Annotated[str, _option(help="These gates drop what they would only mark.")]
Language = Annotated[str, _option(help="ISO code that texts must be in. Empty: any.")]
Persona = Annotated[str, _option(help="Name of the trained persona, which texts may give it.")]
Maker = Annotated[str, _option(help="Name of who makes the persona.")]
Model = Annotated[str, _option(help="Judge: provider/model as Inspect names it; for gates that a model can judge.")]
Connections = Annotated[int, _option(min=1, help="Requests in flight.")]
ScanPatterns = Annotated[bool, _option("--scan-patterns", help="Look for recurring patterns as well.")]
Embedding = Annotated[str, _option(help="Folder or name of a model for passages; static vectors if not given.")]
Processes = Annotated[int | None, _option(min=1, help="Processes that read; one a core if not given.")]
Planted = Annotated[bool, _option("--planted", help="Tell what the gates find of the planted sets; screen nothing.")]


def screen(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    source: Source = "",
    out: Out = None,
    text_column: TextColumn = "",
    id_column: IdColumn = "",
    score_column: ScoreColumn = "",
    against: Against = [],  # noqa: B006 - typer wants a list, and copies it
    only: Only = "",
    skip: Skip = "",
    mark: Mark = "",
    drop: Drop = "",
    language: Language = "en",
    persona: Persona = "",
    maker: Maker = "",
    model: Model = "",
    base_url: BaseUrl = "",
    connections: Connections = 32,
    scan_patterns: ScanPatterns = False,
    embedding: Embedding = "",
    processes: Processes = None,
    planted: Planted = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Screen a corpus: keep or drop each record, with a reason, and make a page to read before training on it.

    The result is a folder with records.parquet, dropped.parquet, screening.html and screening.json. Example:
    exempla screen mine.jsonl --text-column story --against exam.jsonl
    """
    if not source and not planted:
        raise UserError("what is to be screened? give a file, a folder, a corpus that ships, or a run")
    if (base_url or "connections" in given_options(context)) and not model:
        raise UserError("--base-url and --connections are for a judge; name it with --model")
    mode: Mode = "quiet" if quiet else "json" if json else "auto"
    with interruptible(), Reporter(mode) as reporter:
        if planted:
            _refuse_more(context, "--planted", {"planted"})
            print_planted()
            return
        if _screened_run(context, Path(source), reporter):
            return
        from exempla.screening.command import screen_corpus

        job = job_of(context.params)
        with _stopping(job):
            result = screen_corpus(job, reporter)
        _say(result, job, reporter)


def _screened_run(context: typer.Context, source: Path, reporter: Reporter) -> bool:
    """Screen the texts of a run, if it is one."""
    from exempla.pipeline import run_study
    from exempla.runfolder import RunFolder, existing_run, read_study

    if not RunFolder(source).study_file.exists():
        return False
    _refuse_more(context, "a run", {"source", "quiet", "json"})
    folder = existing_run(source)
    run_study(read_study(folder), folder, reporter, ["screen"])
    return True


@contextlib.contextmanager
def _stopping(job: Job) -> Iterator[None]:
    """Answer Ctrl-C in one line that says what is left of the work."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "the verdicts that came in are kept, and nothing else" if job.judge else "nothing was kept of it"
        sys.stderr.write(f"exempla: stopped; {kept}; run the same command again\n")
        sys.exit(130)


def _refuse_more(context: typer.Context, what: str, allowed: set[str]) -> None:
    more = sorted(given_options(context) - allowed)
    if more:
        option = f"--{more[0].replace('_', '-')}" if more[0] != "source" else "SOURCE"
        raise UserError(f"{option} has no effect with {what}; leave it out")


def job_of(options: Mapping[str, Any]) -> Job:
    """The job that the options ask for.

    Raises:
        UserError: something in them is wrong.
    """
    from pydantic import ValidationError

    from exempla.models.identity import full_name
    from exempla.screening.job import Job
    from exempla.study import first_problem

    wanted = {name: options[name] for name in Job.model_fields if name in options}
    wanted |= {name: _listed(options[name]) for name in ("only", "skip", "mark", "drop")}
    wanted["columns"] = {name: options[f"{name}_column"] for name in ("text", "id", "score")}
    wanted["out"] = options["out"] or Path("screened") / _name(options["source"])
    wanted["judge"] = None
    if options["model"]:
        wanted["judge"] = {
            "model": full_name(options["model"]),
            "base_url": options["base_url"],
            "in_flight": options["connections"],
        }
    try:
        return Job.model_validate(wanted)
    except ValidationError as error:
        raise UserError(first_problem(error)) from error


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _name(source: str) -> str:
    """Of the folder for the result: that of the file without its endings, or of the folder."""
    from exempla.screening.intake.sources import COLUMNAR, LINES, PACKED

    name = Path(source).expanduser().resolve().name if "/" in source or "." in source else source
    for ending in (*PACKED, *LINES, *COLUMNAR):
        name = name.removesuffix(ending)
    return name.lstrip(".") or "corpus"


def _say(result: Result, job: Job, reporter: Reporter) -> None:
    from exempla.screening.results import ScreenedFolder

    dropped = sum(result.dropped.values())
    reasons = ", ".join(f"{gate} {count}" for gate, count in result.dropped.items())
    reporter.say(
        f"kept {result.kept} of {result.records}, dropped {dropped}" + (f" ({reasons})" if reasons else ""),
        event="done",
        **result.model_dump(),
    )
    if result.marked:
        marked = ", ".join(f"{gate} {count}" for gate, count in result.marked.items())
        reporter.say(f"marked and kept, or dropped by another gate: {marked}")
    for gate, count in result.dropped.items():
        if count > MUCH * result.records:
            reporter.say(
                f"{gate} dropped {count / result.records:.0%}: to keep them marked instead, --mark {gate}",
                event="much",
                gate=gate,
                share=round(count / result.records, 4),
            )
    folder = ScreenedFolder(job.out)
    reporter.say(f"records: {folder.records}", event="records", path=str(folder.records))
    reporter.say(f"page: {folder.page}", event="page", path=str(folder.page))


def print_planted() -> None:
    """What the gates find of the planted sets, as a table."""
    from exempla.screening.crew import Crew
    from exempla.screening.planted import figures
    from exempla.screening.stage import context as context_of_library

    table = Table("planted set", "objected to", "of", "share", box=None, pad_edge=False)
    for row in figures(Crew(context_of_library())):
        table.add_row(row.name, str(row.found), str(row.of), f"{row.recall:.0%}")
    # No line of it is folded where no terminal shows it.
    Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED).print(table)
