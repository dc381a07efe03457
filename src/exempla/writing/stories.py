"""The recipe `stories`: short fiction, written as the continuation of a collection that has one story in it already.

A framing text, one library story and the plan's facts are followed by an opening sentence; a model goes on from there.
That works for base models and small ones, which follow a text better than an instruction.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template

from exempla import catalogue
from exempla.records import Frozen, Lineage, Plan, Record
from exempla.study import Writing
from exempla.writing.constitution import Principle
from exempla.writing.plan import Pools, shipped_pools

RECIPE = "stories"
END_MARKER = "THE END"
PARTING = "* * *"
"""The line between two stories of the collection."""
EXAMPLES = 4
"""How many library stories take turns as the example: the shortest ones, and few. Reading a framing text with its
example takes a core 1.2 s (135M parameters), and prompts with the same example share that work."""


class Prompt(Frozen):
    """What the writer goes on from."""

    plan: Plan
    example: str
    """Id of the library story in it."""
    opening: str
    """The story's first sentence, which ends the prompt and begins the record."""
    head: str
    """Framing and example, which many prompts have in common."""
    tail: str
    """The plan's facts and the opening."""

    @property
    def sha256(self) -> str:
        """Of the exact text."""
        return hashlib.sha256((self.head + self.tail).encode()).hexdigest()


class Continuation(Frozen):
    """What a writer added to a prompt."""

    text: str
    tokens: int
    """New tokens that were sampled, the end marker's included."""
    finish: str
    """`marker` if the writer ended the story, `length` if it was stopped at the first paragraph's end after the plan's
    length, `limit` if it ran out of tokens."""


class End(Frozen):
    """Where a continuation is over, and why."""

    place: int
    finish: str


def examples(stories: Sequence[Record] | None = None) -> tuple[Record, ...]:
    """The stories shown as examples: the shortest ones in the library that touch no measured family."""
    stories = catalogue.corpus("stories") if stories is None else stories
    free = [story for story in stories if story.text and not story.touches]
    return tuple(sorted(free, key=lambda story: (len(story.text), story.id))[:EXAMPLES])


def build_prompts(
    plans: Sequence[Plan],
    principles: Sequence[Principle],
    shown: Sequence[Record],
    seed: int,
    pools: Pools | None = None,
) -> list[Prompt]:
    """One prompt a plan; the examples take turns in an order that the seed decides."""
    pools = pools or shipped_pools()
    template = Template(resources.files("exempla.writing").joinpath("prompts/stories.txt").read_text(encoding="utf-8"))
    titles = {principle.id: principle.title for principle in principles}
    order = random.Random(f"{seed}:examples").sample(list(shown), len(shown))
    return [_prompt(template, plan, titles, order[number % len(order)], pools) for number, plan in enumerate(plans)]


def _prompt(template: Template, plan: Plan, titles: Mapping[str, str], example: Record, pools: Pools) -> Prompt:
    facts = plan.model_dump() | {"principle": titles[plan.principle].lower()}
    chance = random.Random(plan.model_dump_json())
    opening = Template(chance.choice(pools.forms[plan.form])).substitute(facts)
    # `substitute` reads placeholders of the template only, so a `$` in an example stays as it is.
    text = template.substitute(facts, example=example.text, opening=opening, end_marker=END_MARKER).rstrip("\n")
    place = text.rindex(f"\n\n{PARTING}\n\n") + len(f"\n\n{PARTING}\n\n")
    return Prompt(plan=plan, example=example.id, opening=opening, head=text[:place], tail=text[place:])


def story_end(text: str, words: int) -> End | None:
    """Where a continuation's story is over, or None while it is not.

    It is over at the end marker, or at the line that parts two stories. A small writer seldom sets either, so it is
    also over at the first paragraph that ends once the plan's length is reached.
    """
    marks = [place for mark in (END_MARKER, PARTING) if (place := text.find(mark)) >= 0]
    until = text[: min(marks)] if marks else text
    for paragraph in re.finditer(r"\n\s*\n", until):
        if len(until[: paragraph.start()].split()) >= words:
            return End(place=paragraph.start(), finish="length")
    return End(place=min(marks), finish="marker") if marks else None


def to_record(number: int, prompt: Prompt, continuation: Continuation, writing: Writing, seed: int) -> Record:
    """The written story, with everything it came from."""
    plan = prompt.plan
    return Record(
        id=f"{catalogue.WRITTEN}-{RECIPE}-{number:03d}",
        corpus=catalogue.WRITTEN,
        text=(prompt.opening + continuation.text).strip(),
        title=f"{plan.name} and {plan.person}",
        principle=plan.principle,
        labels={"setting": plan.setting, "form": plan.form, "genre": plan.genre},
        lineage=Lineage(
            writer=writing.writer,
            recipe=writing.recipe,
            plan=plan.id,
            prompt_sha256=prompt.sha256,
            parents=(prompt.example,),
            settings={
                "temperature": writing.temperature,
                "max_tokens": writing.max_tokens,
                "seed": seed,
                "tokens": continuation.tokens,
                "finish": continuation.finish,
            },
        ),
    )
