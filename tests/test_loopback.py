"""The server that other tests lean on: its faults are really on the wire, its replies and its log can be trusted."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from exempla import catalogue
from exempla.records import Lineage, Record
from exempla.screening.engine import screen
from exempla.screening.gate import Context
from tests.loopback import FAULTS, KINDS, Fault, Served, Settings, message_key, prose, read_log, sentences, served

CHAT = "/v1/chat/completions"
ROOT = Path(__file__).parent.parent


def messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be plain."}, {"role": "user", "content": prompt}]


def post(server: Served, prompt: str, path: str = CHAT, **more: Any) -> tuple[http.client.HTTPResponse, bytes]:
    host = urlsplit(server.url).netloc
    asked = {"messages": messages(prompt)} if path == CHAT else {"prompt": prompt}
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request("POST", path, json.dumps({"model": "m", **asked, **more}))
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def said(server: Served, prompt: str, **more: Any) -> str:
    response, body = post(server, prompt, **more)
    assert response.status == 200, body
    return str(json.loads(body)["choices"][0]["message"]["content"])


def raw(server: Served, prompt: str) -> bytes:
    """Every byte that comes back until the server ends the connection."""
    body = json.dumps({"model": "m", "messages": messages(prompt)}).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=20) as wire:
        wire.sendall(head.encode() + body)
        found = b""
        while part := wire.recv(65536):
            found += part
    return found


def parts(answer: bytes) -> tuple[int, int, bytes]:
    """Status, the length that was announced, and the body that came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length
    return int(head.split(b" ")[1]), int(length[1]), body


def test_a_whole_reply_and_its_usage() -> None:
    with served(words=200) as server:
        status, length, body = parts(raw(server, "Write."))
        assert status == 200 and length == len(body)
        whole = json.loads(body)
        text = whole["choices"][0]["message"]["content"]
        assert whole["choices"][0]["finish_reason"] == "stop"
        assert 180 <= len(text.split()) <= 220
        assert whole["usage"] == {
            "prompt_tokens": 4,  # three words
            "completion_tokens": 4 * len(text.split()) // 3,
            "total_tokens": 4 + 4 * len(text.split()) // 3,
        }
        (seen,) = server.requests
        assert seen.served and seen.status == 200 and seen.ended >= seen.time and seen.fault == ""
        assert seen.key == message_key(messages("Write."))


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503), ("401", 401), ("404", 404)])
def test_error_statuses(kind: str, status: int) -> None:
    with served(faults=[{"kind": kind, "rate": 1, "seconds": 3}]) as server:
        response, body = post(server, "Write.")
        assert response.status == status
        assert response.getheader("Retry-After") == ("3" if kind == "429" else None)
        assert json.loads(body)["error"]["message"]
        (seen,) = server.requests
        assert (seen.fault, seen.status, seen.served) == (kind, status, False)


def test_closed_connections() -> None:
    with served(faults=[Fault(kind="close_before", at=(1,)), Fault(kind="close_middle", at=(2,))]) as server:
        assert raw(server, "a") == b""
        status, length, body = parts(raw(server, "b"))
        assert status == 200 and 0 < len(body) < length
        assert [seen.served for seen in server.requests] == [False, False]
    with served(faults=[Fault(kind="close_before", rate=1)]) as server, pytest.raises(http.client.RemoteDisconnected):
        post(server, "a")


def test_spoilt_bodies_have_status_200() -> None:
    kinds = ("malformed", "empty", "truncated", "invalid_utf8", "wrong_language")
    faults = [Fault(kind=kind, at=(number,)) for number, kind in enumerate(kinds, 1)]
    with served(words=120, faults=faults) as server:
        bodies = {}
        for kind in kinds:
            status, length, bodies[kind] = parts(raw(server, "same"))
            assert status == 200 and length == len(bodies[kind])  # HTTP is sound: the fault is in the body
        right = said(server, "same")
        with pytest.raises(json.JSONDecodeError):
            json.loads(bodies["malformed"])
        assert json.loads(bodies["empty"])["choices"][0]["message"]["content"] == ""
        cut = json.loads(bodies["truncated"])["choices"][0]
        assert cut["finish_reason"] == "length"
        assert right.startswith(cut["message"]["content"]) and 0 < len(cut["message"]["content"]) < len(right) / 2
        with pytest.raises(UnicodeDecodeError):
            bodies["invalid_utf8"].decode()
        lenient = json.loads(bodies["invalid_utf8"].decode(errors="replace"))
        assert lenient["choices"][0]["message"]["content"].endswith(right)
        foreign = json.loads(bodies["wrong_language"])["choices"][0]["message"]["content"]
        assert re.search(r"[\u4e00-\u9fff]|\b(?:der|die|das)\b", foreign) and foreign != right
        assert [seen.fault for seen in server.requests] == [*kinds, ""]


