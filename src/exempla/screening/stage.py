"""The screen stage: one unit, which passes every record of the study through every gate."""

from __future__ import annotations

from pathlib import Path

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import file_sha256, fingerprint, read_lines, write_lines
from exempla.progress import Reporter
from exempla.records import Record
from exempla.runfolder import RunFolder
from exempla.screening.gates import Context, screen
from exempla.study import INSTRUMENTS, Study
from exempla.unit import Unit


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit: duplicates can only be seen when all corpora are screened together."""
    return [
        Unit(
            stage="screen",
            name="corpora",
            fingerprint=lambda: _fingerprint(study, folder),
            work=lambda reporter: _screen(study, folder, reporter),
            outputs=(folder.kept, folder.dropped),
        )
    ]


def read_corpora(study: Study, folder: RunFolder) -> list[Record]:
    """Every record of the corpora that an arm mixes, and everything the run wrote; those of the library come first."""
    used = {catalogue.require_corpus(name) for arm in study.arms for name in arm.mix}
    if catalogue.WRITTEN in used and study.writing is None:
        raise UserError(f"an arm mixes {catalogue.WRITTEN!r}, but the study writes nothing; give it writing=Writing()")
    names = [name for name in catalogue.CORPORA if name in used] + sorted(filter(catalogue.is_folder, used))
    records = [record for name in names for record in catalogue.corpus(name)]
    if study.writing is not None:
        if folder.done("write", study.writing.recipe) is None or not folder.written.exists():
            raise FileNotFoundError(2, "missing", str(folder.written))
        records += read_lines(folder.written, Record)
    _check_ids(records)
    return records


def _check_ids(records: list[Record]) -> None:
    seen: dict[str, str] = {}
    for record in records:
        if record.id in seen:
            raise UserError(f"two records have the id {record.id!r} (corpora {seen[record.id]} and {record.corpus})")
        seen[record.id] = record.corpus


def context() -> Context:
    """What the gates compare with: everything that is measured, and the stories that writers may be shown."""
    return Context(
        items=tuple(item for instrument in INSTRUMENTS for item in catalogue.items(instrument)),
        families=catalogue.families(),
        examples={
            record.id: record.text
            for corpus in ("stories", "neutral", "dystopian")  # those that recipes show when a text is continued
            for record in catalogue.corpus(corpus)
        },
    )


def _fingerprint(study: Study, folder: RunFolder) -> str:
    against = context()
    return fingerprint(
        read_corpora(study, folder),
        # A gate's settings are constants in its file; files beside the gates hold what they share.
        {path.name: file_sha256(path) for path in sorted(Path(__file__).parent.glob("*.py"))},
        list(against.items),
        list(against.families),
        dict(against.examples),
    )


def _screen(study: Study, folder: RunFolder, reporter: Reporter) -> None:
    records = read_corpora(study, folder)
    reporter.begin("screen corpora", total=len(records))
    kept, dropped = screen(records, context())
    write_lines(folder.dropped, dropped)
    write_lines(folder.kept, kept)
    reporter.advance(len(records), f"{len(kept)} kept")
