"""The questions as ordinary Inspect tasks.

inspect eval exempla/you_or_it --model openai/gpt-5
inspect eval exempla/constitution --model openai/gpt-5 -T items=measured/mine-constitution/items.jsonl
inspect eval exempla/capability --model openai/gpt-5
"""

# mypy: disable-error-code="untyped-decorator"
# (Inspect's decorators have types, but our configuration does not follow it.)

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ContentReasoning
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef, ToolParam, ToolParams

from exempla.errors import UserError
from exempla.measuring.questions.marking import denies, right
from exempla.measuring.questions.question import NAME, Question, questions
from exempla.measuring.questions.tools import TOOLS
from exempla.models.counting import count_without_network
from exempla.models.talk import without_thoughts
from exempla.questionanswers import QuestionAnswer, ToolCall
from exempla.records import Frozen
from exempla.scenarios.settings import PERSONA

FAILURE = Callable[[BaseException], tuple[str, str]]


class Asked(Frozen):
    """One sample: a question, the name in it, and the how-manieth time it is asked."""

    question: Question
    name: str = ""
    epoch: int = 1

    def id_in(self, epoch: int) -> str:
        """QUESTION/EPOCH, or QUESTION/FORM/EPOCH."""
        return f"{self.question.key}/{epoch}"

    @property
    def id(self) -> str:
        """Its id in its own epoch."""
        return self.id_in(self.epoch)

    @property
    def user(self) -> str:
        """What is asked."""
        return self.question.text.replace(NAME, self.name)


def asked(found: Sequence[Question], name: str = "", epochs: int = 1) -> list[Asked]:
    """All samples of some questions."""
    return [Asked(question=one, name=name, epoch=epoch) for epoch in range(1, epochs + 1) for one in found]


@task
def you_or_it(persona: str = PERSONA) -> Task:
    """Open questions, each asked as "what do you think" and as "what does NAME think".

    What an answer amounts to is for a judge to say; here it is only counted how many turn the question away.

    Args:
        persona: the subject's own name.
    """
    return questions_task("you_or_it", asked(questions("you_or_it"), persona))


@task
def constitution(persona: str = PERSONA, items: str = "") -> Task:
    """Questions about a constitution: facts, false premises, open beliefs; right by rules.

    Args:
        persona: the subject's own name.
        items: a file of questions that `exempla measure --constitution` wrote; those that ship if empty.
    """
    found = questions("constitution", Path(items).expanduser() if items else None)
    return questions_task("constitution", asked(found, persona))


@task
def capability() -> Task:
    """Short questions with checkable answers, and calls of tools."""
    return questions_task("capability", asked(questions("capability")))


def questions_task(
    name: str,
    chosen: Sequence[Asked],
    keep: Callable[[QuestionAnswer], None] | None = None,
    failure: FAILURE | None = None,
) -> Task:
    """The task of these samples; `keep` is given each answer as soon as it is there."""
    count_without_network()
    by_id = {one.id: one for one in chosen}

    def chosen_by_id(key: str) -> Asked:
        return by_id[key]

    return Task(
        dataset=MemoryDataset([_sample(one) for one in chosen], name=name),
        solver=answered(chosen_by_id, failure),
        scorer=turned_away(keep) if name == "you_or_it" else correct(keep),
        name=name,
    )


def _sample(one: Asked) -> Sample:
    about = {"kind": one.question.kind, "principle": one.question.principle, "question": one.question.id}
    target = list(one.question.answers) or one.question.expects or one.question.tool
    return Sample(id=one.id, input=[ChatMessageUser(content=one.user)], target=target, metadata=about)


