"""Writing a quiz about any constitution with a model: its items checked, its replies kept, nothing asked twice.

What cannot be used of a reply is left out and counted: an item without a passage that it is about, word for word; one
whose own right answer fails its key words; one whose question gives them away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from pydantic import ValidationError

from exempla.files import fingerprint
from exempla.measuring.questions.question import NAME, QUIZ_KINDS, quiz_item
from exempla.models.bench import Bench, Head, Ledger, Question
from exempla.models.request import NoAnswer, Request, Said
from exempla.models.talk import Speaker
from exempla.records import Frozen
from exempla.rubric import QUOTE_WORDS, enclosed, json_objects, occurs
from exempla.study import first_problem

PROMPT = Path(__file__).parent / "quiz.md"
EACH = 2
"""Questions of each kind that are asked for about one section."""
MAX_TOKENS = 2500
"""Six items of some 150 tokens, nearly three times over."""
LONGEST = 600
"""Characters of a question, and of what a right answer says."""


class Section(NamedTuple):
    """A part of a constitution that questions are written about."""

    id: str
    title: str
    text: str


class Reply(Frozen):
    """One reply of the writer, as the ledger has it."""

    section: str
    key: str
    """SHA-256 of the model's name and the whole request."""
    model: str
    attempt: int
    """From 1."""
    items: tuple[dict[str, Any], ...]
    """Those that can be used, of this and earlier tries."""
    problems: tuple[str, ...]
    """Why others cannot, one each."""

    @property
    def settled(self) -> bool:
        """Whether there is an item of every kind."""
        return {one["kind"] for one in self.items} == set(QUIZ_KINDS)


@dataclass
class Written:
    """What came of it."""

    items: list[dict[str, Any]] = field(default_factory=list)
    """Rows as in the library's quiz, each with `quote`."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Items that cannot be used, by why."""
    failed: Counter[str] = field(default_factory=Counter)
    """Sections without any reply, by why."""


async def write_quiz(
    sections: Sequence[Section],
    speaker: Speaker,
    replies: Path,
    advance: Callable[[int, str], None] = lambda steps, note: None,
) -> Written:
    """Have a model write questions about each section. What the ledger has is not asked again.

    Args:
        sections: of the constitution, in order.
        speaker: the writer.
        replies: the ledger, a file that nobody else writes to meanwhile.
        advance: told of each section.

    Raises:
        UserError: the model will not answer any request, or the ledger cannot be read. What came in is kept.
    """
    model = speaker.connection.model
    ledger = Ledger(replies, Reply, lambda row: Head(row.key, row.model, row.attempt, row.settled), model)
    bench = Bench(speaker, ledger)
    found: dict[str, Reply] = {}
    failed: Counter[str] = Counter()

    async def hear(section: Section) -> None:
        request = Request(user=prompt_of(section), max_tokens=MAX_TOKENS + speaker.connection.room)
        key = fingerprint(model, request.user)
        before = ledger.get(key)
        earlier = list(before.items) if before else []

        def read(said: Said, attempt: int) -> Reply:
            items, problems = read_items(section, said.text, earlier)
            earlier[:] = items
            return Reply(
                section=section.id,
                key=key,
                model=model,
                attempt=attempt,
                items=tuple(items),
                problems=tuple(problems),
            )

        try:
            found[section.id] = await bench.ask(Question(key, request, read))
        except NoAnswer as error:
            failed[error.reason] += 1
        advance(1, section.id)

    await bench.work(sections, hear)
    return _gathered([found[one.id] for one in sections if one.id in found], failed)


def _gathered(replies: Sequence[Reply], failed: Counter[str]) -> Written:
    """The items of all sections, with ids; the same question is kept once."""
    written = Written(failed=failed)
    seen: set[str] = set()
    for reply in replies:
        written.left_out.update(reply.problems)
        count: Counter[str] = Counter()
        for item in reply.items:
            plain = " ".join(item["question"].casefold().split())
            if plain in seen:
                written.left_out["asked about another section already"] += 1
                continue
            seen.add(plain)
            count[item["kind"]] += 1
            name = f"quiz-{item['kind'].replace('_', '-')}-{reply.section}-{count[item['kind']]:02d}"
            written.items.append({"id": name, "principle": reply.section, **item})
    return written


def prompt_of(section: Section) -> str:
    """The request for questions about a section."""
    return Template(PROMPT.read_text(encoding="utf-8")).substitute(
        each=EACH,
        words=QUOTE_WORDS,
        title=" ".join(section.title.split()),
        section=enclosed(section.text or section.title),
    )


def read_items(
    section: Section, reply: str, earlier: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The items of a reply that can be used, after earlier ones; and why others cannot. Never raises."""
    items, problems = list(earlier), list[str]()
    if "{" not in reply:
        return items, ["no JSON object in the reply"]
    for _, value in json_objects(reply):
        if value is None:
            problems.append("not valid JSON")
            continue
        item, problem = _item(section, value)
        if item is None:
            problems.append(problem)
        elif sum(one["kind"] == item["kind"] for one in items) >= EACH:
            problems.append("more than were asked for")
        elif any(one["question"].casefold() == item["question"].casefold() for one in items):
            problems.append("the same question again")
        else:
            items.append(item)
    return items, problems


def _item(section: Section, value: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """An item fit for use, or None and why it is not."""
    texts = {name: value.get(name) for name in ("kind", "question", "expects", "quote")}
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            return None, f"no {name}"
    item = {name: " ".join(str(text).split()) for name, text in texts.items()}
    row = {**item, "keys": value.get("keys"), "avoid": value.get("avoid") or []}
    try:
        question = quiz_item({"id": "new", "principle": section.id, **row})
    except ValidationError as error:
        return None, f"keys or avoid: {first_problem(error)}"
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        return None, str(error)[:120]
    rules = question.rules
    assert rules is not None
    checks = (
        (NAME not in question.text, "the question does not name $name"),
        (max(len(question.text), len(question.expects)) > LONGEST, f"over {LONGEST} characters"),
        (not occurs(question.quote, section.text or section.title), "the quote does not occur in the section"),
        (not rules.says, "no keys"),
        (not rules.matches(question.expects), "what it expects fails its own key words"),
        (rules.matches(question.text), "the question gives its key words away"),
    )
    problem = next((said for wrong, said in checks if wrong), "")
    if problem:
        return None, problem
    return {**item, "keys": [list(one) for one in rules.says], "avoid": list(rules.omits)}, ""
