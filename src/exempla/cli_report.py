"""`exempla report` and `exempla cards`: a run told as a page, as Markdown, and as cards for hubs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from exempla.cli_options import Json, Quiet
from exempla.errors import UserError
from exempla.files import disk_errors, file_sha256, write_atomically
from exempla.progress import Reporter, interruptible

if TYPE_CHECKING:
    from exempla.reporting.cards.told import Results
    from exempla.runfolder import RunFolder
    from exempla.study import Study

_option: Any = typer.Option
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Form = Annotated[Literal["html", "md"], _option("--format", help="A page, or Markdown for a repository.")]
File = Annotated[Path | None, _option("--out", help="File; report.html or report.md of the run if not given.")]
Folder = Annotated[Path | None, _option("--out", help="Folder for the cards; cards/ of the run if not given.")]
License = Annotated[str, _option(help="Of the texts, as hubs name it, for instance cc-by-4.0.")]
ModelLicense = Annotated[str, _option(help="Of the models, as hubs name it.")]
Dataset = Annotated[str, _option(help="Hub name (owner/name) that the texts will have, for the model cards.")]


def report(run_folder: Run, form: Form = "html", out: File = None, quiet: Quiet = False, json: Json = False) -> None:
    """Make the report of a run again from its answers, as a page or as Markdown."""
    from exempla.pipeline import run_study
    from exempla.runfolder import existing_run, read_study

    folder = existing_run(run_folder)
    study = read_study(folder)
    if out is not None and out.is_dir():
        raise UserError(f"{out}: is a folder; give the name of a file with --out")
    path = out or (folder.report if form == "html" else folder.root / "report.md")
    own = path.resolve() == folder.report.resolve()
    if own and form == "md":
        raise UserError(f"{path}: is the run's page; give another file with --out")
    with interruptible(), Reporter("quiet" if quiet else "json" if json else "auto") as reporter:
        run_study(study, folder, reporter, ["report"])
        if own:
            return
        with disk_errors(path):
            write_atomically(path, folder.report.read_bytes() if form == "html" else _as_markdown(study, folder))
        reporter.say(f"report: {path}", event="report", path=str(path))


def cards(  # noqa: PLR0913 - one parameter an option
    run_folder: Run,
    out: Folder = None,
    license: License = "",
    model_license: ModelLicense = "",
    dataset: Dataset = "",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Make a dataset card with the kept texts, and a card for each trained model.

    Nothing is uploaded. Example: exempla cards runs/mine --dataset me/stories
    """
    from exempla.pages.wording import counted
    from exempla.reporting.cards import write_cards  # charts and tables take a second to load
    from exempla.reporting.cards.told import Wishes
    from exempla.runfolder import existing_run, hold, open_folder, read_study

    folder = existing_run(run_folder)
    study = read_study(folder)
    root = open_folder(out or folder.root / "cards")
    with interruptible(), Reporter("quiet" if quiet else "json" if json else "auto") as reporter:
        results = _results(study, folder, reporter)
        with disk_errors(root), hold(root):
            wishes = Wishes(license, model_license, dataset)
            paths = write_cards(study, folder, root, results, _principles(study, folder), wishes)
        models = counted(len(paths) - 1, "card of a model", "cards of models")
        reporter.say(f"cards: {paths[0]}, and {models} in {root / 'model'}", event="cards", path=str(root))


def _as_markdown(study: Study, folder: RunFolder) -> str:
    from exempla.reporting.estimates import Estimates
    from exempla.reporting.markdown import render
    from exempla.reporting.outcomes import read_table

    estimates = Estimates.model_validate_json(folder.estimates.read_text(encoding="utf-8"))
    return render(study, folder, read_table(study, folder), estimates)


def _results(study: Study, folder: RunFolder, reporter: Reporter) -> Results | None:
    """What was measured, with the report brought up to date; None, and a line that says why, if that is not all."""
    from exempla.pipeline import run_study
    from exempla.reporting.cards.told import Results
    from exempla.reporting.estimates import Estimates
    from exempla.reporting.outcomes import read_table

    with folder.lock():
        pass  # of a run that is under way nothing is told by halves: this raises if another process holds it
    try:
        table = read_table(study, folder)
        run_study(study, folder, reporter, ["report"])
    except UserError as error:
        reporter.say(f"note: the cards will have no results ({error})", event="unmeasured")
        return None
    return Results(table, Estimates.model_validate_json(folder.estimates.read_text(encoding="utf-8")))


def _principles(study: Study, folder: RunFolder) -> dict[str, str]:
    """Title by id of the study's constitution; empty if it is gone, or is not the one that the run was made with."""
    from exempla import catalogue
    from exempla.reporting.markdown.provenance import origin
    from exempla.writing.constitution import NeedsSplit
    from exempla.writing.splitting import read_whole_or_split

    made = origin(folder)
    try:
        path = catalogue.constitution_path(study.constitution)
        if made is None or file_sha256(path) != made.hashes.get("constitution"):
            return {}
        found = read_whole_or_split(path)
    except UserError:
        return {}
    return {} if isinstance(found, NeedsSplit) else {principle.id: principle.title for principle in found}
