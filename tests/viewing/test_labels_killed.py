"""No label is lost: a reply is sent when the row is on the disk, whatever happens to the process after it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx

from exempla.judging.labels import read_labels
from exempla.viewing.labels.stories import story_labels
from tests.judging.made import made
from tests.viewing.answers_made import measured_folder
from tests.viewing.folders import make_run, story

FORM = {"content-type": "application/x-www-form-urlencoded"}


@contextmanager
def process(folder: Path, who: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """`exempla view` as a process of its own."""
    order = ("view", str(folder), "--who", who, "--no-browser")
    server = subprocess.Popen(
        [sys.executable, "-m", "exempla", *order], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found
        with httpx.Client(
            base_url=found[0], headers=FORM | {"origin": found[0]}, trust_env=False, timeout=60
        ) as client:
            yield server, client
    finally:
        server.kill()
        server.wait()


def send(client: httpx.Client, path: str, **fields: str) -> str:
    reply = client.post(path, content=urlencode(fields))
    assert reply.status_code == 303, reply.text
    return reply.headers["location"]


def test_labels_are_there_after_a_kill_at_once(tmp_path: Path) -> None:
    folder = measured_folder(tmp_path / "m", [made(number, f"x {number}") for number in range(12)])
    path = folder.labels / "ada.jsonl"
    levels = ["yes", "no", "no", "yes"]
    with process(tmp_path / "m", "ada") as (server, client):
        at = client.get("/label/trope").headers["location"]
        for level in levels:
            at = send(client, at, level=level, blind="true", note="n" * 3000)
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert [one.level for one in read_labels(path)] == levels
    with path.open("a") as stream:
        stream.write('{"answer": "torn')  # as a kill in the middle of a write would leave it
    with process(tmp_path / "m", "ada") as (_, client):
        assert "4 of 12 labelled" in client.get("/label").text
        assert client.get("/label/trope").headers["location"] == at  # it goes on where it was
        send(client, at, level="yes", blind="true")
    assert [one.level for one in read_labels(path)] == [*levels, "yes"]


def test_whatever_was_confirmed_is_there_when_killed_in_the_middle(tmp_path: Path) -> None:
    make_run(tmp_path, [story(number) for number in range(400)])
    confirmed: list[str] = []
    enough = threading.Event()

    with process(tmp_path, "ada") as (server, client):

        def label(start: int) -> None:
            for number in range(start, 400, 4):
                try:
                    send(client, f"/label/story/story-{number:03d}", label="keep", note="n" * 2000)
                except httpx.TransportError:
                    return
                confirmed.append(f"story-{number:03d}")
                if len(confirmed) >= 40:
                    enough.set()

        threads = [threading.Thread(target=label, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(120)
        server.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
    assert len(confirmed) < 400
    found = story_labels(tmp_path)
    assert set(confirmed) <= set(found)
    # At most one label of each request that was under way is there besides.
    assert len(found) <= len(confirmed) + len(threads)
