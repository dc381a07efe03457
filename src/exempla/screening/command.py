"""`exempla screen`: any corpus in, kept and dropped records out, and a page to read before training on it."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import disk_errors, write_atomically, write_lines
from exempla.manifest import provenance
from exempla.models.request import Connection, without_secrets
from exempla.pages.wording import counted
from exempla.progress import Reporter
from exempla.records import Frozen
from exempla.runfolder import hold, open_folder
from exempla.screening.corpus import Corpus, MemoryChunk
from exempla.screening.crew import Crew, Task, processes_for
from exempla.screening.engine import Outcome, pass_gates
from exempla.screening.gate import Gate
from exempla.screening.intake.rows import Intake, Taken
from exempla.screening.intake.shelf import DiskChunk, fill
from exempla.screening.intake.sources import Row, files_of, left_aside, rows_of
from exempla.screening.job import Job, context_of, selection_of
from exempla.screening.measures.counting import GateCount
from exempla.screening.measures.whole import Measures, measure
from exempla.screening.page import About, GateRow, render
from exempla.screening.planted import leaks_as_task
from exempla.screening.results import ScreenedFolder, write_results
from exempla.screening.scan.findings import Finding

ALIKE = {"out", "processes"}
"""Settings that change nothing in a result."""


@dataclass
class Asked:
    """What a model was asked, and what came of it."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By gate: records that are scored, unparsable and failed."""
    problems: dict[str, int] = field(default_factory=dict)
    """Why records failed, as `http 503`, and how many."""
    findings: tuple[Finding, ...] | None = None
    """Patterns that recur; None if none were looked for."""
    scan: dict[str, Any] = field(default_factory=dict)
    """The account of the pattern scan."""


class Result(Frozen):
    """What came of it."""

    rows: int
    records: int
    kept: int
    dropped: dict[str, int]
    """Gate to number of records."""
    marked: dict[str, int]
    skipped: dict[str, int]
    """Problem to number of rows."""


def screen_corpus(job: Job, reporter: Reporter) -> Result:
    """Screen a corpus into a folder. What is there stays as it is until all of the new result is written.

    Raises:
        UserError: something in the job is wrong, or the corpus holds no record.
    """
    selection = selection_of(job)
    known = context_of(job, selection)
    files = _files(job)
    with disk_errors(job.out), _opened(job.out):
        folder = ScreenedFolder(job.out)
        if folder.records.exists() and not folder.figures.exists():
            raise UserError(f"{job.out}: holds a corpus that no screening made; choose another folder with --out")
        with hold(job.out):
            shutil.rmtree(folder.work, ignore_errors=True)  # of a killed run
            made = ScreenedFolder(folder.work / "made")
            made.root.mkdir(parents=True)
            try:
                intake = Intake(corpus=Path(job.source).name, columns=job.columns)
                chunks = _taken_in(job, files, intake, folder, reporter)
                with Crew(known, processes_for(sum(map(len, chunks)), job.processes)) as crew:
                    corpus = Corpus(chunks, crew)
                    reporter.begin("gates", total=len(corpus))
                    outcome = pass_gates(corpus, selection, reporter.advance)
                    reporter.end()
                    asked = _asked(job, corpus, outcome, folder, reporter)
                    reporter.say("measuring what was kept", event="measuring")
                    planted = crew.begin(Task(leaks_as_task, "", MemoryChunk(()), None))
                    measures = measure(corpus, outcome)
                    write_results(made, chunks, outcome)
                    write_lines(made.skipped, intake.skipped)
                    about = _about(job, intake, asked, outcome, measures)
                    about = about.model_copy(update={"planted": planted()})
                write_atomically(made.page, render(corpus, outcome, measures, about))
                result = _result(corpus, outcome, intake)
                write_atomically(made.figures, _figures(result, measures, about))
                _say_replaced(folder, about, reporter)
                made.move_to(folder)
                return result
            finally:
                reporter.end()
                shutil.rmtree(folder.work, ignore_errors=True)


def _files(job: Job) -> tuple[Path, ...]:
    """The files of the source; none if it is a corpus that ships."""
    files = () if job.source in catalogue.CORPORA else tuple(files_of(Path(job.source).expanduser()))
    # What an earlier screening left in a folder below its source is no part of the source.
    outside = tuple(file for file in files if job.out.resolve() not in (file.resolve(), *file.resolve().parents))
    if files and not outside:
        raise UserError(f"{job.out}: holds the corpus that is to be screened; choose another folder with --out")
    return outside


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[None]:
    """A folder for the result; what of it was made is gone again if nothing comes of it."""
    new = [folder for folder in (root, *root.parents) if not folder.exists()]
    lock = root / "lock"
    locked = lock.exists()
    open_folder(root)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # verdicts that came in stay
            if not locked:
                lock.unlink(missing_ok=True)
            for folder in new:
                folder.rmdir()
        raise


def _say_replaced(folder: ScreenedFolder, about: About, reporter: Reporter) -> None:
    """Tell that a result with other settings goes."""
    if not folder.figures.exists():
        return
    before, now = folder.settings(), about.settings
    other = sorted(name for name in (before.keys() | now.keys()) - ALIKE if before.get(name) != now.get(name))
    if other:
        reporter.say(
            f"note: replaces the result in {folder.root}, which was made with other settings ({', '.join(other)})",
            event="replaced",
            settings=other,
        )


