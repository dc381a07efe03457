"""The report stage: answers become estimates.json and report.html."""

from __future__ import annotations

from pathlib import Path

from exempla import catalogue
from exempla.files import file_sha256, fingerprint, write_atomically
from exempla.instruments import asked
from exempla.progress import Reporter
from exempla.reporting import behaviour, capability
from exempla.runfolder import RunFolder
from exempla.study import Study
from exempla.unit import Unit


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit: the whole report."""

    def inputs() -> str:
        sources = [folder.answers(cell) for cell in study.cells() if study.measuring.instruments]
        sources += behaviour.sources(study, folder) + capability.sources(study, folder)
        sources += [path for cell in study.cells() if cell.arm.mix for path in (folder.mix(cell), folder.curve(cell))]
        sources += [folder.kept, folder.dropped]
        files = {str(path.relative_to(folder.root)): file_sha256(path) for path in sources}
        items = [item for cell in study.cells() for item in asked(study, cell)]
        return fingerprint(study, files, items, list(catalogue.families()), own_files())

    return [
        Unit(
            stage="report",
            name="page",
            fingerprint=inputs,
            work=lambda reporter: _report(study, folder, reporter),
            outputs=(folder.estimates, folder.report),
        )
    ]


def own_files() -> dict[str, str]:
    """SHA-256 of the statistics, charts and templates: a report is made again when they change."""
    here = Path(__file__).parent
    files = [
        path
        for folder in (here, here.parent / "pages")
        for path in folder.rglob("*")
        if path.suffix in (".py", ".jinja", ".css", ".js")
    ]
    files.append(here.parent / "instruments.py")
    return {str(path.relative_to(here.parent)): file_sha256(path) for path in sorted(files)}


def _report(study: Study, folder: RunFolder, reporter: Reporter) -> None:
    # Charts and statistics are loaded only when there is something to report.
    from exempla.reporting.acts import acts
    from exempla.reporting.estimates import estimate
    from exempla.reporting.headline import with_acts
    from exempla.reporting.outcomes import read_table
    from exempla.reporting.page import render

    reporter.begin("report", total=3)
    table = read_table(study, folder)
    reporter.advance(1, "answers read")
    estimates = estimate(study, table, capability.read_capability(study, folder))
    if (done := behaviour.read_behaviour(study, folder)) is not None:
        estimates = with_acts(study, estimates, acts(done), behaviour.read_agreement(folder))
    write_atomically(folder.estimates, estimates.model_dump_json(indent=2) + "\n")
    reporter.advance(1, "estimates made")
    write_atomically(folder.report, render(study, folder, table, estimates))
    reporter.advance(1, "page written")
    if estimates.headline:
        reporter.say(estimates.headline.sentence, event="headline")
