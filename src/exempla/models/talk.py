"""Talking to models: one thin layer over Inspect's model API, which knows the providers, their retries and batches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from inspect_ai.hooks import Hooks, ModelRetry, hooks
from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
)
from inspect_ai.tool import ToolInfo

from exempla.errors import UserError
from exempla.models.request import Connection, NoAnswer, Request, Said
from exempla.models.sending import send_as_laid_out
from exempla.study import EMBEDDED

CONNECT_TIMEOUT = 5.0
"""Seconds within which a server's door must open before anything is written."""
FATAL_STATUS = {401: "the key is not accepted", 402: "the account has no credit"}
TRANSIENT = {408, 409, 425, 429}
GARBLED = {"malformed reply", "invalid UTF-8"}
"""A server that answers, but not with what it meant to; the next answer may be whole."""


class Wire:
    """What went over the wire in this process: requests that came to nothing, by reason, those sent again included.

    Providers' own clients send a failed request again before Inspect hears of it, so their traffic is watched; where
    that cannot be done, Inspect tells of what it sends again.
    """

    def __init__(self) -> None:
        self._sent = 0
        self._answered = 0
        self._failed: Counter[str] = Counter()

    def failed(self) -> dict[str, int]:
        """Reason to number of requests. Without any answer means that the connection broke, or was given up."""
        lost = {"no answer": self._sent - self._answered} if self._sent > self._answered else {}
        return dict(self._failed) | lost

    def watch(self, model: Model) -> None:
        """Count what a model's client sends and gets from now on."""
        api = model.api
        client = getattr(api, "http_client", None) or getattr(getattr(api, "client", None), "_client", None)
        events = getattr(client, "event_hooks", None)
        if isinstance(events, dict):
            events["request"].append(self._request)
            events["response"].append(self._response)
        else:
            _hear_of_retries()

    def count(self, reason: str) -> None:
        """A request came to nothing."""
        self._failed[reason] += 1

    async def _request(self, request: Any) -> None:
        self._sent += 1

    async def _response(self, response: Any) -> None:
        if "event-stream" not in response.headers.get("content-type", ""):
            await response.aread()  # a connection that breaks within the body has brought no answer either
        self._answered += 1
        if response.status_code >= 400:
            self.count(f"http {response.status_code}")


wire = Wire()


@cache
def _hear_of_retries() -> None:
    """Have Inspect tell of each request that it sends again. Called after a model is open: of hooks that are there when
    it starts, Inspect prints a banner."""

    @hooks(name="retries", description="Counts the requests that are sent again.")
    class _Retries(Hooks):  # type: ignore[misc]  # our configuration does not follow Inspect
        async def on_model_retry(self, data: ModelRetry) -> None:
            wire.count(f"http {data.status_code}" if data.status_code else _kind(data.exception_type or ""))


class _NoTranscript:
    """Takes Inspect's events and keeps none: outside an evaluation it would keep every reply in memory."""

    def on_pending(self, event: Any) -> None:
        """A request goes out."""

    def on_complete(self, event: Any) -> None:
        """A reply came in."""


@contextlib.contextmanager
def without_transcript() -> Iterator[None]:
    """Keep Inspect from holding every request and reply until the process ends, and from laying out the traceback of
    every failed one for it, which takes a core half a second each; to be entered around all requests.

    There is no public way to say so. If this one goes away, only memory and speed suffer.
    """
    try:
        from inspect_ai.model import _model

        sink, laid_out = _model.use_model_event_sink, _model.format_traceback
    except (ImportError, AttributeError):
        yield
        return
    _model.format_traceback = lambda *error: ("", "")
    try:
        with sink(_NoTranscript()):
            yield
    finally:
        _model.format_traceback = laid_out


@contextlib.contextmanager
def watched(tell: Callable[[int, int], None]) -> Iterator[None]:
    """Have models in this process tell how far they are: number of texts, and of tokens sampled in each."""
    from exempla.models import provider  # it registers itself with Inspect, which finds it when it is asked for

    provider.watch = tell
    try:
        yield
    finally:
        provider.watch = None