def _taken_in(
    job: Job, files: tuple[Path, ...], intake: Intake, folder: ScreenedFolder, reporter: Reporter
) -> list[DiskChunk]:
    for file in left_aside(Path(job.source).expanduser()) if files else ():
        reporter.say(f"note: {file} is not read; give .jsonl, .parquet or .arrow", event="not_read", path=str(file))
    reporter.begin("reading", total=max(1, len(files)))
    taken = intake.take(_rows(files, reporter)) if files else _library(job.source, intake)
    chunks = fill(folder.work, taken)
    reporter.end()
    for problem, count in intake.problems.items():
        first = next((row for row in intake.skipped if row.problem.startswith(problem)), None)
        where = f"; the first is {first.place}: {first.problem}" if first else ""
        reporter.say(
            f"note: {counted(count, 'row')} skipped ({problem}){where}", event="skipped", problem=problem, rows=count
        )
    if intake.renamed:
        reporter.say(
            f"note: {counted(intake.renamed, 'id')} renamed; {intake.first_renamed}",
            event="renamed",
            rows=intake.renamed,
        )
    if not chunks:
        why = f"; {intake.skipped[0].place}: {intake.skipped[0].problem}" if intake.skipped else ""
        raise UserError(f"{job.source}: holds no record ({intake.rows} rows read{why})")
    return chunks


def _rows(files: tuple[Path, ...], reporter: Reporter) -> Iterator[Row]:
    for file in files:
        yield from rows_of(file)
        reporter.advance(1)


def _library(name: str, intake: Intake) -> Iterator[Taken]:
    for number, record in enumerate(catalogue.corpus(name), start=1):
        intake.rows += 1
        yield Taken(record=record, place=f"{name}:{number}")


def _asked(job: Job, corpus: Corpus, outcome: Outcome, folder: ScreenedFolder, reporter: Reporter) -> Asked:
    """What a model is asked, if there is one, and the patterns that recur, if they are wanted."""
    asked = Asked()
    if job.judge is not None or job.scan_patterns:
        # Loads Inspect, which takes as long as screening a small corpus.
        from exempla.screening.asking import judge_kept, look_for_patterns
    if job.judge is not None:
        judged = judge_kept(corpus, outcome, selection_of(job), job.judge, folder.verdicts, reporter)
        asked.counts, asked.problems = judged.counts, dict(judged.problems)
        unread = sum(counts["unparsable"] + counts["failed"] for counts in judged.counts.values())
        if unread:
            said = ", ".join(f"{problem} {count}" for problem, count in judged.problems.items()) or "unreadable replies"
            reporter.say(
                f"note: {counted(unread, 'verdict')} missing ({said}); what has none is kept, and counted apart"
            )
    if job.scan_patterns:
        asked.findings, asked.scan = look_for_patterns(corpus, job.judge, reporter)
    return asked


def _result(corpus: Corpus, outcome: Outcome, intake: Intake) -> Result:
    dropped = Counter(outcome.gates[outcome.fate[place]].name for place in outcome.reasons)
    return Result(
        rows=intake.rows,
        records=len(corpus),
        kept=int(corpus.kept.sum()),
        dropped=dict(dropped.most_common()),
        marked={gate: len(found) for gate, found in outcome.marks.items()},
        skipped=dict(intake.problems),
    )


def _gate_row(gate: Gate, count: GateCount, asked: Asked) -> GateRow:
    states = asked.counts.get(gate.name, {})
    state = ", ".join(f"{name} {number}" for name, number in states.items() if number)
    if gate.judge_of is not None and not states:
        state = "no model was asked"
    return GateRow(name=gate.name, about=gate.about, dropped=count.dropped, marked=count.marked, state=state)


def _public(judge: Connection) -> Connection:
    return judge.model_copy(update={"base_url": without_secrets(judge.base_url)})


def _about(job: Job, intake: Intake, asked: Asked, outcome: Outcome, measures: Measures) -> About:
    """What the page says besides the measures."""
    notes = [f"{counted(intake.renamed, 'repeated id')} renamed; {intake.first_renamed}"] if intake.renamed else []
    if asked.scan:
        notes.append("pattern scan: " + ", ".join(f"{name} {value}" for name, value in asked.scan.items() if value))
    if asked.problems:
        notes.append("judge: " + ", ".join(f"{problem} {count}" for problem, count in asked.problems.items()))
    address = job.judge.base_url if job.judge else ""
    shown = job if job.judge is None else job.model_copy(update={"judge": _public(job.judge)})
    command = shlex.join(
        word.replace(address, without_secrets(address)) if address else word for word in provenance({})["command"]
    )
    return About(
        source=job.source,
        command=command,
        skipped=tuple((row.place, row.problem) for row in intake.skipped),
        problems=dict(intake.problems),
        notes=tuple(notes),
        settings=shown.model_dump(mode="json"),
        findings=asked.findings,
        judged=dict(sum((Counter(counts) for counts in asked.counts.values()), Counter())),
        gates=tuple(_gate_row(gate, count, asked) for gate, count in zip(outcome.gates, measures.gates, strict=True)),
    )


def _figures(result: Result, measures: Measures, about: About) -> str:
    """Everything that the page shows, as data."""
    whole = {
        "result": result.model_dump(),
        "measures": measures.model_dump(mode="json"),
        "about": about.model_dump(mode="json"),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
