"""Sending requests as Inspect has laid them out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

LAID_OUT = ("messages", "tools")
"""The long parts of a request. Inspect writes them out as plain JSON values."""


def send_as_laid_out(client: Any) -> None:
    """Keep an OpenAI client from searching the long parts of each request for values to convert (times, files, models).

    With a dozen tools it is at that for as long as it takes to send the request and to read the reply. What is given as
    `extra_body` it sends as it is. Clients of another make are left alone.
    """
    if type(client).__module__.split(".")[0] != "openai":
        return
    completions = client.chat.completions
    create = completions.create

    async def created(**request: Any) -> Any:
        long = {name: request.pop(name) for name in LAID_OUT if isinstance(request.get(name), list)}
        body = long | (request.pop("extra_body", None) or {})
        if "messages" in long:
            request["messages"] = []  # the client wants it given, and then has the one in `extra_body` take its place
        return await create(**request, extra_body=body)

    completions.create = created


@contextlib.contextmanager
def noted_as_laid_out() -> Iterator[None]:
    """Have Inspect note each request as it is, instead of copying it part by part to leave out pictures.

    Of the notes, the log has only those of requests that were refused. There is no public way to ask for this: where
    Inspect does it otherwise one day, only speed suffers.
    """
    try:
        from inspect_ai.model._providers import openai_compatible as provider
        from openai import NotGiven

        note = provider.set_active_model_event_call
    except (ImportError, AttributeError):
        yield
        return

    def noted(request: dict[str, Any], *more: Any, **named: Any) -> Any:
        call = note({}, *more, **named)
        if not hasattr(call, "request"):
            return note(request, *more, **named)
        call.request = {name: value for name, value in request.items() if not isinstance(value, NotGiven)}
        return call

    provider.set_active_model_event_call = noted
    try:
        yield
    finally:
        provider.set_active_model_event_call = note
