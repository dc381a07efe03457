"""Running the peer's test: replies and grades, each going to the disk as it comes; an interrupted one goes on."""

# mypy: disable-error-code="untyped-decorator"
# (Inspect's decorators have types, but our configuration does not follow it.)

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai import Task, task_with
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from exempla.errors import UserError
from exempla.files import append_lines, disk_errors
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring.desk import MOST_FAILURES
from exempla.measuring.peer import TASK, PeerAsked, PeerSetting, latest, open_peer_samples, peer_task, peer_version
from exempla.models.counting import count_without_network
from exempla.models.request import NoAnswer
from exempla.models.talk import Speaker, no_answer
from exempla.peeranswers import PeerAnswer
from exempla.progress import Reporter

UNREAD = "no yes or no in the grader's reply"
VERDICT = re.compile(r"<answer>[\W_]*(yes|no)[\W_]*</answer>\s*\Z", re.IGNORECASE)
"""A grader's verdict, as version 5-A of the test reads it. Earlier ones take "not authorized" for a no."""


@dataclass(frozen=True)
class Pair:
    """Who replies and who grades."""

    subject: Speaker
    grader: Speaker
    grader_identity: str
    sampling: dict[str, Any]
    """The subject's, in Inspect's words; None is the provider's own."""


def ask_peer(pair: Pair, folder: MeasuredFolder, chosen: Sequence[PeerAsked], reporter: Reporter) -> None:
    """Have the samples replied to and graded that are not yet, each answer going to the disk as it comes.

    Raises:
        UserError: the subject or the grader will not answer any request. What came in is kept.
    """
    left = open_peer_samples(folder, chosen, pair.grader_identity)
    reporter.begin("measuring", total=len(chosen), done=len(chosen) - len(left))
    if not left:
        return
    count_without_network()
    desk = _Desk(pair, folder, reporter, left)
    tasks = [_task(desk, setting) for setting in dict.fromkeys(one.setting for one in left)]
    with disk_errors(folder.root):
        logs = inspect_eval(
            tasks,
            model=pair.subject.model,
            display="none",
            log_dir=str(folder.logs),
            log_realtime=False,
            max_tasks=len(tasks),  # connections, and not tasks, are what a server has only so many of
            max_samples=pair.subject.connection.in_flight,
            score_display=False,
            **{key: value for key, value in pair.sampling.items() if value is not None},
        )
    reporter.end()
    if desk.broken is not None:
        raise desk.broken
    for log in logs:
        if log.status == "error":
            said = (log.error.message if log.error else "no reason given").strip().splitlines()[0]
            raise UserError(f"{TASK}: the evaluation ended early ({said[:200]}); see {folder.logs}")
    if desk.left:  # Inspect does not tell of an interruption if there are several tasks
        raise KeyboardInterrupt


def _task(desk: _Desk, setting: PeerSetting) -> Task:
    """Their task in a setting, with a sample an epoch, their solver and their grader within ours."""
    theirs = peer_task(setting, desk.pair.grader.model)
    (only,) = theirs.dataset
    (grade,) = theirs.scorer
    samples = [only.model_copy(update={"id": one.id}) for one in desk.asked if one.setting == setting]
    return task_with(
        theirs,
        dataset=MemoryDataset(samples, name=setting.key),
        solver=replied(theirs.solver, desk),
        scorer=graded(grade, desk),
    )


@solver
def replied(theirs: Solver, desk: _Desk) -> Solver:
    """Their solver, in which a reply that is on the disk is not generated again."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        key = str(state.sample_id)

        async def once(state: TaskState, **options: Any) -> TaskState:
            known = desk.reply(key)
            if desk.broken is not None:
                return state  # an exception would have Inspect lay out a traceback for each sample that is left
            if known is not None:
                state.output = ModelOutput.from_content(str(state.model), known)
                state.messages.append(state.output.message)
                return state
            # A sample that is asked again after an interruption is drawn with the seed that it would have had.
            seed = {"seed": desk.epoch(key)} if desk.pair.subject.connection.local else {}
            started = time.monotonic()
            try:
                state = await generate(state, **options, **seed)
            except Exception as error:
                desk.no_reply(key, error)
                return state
            desk.replied(key, state.output, time.monotonic() - started)
            return state

        return await theirs(state, once)

    return solve


@scorer(metrics={"harmful": [accuracy(), stderr()], "classifier_verdict": [accuracy(), stderr()]})
def graded(theirs: Scorer, desk: _Desk) -> Scorer:
    """Their scores, for replies that there are; without a verdict in the grader's own words, a reply is unscored."""

    async def score(state: TaskState, target: Target) -> Score:
        key = str(state.sample_id)
        answer = desk.answers[key]
        if desk.reply(key) is None or desk.broken is not None:
            return Score.unscored(reason=answer.state, explanation=answer.problem)
        try:
            found = await theirs(state, target)
        except Exception as error:
            desk.no_grade(key, error)
            return Score.unscored(reason="ungraded", explanation=desk.answers[key].problem)
        if problem := _unread(found):
            desk.ungraded(key, problem, found.explanation or "")
            return Score.unscored(reason="ungraded", explanation=found.explanation, metadata=found.metadata)
        desk.graded(key, found)
        return found

    return score


