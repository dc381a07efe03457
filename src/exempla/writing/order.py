"""An order: what a user wants written, and how it becomes a job; mistakes in it are found before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.models.identity import full_name, has_chat_template, identity
from exempla.models.prices import FREE, Price, Prices, read_prices
from exempla.models.request import Connection
from exempla.records import Frozen, Record
from exempla.writing.constitution import Principle
from exempla.writing.corpusfolder import Settings
from exempla.writing.desk import Style
from exempla.writing.faults import known_languages
from exempla.writing.limits import Limits
from exempla.writing.planner import Quotas, check_quota, length_ladder
from exempla.writing.recipe import Recipe, Step, recipes
from exempla.writing.sources import read_sources
from exempla.writing.texts import Texts, read_texts

WRITING_VERSION = 2
"""Raised when a change of the code changes what is asked for with the same settings."""
BATCHING = ("anthropic", "google", "grok", "openai", "together")
"""Providers whose batch mode Inspect knows."""
MOST_IN_A_BATCH = 10_000
IN_FLIGHT = 64
IN_FLIGHT_LOCAL = 32
CONTINUED_WORDS = (130, 160, 190, 220)
"""Lengths of texts that are continued: models that need it lose the thread after some 200 words."""
CONTINUED_TOKENS = 320
CONTINUED_TEMPERATURE = 0.8
"""Small models wander at 1."""
EXAMPLES = 4
"""How many library texts take turns as the example of a framing text: the shortest ones, and few. Reading a framing
text with its example takes a core 1.2 s (135M parameters), and prompts with the same example share that work."""


class Order(Frozen):
    """What a user wants written. Unset fields are chosen to fit the recipe and the model."""

    recipe: str
    n: int
    model: str
    judge: str = ""
    """The model that scores; the writer itself if not given."""
    constitution: str = "default"
    prompts: Path | None = None
    source: str = ""
    """A corpus whose prompts are built on: a folder, or the name of one that ships."""
    base_url: str = ""
    in_flight: int | None = None
    retries: int = 5
    timeout: int = 600
    batch: bool = False
    reasoning: Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"] = ""
    """Effort of models that reason; the provider's own choice if empty."""
    prices: Path | None = None
    limits: Limits = Limits()
    seed: int = 0
    temperature: float | None = None
    max_tokens: int | None = None
    words: int | None = None
    style: Literal["auto", "chat", "continue"] = "auto"
    steps: tuple[str, ...] = ()
    language: str = "en"
    measure_every: int = 300