@dataclass(frozen=True)
class Speaker:
    """A model that can be asked."""

    connection: Connection
    model: Model

    async def ask(self, request: Request) -> Said:
        """The answer to a request.

        Raises:
            NoAnswer: the request failed for good.
            UserError: nothing that is asked will ever be answered: a wrong key, an unknown model.
        """
        messages: list[ChatMessage] = [ChatMessageSystem(content=request.system)] if request.system else []
        metadata = {"head": request.head} if self.connection.local and request.head else None
        messages.append(ChatMessageUser(content=request.user, metadata=metadata))
        own = {"end_after_words": request.end_after_words} if request.end_after_words else None
        config = GenerateConfig(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            seed=request.seed if self.connection.local else None,
            stop_seqs=list(request.stop) or None,
            extra_body=own if self.connection.local else None,
        )
        started = time.monotonic()
        try:
            output = await self.model.generate(messages, **self._tools(request), config=config)
        except Exception as error:
            raise no_answer(error, self.connection) from error
        return _said(output, time.monotonic() - started)

    def _tools(self, request: Request) -> dict[str, Any]:
        # A reply that calls a tool is not used, and the small models that run in this process would call them.
        if not request.tools or self.connection.local:
            return {}
        return {"tools": [ToolInfo.model_validate(tool) for tool in request.tools], "tool_choice": "auto"}


def open_speaker(connection: Connection) -> Speaker:
    """Make a model ready to be asked, and see that its server is there.

    Raises:
        UserError: the model or its provider is unknown, a key or a package is missing, or the server does not answer.
    """
    arguments: dict[str, Any] = {}
    if connection.local:
        arguments = {"continuation": connection.continuation, "batch": connection.in_flight}
    elif connection.base_url:
        arguments["base_url"] = connection.base_url
        if connection.model.startswith("openai-api") and f"{_service(connection.model)}_API_KEY" not in os.environ:
            arguments["api_key"] = "none"  # servers of one's own seldom want a key, but the protocol does
    config = GenerateConfig(
        # In batch mode all requests must be let through, or no batch would be larger than that.
        max_connections=None if connection.batch else connection.in_flight,
        reasoning_effort=connection.reasoning or None,
        cache_prompt=False,  # prompts differ from their first lines on, and writing to a cache costs more
        max_retries=connection.retries,
        attempt_timeout=None if connection.batch or connection.local else connection.timeout,
        batch=connection.batch or None,
    )
    try:
        model = get_model(connection.model, config=config, memoize=False, **arguments)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_cannot_open(connection.model, error)) from error
    wire.watch(model)
    send_as_laid_out(getattr(model.api, "client", None))
    return Speaker(connection, model)


async def knock(speaker: Speaker) -> None:
    """See that something that speaks HTTP answers at the model's address, before anything is sent.

    Raises:
        UserError: nobody listens there, it is no web server, or it is no address.
    """
    api = speaker.model.api
    address = str(getattr(api, "base_url", None) or getattr(getattr(api, "client", None), "base_url", None) or "")
    if address and (problem := await asyncio.to_thread(_closed, address)):
        raise UserError(f"{speaker.connection.model}: {problem}")


def _closed(address: str) -> str:
    """What is wrong with a server's address, in words; empty if a server answers there, whatever it says."""
    url = urlsplit(address)
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        port = 0
    if url.scheme not in ("http", "https") or not url.hostname or not port:
        return f"{address!r} is not the address of a server; give --base-url in the form http://127.0.0.1:8000/v1"
    bare = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()  # a password in it would be taken for the host
    secure = ssl.create_default_context()
    # Whether its certificate is trusted is for the provider's client to say, which may trust others than we do.
    secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    try:
        # It knows the user's proxy, as the providers' clients do.
        urllib.request.urlopen(bare, timeout=CONNECT_TIMEOUT, context=secure).close()
    except (HTTPError, TimeoutError):
        pass  # any answer will do, and so will a server that is open and busy
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", error)
        why = getattr(cause, "strerror", None) or " ".join(str(cause).split())[:80] or "no answer"
        place = f"{url.scheme}://{url.hostname}:{port}"
        return f"no server answers at {place} ({why}); start it, or correct the address with --base-url"
    return ""


