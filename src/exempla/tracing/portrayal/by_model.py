"""Passages read by a model, by the taxonomy and with quotes; what it says beside what the classifier says."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from string import Template
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from exempla.files import fingerprint
from exempla.intervals import wilson
from exempla.models.bench import Bench, Head, Ledger, Question
from exempla.models.request import Connection, NoAnswer, Request, Said
from exempla.models.talk import Speaker, open_speaker
from exempla.parquet import write_rows
from exempla.progress import Reporter
from exempla.records import Frozen
from exempla.rubric import QUOTE_WORDS, enclosed, json_objects, occurs
from exempla.tracing.portrayal.folder import PortrayedFolder
from exempla.tracing.portrayal.taxonomy import ABOUT, CHOICES, NARRATED, TROPE, taxonomy

MAX_TOKENS = 700
"""For a verdict with five tropes and their quotes, twice over."""
QUESTIONS = (ABOUT, *CHOICES, NARRATED)
State = Literal["scored", "unparsable", "refused", "failed"]
JUDGED = pa.schema(
    [(name, pa.string()) for name in ("document", "start", "state", "verdict", "problem", "classifier", "model")]
)
"""A row for each passage that was asked about; `verdict` and `classifier` are JSON, what each of the two says."""


class Verdict(Frozen):
    """What a model says of a passage; labels only in the state `scored`."""

    state: State
    about_ai: bool = False
    role: str = ""
    stance: str = ""
    narrated: bool = False
    genre: str = ""
    tropes: tuple[str, ...] = ()
    quotes: dict[str, str] = {}
    """By `stance` or name of the trope."""
    problem: str = ""


class Reply(Frozen):
    """A reply as the ledger has it."""

    key: str
    model: str
    attempt: int
    reply: str
    verdict: Verdict


class Agreement(Frozen):
    """How far classifier and model agree on one question."""

    question: str
    passages: int
    alike: float
    low: float
    high: float
    kappa: float | None
    """Cohen's; None where chance alone would bring no disagreement."""


class Judged(Frozen):
    """What came of asking a model."""

    model: str
    states: dict[str, int]
    agreements: tuple[Agreement, ...]
    problems: dict[str, int] = {}


def judge(folder: PortrayedFolder, connection: Connection, most: int, reporter: Reporter) -> Judged:
    """Ask a model about passages that the classifier takes to be about AI; drawn by a hash of their texts.

    Raises:
        UserError: the model cannot be asked. Replies that came in are kept, and not asked for again.
    """
    rows = _drawn(folder.labels, most)
    reporter.begin("judging", total=len(rows))
    speaker = open_speaker(connection)
    bench = Bench(speaker, Ledger(folder.replies, Reply, _head, connection.model))
    verdicts: dict[int, Verdict] = {}

    async def hear(place: int) -> None:
        verdicts[place] = await _ask(bench, speaker, rows[place]["text"])
        reporter.advance(1, f"{bench.requests} requests")

    asyncio.run(bench.work(range(len(rows)), hear))
    reporter.end()
    write_rows(
        folder.judged,
        JUDGED,
        (
            {
                "document": row["document"],
                "start": str(row["start"]),
                "state": verdicts[place].state,
                "verdict": verdicts[place].model_dump_json(exclude={"state", "problem"}),
                "problem": verdicts[place].problem,
                "classifier": json.dumps({name: row[name] for name in (*CHOICES, NARRATED, "tropes")}),
                "model": connection.model,
            }
            for place, row in enumerate(rows)
        ),
    )
    return Judged(
        model=connection.model,
        states=dict(Counter(one.state for one in verdicts.values())),
        agreements=agreements(rows, [verdicts[place] for place in range(len(rows))]),
        problems=dict(bench.problems),
    )


def _drawn(labels: Path, most: int) -> list[dict[str, Any]]:
    import heapq

    columns = ["document", "start", "text", *CHOICES, NARRATED, "tropes"]
    drawn: list[tuple[int, int, dict[str, Any]]] = []
    with pq.ParquetFile(labels) as file:
        for batch in file.iter_batches(batch_size=500, columns=columns):
            for row in batch.to_pylist():
                mark = int.from_bytes(blake2b(row["text"].encode(), digest_size=8).digest(), "big")
                entry = (-mark, len(drawn) + row["start"], row)
                if len(drawn) < most:
                    heapq.heappush(drawn, entry)
                elif entry[:2] > drawn[0][:2]:
                    heapq.heapreplace(drawn, entry)
    return [row for _, _, row in sorted(drawn, key=lambda one: one[:2], reverse=True)]


def _head(row: Reply) -> Head:
    return Head(row.key, row.model, row.attempt, settled=row.verdict.state in ("scored", "refused"))


async def _ask(bench: Bench[Reply], speaker: Speaker, text: str) -> Verdict:
    request = prompt(text)
    key = fingerprint(speaker.connection.model, request)

    def read(said: Said, attempt: int) -> Reply:
        return Reply(
            key=key,
            model=speaker.connection.model,
            attempt=attempt,
            reply=said.text,
            verdict=read_reply(text, said.text, said.stop),
        )

    # All requests begin alike up to the passage, which a model in this process reads once.
    sent = Request(user=request, max_tokens=MAX_TOKENS + speaker.connection.room, head=request.find(enclosed(text)))
    try:
        return (await bench.ask(Question(key, sent, read))).verdict
    except NoAnswer as error:
        return Verdict(state="failed", problem=error.reason)