def test_both_languages_occur() -> None:
    with served(faults=[Fault(kind="wrong_language", rate=1)]) as server:
        texts = [said(server, str(number)) for number in range(12)]
    assert len(set(texts)) == 12
    assert 0 < sum("。" in text for text in texts) < 12


def test_a_stall_is_as_long_as_said_and_others_go_on() -> None:
    with (
        served(faults=[Fault(kind="stall", match="slow", rate=1, seconds=1.0)]) as server,
        ThreadPoolExecutor() as pool,
    ):
        began = time.perf_counter()
        slow = pool.submit(said, server, "slow")
        said(server, "quick")
        assert time.perf_counter() - began < 0.9
        assert slow.result()
        assert time.perf_counter() - began >= 1.0
        assert {seen.fault for seen in server.requests if seen.served} == {"", "stall"}


def test_a_client_that_gave_up_was_not_served() -> None:
    with served(faults=[Fault(kind="stall", rate=1, seconds=0.5)]) as server:
        wire = socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0))
        body = json.dumps({"messages": messages("x")}).encode()
        wire.sendall(f"POST {CHAT} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.1)
        wire.close()
        deadline = time.time() + 5
        while not server.requests[0].ended and time.time() < deadline:
            time.sleep(0.05)
        assert server.requests[0].ended and not server.requests[0].served


def test_only_the_first_tries_fail() -> None:
    with served(faults=[Fault(kind="503", rate=1, tries=2)]) as server:
        assert [post(server, "a")[0].status for _ in range(3)] == [503, 503, 200]
        assert post(server, "b")[0].status == 503
        assert [(seen.attempt, seen.served) for seen in server.requests] == [
            (1, False),
            (2, False),
            (3, True),
            (1, False),
        ]


def test_rates_are_kept_whatever_the_order() -> None:
    faults = [Fault(kind="500", rate=0.2), Fault(kind="empty", rate=0.2)]
    prompts = [f"prompt {number}" for number in range(300)]
    found = []
    for order in (prompts, prompts[::-1]):
        with served(words=5, faults=faults, seed=4) as server, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda prompt, to=server: post(to, prompt), order))
            found.append({seen.key: seen.fault for seen in server.requests})
    assert found[0] == found[1]
    counts = [list(found[0].values()).count(kind) for kind in ("500", "empty", "")]
    assert sum(counts) == 300
    assert 40 <= counts[0] <= 80 and 40 <= counts[1] <= 80  # 60 each, within three standard deviations


def test_replies_depend_on_the_request_alone(tmp_path: Path) -> None:
    prompts = [f"Story {number}" for number in range(200)]
    with served(words=60) as server, ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda prompt: said(server, prompt), prompts))
        assert len(set(texts)) == len(texts)
        assert said(server, prompts[7]) == texts[7]
        assert said(server, prompts[7], seed=1) not in texts
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"rule": "words", "words": 60}))
    port, log = tmp_path / "port", tmp_path / "log"
    command = ["-m", "tests.loopback", "--port-file", str(port), "--log", str(log), "--plan", str(plan)]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT)
    try:
        deadline = time.time() + 30
        while not port.exists() and time.time() < deadline:
            time.sleep(0.05)
        connection = http.client.HTTPConnection("127.0.0.1", int(port.read_text()), timeout=20)
        for number in (7, 8):  # both on one connection, which stays open
            connection.request("POST", CHAT, json.dumps({"model": "m", "messages": messages(prompts[number])}))
            body = connection.getresponse().read()
            assert json.loads(body)["choices"][0]["message"]["content"] == texts[number]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert [seen.served for seen in read_log(log)] == [True, True]


CLIENT = """
import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for number in range(100000):
    connection.request("POST", "/v1/chat/completions", json.dumps(
        {"messages": [{"role": "user", "content": f"prompt {number}"}]}))
    connection.getresponse().read()
    print(number, flush=True)
"""


def test_the_log_survives_the_clients_death() -> None:
    with served(words=20, latency_ms=20) as server:
        port = str(urlsplit(server.url).port)
        client = subprocess.Popen([sys.executable, "-c", CLIENT, port], stdout=subprocess.PIPE)
        assert client.stdout
        for _ in range(10):
            client.stdout.readline()
        os.kill(client.pid, signal.SIGKILL)
        rest = client.stdout.read()
        client.wait()
        got = 10 + rest.count(b"\n")
        deadline = time.time() + 5
        while not all(seen.ended for seen in server.requests) and time.time() < deadline:
            time.sleep(0.05)
        seen = server.requests
        for number in range(got):  # whatever the client had in hand is in the log, as served
            assert seen[number].served
            assert seen[number].key == message_key([{"role": "user", "content": f"prompt {number}"}])
        assert got <= len(seen) <= got + 2  # one in flight, or one whose reply was not printed any more
        assert said(server, "prompt 0")  # the server is well


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with served(log=log, words=5) as server:
        said(server, "a")
        said(server, "b")
    whole = log.read_bytes()
    log.write_bytes(whole[:-10])
    assert [seen.served for seen in read_log(log)] == [True, False]