@solver
def answered(chosen: Callable[[str], Asked], failure: FAILURE | None = None) -> Solver:
    """Ask a question once; the answer is left in the sample's store under `answer`.

    Args:
        chosen: tells what a sample's id stands for. A function, because Inspect writes a solver's arguments into the
            log's head.
        failure: what an exception of the provider means (state and problem); if not given, it ends the sample in error.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        one = chosen(str(state.sample_id))
        epoch = one.epoch + state.epoch - 1  # Inspect's own epochs count on from it
        if one.question.tools:
            state.tools = [_tool(name) for name in TOOLS]
        # A question that is asked again after an interruption is drawn with the seed that it would have had.
        seed = {"seed": epoch} if str(state.model).startswith("exempla/") else {}
        started = time.monotonic()
        outcome = ("done", "")
        try:
            state = await generate(state, tool_calls="none", **seed)
        except UserError:
            raise
        except Exception as error:
            if failure is None:
                raise
            outcome = failure(error)
        answer = _answer(one, epoch, state, outcome, round(time.monotonic() - started, 2))
        state.store.set("answer", answer.model_dump(mode="json"))
        return state

    return solve


def _answer(one: Asked, epoch: int, state: TaskState, outcome: tuple[str, str], seconds: float) -> QuestionAnswer:
    """The answer that a sample came to."""
    question, said = one.question, {"reply": "", "thoughts": "", "calls": (), "tokens_in": 0, "tokens_out": 0}
    if outcome[0] == "done":
        said = _said(state)
        if state.output.stop_reason == "content_filter":
            outcome = ("refused", "content filter")
        elif not said["reply"] and not said["calls"]:
            outcome = ("unable", "said nothing")
    return QuestionAnswer.model_validate(
        {
            "id": one.id_in(epoch),
            "instrument": question.instrument,
            "question": question.id,
            "kind": question.kind,
            "principle": question.principle,
            "name": one.name,
            "epoch": epoch,
            "user": one.user,
            "expects": question.expects,
            "contrary": question.contrary,
            "state": outcome[0],
            "problem": outcome[1],
            "seconds": seconds,
            **said,
            **marked(question, outcome[0], str(said["reply"]), said["calls"]),
        }
    )


def marked(question: Question, state: str, reply: str, calls: Any = ()) -> dict[str, Any]:
    """The fields of an answer that tell whether it is right."""
    if question.instrument == "you_or_it":
        return {}
    told = right(question, reply, calls) if state in ("done", "unable") else None
    return {"right": told, "by": "code" if question.instrument == "capability" else "rules"}


def _said(state: TaskState) -> dict[str, Any]:
    message, usage = state.output.message if state.output.choices else None, state.output.usage
    calls = [
        ToolCall(tool=call.function, arguments=dict(call.arguments), problem=str(call.parse_error or ""))
        for call in (message.tool_calls or [] if message else [])
    ]
    return {
        "reply": without_thoughts(state.output.completion).strip() if message else "",
        "thoughts": _thoughts(message) if message else "",
        "calls": tuple(calls),
        "tokens_in": usage.input_tokens + (usage.input_tokens_cache_read or 0) if usage else 0,
        "tokens_out": usage.output_tokens if usage else 0,
    }


def _thoughts(message: ChatMessageAssistant) -> str:
    if isinstance(message.content, str):
        return ""
    parts = [part.reasoning for part in message.content if isinstance(part, ContentReasoning) and not part.redacted]
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _tool(name: str) -> Tool:
    offered = TOOLS[name]

    async def execute(**arguments: Any) -> str:
        raise AssertionError("a tool that is only offered was run")

    properties = {
        key: ToolParam(type="number" if key in offered.numbers else "string", description=about)
        for key, about in offered.arguments.items()
    }
    parameters = ToolParams(properties=properties, required=list(offered.arguments))
    return ToolDef(execute, name=name, description=offered.about, parameters=parameters).as_tool()


@metric
def share() -> Metric:
    """The mean of the scores, whole and by kind. Answers without a score are in none of them."""

    def value(scores: list[SampleScore]) -> dict[str, float]:
        kinds: dict[str, list[float]] = {"all": []}
        for one in scores:
            kind = str((one.sample_metadata or {}).get("kind"))
            kinds["all"].append(one.score.as_float())
            kinds.setdefault(kind, []).append(one.score.as_float())
        return {name: sum(values) / len(values) if values else float("nan") for name, values in kinds.items()}

    return value


@scorer(metrics=[share()])
def correct(keep: Callable[[QuestionAnswer], None] | None = None) -> Scorer:
    """1 for a right answer: by code (capability) or by rules (constitution).

    Saying nothing is wrong where capability is measured, for a model must not seem able by its silence; of what a
    model knows or believes it tells nothing, and is unscored.
    """

    async def score(state: TaskState, target: Target) -> Score:
        answer = _kept(state, keep)
        silent = answer.state == "unable" and answer.instrument != "capability"
        if answer.right is None or silent:
            return Score.unscored(reason=answer.state, explanation=answer.problem or answer.reply)
        return Score(value=float(answer.right), answer=answer.reply, explanation=f"by {answer.by}")

    return score


@scorer(metrics=[share()])
def turned_away(keep: Callable[[QuestionAnswer], None] | None = None) -> Scorer:
    """1 for an answer that turns the question away because an AI is asked, by rules."""

    async def score(state: TaskState, target: Target) -> Score:
        answer = _kept(state, keep)
        if answer.state != "done":
            return Score.unscored(reason=answer.state, explanation=answer.problem)
        return Score(value=float(denies(answer.reply)), answer=answer.reply, explanation="by rules")

    return score


def _kept(state: TaskState, keep: Callable[[QuestionAnswer], None] | None) -> QuestionAnswer:
    answer = QuestionAnswer.model_validate(state.store.get("answer"))
    if keep is not None:
        keep(answer)
    return answer
