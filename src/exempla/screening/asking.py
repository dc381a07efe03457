"""What a screening asks a model: verdicts for the gates that have a rubric, and patterns that recur."""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.progress import Reporter
from exempla.screening.corpus import Corpus
from exempla.screening.engine import Outcome, Selection, drop
from exempla.screening.judging import Judged, JudgedGate, judge
from exempla.screening.reading import Reading
from exempla.screening.scan.by_model import ScanSettings, scan
from exempla.screening.scan.findings import Finding
from exempla.screening.scan.surprise import MOST_RECORDS, find


def judge_kept(
    corpus: Corpus, outcome: Outcome, selection: Selection, connection: Connection, ledger: Path, reporter: Reporter
) -> Judged:
    """Have a model judge the records that are left; what it objects to is dropped, or marked.

    Raises:
        UserError: the model cannot be asked; verdicts that came in are kept for the next run.
    """
    known = corpus.crew.knowledge
    numbers = {gate.name: number for number, gate in enumerate(selection.passed())}
    judged_gates = [
        JudgedGate(
            name=gate.name,
            rubric=gate.judge_of.rubric_for,
            objection=gate.judge_of.objection,
            facts=gate.judge_of.facts,
            wanted=gate.judge_of.wanted,
            known=known.of(gate.name),
            marks=gate.name in selection.lenient,
        )
        for gate in selection.passed()
        if gate.judge_of is not None
    ]
    places = [int(place) for place in np.flatnonzero(corpus.kept)]
    reporter.begin("judging", total=len(places))

    async def hear() -> Judged:
        return await judge(
            places, corpus.reading, judged_gates, open_speaker(connection), ledger, advance=reporter.advance
        )

    judged = asyncio.run(hear())
    reporter.end()
    for name, reasons in judged.reasons.items():
        for place, reason in reasons.items():
            if name in selection.lenient:
                outcome.marks[name][place] = reason
            else:
                drop(corpus, outcome, numbers[name], place, reason)
    return judged


def look_for_patterns(
    corpus: Corpus, connection: Connection | None, reporter: Reporter
) -> tuple[tuple[Finding, ...], dict[str, Any]]:
    """Patterns that recur in the records that are left: as a model sees them, or without one by their surprise.

    Raises:
        UserError: the model cannot be asked.
    """
    sample = _sample(corpus)
    reporter.say(f"looking for patterns in {len(sample)} records", event="patterns", records=len(sample))
    if connection is None:
        return tuple(find(sample, [Reading.of_text(text) for text in corpus.crew.context.reference])), {}
    findings, account = asyncio.run(scan(sample, open_speaker(connection), ScanSettings()))
    return tuple(findings), account.model_dump()


def _sample(corpus: Corpus) -> list[Reading]:
    """Records to look at, drawn by their ids, so that it does not matter how they are ordered."""
    places = [int(place) for place in np.flatnonzero(corpus.kept)]
    places.sort(key=lambda place: blake2b(corpus.facts[place].id.encode(), digest_size=16).digest())
    return [corpus.reading(place) for place in sorted(places[:MOST_RECORDS])]
