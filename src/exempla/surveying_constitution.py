"""`exempla measure --task constitution`: a quiz about a constitution, the shipped one or, written by a model, any."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import file_sha256, write_atomically
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.questions.figures import shares
from exempla.measuring.questions.question import questions
from exempla.measuring.questions.quiz import Section, Written, write_quiz
from exempla.measuring.questions.task import asked
from exempla.models.identity import full_name
from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.progress import Reporter
from exempla.surveying_folder import begun, connection_of, folder_of
from exempla.surveying_questions import (
    compare_answers,
    end,
    keep_rates,
    only_planned,
    other_folder,
    persona_of,
    put,
    sampling_for,
    speaker_for,
    tell,
)
from exempla.writing.constitution import NeedsSplit, read_constitution

ITEMS = ".jsonl"
"""How a file of questions ends, in place of a constitution."""
PART = 400
"""Words, about, of a part that questions are written about, where a constitution has no headings."""


def survey(options: Mapping[str, Any], reporter: Reporter) -> None:
    """Write the quiz if one is to be written, ask it, and tell what it comes to by rules.

    Raises:
        UserError: something in the options is wrong, or a model cannot be asked.
    """
    persona, about = persona_of(options), _about(options)
    _see_that_it_is_the_same(folder_of(options), about)
    sampling = sampling_for(options)
    settings = {"quiz": about, "sampling": sampling.model_dump(), "epochs": options["epochs"]}
    if not about:
        items = None
    elif options["dry_run"] and not folder_of(options).items.exists() and about["writer"]:
        sections = sections_of(Path(options["constitution"]))
        reporter.say(f"questions about {len(sections)} sections would be written first", event="plan")
        return
    elif options["dry_run"] and not about["writer"]:
        items = Path(options["constitution"]).expanduser()
    else:
        with begun(options, persona, settings) as folder:
            items = _items(folder, options, about, reporter)
    chosen = asked(questions("constitution", items), persona, options["epochs"])
    if only_planned(options, chosen, reporter):
        return
    other, speaker = other_folder(options, chosen), speaker_for(options, chosen)
    with begun(options, persona, settings) as folder:
        answers = put(speaker, folder, chosen, sampling, reporter)
        found, comparison = shares(answers), compare_answers(other, chosen, answers)
        keep_rates(folder, {"figures": found, "compared": comparison})
    tell(found, comparison, other, reporter)
    reporter.say(
        f"Rules look for words, not for sense; for that, judge: exempla judge answers {folder.root} --model ...",
        event="note",
    )
    end(folder, answers, reporter)


def _about(options: Mapping[str, Any]) -> dict[str, str]:
    """What the quiz is about and who writes it; empty for the one that ships.

    Raises:
        UserError: one is given without the other, or there is no such file.
    """
    name, writer = options["constitution"], options["writer"]
    if not name:
        if writer:
            raise UserError("--writer has no effect without --constitution; leave it out")
        return {}
    path = catalogue.constitution_path(name)
    if path.suffix == ITEMS:
        if writer:
            raise UserError(f"{name}: is a quiz that is written already; leave --writer out")
        return {"items": file_sha256(path), "writer": ""}
    if not writer:
        raise UserError("a quiz about a constitution of your own is written by a model first: give --writer MODEL")
    return {"constitution": file_sha256(path), "writer": full_name(writer)}


def _see_that_it_is_the_same(folder: MeasuredFolder, about: dict[str, str]) -> None:
    """Raise UserError if the folder holds answers to another quiz."""
    before = folder.read_about()
    if before is not None and before.settings.get("quiz", {}) != about:
        raise UserError(
            f"{folder.root}: holds answers to another quiz; choose another folder with --out, or give the same "
            "--constitution and --writer"
        )


def _items(folder: MeasuredFolder, options: Mapping[str, Any], about: dict[str, str], reporter: Reporter) -> Path:
    """The file of questions in the folder: copied, or written by a model unless it is there.

    Raises:
        UserError: the writer cannot be asked, or wrote nothing that can be used.
    """
    if not about["writer"]:
        write_atomically(folder.items, Path(options["constitution"]).expanduser().read_bytes())
    elif not folder.items.exists():
        written = _written(folder, options, about["writer"], reporter)
        write_atomically(folder.items, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in written.items))
    return folder.items


def _written(folder: MeasuredFolder, options: Mapping[str, Any], writer: str, reporter: Reporter) -> Written:
    sections = sections_of(catalogue.constitution_path(options["constitution"]))
    subject = connection_of(options)
    # One address serves both where both are models of an OpenAI-compatible server.
    address = subject.base_url if writer.startswith("openai-api/") else ""
    connection = Connection(model=writer, base_url=address, in_flight=subject.in_flight)
    reporter.begin("writing the quiz", total=len(sections))

    async def write() -> Written:
        return await write_quiz(sections, open_speaker(connection), folder.root / "quiz.jsonl", reporter.advance)

    try:
        written = asyncio.run(write())
    finally:
        reporter.end()
    left_out = ", ".join(f"{why} {count}" for why, count in written.left_out.most_common(5))
    if written.failed:
        told = ", ".join(f"{why} {count}" for why, count in written.failed.items())
        raise UserError(f"{written.failed.total()} sections have no questions yet ({told}); run the same command again")
    if not written.items:
        raise UserError(f"{writer} wrote no question that can be used ({left_out}); choose another --writer")
    bare = len({one.id for one in sections} - {one["principle"] for one in written.items})
    reporter.say(
        f"{len(written.items)} questions about {len(sections) - bare} of {len(sections)} sections by {writer}: "
        f"{folder.items}" + (f"; left out: {left_out}" if left_out else ""),
        event="quiz",
        items=len(written.items),
        left_out=dict(written.left_out),
    )
    return written


def sections_of(path: Path) -> list[Section]:
    """The parts of a constitution that questions are written about; without headings, some paragraphs each.

    Raises:
        UserError: the file cannot be read, or holds nothing.
    """
    try:
        return [Section(one.id, one.title, one.text) for one in read_constitution(path)]
    except NeedsSplit as error:
        parts: list[str] = [""]
        for paragraph in error.text.split("\n\n"):
            if parts[-1] and len(f"{parts[-1]} {paragraph}".split()) > PART:
                parts.append("")
            parts[-1] = f"{parts[-1]}\n\n{paragraph}".strip()
        return [Section(f"part-{n}", f"Part {n}", part) for n, part in enumerate(parts, start=1)]
