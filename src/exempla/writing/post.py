"""The post: sends a recipe's requests, keeps every reply, and asks again for what cannot be used."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from exempla.errors import UserError
from exempla.models.request import NoAnswer, Request
from exempla.models.talk import Speaker, open_speaker
from exempla.writing.desk import Drop, Unusable
from exempla.writing.faults import fault_of
from exempla.writing.ledger import Ledger, Reply
from exempla.writing.limits import Hold, Need, need_of
from exempla.writing.order import Commission
from exempla.writing.recipe import Step
from exempla.writing.tally import Tally

ATTEMPTS = 3
"""Replies that are asked for, for one step, before a text is given up."""
FEWEST_FAILURES = 24
"""Failures of the server in a row, over all texts, before nothing more is sent; twice the requests in flight if that is
more, because one moment's trouble strikes all of them at once."""
REFUSED = 8
"""Refusals, with nothing answered yet, that show the requests themselves to be wrong and not a text or two."""
DOUBT = 0.5
"""Temperature with which a judge is asked again: at zero it would say the same."""
HINTS = {
    "http 400": "it does not accept such requests: see to its settings, its context length, --max-tokens",
    "http 403": "access is not allowed",
    "http 404": "it knows no such model or address: correct --model or --base-url",
}


class Halt(Exception):
    """Nothing is sent for this text now; it stays unwritten and is gone on with later."""


@dataclass(frozen=True)
class Speakers:
    """The models of a commission, ready to be asked."""

    writer: Speaker
    judge: Speaker

    def of(self, step: Step) -> Speaker:
        """The one that a step is asked of."""
        return self.judge if step.role == "judge" else self.writer


def hire(commission: Commission) -> Speakers:
    """Make a commission's models ready.

    Raises:
        UserError: one of them is unknown, or lacks a key or a package.
    """
    writer = open_speaker(commission.writer)
    return Speakers(writer, writer if commission.judge == commission.writer else open_speaker(commission.judge))