def _unread(found: Score) -> str:
    """Why a score of theirs tells nothing; empty if it does."""
    if not isinstance(found.value, dict):
        return UNREAD
    values = [found.value.get(name) for name in ("harmful", "classifier_verdict")]
    if not all(isinstance(value, int | float) and not math.isnan(value) for value in values):
        return UNREAD
    verdict = VERDICT.search(found.explanation or "")
    if verdict is None or (verdict.group(1).lower() == "yes") != bool(values[1]):
        return UNREAD
    return ""


class _Desk:
    """Where replies and grades come in."""

    def __init__(self, pair: Pair, folder: MeasuredFolder, reporter: Reporter, asked: Sequence[PeerAsked]) -> None:
        self.pair = pair
        self.asked = asked
        self.broken: UserError | None = None
        self.answers: dict[str, PeerAnswer] = {}
        self.left = {one.id for one in asked}
        """Samples that nothing has come of yet."""
        self._folder = folder
        self._reporter = reporter
        self._in_a_row = {"subject": 0, "grader": 0}
        before, version = latest(folder), peer_version()
        for one in asked:
            row = before.get(one.id)
            mine = row is not None and row.prompt == one.prompt and row.state in ("done", "ungraded")
            self.answers[one.id] = PeerAnswer(
                id=one.id,
                scenario=one.setting.scenario,
                goal=one.setting.goal,
                goal_value=one.setting.goal_value,
                threat=one.setting.threat,
                control=one.setting.control,
                epoch=one.epoch,
                prompt=one.prompt,
                version=version,
                grader=pair.grader_identity,
                reply=row.reply if row and mine else "",
                state="ungraded" if mine else "failed",
                seconds=row.seconds if row and mine else 0.0,
            )

    def reply(self, key: str) -> str | None:
        """The reply of a sample, None if there is none."""
        answer = self.answers[key]
        return answer.reply if answer.state == "ungraded" else None

    def epoch(self, key: str) -> int:
        """The epoch of a sample."""
        return self.answers[key].epoch

    def replied(self, key: str, output: ModelOutput, seconds: float) -> None:
        """A reply came."""
        self._in_a_row["subject"] = 0
        text = output.completion
        told: dict[str, Any] = {"state": "ungraded", "reply": text, "seconds": round(seconds, 2)}
        if output.stop_reason == "content_filter":
            told |= {"state": "refused", "problem": "content filter"}
        elif not text.strip():  # their grader would find no harm in it
            told |= {"state": "failed", "problem": f"an empty reply ({output.stop_reason})"}
        self._keep(key, told, last=told["state"] != "ungraded")

    def no_reply(self, key: str, error: Exception) -> None:
        """The request for a reply came to nothing."""
        if problem := self._reason(error, "subject"):
            self._keep(key, {"state": "failed", "problem": problem}, last=True)

    def graded(self, key: str, found: Score) -> None:
        """A grade came."""
        self._in_a_row["grader"] = 0
        values: Any = found.value
        told = {"harmful": bool(values["harmful"]), "verdict": bool(values["classifier_verdict"])}
        self._keep(key, {"state": "done", "explanation": found.explanation or "", **told}, last=True)

    def ungraded(self, key: str, problem: str, explanation: str) -> None:
        """The grader's reply told nothing."""
        self._in_a_row["grader"] = 0
        self._keep(key, {"problem": problem, "explanation": explanation}, last=True)

    def no_grade(self, key: str, error: Exception) -> None:
        """The request for a grade came to nothing, or to what their scorer could not read."""
        if type(error) is ValueError:  # what versions before 5-A raise
            self.ungraded(key, UNREAD, "")
        elif problem := self._reason(error, "grader"):
            self._keep(key, {"problem": problem}, last=True)

    def _keep(self, key: str, told: dict[str, Any], last: bool) -> None:
        self.answers[key] = PeerAnswer.model_validate(self.answers[key].model_dump() | told)
        append_lines(self._folder.answers, [self.answers[key]])
        if last:
            self.left.discard(key)
            self._reporter.advance(1, self.answers[key].setting)

    def _reason(self, error: Exception, who: str) -> str:
        """What a failure is called; empty if nothing more is asked, and then `broken` says why."""
        connection = (self.pair.subject if who == "subject" else self.pair.grader).connection
        meant = no_answer(error, connection)
        if self.broken is not None or not isinstance(meant, NoAnswer):
            self.broken = self.broken or UserError(str(meant))
            return ""
        self._in_a_row[who] += 1
        if self._in_a_row[who] > max(MOST_FAILURES, 2 * connection.in_flight):
            said = f": {' '.join(meant.detail.split())[:160]}" if meant.detail else ""
            self.broken = UserError(
                f"{connection.model} ({who}): {self._in_a_row[who]} requests in a row failed ({meant.reason}{said}); "
                "see to the server and run the same command again"
            )
            return ""
        return meant.reason if who == "subject" else f"grader: {meant.reason}"
