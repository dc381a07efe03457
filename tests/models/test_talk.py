"""What is said of a model that cannot be reached or asked, and what each fault of a server becomes; over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from inspect_ai.model import ModelOutput

from exempla.errors import UserError
from exempla.models import talk
from exempla.models.request import Connection, NoAnswer, Request, Said
from exempla.models.talk import Speaker, knock, open_speaker, wire
from tests.loopback import FAULTS, Fault, Seen, Served, served

MODEL = "openai-api/loopback/m"
QUESTION = Request(user="What stands on the quay?", max_tokens=900)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL"))]:
        monkeypatch.delenv(name)


def speaker(server: Served, **options: object) -> Speaker:
    return open_speaker(Connection(model=MODEL, base_url=server.url, **({"retries": 0, "timeout": 8} | options)))


def one_line(error: BaseException, *words: str) -> None:
    told = str(error)
    assert len(told.splitlines()) == 1 and "Traceback" not in told, told
    for word in words:
        assert word in told, told


# --- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("gpt-17", ["unknown model 'gpt-17'", "provider/model", "embedded"]),
        ("nosuch/m", ["unknown model 'nosuch/m'", "provider/model"]),
        ("openai/gpt-5", ["openai/gpt-5: there is no key", "OPENAI_API_KEY"]),
        (MODEL, ["there is no key", "LOOPBACK_API_KEY"]),
        ("exempla/./nowhere", ["./nowhere", "no model folder"]),
    ],
)
def test_a_model_that_cannot_be_opened_is_told_in_one_line(model: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        open_speaker(Connection(model=model))
    one_line(caught.value, *words)


def test_a_service_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPBACK_API_KEY", "secret")
    with pytest.raises(UserError) as caught:
        open_speaker(Connection(model=MODEL))
    one_line(caught.value, "--base-url", "LOOPBACK_BASE_URL")
    assert "secret" not in str(caught.value)


def test_a_package_that_is_not_installed() -> None:
    missing = {"mistral/m": "mistralai", "groq/m": "groq", "google/m": "google.genai"}
    models = [model for model, package in missing.items() if not _installed(package)]
    if not models:
        pytest.skip("every provider's package is installed")
    for model in models:
        with pytest.raises(UserError) as caught:
            open_speaker(Connection(model=model))
        one_line(caught.value, model, "pip install")


def test_a_provider_that_finds_out_late_what_it_lacks() -> None:
    if _installed("vllm"):
        pytest.skip("vllm is installed")
    late = open_speaker(Connection(model="vllm/m", retries=0))
    with pytest.raises(UserError) as caught:
        asyncio.run(late.ask(QUESTION))
    one_line(caught.value, "vllm")


def _installed(package: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(package) is not None
    return False


# --- knocking --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def listener(says: bytes, patience: float = 0.0) -> Iterator[int]:
    """A port where something listens that says this to whoever comes, and is no web server."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    guest, _ = door.accept()
                    with guest:
                        guest.sendall(says)
                        time.sleep(patience)

        threading.Thread(target=answer, daemon=True).start()
        yield door.getsockname()[1]


def knocked(address: str) -> None:
    asyncio.run(knock(open_speaker(Connection(model=MODEL, base_url=address))))


def refused(address: str, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        knocked(address)
    one_line(caught.value, MODEL, "--base-url", *words)


@pytest.mark.parametrize(
    "address", ["localhost:8000/v1", "not an address", "http://127.0.0.1:99999/v1", "ftp://127.0.0.1/v1", "http:///v1"]
)
def test_what_is_no_address(address: str) -> None:
    refused(address, repr(address), "http://127.0.0.1:8000/v1")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    refused(f"http://127.0.0.1:{port}/v1", "no server answers", f"http://127.0.0.1:{port}", "start it")
    refused("http://nowhere.invalid/v1", "no server answers", "nowhere.invalid:80")


def test_what_listens_is_no_web_server_or_speaks_another_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "CONNECT_TIMEOUT", 0.5)
    with listener(b"SSH-2.0-nothing\r\n") as port:
        refused(f"http://127.0.0.1:{port}/v1", "no server answers", f"127.0.0.1:{port}")
    with listener(b"") as port:
        refused(f"http://127.0.0.1:{port}/v1", "no server answers")
    with served() as server:
        refused(server.url.replace("http:", "https:"), "no server answers", "https://127.0.0.1")