def _service(model: str) -> str:
    return model.split("/")[1].upper().replace("-", "_")


def _cannot_open(name: str, error: Exception) -> str:
    text = re.sub(r"\[/?[a-z ]+\]", "", str(getattr(error, "message", error)))
    text = " ".join(text.replace("ERROR:", "").split())
    if "should be in the format" in text or "not recognized" in text:
        return (
            f"unknown model {name!r}; give `{EMBEDDED}`, a model folder, or provider/model as Inspect names them, for "
            "instance anthropic/NAME, openai/NAME or openai-api/SERVICE/NAME"
        )
    variable = re.search(r"\b[A-Z0-9_]+_(?:API_KEY|TOKEN|BASE_URL)\b", text)
    if variable and "BASE_URL" in variable.group():
        return f"{name}: where its server is, is not known; give --base-url URL, or set {variable.group()}"
    if variable:
        return f"{name}: there is no key; set the environment variable {variable.group()}"
    return f"{name}: {text.rstrip('.')}; mend that, or choose another --model"


def _said(output: ModelOutput, seconds: float) -> Said:
    usage = output.usage
    cached = (usage.input_tokens_cache_read or 0) if usage else 0
    return Said(
        text=without_thoughts(output.completion) if output.choices else "",
        stop=_stop(output),
        model=output.model,
        tokens_in=(usage.input_tokens + cached + (usage.input_tokens_cache_write or 0)) if usage else 0,
        tokens_out=usage.output_tokens if usage else 0,
        tokens_cached=cached,
        seconds=round(seconds, 3),
    )


def _stop(output: ModelOutput) -> str:
    if not output.choices:
        return "stop"
    return "words" if (output.metadata or {}).get("finish") == "words" else str(output.stop_reason)


def without_thoughts(text: str) -> str:
    """A reply without what a model thought before it. Inspect parts that off where both tags are there; some servers
    put the first one in the prompt, and only the last comes back."""
    return text.rsplit("</think>", 1)[-1]


def no_answer(error: Exception, connection: Connection) -> Exception:
    """What an exception of a provider means for us."""
    if isinstance(error, UserError):
        return error
    cause: BaseException | None = error
    status: int | None = None
    names: list[str] = []
    text = ""
    while cause is not None:
        status = status or _status(cause)
        names.append(type(cause).__name__)
        if names[-1] != "RetryError":  # it says nothing but that there were retries
            text = text or " ".join(str(cause).split())[-300:]
        cause = cause.__cause__ or cause.__context__
    if "PrerequisiteError" in names:  # some providers find out what they lack only when they are asked
        return UserError(_cannot_open(connection.model, error))
    if status in FATAL_STATUS:
        return UserError(f"{connection.model}: {FATAL_STATUS[status]} (http {status}); correct it and run again")
    if status is not None:
        return NoAnswer(f"http {status}", text, again="later" if status in TRANSIENT or status >= 500 else "never")
    kind = _kind(*names)
    return NoAnswer(kind, text, again="now" if kind in GARBLED else "later")


def _status(error: BaseException) -> int | None:
    """The HTTP status that a provider's exception tells of: each has its own way."""
    found = getattr(error, "status_code", None) or getattr(error, "code", None)
    if found is None and isinstance(response := getattr(error, "response", None), dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return found if isinstance(found, int) and 400 <= found < 600 else None


def _kind(*names: str) -> str:
    """A countable reason from the names of exceptions, the outermost first."""
    joined = " ".join(names)
    for mark, reason in (
        ("UnicodeDecode", "invalid UTF-8"),
        ("JSONDecode", "malformed reply"),
        ("ResponseValidation", "malformed reply"),
        ("Timeout", "timeout"),
        ("Connect", "connection"),
        ("Protocol", "connection"),
        ("ReadError", "connection"),
        ("ResponseError", "malformed reply"),
    ):
        if mark in joined:
            return reason
    return f"error {names[0]}" if names and names[0] else "error"
