"""The write stage of a study: one unit, which writes a corpus with the recipe, writer and seed that the study names."""

from __future__ import annotations

import asyncio

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import fingerprint, stream_lines, write_lines
from exempla.progress import Reporter
from exempla.records import Plan, Rejected
from exempla.runfolder import RunFolder
from exempla.study import Study, Writing
from exempla.unit import Unit
from exempla.writing.constitution import read_constitution
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.order import Commission, Order, accept, recipe_of
from exempla.writing.sorting import in_order


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit if the study writes anything."""
    writing = study.writing
    if writing is None:
        return []
    return [
        Unit(
            stage="write",
            name=writing.recipe,
            fingerprint=lambda: fingerprint(commission_of(study, writing).settings),
            work=lambda reporter: _write(commission_of(study, writing), folder, reporter),
            outputs=(folder.plans, folder.written),
            partial=(CorpusFolder(folder.corpora).work,),
        )
    ]


def commission_of(study: Study, writing: Writing) -> Commission:
    """What the study has written, as `exempla write` would be told it."""
    order = Order(
        recipe=writing.recipe,
        n=writing.n,
        model=writing.writer,
        in_flight=writing.batch,
        max_tokens=writing.max_tokens,
        temperature=writing.temperature,
        style=writing.style,
        seed=writing.seed,
        measure_every=0,
        language="",  # the gates judge what came out; asking again would only draw other words from the same model
    )
    path = catalogue.constitution_path(study.constitution)
    return accept(order, read_constitution(path) if recipe_of(order).principles else ())


def _write(commission: Commission, folder: RunFolder, reporter: Reporter) -> None:
    from exempla.writing.sitting import sit_down  # Inspect takes a second to load

    corpus = CorpusFolder(folder.corpora)
    sitting = sit_down(commission, corpus, reporter)
    if not sitting.complete:
        asyncio.run(sitting.write())
    if sitting.author.stopped:
        raise UserError(f"{sitting.author.stopped}; run the same command again to go on")
    lost = list(stream_lines(corpus.rejected, Rejected))
    if lost:
        reporter.say(
            f"write: {len(lost)} of {sitting.schedule.total} texts came to nothing, {lost[0].reason} the first"
        )
    write_lines(folder.plans, list(stream_lines(corpus.plans, Plan)))
    write_lines(folder.written, list(in_order(corpus.written)))
