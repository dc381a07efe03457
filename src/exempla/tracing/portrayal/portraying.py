"""`exempla portray`: from a corpus to labels, lists, figures and a page."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import Field

from exempla.errors import UserError
from exempla.files import disk_errors, write_atomically
from exempla.models.request import Connection, without_secrets
from exempla.progress import Reporter
from exempla.records import Frozen
from exempla.tracing.portrayal.by_model import Judged, judge
from exempla.tracing.portrayal.classifier import shipped
from exempla.tracing.portrayal.counting import Counts
from exempla.tracing.portrayal.folder import PortrayedFolder, Writer, write_records
from exempla.tracing.portrayal.intake import Corpus, Document
from exempla.tracing.portrayal.labelling import Labeller
from exempla.tracing.portrayal.page import render

STEP = 100
"""Documents between two signs of life."""


class Job(Frozen):
    """What is asked for."""

    sources: tuple[str, ...] = Field(min_length=1)
    out: Path
    text_column: str = ""
    id_column: str = ""
    sample: int = Field(default=0, ge=0)
    """Documents that are drawn; 0: all."""
    every: bool = False
    """Whether every passage is read, and not only those near a term."""
    split: bool = False
    """Whether the corpus without the hostile documents, and the benevolent ones, are written as records."""
    judge: Connection | None = None
    judge_most: int = Field(default=200, ge=1)
    """Passages that a model is asked about, at most."""


class Result(Frozen):
    """What came of it."""

    documents: int
    about_ai: int
    hostile: int
    benevolent: int
    problems: dict[str, int]
    judged: Judged | None = None
    seconds: float


def portray(job: Job, reporter: Reporter) -> Result:
    """Label a corpus and write everything about it.

    Raises:
        UserError: it cannot be read, or the folder cannot be written to.
    """
    corpus = Corpus(job.sources, job.text_column, job.id_column)
    folder = PortrayedFolder(job.out)
    began = time.monotonic()
    with disk_errors(job.out), folder.taken():
        if folder.figures.exists():
            reporter.say(f"{job.out}: replaces the portrayal that was there", event="replaces")
        counts = _label(job, corpus, folder, reporter)
        problems = dict(corpus.counts)
        named = [list(one) for one in corpus.problems]
        judged = judge(folder, job.judge, job.judge_most, reporter) if job.judge is not None else None
        if job.split:
            _split(job, corpus, folder)
        about: dict[str, Any] = {"settings": _settings(job), "problems": problems, "named": named}
        write_atomically(folder.page, render(counts, about, judged))
        figures = about | {"figures": counts.figures(), "judged": judged.model_dump() if judged else None}
        write_atomically(folder.figures, json.dumps(figures, indent=1) + "\n")
    return Result(
        documents=counts.documents,
        about_ai=counts.about,
        hostile=counts.of["stance"]["hostile"],
        benevolent=counts.of["stance"]["benevolent"],
        problems=problems,
        judged=judged,
        seconds=round(time.monotonic() - began, 2),
    )


def _label(job: Job, corpus: Corpus, folder: PortrayedFolder, reporter: Reporter) -> Counts:
    wanted = drawn(corpus, job.sample) if job.sample else None
    documents = corpus.documents() if wanted is None else _only(corpus, wanted)
    counts = Counts()
    reporter.begin("documents", total=len(wanted) if wanted is not None else 0)
    with Writer(folder) as writer:
        for one in Labeller(shipped(), every=job.every).label(documents):
            counts.put(one)
            if one.passages:
                writer.put(one)
            if counts.documents % STEP == 0:
                reporter.advance(STEP, f"{counts.about} about AI")
        if not counts.documents:
            said = ", ".join(f"{kind} {count}" for kind, count in corpus.counts.items()) or "it is empty"
            raise UserError(
                f"{', '.join(job.sources)}: no document could be read ({said}); look at the file, or give another"
            )
    reporter.end()
    return counts


def drawn(corpus: Corpus, count: int) -> set[int]:
    """Numbers of documents drawn by a hash of number and id, always the same; the corpus is read once more for it."""
    heap: list[tuple[int, int]] = []
    for document in corpus.documents():
        text = f"{document.number}\0{document.id}".encode("utf-8", "replace")
        entry = (-int.from_bytes(blake2b(text, digest_size=8).digest(), "big"), document.number)
        if len(heap) < count:
            heapq.heappush(heap, entry)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)
    return {number for _, number in heap}


def _only(corpus: Corpus, wanted: set[int]) -> Iterator[Document]:
    return (document for document in corpus.documents() if document.number in wanted)


def _split(job: Job, corpus: Corpus, folder: PortrayedFolder) -> None:
    """Write the two folders; the corpus is read twice more, so that no more than a document is in memory."""
    table = pq.read_table(folder.documents, columns=["number", "stance"]).to_pydict()
    stance = dict(zip(table["number"], table["stance"], strict=True))
    chosen = drawn(corpus, job.sample) if job.sample else None
    documents = corpus.documents if chosen is None else lambda: _only(corpus, chosen)
    kept = (one for one in documents() if stance.get(one.number) != "hostile")
    write_records(folder.without_hostile, job.out.name, kept)
    good = (one for one in documents() if stance.get(one.number) == "benevolent")
    write_records(folder.benevolent, job.out.name, good)


def _settings(job: Job) -> dict[str, Any]:
    found = job.model_dump(mode="json")
    if job.judge is not None:
        found["judge"] = job.judge.model_copy(
            update={"base_url": without_secrets(job.judge.base_url) if job.judge.base_url else ""}
        ).model_dump(mode="json")
    return found