def test_a_server_that_answers_anything_is_there_and_so_is_one_that_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "CONNECT_TIMEOUT", 0.5)
    before = wire.failed()
    with served() as server:
        knocked(server.url)  # 404 for lack of such a page
        knocked(server.url + "/")
        assert server.requests == [], "nothing is asked of the model"
    with listener(b"", patience=2.0) as port:
        knocked(f"http://127.0.0.1:{port}/v1")
    assert wire.failed() == before, "knocking is no failed request"


# --- asking ----------------------------------------------------------------------------------------------------------

Came = tuple[Said | Exception, list[Seen], dict[str, int]]


@pytest.fixture(scope="module")
def faults() -> dict[str, Came]:
    """By fault, what one question to a server that always strikes comes to, what was sent, and what the wire tells."""

    async def ask(kind: str, server: Served) -> tuple[str, Came]:
        own = talk.Wire()
        # A stall is longer than the time a request may take; everything else is well within.
        there = speaker(server, timeout=2 if kind == "stall" else 8)
        own.watch(there.model)
        result: Said | Exception
        try:
            result = await there.ask(QUESTION)
        except Exception as error:
            result = error
        return kind, (result, server.requests, own.failed())

    async def all_at_once() -> dict[str, Came]:
        with contextlib.ExitStack() as stack:
            servers = {
                kind: stack.enter_context(served(words=300, faults=[Fault(kind=kind, rate=1, seconds=seconds(kind))]))
                for kind in FAULTS
            }
            return dict(await asyncio.gather(*(ask(kind, server) for kind, server in servers.items())))

    def seconds(kind: str) -> float:
        return 3.0 if kind == "stall" else 0.1

    return asyncio.run(all_at_once())


@pytest.mark.parametrize(
    ("kind", "reason", "again"),
    [
        ("429", "http 429", "later"),
        ("500", "http 500", "later"),
        ("503", "http 503", "later"),
        ("close_before", "connection", "later"),
        ("close_middle", "connection", "later"),
        ("stall", "timeout", "later"),
        ("malformed", "malformed reply", "now"),
        ("invalid_utf8", "invalid UTF-8", "now"),
    ],
)
def test_a_fault_of_the_server_has_a_countable_reason(
    faults: dict[str, Came], kind: str, reason: str, again: str
) -> None:
    result, seen, _ = faults[kind]
    assert isinstance(result, NoAnswer), repr(result)
    assert (result.reason, result.again) == (reason, again), result.detail
    assert result.detail and len(result.detail) <= 300 and "\n" not in result.detail
    assert {one.fault for one in seen} == {kind}


def test_the_detail_is_what_the_server_said(faults: dict[str, Came]) -> None:
    for kind in ("429", "500", "503"):
        assert {"429": "too many requests"}.get(kind, f"answers {kind} on purpose") in getattr(
            faults[kind][0], "detail", ""
        )


def test_a_key_that_is_not_accepted_ends_everything(faults: dict[str, Came]) -> None:
    result, seen, _ = faults["401"]
    assert isinstance(result, UserError)
    one_line(result, MODEL, "key", "http 401")
    assert len(seen) == 1, "asked once, not again and again"


def test_a_model_that_the_server_does_not_know_is_asked_for_once(faults: dict[str, Came]) -> None:
    result, seen, _ = faults["404"]
    assert len(seen) == 1
    if isinstance(result, NoAnswer):
        assert (result.reason, result.again) == ("http 404", "never") and "'m' does not exist" in result.detail
    else:
        assert isinstance(result, UserError)
        one_line(result, MODEL, "http 404")


