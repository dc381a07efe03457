"""What `exempla screen` is asked to do, and whether it can be done: seen before a long corpus is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exempla import catalogue
from exempla.errors import UserError
from exempla.models.request import Connection
from exempla.records import Frozen
from exempla.scenarios.settings import PERSONA
from exempla.screening.engine import Selection
from exempla.screening.gate import Context, gates
from exempla.screening.gates import language
from exempla.screening.intake.against import texts_against
from exempla.screening.intake.rows import Columns
from exempla.screening.likeness import require_encoder
from exempla.screening.stage import context


class Job(Frozen):
    """What is to be screened, and how."""

    source: str
    """A file, a folder, or the name of a corpus that ships."""
    out: Path
    columns: Columns = Columns()
    against: tuple[str, ...] = ()
    """Files and Inspect tasks to stay away from, besides everything that exempla measures with."""
    only: tuple[str, ...] = ()
    """Gates to pass; all of them if empty."""
    skip: tuple[str, ...] = ()
    mark: tuple[str, ...] = ()
    """Gates that only mark what they would drop."""
    drop: tuple[str, ...] = ()
    """Gates that drop what they would only mark."""
    language: str = "en"
    persona: str = ""
    maker: str = ""
    embedding: str = ""
    judge: Connection | None = None
    """The model that judges for gates that have a rubric; none if None."""
    scan_patterns: bool = False
    processes: int | None = None


def selection_of(job: Job) -> Selection:
    """The gates of a job.

    Raises:
        UserError: there is no gate of a name, or none is left to pass.
    """
    known = [gate.name for gate in gates()]
    for name in (*job.only, *job.skip, *job.mark, *job.drop):
        catalogue.require("gate", name, known)
    names = tuple(name for name in known if (name in job.only or not job.only) and name not in job.skip)
    if not names:
        raise UserError("no gate is left to pass; leave out --skip, or name further gates with --only")
    marking = {gate.name for gate in gates() if gate.marks} - set(job.drop) | set(job.mark)
    return Selection(names=names, marking=frozenset(marking), lenient=frozenset(job.mark), library_too=True)


def context_of(job: Job, selection: Selection) -> Context:
    """What the gates of a job compare with.

    Raises:
        UserError: the language, the embedding, the judge or what is to be stayed away from is none that can be used.
    """
    known = replace(
        context(),
        language=job.language,
        persona=job.persona or PERSONA,
        maker=job.maker,
        embedding=job.embedding,
    )
    if "language" in selection.names and job.language != Job.model_fields["language"].default:
        language.prepare(known)
    if "leakage" in selection.names and job.embedding:
        require_encoder(job.embedding)
    if job.judge is not None and not job.judge.local:
        from exempla.models.talk import open_speaker  # loads Inspect, which takes as long as screening a small corpus

        open_speaker(job.judge)
    return replace(known, against=texts_against(job.against))