def prompt(text: str) -> str:
    """The request about one passage."""
    return Template(_rubric()).substitute(passage=enclosed(text))


@cache
def _rubric() -> str:
    known = taxonomy()
    axes = []
    for name in (*CHOICES, NARRATED):
        axis = known.axis(name)
        lines = [f"- {level}: {means}" for level, means in axis.levels.items()] + [f"* {one}" for one in axis.borders]
        axes.append("\n".join([f"# {name}: {axis.question}", *lines]))
    tropes = [f"- {name}: {one.means} Not: {one.without}" for name, one in known.tropes.items()]
    text = (Path(__file__).parent / "rubric.txt").read_text(encoding="utf-8")
    return Template(text).safe_substitute(axes="\n\n".join(axes), tropes="\n".join(tropes), words=QUOTE_WORDS)


def read_reply(text: str, reply: str, stop: str = "stop") -> Verdict:
    """What of a reply counts. Never raises; never gives a label that the reply does not state, or has no quote for.

    Args:
        text: the passage as it was sent.
        reply: the model's words.
        stop: why the reply ended, in Inspect's words.
    """
    if stop == "content_filter":
        return Verdict(state="refused", problem="content filter")
    # An object that stands in the passage is the passage's, not the judge's.
    found = [value for source, value in json_objects(reply) if value and ABOUT in value and source not in text]
    if not found:
        return _unparsable("no JSON object with a verdict in the reply", stop)
    if any(one != found[0] for one in found):
        return _unparsable("verdicts that differ", stop)
    given = found[0]
    if not isinstance(given[ABOUT], bool) or not isinstance(given.get(NARRATED, False), bool):
        return _unparsable("about_ai or narrated is not true or false", stop)
    known = taxonomy()
    levels = {name: given.get(name) or "" for name in CHOICES}
    if not given[ABOUT]:
        genre = levels["genre"] if levels["genre"] in known.genre.levels else ""
        return Verdict(state="scored", about_ai=False, genre=genre)
    for name, level in levels.items():
        if level not in known.axis(name).levels:
            return _unparsable(f"unknown {name} {str(level)[:40]!r}", stop)
    quotes, problem = _quotes(given, levels["stance"], text)
    if problem:
        return _unparsable(problem, stop)
    tropes = tuple(name for name in known.tropes if name in quotes)
    return Verdict(
        state="scored", about_ai=True, narrated=given.get(NARRATED, False), tropes=tropes, quotes=quotes, **levels
    )


def _quotes(given: dict[str, Any], stance: str, text: str) -> tuple[dict[str, str], str]:
    """The quotes by what they show, or what is wrong with one."""
    entries = given.get("tropes") or []
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        return {}, "tropes are no list of objects"
    wanted = [(one.get("name"), one.get("quote")) for one in entries]
    if stance != "neutral" or given.get("quote"):
        wanted.append(("stance", given.get("quote")))
    quotes: dict[str, str] = {}
    for name, quote in wanted:
        if name != "stance" and name not in taxonomy().tropes:
            return {}, f"unknown trope {str(name)[:40]!r}"
        if not isinstance(quote, str) or not occurs(quote, text):
            return {}, f"the quote for {name} does not occur in the passage"
        quotes[str(name)] = quote
    return quotes, ""


def _unparsable(problem: str, stop: str) -> Verdict:
    return Verdict(state="unparsable", problem=problem if stop == "stop" else f"{problem} ({stop})")


def agreements(rows: Sequence[dict[str, Any]], verdicts: Sequence[Verdict]) -> tuple[Agreement, ...]:
    """Agreement on each question, over passages that the model could read.

    On being about AI all passages are yes by the classifier; the other questions are of passages that are so by both.
    """
    scored = [(row, one) for row, one in zip(rows, verdicts, strict=True) if one.state == "scored"]
    both = [(row, one) for row, one in scored if one.about_ai]
    found = [_agreement(ABOUT, [(True, one.about_ai) for _, one in scored])]
    for name in (*CHOICES, NARRATED):
        found.append(_agreement(name, [(row[name], getattr(one, name)) for row, one in both]))
    for trope in taxonomy().tropes:
        found.append(
            _agreement(f"{TROPE}.{trope}", [(trope in row["tropes"], trope in one.tropes) for row, one in both])
        )
    return tuple(found)


def _agreement(question: str, pairs: Sequence[tuple[Any, Any]]) -> Agreement:
    count = len(pairs)
    same = sum(first == second for first, second in pairs)
    low, high = wilson(same, count)
    firsts, seconds = Counter(first for first, _ in pairs), Counter(second for _, second in pairs)
    chance = sum(firsts[level] * seconds[level] for level in firsts) / count**2 if count else 1.0
    alike = same / count if count else 0.0
    kappa = (alike - chance) / (1 - chance) if chance < 1 else None
    return Agreement(question=question, passages=count, alike=alike, low=low, high=high, kappa=kappa)
