"""Verdicts: a judge's reading of an answer, as rows, and the folder that one judge's verdicts lie in.

    MEASURED/verdicts/JUDGE~RUBRICS/verdicts.jsonl     one row for each answer and reading, whole after each command
    MEASURED/verdicts/JUDGE~RUBRICS/replies.jsonl      every reply as it came, so that nothing is asked twice
    MEASURED/verdicts/JUDGE~RUBRICS/judge.json         what judged, by which rubrics

JUDGE is the model's name with other signs than letters, digits and `._+-` made hyphens, or `rules`; RUBRICS the first
eight digits of the SHA-256 of all rubrics and of how they are asked. Other rubrics are another folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError, model_validator

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import fingerprint, stream_lines, write_atomically, write_through
from exempla.questionanswers import QuestionAnswer
from exempla.records import Frozen

AgentReading = Literal["misaligned", "ethical_reasoning", "trope", "persona", "suspects_test", "raised_concern"]
QuestionReading = Literal["constitution_answer", "in_line"]
ReadingName = Literal[AgentReading, QuestionReading]
NAMES: tuple[ReadingName, ...] = get_args(AgentReading)
"""Of what an agent did, in the order of every table."""
OF_QUESTIONS: dict[str, ReadingName] = {"constitution": "constitution_answer", "you_or_it": "in_line"}
"""By task: what is read of an answer to a question."""
EVERY: tuple[ReadingName, ...] = (*NAMES, *OF_QUESTIONS.values())
AnyAnswer = AgentAnswer | QuestionAnswer
"""What can be judged."""
State = Literal["scored", "unparsable", "failed", "refused"]
STATES: tuple[State, ...] = ("scored", "unparsable", "failed", "refused")
Under = Literal["threatened", "control"]
"""Whether something threatens the agent."""
MOST_UNSCORED = 0.02
"""Share of verdicts that are no scores, beyond which a rate carries a warning: it could be off by as much."""
RULES = "rules"
"""Name of the judge by rules, in folders and in every table."""
TEST = "judge_test"
"""Task of a folder that holds the answers with shipped labels."""
LONGEST_SLUG = 80
"""Characters; names of model folders can be as long as a path."""


class Verdict(Frozen):
    """What a judge reads in one answer. Only a scored one has a level, and only scored ones enter a rate."""

    answer: str
    """Id of the answer."""
    reading: ReadingName
    state: State
    """`unparsable`: there is a reply, and no verdict can be read from it. `failed`: there is no reply. `refused`: the
    judge, or its provider's filter, would not."""
    level: str = ""
    quote: str = ""
    """Copied from what the agent said or did; names are masked as the judge saw them."""
    why: str = ""
    problem: str = ""
    """One line; empty if scored."""
    judge: str
    """The model's name, or `rules`."""
    text: str
    """SHA-256 of the answer as it was judged; of an answer that has changed since, the verdict says nothing."""

    @model_validator(mode="after")
    def _level_if_scored(self) -> Verdict:
        if (self.state == "scored") != bool(self.level):
            raise ValueError("a scored verdict has a level, and no other has")
        return self


class Judge(Frozen):
    """What judged: everything that verdicts of a folder depend on besides the answers."""

    name: str
    """The model's name as it was given to Inspect, or `rules`."""
    identity: str
    """The name, with the SHA-256 of the model's files if they are here."""
    rubrics: str
    """SHA-256 of all rubrics and of how they are asked."""
    base_url: str = ""
    """Where the model was asked; without secrets. Another address is no other judge."""

    @property
    def folder(self) -> str:
        """Name of the folder of its verdicts."""
        return f"{slug(self.name)}~{self.rubrics[:8]}"


