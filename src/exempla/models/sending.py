"""Sending requests as Inspect has laid them out."""

from __future__ import annotations

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