def test_in_flight_is_counted_and_latency_kept() -> None:
    with served(words=5, latency_ms=300) as server, ThreadPoolExecutor(12) as pool:
        began = time.perf_counter()
        list(pool.map(lambda number: said(server, str(number)), range(12)))
        assert time.perf_counter() - began >= 0.3
        assert server.most_in_flight == 12
        assert said(server, "alone") and server.requests[-1].in_flight == 1


def test_completions_and_models() -> None:
    with served(words=30, bodies=True) as server:
        response, body = post(server, "Once there was", path="/v1/completions", max_tokens=9)
        assert response.status == 200
        assert json.loads(body)["choices"][0]["text"]
        assert server.requests[0].path == "/v1/completions" and server.requests[0].body["max_tokens"] == 9
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        connection.request("GET", "/v1/models")
        assert json.loads(connection.getresponse().read())["data"][0]["id"] == "m"
        connection.close()
        assert post(server, "x", path="/v2/other")[0].status == 404
        assert post(server, "x", stream=True)[0].status == 400
        assert len(server.requests) == 1


def test_the_writers_kinds() -> None:
    kinds = [(f"^kind {kind}\\b", kind) for kind in KINDS]
    text = "<text>\nThe kettle sang. A child ran by the long wall! Who knew that tune?\n</text>"
    with served(rule="writer", kinds=kinds, words=0, bodies=True) as server:
        story = said(server, "kind story, about 150 words\n- Names: Quern, Oda and Bo, spelled so, all used.")
        first, blank, rest = story.split("\n", 2)
        assert first.startswith("Title: ") and blank == ""
        assert 130 <= len(rest.split()) <= 170 and all(name in rest for name in ("Quern", "Oda", "Bo"))
        lines = said(server, "kind critique").split("\n")
        assert len(lines) == 3 and all(line.startswith("- ") for line in lines)
        score = json.loads(said(server, f"kind score\n## craft — Good?\n1: no\n## no_ai — None?\n{text}"))
        assert set(score) == {"craft", "no_ai"}
        assert all(given["score"] == 4 and given["quote"] in text for given in score.values())
        assert re.fullmatch(r"(?s)<system>.+</system>\n<user>.+</user>", said(server, "kind tags"))
        took = said(server, f"kind took\n{text}").split("\n")
        assert took[0] == "TOOK: no" and took[1].removeprefix('QUOTE: "').removesuffix('"') in text
        points = said(server, "kind list").split("\n")
        assert len(set(points)) == 40 and all(point.startswith("- ") for point in points)
        drafts = re.findall(r"(?s)<draft>\n(.+?)\n</draft>", said(server, "kind drafts: Write 5 drafts"))
        assert len(set(drafts)) == 5
        assert len(said(server, "kind words of about 50 words").split()) < 70
        assert [seen.step for seen in server.requests] == list(KINDS)
        assert said(server, "no marker") and server.requests[-1].step == "writer"


def test_echo() -> None:
    with served(rule="echo") as server:
        assert said(server, "Grüße, 你好") == "Grüße, 你好"


def test_texts_look_like_english_to_the_gates() -> None:
    made = [
        Record(id=f"r{number}", corpus="stories", text=prose(f"seed {number}", words), lineage=Lineage(writer="m"))
        for number, words in enumerate([300, 2000] * 20)
    ]
    kept, dropped = screen(made, Context(families=tuple(catalogue.families())))
    # It has few names and few sentences, and what recurs is what those two gates are for.
    assert {drop.gate for drop in dropped} <= {"names", "tics"} and len(kept) > len(made) / 4
    assert len(set(sentences())) == len(sentences())
    starts = {record.text.split()[0] for record in made}
    assert len(starts) > 15


def test_settings_are_checked() -> None:
    for wrong in (
        {"rule": "poet"},
        {"kinds": [["(", "story"]]},
        {"kinds": [["a", "sonnet"]]},
        {"faults": [{"kind": "418"}]},
        {"latency": 5},
    ):
        with pytest.raises(ValidationError):
            Settings(**wrong)
    assert len(FAULTS) == 13
