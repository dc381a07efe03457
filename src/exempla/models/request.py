"""What a model is asked and what it says, without anything that asks it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal
from urllib.parse import urlsplit

from exempla.records import Frozen

OWN_SERVERS = ("exempla", "openai-api", "vllm", "sglang", "ollama", "llama-cpp-python", "hf", "mockllm")
"""Inspect's providers whose models run here or on a server that the user has set up."""
THINKING_ROOM = 4096
"""Tokens. What is not used is not paid for; a reply that needs more is asked for again with twice the limit."""


def without_secrets(url: str) -> str:
    """An address as it may be written to a file: it may hold a password, or a key after its question mark."""
    parts = urlsplit(url)
    host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    return parts._replace(netloc=host, query="", fragment="").geturl()


class Connection(Frozen):
    """How a model is reached."""

    model: str
    base_url: str = ""
    in_flight: int = 64
    """Requests under way at once."""
    retries: int = 5
    """How often Inspect sends a failed request again, with growing pauses, before the failure is ours."""
    timeout: int = 600
    """Seconds that one attempt may take."""
    batch: bool = False
    """Whether the provider's batch mode is used, which costs about half and answers within a day."""
    reasoning: str = ""
    """Effort of a model that reasons, in Inspect's words; the provider's own choice if empty."""
    continuation: bool = False
    """Whether a text is continued instead of a chat answered."""

    @property
    def room(self) -> int:
        """Tokens that a reply may have besides its text: hosted models think first unless they are told not to, and a
        limit counts their thoughts. Whether a server of one's own has its model think, its owner knows."""
        own = self.model.split("/")[0].removesuffix("-completions") in OWN_SERVERS
        return 0 if own or self.reasoning == "none" else THINKING_ROOM

    @property
    def local(self) -> bool:
        """Whether the model runs in this process, where seeds are kept to."""
        return self.model.startswith("exempla/")


class Request(Frozen):
    """What a model is asked."""

    system: str = ""
    user: str
    max_tokens: int
    temperature: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    head: int = 0
    """Characters of `user` that many requests begin with; the local provider reads them once."""
    may_break_off: bool = False
    """Whether a reply that uses up its tokens is as good as any other."""
    tools: tuple[dict[str, Any], ...] = ()
    """Tools that are offered, in OpenAI's function format. Nothing runs them: a reply that calls one cannot be used."""
    end_after_words: int = 0
    """The local provider ends a text at the first paragraph that ends after so many words."""

    @property
    def sha256(self) -> str:
        """Of the exact messages."""
        return hashlib.sha256(json.dumps([self.system, self.user], ensure_ascii=False).encode()).hexdigest()


class Said(Frozen):
    """A model's answer."""

    text: str
    stop: str
    """`stop`, `max_tokens`, `content_filter` or another of Inspect's stop reasons."""
    model: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    """Of `tokens_in`, those read from the provider's cache."""
    seconds: float


class NoAnswer(Exception):
    """A request that failed for good, after Inspect's own retries. The message is a countable reason."""

    def __init__(self, reason: str, detail: str, again: Literal["now", "later", "never"]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.again = again
        """When asking again may help: `later` if the server is at fault, `never` if the request is, `now` if a reply
        was garbled on its way."""