@dataclass(frozen=True)
class Commission:
    """An order with everything that is needed to carry it out, but for the models themselves."""

    order: Order
    recipe: Recipe
    texts: Texts
    style: Style
    principles: dict[str, Principle]
    sources: dict[str, Record]
    """By id: the records whose prompts are built on."""
    quotas: Quotas
    plans: int
    """Plans, each of which yields `recipe.per_plan` texts."""
    writer: Connection
    judge: Connection
    """The writer's own if nobody judges."""
    prices: Prices

    @cached_property
    def settings(self) -> Settings:
        """Everything that the texts depend on."""
        order, style = self.order, self.style
        judged = any(self.recipe.step(step).role == "judge" for step in style.steps)
        return Settings(
            version=WRITING_VERSION,
            recipe=self.recipe.name,
            seed=order.seed,
            writer=identity(order.model),
            judge=identity(order.judge or order.model) if judged else "",
            constitution=fingerprint(list(self.principles.values())) if self.principles else "",
            source=fingerprint(list(self.sources.values())) if self.sources else "",
            texts=self.texts.hashes,
            steps=style.steps,
            continuation=style.continuation,
            temperature=style.temperature,
            max_tokens=style.max_tokens,
            median_words=self.quotas.lengths[len(self.quotas.lengths) // 2],
            longest_words=self.quotas.lengths[-1],
            language=order.language,
            measure_every=order.measure_every,
        )

    @property
    def planned(self) -> int:
        """Texts."""
        return self.plans * self.recipe.per_plan

    def connection(self, step: Step) -> Connection:
        """The model that a step is asked of."""
        return self.judge if step.role == "judge" else self.writer

    def price(self, step: Step) -> Price:
        """What the model of a step costs; nothing if that is not known."""
        return self.prices.of(self.connection(step).model) or FREE

    @property
    def priced(self) -> bool:
        """Whether there is anything to pay that is known of."""
        return any((self.prices.of(one.model) or FREE) != FREE for one in (self.writer, self.judge))


def recipe_of(order: Order) -> Recipe:
    """The recipe that is ordered.

    Raises:
        UserError: there is none of that name.
    """
    return recipes()[catalogue.require("recipe", order.recipe, recipes())]


def accept(order: Order, principles: Sequence[Principle]) -> Commission:
    """Make an order ready to be carried out; nothing is written, sent or loaded.

    Raises:
        UserError: something in it is wrong; the message says what, and how to mend it.
    """
    recipe = recipe_of(order)
    if order.n < 1:
        raise UserError(f"--n {order.n}: there must be at least 1 text to write")
    writer, judge = full_name(order.model), full_name(order.judge or order.model)
    _check(order)
    continuation = _continues(order, recipe, writer)
    steps = _steps(order, recipe, continuation)
    judged = any(step.role == "judge" and step.name in steps for step in recipe.steps)
    texts = read_texts(recipe, order.prompts)
    sources = {record.id: record for record in read_sources(order.source, recipe)}
    quotas = _quotas(order, recipe, texts, principles, continuation, tuple(sources))
    plans = math.ceil(order.n / recipe.per_plan)
    check_quota(quotas, plans)
    writing = _connection(order, writer, continuation)
    judging = _connection(order, judge, False) if judged else writing
    style = Style(
        steps=steps,
        continuation=continuation,
        temperature=_chosen(order.temperature, CONTINUED_TEMPERATURE if continuation else 1.0),
        max_tokens=order.max_tokens or (CONTINUED_TOKENS if continuation else None),
        writer_room=writing.room,
        judge_room=judging.room,
        writer=order.model,
        away="; ".join(family.temptation for family in catalogue.families()),
        seed=order.seed,
        examples=_examples(recipe) if continuation else (),
    )
    return Commission(
        order=order,
        recipe=recipe,
        texts=texts,
        style=style,
        principles={principle.id: principle for principle in principles} if recipe.principles else {},
        sources=sources,
        quotas=quotas,
        plans=plans,
        writer=writing,
        judge=judging,
        prices=_prices(order, (writer, judge) if judged else (writer,)),
    )


def _continues(order: Order, recipe: Recipe, writer: str) -> bool:
    """Whether texts are continued: as told, or else for models that cannot chat and for the embedded one, which is too
    small to follow instructions."""
    raw = writer.startswith(("openai-api-completions/", "vllm-completions/"))
    local = writer.startswith("exempla/")
    base = raw or (local and not has_chat_template(writer.removeprefix("exempla/")))
    wanted = order.style == "continue" or (
        order.style == "auto" and (base or (bool(recipe.framing) and writer == "exempla/embedded"))
    )
    if wanted and not recipe.framing:
        able = ", ".join(name for name, other in recipes().items() if other.framing)
        raise UserError(
            f"{recipe.name} needs a model that follows instructions; choose a chat model, or one of the recipes that a "
            f"base model can continue: {able}"
        )
    if order.style == "chat" and base:
        raise UserError(f"{order.model} is a base model and cannot chat; leave out --style, or choose a chat model")
    return wanted


def _chosen(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _check(order: Order) -> None:
    """What can be seen to be wrong without looking at anything else."""
    url = urlsplit(order.base_url)
    if order.base_url and (url.scheme not in ("http", "https") or not url.hostname):
        raise UserError(f"--base-url {order.base_url}: not an address; write it like http://127.0.0.1:8000/v1")
    if order.model.split("/")[0].startswith("openai-api") and order.model.count("/") < 2:
        raise UserError(
            f"unknown model {order.model!r}; write openai-api/SERVICE/NAME, with a service name of your own"
        )
    if order.language not in ("en", "") and order.prompts is None:
        raise UserError(
            f"--language {order.language!r}: the prompts that ship ask for English; give your own: --prompts"
        )
    if order.language not in ("en", "") and order.language not in known_languages():
        raise UserError(
            f"--language {order.language!r}: not a language that can be told; give its code, such as de, or '' for any"
        )
    for name in filter(None, (order.model, order.judge)):
        if order.batch and name.split("/")[0] not in BATCHING:
            raise UserError(f"--batch: {name} has no batch mode; {', '.join(BATCHING)} have one")


def _batched(order: Order) -> int:
    """A batch is worth its wait only when many texts are in it."""
    return min(order.n, MOST_IN_A_BATCH)


def _steps(order: Order, recipe: Recipe, continuation: bool) -> tuple[str, ...]:
    known = [step.name for step in recipe.steps]
    for step in order.steps:
        catalogue.require(f"step of {recipe.name}", step, known)
    if continuation:
        # A model that continues texts has no opinion of them; one that is named as judge has.
        return ("draft", "score") if order.judge and (not order.steps or "score" in order.steps) else ("draft",)
    return tuple(step for step in known if not order.steps or step in order.steps)


def _quotas(
    order: Order,
    recipe: Recipe,
    texts: Texts,
    principles: Sequence[Principle],
    continuation: bool,
    sources: tuple[str, ...],
) -> Quotas:
    pools = dict(texts.pools)
    pairs = recipe.pairs
    if sources:
        # What a prompt is about comes with the prompt; drawing it anew would only contradict it.
        pools = {fact: pool for fact, pool in pools.items() if fact not in recipe.brought}
        pools["source"] = sources
        pairs = tuple(pair for pair in pairs if set(pair) <= {*pools, "principle"})
    return Quotas(
        recipe=recipe.name,
        principles=tuple(principle.id for principle in principles) if recipe.principles else (),
        pools=pools,
        pairs=pairs,
        lengths=_lengths(order, recipe, continuation),
    )


def _lengths(order: Order, recipe: Recipe, continuation: bool) -> tuple[int, ...]:
    if order.words is None and continuation:
        return CONTINUED_WORDS
    median = order.words or recipe.median_words
    return length_ladder(median, max(median, round(median * recipe.longest_words / recipe.median_words)))


def _examples(recipe: Recipe) -> tuple[Record, ...]:
    free = [record for record in catalogue.corpus(recipe.framing) if record.text and not record.touches]
    return tuple(sorted(free, key=lambda record: (len(record.text), record.id))[:EXAMPLES])


def connection_of(order: Order) -> Connection:
    """How an order's model is reached for something else than texts, such as splitting its constitution."""
    return _connection(order, full_name(order.model), False)


def _is_there(name: str, writer: str) -> bool:
    """Whether a model is at the address that was given: the writer is, and a judge of the same service; any judge if
    the writer runs in this process."""

    def service(model: str) -> str:
        provider, _, rest = model.partition("/")
        return rest.split("/")[0] if provider.startswith("openai-api") else provider

    return writer.startswith("exempla/") or service(name) == service(writer)


def _connection(order: Order, name: str, continuation: bool) -> Connection:
    local = name.startswith("exempla/")
    return Connection(
        model=name,
        base_url=order.base_url if _is_there(name, full_name(order.model)) else "",
        in_flight=order.in_flight or (IN_FLIGHT_LOCAL if local else _batched(order) if order.batch else IN_FLIGHT),
        reasoning=order.reasoning,
        retries=order.retries,
        timeout=order.timeout,
        batch=order.batch,
        continuation=continuation,
    )


def _prices(order: Order, models: Sequence[str]) -> Prices:
    prices = read_prices(order.prices)
    for name in models:
        if prices.of(name) is None and order.limits.budget is not None:
            raise UserError(
                f"--budget: the price of {name} is not known; give it with --prices FILE, for instance "
                f'{{"models": {{"{name}": {{"input": 3, "output": 15}}}}}} for a million tokens'
            )
    return prices
