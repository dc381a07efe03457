"""What an OpenAI client sends is the same whether it searches the request for values to convert or not."""

import asyncio
from datetime import UTC, datetime

import pytest
from inspect_ai.model._openai import openai_media_filter
from inspect_ai.model._providers import openai_compatible
from openai import NOT_GIVEN, AsyncOpenAI

from exempla.models.request import Connection, Request
from exempla.models.sending import noted_as_laid_out, send_as_laid_out
from exempla.models.talk import open_speaker
from tests.loopback import served

CALL = {"id": "c-1", "type": "function", "function": {"name": "mail_read", "arguments": '{"id": "m-1"}'}}
MESSAGES = [
    {"role": "system", "content": "You are at work."},
    {"role": "user", "content": [{"type": "text", "text": "Read “m-1”."}]},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c-1", "content": "From: Ada"},
]
PARAMETERS = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
TOOLS = [{"type": "function", "function": {"name": "mail_read", "parameters": PARAMETERS, "strict": True}}]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tools": TOOLS, "tool_choice": "auto"},
        {"tools": TOOLS, "extra_body": {"top_k": 5}},
        {"extra_body": {"messages": [{"role": "user", "content": "These instead."}]}},
        {"extra_body": None, "extra_headers": {"x-own": "1"}, "seed": 3, "stop": ["END"]},
    ],
)
def test_a_request_is_sent_as_it_would_have_been(more):
    async def asked(url, laid_out):
        client = AsyncOpenAI(api_key="none", base_url=url)
        if laid_out:
            send_as_laid_out(client)
        return await client.chat.completions.create(model="m", messages=MESSAGES, **more)

    with served(rule="echo", bodies=True) as server:
        plain, sent = (asyncio.run(asked(server.url, laid_out)) for laid_out in (False, True))
        first, second = (one.body for one in server.requests)
    assert first == second
    assert plain.choices == sent.choices


def test_every_speaker_sends_so_and_a_client_of_another_make_is_left_alone():
    with served(rule="echo") as server:
        speaker = open_speaker(Connection(model="openai-api/loopback/m", base_url=server.url))
        completions = speaker.model.api.client.chat.completions
        assert completions.create.__module__ == send_as_laid_out.__module__
        assert asyncio.run(speaker.ask(Request(user="Hello.", max_tokens=9))).text == "Hello."
    send_as_laid_out(None)
    send_as_laid_out(datetime.now(UTC))


def test_a_request_is_noted_as_inspect_would_note_it():
    note = openai_compatible.set_active_model_event_call
    request = {"model": "m", "messages": MESSAGES, "tools": TOOLS, "extra_headers": {"x-own": "1"}, "seed": 3}
    with noted_as_laid_out():
        noted = openai_compatible.set_active_model_event_call(request | {"tool_choice": NOT_GIVEN}, openai_media_filter)
    assert noted.model_dump() == note(request, openai_media_filter).model_dump()
    assert openai_compatible.set_active_model_event_call is note
