"""`exempla portray`: its options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exempla.cli_options import BaseUrl, Json, Quiet, given_options
from exempla.errors import UserError
from exempla.progress import Mode, Reporter, interruptible

if TYPE_CHECKING:
    from exempla.tracing.portrayal.by_model import Judged
    from exempla.tracing.portrayal.portraying import Job, Result

_option: Any = typer.Option
Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE...", help="A .jsonl, .parquet, .arrow or .txt file, a folder, a shipped corpus."),
]
Out = Annotated[Path | None, _option(help="Folder for the result; portrayed/NAME if not given.")]
TextColumn = Annotated[str, _option(help="Column of the text; found if not given (text, content, messages ...).")]
IdColumn = Annotated[str, _option(help="Column of the id; found if not given, or the row's number.")]
Sample = Annotated[int, _option(min=0, help="Documents to draw; all if 0.")]
Every = Annotated[bool, _option("--every-passage", help="Read every passage, not only near words such as robot.")]
Split = Annotated[bool, _option("--split", help="Write the corpus less its hostile texts, and the benevolent ones.")]
Model = Annotated[str, _option(help="Judge: provider/model as Inspect names it; reads passages as well.")]
Passages = Annotated[int, _option(min=1, help="Passages that the model reads, at most.")]
Connections = Annotated[int, _option(min=1, help="Requests in flight.")]


def portray(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    sources: Sources,
    out: Out = None,
    text_column: TextColumn = "",
    id_column: IdColumn = "",
    sample: Sample = 0,
    every_passage: Every = False,
    split: Split = False,
    model: Model = "",
    base_url: BaseUrl = "",
    passages: Passages = 200,
    connections: Connections = 32,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Tell how a corpus portrays AI: passages, labels, lists to filter or upsample by, and a page.

    Example: exempla portray mine.jsonl --split
    """
    alone = sorted({"base_url", "passages", "connections"} & given_options(context))
    if alone and not model:
        raise UserError(f"--{alone[0].replace('_', '-')} is for a judge; name it with --model")
    mode: Mode = "quiet" if quiet else "json" if json else "auto"
    with interruptible(), Reporter(mode) as reporter:
        from exempla.tracing.portrayal.portraying import portray as portray_corpus  # loads Inspect

        job = _job(context.params)
        _say(portray_corpus(job, reporter), job, reporter)


def _job(options: Mapping[str, Any]) -> Job:
    from pydantic import ValidationError

    from exempla.models.identity import full_name
    from exempla.study import first_problem
    from exempla.tracing.portrayal.portraying import Job

    wanted = {name: options[name] for name in ("sources", "text_column", "id_column", "sample", "split")}
    wanted |= {"every": options["every_passage"], "judge_most": options["passages"]}
    wanted["out"] = options["out"] or Path("portrayed") / "+".join(map(_name, options["sources"]))
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


def _name(source: str) -> str:
    """Of the folder for the result: that of the file up to its first dot, or of the folder."""
    return Path(source).expanduser().resolve().name.lstrip(".").split(".")[0] or "corpus"


def _say(result: Result, job: Job, reporter: Reporter) -> None:
    from exempla.tracing.portrayal.folder import PortrayedFolder

    folder = PortrayedFolder(job.out)
    reporter.say(
        f"{result.about_ai} of {result.documents} documents are about AI: {result.hostile} hostile, "
        f"{result.benevolent} benevolent, {result.about_ai - result.hostile - result.benevolent} neutral "
        f"({result.seconds:.0f} s)",
        event="done",
        **result.model_dump(),
    )
    if result.problems:
        reporter.say("could not be read: " + ", ".join(f"{kind} {count}" for kind, count in result.problems.items()))
    if result.judged is not None:
        _say_judged(result.judged, reporter)
    reporter.say(f"labels: {folder.labels}", event="labels", path=str(folder.labels))
    reporter.say(f"page: {folder.page}", event="page", path=str(folder.page))
    if job.split:
        reporter.say(
            "to train without hostile texts, and on the benevolent ones once more: "
            f'mix={{"{folder.without_hostile}": 1, "{folder.benevolent}": 1}}'
        )
    elif result.hostile or result.benevolent:
        reporter.say(
            f"ids to filter or upsample by: {folder.ids('hostile')}, {folder.ids('benevolent')} (or use --split)"
        )


def _say_judged(judged: Judged, reporter: Reporter) -> None:
    states = ", ".join(f"{count} {state}" for state, count in judged.states.items()) or "no passages"
    told = [one for one in judged.agreements if one.kappa is not None and not one.question.startswith("trope")]
    alike = ", ".join(f"{one.question} alike {one.alike:.0%}, kappa {one.kappa:.2f}" for one in told)
    reporter.say(f"{judged.model}: {states}" + (f"; {alike}" if alike else ""), event="judged")