class Post:
    """Sends requests and keeps replies, for all plans of a corpus."""

    def __init__(self, commission: Commission, speakers: Speakers, ledger: Ledger, tally: Tally) -> None:
        self.commission = commission
        self.speakers = speakers
        self.ledger = ledger
        self.tally = tally
        self.closed = False
        """Whether nothing more is sent; what is under way is awaited and kept."""
        self.broken: BaseException | None = None
        """Why no request will be answered any more."""
        self.short = ""
        """The limit for which a request could not be sent."""
        self._failures_in_a_row = 0
        self._refused: Counter[str] = Counter()
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def send(
        self, hold: Hold, name: str, step: Step, request: Request, parse: Callable[[str], Any]
    ) -> tuple[Any, str]:
        """What `parse` makes of the reply, and why the reply ended; from the ledger, or else from the model.

        Raises:
            Drop: no reply can be used.
            Halt: nothing is sent now.
        """
        with self._alone(name) as lock:
            async with lock:
                return await self._attempts(hold, name, (step, request, parse))

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[asyncio.Lock]:
        """A lock for each name: a reply that several plans share is asked for once."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            yield lock
        finally:
            _, users = self._locks[name]
            self._locks[name] = (lock, users - 1)
            if users == 1:
                del self._locks[name]

    async def _attempts(
        self, hold: Hold, name: str, asked: tuple[Step, Request, Callable[[str], Any]]
    ) -> tuple[Any, str]:
        step, request, parse = asked
        attempt = 1
        while True:
            key = f"{name}/{attempt}"
            reply = self.ledger.get(key)
            if reply is None:
                doubt = {"temperature": DOUBT} if attempt > 1 and step.role == "judge" else {}
                made = request.model_copy(update={"seed": seed_of(self.commission.order.seed, key)} | doubt)
                reply, parsed = await self._ask(hold, key, (step, made, parse))
                problem = (reply.failure, reply.detail)
            elif reply.failure:
                problem = (reply.failure, reply.detail)
            else:
                parsed, problem = _read(parse, reply.text)
            if not problem[0]:
                return parsed, reply.stop
            attempt = max(attempt, int(reply.key.rsplit("/", 1)[1])) + 1
            if attempt > ATTEMPTS:
                raise Drop(*problem, text=reply.text)
            if problem[0] == "truncated":  # a model that thinks before it writes may need far more than its text
                request = request.model_copy(update={"max_tokens": 2 * request.max_tokens})

    async def _ask(self, hold: Hold, key: str, asked: tuple[Step, Request, Callable[[str], Any]]) -> tuple[Reply, Any]:
        """Send a request and put what comes of it on the disk; gives the reply and what the parser made of it."""
        step, request, parse = asked
        speaker, price = self.speakers.of(step), self.commission.price(step)
        batch = speaker.connection.batch
        if self.closed or self.broken is not None:
            raise Halt
        need = need_of(request, price, batch)
        if not hold.covers(need):
            self.short = hold.purse.missing(need)
            raise Halt
        hold.begin(need)
        self.tally.in_flight += 1
        self.tally.show()
        common = {"step": step.name, "prompt_sha256": request.sha256}
        parsed: Any = None
        try:
            try:
                said = await speaker.ask(request)
            except NoAnswer as error:
                reply = self._failed(key, error, speaker, common)
            else:
                self._failures_in_a_row = 0
                reply = Reply(
                    key=key,
                    text=said.text,
                    stop=said.stop,
                    model=said.model,
                    tokens_in=said.tokens_in,
                    tokens_out=said.tokens_out,
                    cost=round(price.cost(said.tokens_in, said.tokens_out, said.tokens_cached, batch), 8),
                    seconds=said.seconds,
                    **common,
                )
                language = "" if step.role == "judge" else self.commission.order.language
                problem = fault_of(said, request.may_break_off, language), ""
                if not problem[0]:
                    parsed, problem = _read(parse, said.text)
                reply = reply.model_copy(update={"failure": problem[0], "detail": problem[1][:300]})
            await self.ledger.put(reply)
        finally:
            # Only now: what is counted as spent and what is set aside must never both leave it out.
            hold.end(need)
            self.tally.in_flight -= 1
        if reply.key.endswith("/0"):
            # The server failed, not the text: it is left for later, not dropped.
            self.tally.postponed[reply.failure] += 1
            raise Halt
        return reply, parsed

    def _failed(self, key: str, error: NoAnswer, speaker: Speaker, common: dict[str, str]) -> Reply:
        again = error.again
        if again == "never":
            self._refused[error.reason] += 1
            if not self.ledger.totals.by_step:
                again = "later"  # perhaps every request is refused, and then no text is to blame
                at_once = error.reason in ("http 403", "http 404")
                if at_once or self._refused.total() >= min(REFUSED, speaker.connection.in_flight):
                    self._break(speaker, error, HINTS.get(error.reason, "see to its settings"))
        else:
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= max(FEWEST_FAILURES, 2 * speaker.connection.in_flight):
                self._break(speaker, error, f"{self._failures_in_a_row} requests in a row failed: see to the server")
        # A server's failure does not use an attempt up. What the request itself is to blame for uses up all.
        attempt = {"later": 0, "now": key.rsplit("/", 1)[1], "never": ATTEMPTS}[again]
        return Reply(key=f"{key.rsplit('/', 1)[0]}/{attempt}", failure=error.reason, detail=error.detail, **common)

    def _break(self, speaker: Speaker, error: NoAnswer, hint: str) -> None:
        said = f": {error.detail[:160]}" if error.detail else ""
        self.broken = self.broken or UserError(
            f"{speaker.connection.model}: {hint} ({error.reason}{said}); run the same command again to go on"
        )


def _read(parse: Callable[[str], Any], text: str) -> tuple[Any, tuple[str, str]]:
    """What a parser makes of a text, and reason and detail if it is unusable."""
    try:
        return parse(text), ("", "")
    except Unusable as error:
        return None, (error.reason, error.detail)


def seed_of(seed: int, key: str) -> int:
    """A request's own seed, for providers that keep to one: an attempt after another must not give the same."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:4])


def plan_need(commission: Commission, words: int) -> Need:
    """What all requests of a plan take at worst, if none has to be sent twice."""
    need = Need()
    for step in commission.recipe.steps:
        if step.name not in commission.style.steps:
            continue
        most = commission.style.limit(step, words)
        longest = step.long * step.max_tokens(words) if step.long else 0
        request = Request(user=" " * commission.texts.longest_prompt(step.name), max_tokens=most)
        one = need_of(request, commission.price(step), commission.connection(step).batch)
        more = Need(0, longest, commission.price(step).cost(longest, 0))
        for _ in range(step.times):
            need = need.plus(one).plus(more)
    return need