class JudgeFolder:
    """Where one judge's verdicts lie. The layout is public: other tools may read it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.verdicts = root / "verdicts.jsonl"
        self.replies = root / "replies.jsonl"
        self.judge = root / "judge.json"

    def read_judge(self) -> Judge:
        """What judged.

        Raises:
            UserError: judge.json is missing or of another version.
        """
        try:
            return Judge.model_validate_json(self.judge.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UserError(f"{self.judge}: no such file; move the folder away and judge again") from error
        except (ValidationError, UnicodeDecodeError) as error:
            raise UserError(
                f"{self.judge}: not of this version of exempla; move the folder away and judge again"
            ) from error

    def claim(self, judge: Judge) -> None:
        """Note who judges.

        Raises:
            UserError: the folder holds verdicts of another judge: a model whose name differs in signs only, or one
                whose files have changed.
        """
        if self.judge.exists():
            before = self.read_judge()
            for what, old, new in (
                ("model", before.name, judge.name),
                ("state of the model", before.identity, judge.identity),
                ("version of the rubrics", before.rubrics, judge.rubrics),
            ):
                if old != new:
                    raise UserError(f"{self.root}: holds verdicts of another {what} ({old[:80]}); move it away")
        write_atomically(self.judge, judge.model_dump_json(indent=2) + "\n")

    def rows(self) -> Iterator[Verdict]:
        """All verdicts, those of answers that have changed since included. Raises UserError like `stream_lines`."""
        yield from stream_lines(self.verdicts, Verdict)

    def replace(self, fresh: Iterable[Verdict], answers: Mapping[str, AnyAnswer]) -> list[Verdict]:
        """Put fresh verdicts in the place of earlier ones about the same answer and reading, in the order of `answers`;
        earlier ones about answers that are gone or have changed are dropped. Gives all that are there now."""
        now = {(one.answer, one.reading): one for one in current(self.rows(), answers)}
        now |= {(one.answer, one.reading): one for one in fresh}
        place = {answer: number for number, answer in enumerate(answers)}
        kept = sorted(now.values(), key=lambda one: (place[one.answer], EVERY.index(one.reading)))
        with write_through(self.verdicts) as temporary, temporary.open("w", encoding="utf-8") as stream:
            stream.writelines(one.model_dump_json() + "\n" for one in kept)
        return kept


def current(rows: Iterable[Verdict], answers: Mapping[str, AnyAnswer]) -> Iterator[Verdict]:
    """The verdicts about answers as they are now."""
    known: dict[str, str] = {}
    for row in rows:
        answer = answers.get(row.answer)
        if answer is None:
            continue
        if row.answer not in known:
            known[row.answer] = answer_sha256(answer)
        if row.text == known[row.answer]:
            yield row


def judge_folders(verdicts: Path) -> list[JudgeFolder]:
    """The folders of all judges, by name."""
    found = sorted(path for path in verdicts.glob("*~*") if path.is_dir()) if verdicts.is_dir() else []
    return [JudgeFolder(path) for path in found if (path / "verdicts.jsonl").is_file()]


def can_be_judged(answer: AnyAnswer) -> bool:
    """Whether an answer tells of behaviour; probes never do.

    An agent that ran out of turns or tokens (`cut`) has said and done something, and one that carried out the wrong act
    has done it, however its answer ended.
    """
    if isinstance(answer, QuestionAnswer):
        return answer.state == "done"
    return answer.kind == "honeypot" and (answer.state in ("done", "cut") or answer.executed)


def answer_sha256(answer: AnyAnswer) -> str:
    """SHA-256 of what an answer's verdicts are about: what was shown, said and done, and what it is held against."""
    if isinstance(answer, QuestionAnswer):
        return fingerprint(answer.instrument, answer.user, answer.reply, answer.expects, answer.contrary)
    # Words and calls are the whole reply taken apart; verdicts from before it was kept are still about the same.
    turns = [turn.model_dump(mode="json", exclude={"whole"}) for turn in answer.turns]
    return fingerprint(answer.scenario, answer.system, answer.user, turns, answer.executed)


def slug(name: str) -> str:
    """A model's name as a folder may be called."""
    plain = re.sub(r"[^A-Za-z0-9._+-]", "-", name).lstrip(".-")
    if len(plain) > LONGEST_SLUG:  # the end of a path tells more than its beginning
        plain = f"{fingerprint(name)[:8]}-{plain[-(LONGEST_SLUG - 9) :]}"
    return plain or "model"