def test_a_reply_that_came_whole_is_an_answer_whatever_is_in_it(faults: dict[str, Came]) -> None:
    said = {kind: faults[kind][0] for kind in ("empty", "truncated", "wrong_language")}
    assert all(isinstance(one, Said) for one in said.values()), said
    assert {kind: getattr(one, "stop", "") for kind, one in said.items()} == {
        "empty": "stop",
        "truncated": "max_tokens",
        "wrong_language": "stop",
    }
    assert getattr(said["empty"], "text", None) == ""
    assert len(getattr(said["wrong_language"], "text", "")) > 100


def test_the_wire_counts_what_came_to_nothing_and_nothing_else(faults: dict[str, Came]) -> None:
    for kind, (_, seen, failed) in faults.items():
        struck = len(seen)
        if kind in ("401", "404", "429", "500", "503"):
            assert failed == {f"http {kind}": struck}, kind
        elif kind in ("close_before", "close_middle", "stall"):
            assert failed == {"no answer": struck}, kind
        else:
            assert failed == {}, f"{kind}: a reply came, what is in it is not the wire's"


def test_a_failed_request_is_sent_again_before_it_is_given_up() -> None:
    with served(words=40, faults=[Fault(kind="500", rate=1, tries=2)]) as server:
        said = asyncio.run(speaker(server, retries=0, timeout=20).ask(QUESTION))
        assert said.text and [one.fault for one in server.requests] == ["500"] * 2 + [""]


def test_what_is_sent_is_what_is_meant_and_what_comes_back_is_counted() -> None:
    request = Request(
        system="Be brief.", user="Tell of a kettle.", max_tokens=77, temperature=0.3, seed=5, stop=("END",)
    )
    with served(words=50, bodies=True) as server:
        said = asyncio.run(speaker(server).ask(request))
        (seen,) = server.requests
    body = seen.body
    assert [(turn["role"], turn["content"]) for turn in body["messages"]] == [
        ("system", "Be brief."),
        ("user", "Tell of a kettle."),
    ]
    assert seen.model == "m" and body["temperature"] == 0.3 and body["stop"] == ["END"]
    assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert not body.get("stream")
    assert "seed" not in body, "several services refuse it, and few keep to it"
    assert said.model == "m" and said.stop == "stop" and said.seconds > 0
    assert (said.tokens_in, said.tokens_out) == (4 * 6 // 3, 4 * len(said.text.split()) // 3)


def test_what_a_model_thought_before_it_answered_is_no_part_of_the_text() -> None:
    with served(rule="echo") as server:
        there = speaker(server)

        async def all_of(*texts: str) -> list[str]:
            return [(await there.ask(Request(user=text, max_tokens=50))).text.strip() for text in texts]

        assert (
            asyncio.run(all_of("<think>Hm, a kettle.</think>Tea?", "Hm, a kettle.</think>\n\nTea?", "Tea?"))
            == ["Tea?"] * 3
        )


def test_a_local_model_is_given_the_seed_and_ends_where_it_is_told(tiny_model: Path) -> None:
    there = open_speaker(Connection(model=f"exempla/{tiny_model}", in_flight=2))

    async def ask(seed: int) -> str:
        return (await there.ask(Request(user="The kettle", max_tokens=12, seed=seed))).text

    async def all_of() -> list[str]:
        return [await ask(seed) for seed in (1, 1, 2)]

    first, same, other = asyncio.run(all_of())
    assert first == same != other


def test_hosted_models_have_room_to_think_and_own_servers_are_their_owners_affair():
    room = {name: Connection(model=name).room for name in ("anthropic/x", "openai/x", "openai-api/vllm/x", "exempla/x")}
    assert room["anthropic/x"] == room["openai/x"] > 2000 and room["openai-api/vllm/x"] == room["exempla/x"] == 0
    assert Connection(model="openai-api-completions/v/x").room == 0
    assert Connection(model="anthropic/x", reasoning="none").room == 0


def test_a_reply_without_choices_is_empty_and_no_error():
    assert talk._said(ModelOutput(model="m", choices=[]), 0.0).text == ""
