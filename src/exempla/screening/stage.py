"""The screen stage: one unit, which passes every record of the study through every gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import file_sha256, fingerprint, read_lines, write_atomically, write_lines
from exempla.progress import Reporter
from exempla.records import Record
from exempla.runfolder import RunFolder
from exempla.scenarios.opening import all_texts, in_short
from exempla.scenarios.scenario import read_scenario
from exempla.scenarios.settings import PERSONA
from exempla.screening.corpus import Corpus, in_chunks
from exempla.screening.crew import Crew
from exempla.screening.engine import Selection, parted, pass_gates
from exempla.screening.gate import Context
from exempla.screening.measures.whole import measure
from exempla.screening.page import About, render
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
            outputs=(folder.kept, folder.dropped, folder.screening),
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


def context(own: Sequence[Path] = ()) -> Context:
    """What the gates compare with: everything that is measured, and the stories that writers may be shown.

    Args:
        own: folders of a study's scenarios that do not ship.
    """
    scenarios = [*catalogue.scenarios(), *map(read_scenario, own)]
    return Context(
        items=tuple(item for instrument in INSTRUMENTS for item in catalogue.items(instrument)),
        families=catalogue.families(),
        scenarios={one.id: (in_short(one), all_texts(one)) for one in scenarios},
        asked=catalogue.questions_asked(),
        examples={
            record.id: record.text
            for corpus in ("stories", "neutral", "dystopian")  # those that recipes show when a text is continued
            for record in catalogue.corpus(corpus)
        },
        persona=PERSONA,
        reference=tuple(
            record.whole_text()
            for corpus in ("neutral", "documents", "advice", "replay")
            for record in catalogue.corpus(corpus)
        ),
    )


def _context(study: Study) -> Context:
    """With the study's own scenarios: no text may leak what it is measured with."""
    honeypots = study.measuring.honeypots
    return context(honeypots.own if honeypots else ())


HERE = Path(__file__).parent
_OWN = (".py", ".txt", ".json", ".jinja")
"""Endings of the files that decide what is dropped, and how the page looks."""


def _fingerprint(study: Study, folder: RunFolder) -> str:
    against = _context(study)
    return fingerprint(
        read_corpora(study, folder),
        # A gate's settings are constants in its file; files beside the gates hold what they share.
        {str(path.relative_to(HERE)): file_sha256(path) for path in sorted(HERE.rglob("*")) if path.suffix in _OWN},
        list(against.items),
        list(against.families),
        dict(against.scenarios),
        dict(against.asked),
        dict(against.examples),
        list(against.reference),
    )


def _screen(study: Study, folder: RunFolder, reporter: Reporter) -> None:
    records = read_corpora(study, folder)
    reporter.begin("screen corpora", total=len(records))
    with Crew(_context(study)) as crew:
        corpus = Corpus(in_chunks(records), crew)
        outcome = pass_gates(corpus, Selection(), reporter.advance)
        measures = measure(corpus, outcome)
    kept, dropped = parted(records, outcome)
    about = About(source=f"the corpora of study {study.name}")
    write_lines(folder.dropped, dropped)
    write_atomically(folder.screening, render(corpus, outcome, measures, about))
    write_lines(folder.kept, kept)
