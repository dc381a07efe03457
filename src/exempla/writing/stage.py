"""The write stage: one unit, which draws the plans and then writes a text for each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import append_lines, fingerprint, mend_torn_tail, read_lines, write_lines
from exempla.models.identity import identity
from exempla.progress import Reporter
from exempla.records import Plan, Record
from exempla.runfolder import RunFolder
from exempla.study import Study, Writing
from exempla.unit import Unit
from exempla.writing import stories
from exempla.writing.constitution import read_constitution
from exempla.writing.plan import draw_plans

RECIPES = (stories.RECIPE,)
WRITING_VERSION = 1
"""Raised when a change of the code changes what is sampled from the same prompts; texts are then written again."""


def units(study: Study, folder: RunFolder) -> list[Unit]:
    """One unit if the study writes anything."""
    writing = study.writing
    if writing is None:
        return []
    return [
        Unit(
            stage="write",
            name="stories",
            fingerprint=lambda: fingerprint(
                WRITING_VERSION,
                identity(writing.writer),
                writing,
                [(p.plan, p.sha256) for p in prompts_of(study, writing)],
            ),
            work=lambda reporter: _write(study, writing, folder, reporter),
            outputs=(folder.plans, folder.written),
        )
    ]


def prompts_of(study: Study, writing: Writing) -> list[stories.Prompt]:
    """What the writer will be given, in order; the same study gives the same prompts."""
    catalogue.require("recipe", writing.recipe, RECIPES)
    principles = read_constitution(catalogue.constitution_path(study.constitution))
    shown = stories.examples()
    if not shown:
        raise UserError(
            "the library has no story that touches no measured family, so there is no example to write from"
        )
    return stories.build_prompts(draw_plans(principles, writing.n, writing.seed), principles, shown, writing.seed)


def _write(study: Study, writing: Writing, folder: RunFolder, reporter: Reporter) -> None:
    # Heavy libraries are loaded only when there is something to write.
    from exempla.models.subject import load_subject
    from exempla.writing.sampling import Sampling, continue_prompts

    path = folder.written
    mend_torn_tail(path)
    prompts = prompts_of(study, writing)
    plans: list[Plan] = [prompt.plan for prompt in prompts]
    write_lines(folder.plans, plans)
    written = {record.lineage.plan for record in read_lines(path, Record)} if path.exists() else set()
    reporter.begin("write stories", total=len(prompts), done=len(written))
    missing = [batch for batch in batches(prompts, writing.batch) if not _plans(batch[1]) <= written]
    subject = load_subject(writing.writer) if missing else None
    for number, batch in missing:
        assert subject is not None
        seed = batch_seed(writing.seed, number)
        sampling = Sampling(max_tokens=writing.max_tokens, temperature=writing.temperature, seed=seed)
        # A batch cut short is sampled whole again: its seed gives the same texts, and the missing ones are added.
        texts = continue_prompts(
            subject, batch, sampling, lambda n: reporter.advance(0, f"{n} of {writing.max_tokens} tokens")
        )
        first = number * writing.batch + 1
        rows = [
            stories.to_record(first + place, prompt, text, writing, seed)
            for place, (prompt, text) in enumerate(zip(batch, texts, strict=True))
            if prompt.plan.id not in written
        ]
        append_lines(path, rows)
        reporter.advance(len(rows))


def batches(prompts: Sequence[stories.Prompt], size: int) -> list[tuple[int, Sequence[stories.Prompt]]]:
    """The prompts in numbered groups that are sampled together."""
    return [(start // size, prompts[start : start + size]) for start in range(0, len(prompts), size)]


def batch_seed(seed: int, batch: int) -> int:
    """The seed of a batch, which does not depend on how many were written before it in this process."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{batch}".encode()).digest()[:4])


def _plans(batch: Sequence[stories.Prompt]) -> set[str]:
    return {prompt.plan.id for prompt in batch}
