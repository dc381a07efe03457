"""`exempla trace`: from a verdict to the texts that push a subject towards it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.progress import Reporter
from exempla.records import Frozen
from exempla.runfolder import RunFolder, package_version
from exempla.study import Cell, Study
from exempla.tracing.influence.ekfac import Influence, Scores
from exempla.tracing.influence.folder import VERSION, Index, TraceFolder
from exempla.tracing.influence.likeness import by_embedding, by_words
from exempla.tracing.influence.loading import load
from exempla.tracing.influence.passages import Sentence, marked, scaled, sentences
from exempla.tracing.influence.preferences import measure
from exempla.tracing.influence.reading import Piece, Reading, pieces, readings
from exempla.tracing.influence.shares import Row
from exempla.tracing.influence.targets import Stretch, Target, find, stretches
from exempla.tracing.portrayal.classifier import shipped
from exempla.tracing.portrayal.intake import Document
from exempla.tracing.portrayal.labelling import Labeller, Portrayed

ROUNDING = 0.045
"""Nats for the root of each scored token by which a preference read in float32 differs from one in bfloat16, a standard
deviation: 0.25 for an expectation of 33 tokens, 1.0 for an ending of 550 (LOG.md, 2026-11-25)."""


class Job(Frozen):
    """What is asked for."""

    run: Path
    verdict: str
    arm: str = ""
    seed: int | None = None
    span: str = ""
    top: int = Field(default=10, ge=1)
    """Records to read on the page, in each direction."""
    records: tuple[str, ...] = ()
    """Records to read on the page besides."""
    rebuild: bool = False


class Shown(Frozen):
    """A record on the page."""

    row: Row
    sentences: tuple[Sentence, ...]


class Traced(Frozen):
    """What came of it."""

    verdict: str
    span: str
    cell: str
    targets: tuple[Target, ...]
    preference: float
    """In nats, read now in float32; of several targets, their mean."""
    rows: tuple[Row, ...]
    """Of all records, those first that push most towards."""
    towards: tuple[Shown, ...]
    away: tuple[Shown, ...]
    asked: tuple[Shown, ...]
    index_seconds: float
    """0 if the index was there."""
    seconds: float


def chosen_cell(study: Study, arm: str, seed: int | None) -> Cell:
    """The cell of an arm and a seed; the headline's arm and its first seed if none is named.

    Raises:
        UserError: there is no such cell.
    """
    cells = [cell for cell in study.cells() if cell.arm.name == (arm or study.headline)]
    if not cells:
        raise UserError(f"no arm {arm!r} in this study; there are {', '.join(one.name for one in study.arms)}")
    found = [cell for cell in cells if seed is None or cell.seed == seed]
    if not found:
        raise UserError(
            f"no seed {seed} of arm {cells[0].arm.name!r}; there are {', '.join(str(c.seed) for c in cells)}"
        )
    return found[0]


def trace(study: Study, folder: RunFolder, cell: Cell, job: Job, reporter: Reporter) -> Traced:
    """How every record that a cell was trained on pushes it towards a verdict.

    Raises:
        UserError: the run has no such verdict, checkpoint or record, or the index is of another checkpoint.
    """
    began = time.monotonic()
    targets = find(study, folder, cell, job.verdict)
    read = readings(folder, cell)
    strange = [name for name in job.records if name not in {one.record.id for one in read}]
    if strange:
        raise UserError(f"{strange[0]}: {cell.name} was never trained on this record")
    subject, modules = load(study, folder, cell)
    found = [stretches(subject, one, job.span) for one in targets]
    preferences = measure(subject, found)
    if not job.span and not folder.checksums(cell).exists():
        # Files that are those of the training need no such proof, and a GPU's roundings may be larger than it allows.
        _own(targets, found, preferences, folder, cell)
    cut = pieces(read, subject.tokenizer, study.training.block)
    place = TraceFolder(folder, cell, job.verdict, job.span)
    influence = Influence(subject, modules, cut, place.index)
    spent = _index(influence, folder.weights(cell), place, job.rebuild, reporter)
    reporter.begin(f"trace {job.verdict}", total=len(cut))
    # The mean over targets, as one preference.
    all_stretches = [
        Stretch(one.ids, one.first, one.last, one.weight / len(targets)) for target in found for one in target
    ]
    pushes = influence.push(all_stretches, reporter.advance)
    rows = _rows(read, cut, pushes, targets)
    reporter.end()
    towards = [row for row in rows if row.push > 0][: job.top]
    away = [row for row in reversed(rows) if row.push < 0][: job.top]
    asked = [row for row in rows if row.record in job.records]
    said = _sentences([*towards, *away, *asked], read, influence, all_stretches, reporter)
    scale = float(np.abs(_by_record(read, cut, pushes)).sum()) or 1.0

    def shown(chosen: Sequence[Row]) -> tuple[Shown, ...]:
        return tuple(Shown(row=row, sentences=tuple(marked(scaled(said[row.record], scale)))) for row in chosen)

    return Traced(
        verdict=job.verdict,
        span=job.span,
        cell=cell.name,
        targets=tuple(targets),
        preference=float(np.mean(preferences)),
        rows=tuple(rows),
        towards=shown(towards),
        away=shown(away),
        asked=shown(asked),
        index_seconds=spent,
        seconds=round(time.monotonic() - began, 1),
    )


def _own(
    targets: Sequence[Target],
    found: Sequence[Sequence[Stretch]],
    preferences: Sequence[float],
    folder: RunFolder,
    cell: Cell,
) -> None:
    """Refuse a checkpoint that does not give the answers of the run."""
    known = [place for place, one in enumerate(targets) if one.measured is not None]
    if not known:
        return
    off = sum(abs(preferences[place] - (targets[place].measured or 0.0)) for place in known) / len(known)
    tokens = sum(stretch.last - stretch.first for place in known for stretch in found[place]) / len(known)
    # Of normal errors the mean size is 0.8 standard deviations; four of them for one item, fewer for the mean of many.
    if off > ROUNDING * math.sqrt(tokens) * (0.8 + 3.2 / math.sqrt(len(known))):
        here, there = preferences[known[0]], targets[known[0]].measured
        raise UserError(
            f"{folder.checkpoint(cell)}: gives other answers than the run has ({here:+.2f} nats, not {there:+.2f}, for "
            f"{targets[known[0]].id}), so it is not the checkpoint that was measured; run the study again"
        )


def _index(influence: Influence, weights: str, place: TraceFolder, rebuild: bool, reporter: Reporter) -> float:
    """Make the index, or keep the one that is there; seconds that it took."""
    texts = fingerprint([(piece.ids, piece.labels) for piece in influence.pieces])
    if place.has_index(weights, texts, rebuild):
        return 0.0
    began = time.monotonic()
    reporter.begin("index", total=2 * len(influence.pieces))
    influence.fit(reporter.advance)
    reporter.end()
    spent = round(time.monotonic() - began, 1)
    place.write_index(
        Index(
            version=VERSION,
            weights=weights,
            texts=texts,
            library=f"kronfluence {package_version('kronfluence')}",
            device=influence.subject.device.type,
            seconds=spent,
        )
    )
    return spent


def _by_record(read: Sequence[Reading], cut: Sequence[Piece], pushes: Scores) -> Scores:
    """Push of each record, all its readings together."""
    whole: Scores = np.zeros(len(read))
    np.add.at(whole, [piece.reading for piece in cut], pushes)
    whole *= np.array([one.times for one in read])
    return whole


def _rows(read: Sequence[Reading], cut: Sequence[Piece], pushes: Scores, targets: Sequence[Target]) -> list[Row]:
    whole = _by_record(read, cut, pushes)
    scale = float(np.abs(whole).sum()) or 1.0
    texts = [one.record.taught_text() for one in read]
    words, embedding = by_words(targets, texts).mean(axis=0), by_embedding(targets, texts).mean(axis=0)
    rows = [
        Row(
            record=one.record.id,
            corpus=one.record.corpus,
            title=one.record.title,
            times=one.times,
            push=float(whole[place] / scale),
            words=float(words[place]),
            embedding=float(embedding[place]),
            stance=portrayed.stance,
            tropes=tuple(sorted(portrayed.tropes())),
            principle=one.record.principle,
            genre=_genre(portrayed),
        )
        for place, (one, portrayed) in enumerate(zip(read, _portrayed(read), strict=True))
    ]
    return sorted(rows, key=lambda row: (-row.push, row.record))


def _portrayed(read: Sequence[Reading]) -> list[Portrayed]:
    documents = (
        Document(place, one.record.id, one.record.id, one.record.whole_text().encode("utf-8", "replace"), {})
        for place, one in enumerate(read)
    )
    return list(Labeller(shipped()).label(documents))


def _genre(portrayed: Portrayed) -> str:
    """The commonest genre of its passages about AI; empty without any."""
    counts = Counter(one.read.genre for one in portrayed.passages)
    return min(counts, key=lambda genre: (-counts[genre], genre)) if counts else ""


def _sentences(
    chosen: Sequence[Row],
    read: Sequence[Reading],
    influence: Influence,
    found: Sequence[Stretch],
    reporter: Reporter,
) -> dict[str, list[Sentence]]:
    """The sentences of each record, with their push in the units of influence; one pass for all of them."""
    of = {one.record.id: place for place, one in enumerate(read)}
    own = {
        row.record: [n for n, piece in enumerate(influence.pieces) if piece.reading == of[row.record]] for row in chosen
    }
    places = [place for name in own for place in own[name]]
    reporter.begin("find the sentences", total=len(places))
    pushes = dict(zip(places, influence.push_by_token(found, places, reporter.advance), strict=True)) if places else {}
    reporter.end()
    return {
        name: [
            one
            for place in own[name]
            for one in sentences(
                influence.pieces[place].ids, pushes[place] * read[of[name]].times, influence.subject.tokenizer
            )
        ]
        for name in own
    }
