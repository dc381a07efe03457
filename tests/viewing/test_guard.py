"""Only this machine's browser may ask, and a page may do nothing but be shown. By real HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from exempla.viewing.guard import POLICY
from tests.viewing.folders import Open, make_run, story, viewer, write_mix

PAGES = (
    "/", "/stories", "/stories?q=lamp", "/stories/rows?after=story-001", "/story/story-001", "/story/none", "/mixes",
    "/mix/stories-seed1", "/state", "/static/viewer.css", "/static/house.css", "/static/viewer.js", "/nothing",
    "/static/../server.py",
)  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    root = tmp_path_factory.mktemp("guard") / "run"
    folder = make_run(root, [story(1), story(2)])
    write_mix(folder, "stories-seed1", ["story-001"])
    folder.report.write_text("<!doctype html><style>p { color: red }</style><script>alert(1)</script><p>The report")
    with viewer(root) as server:
        yield server


@pytest.mark.parametrize("path", PAGES)
def test_every_response_has_the_policy(opened: Open, path: str) -> None:
    reply = opened.client.get(path)
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in reply.headers
    # Nothing inline that the policy would have to let through.
    assert "<style" not in reply.text and " style=" not in reply.text and " onclick=" not in reply.text
    assert "<script>" not in reply.text


def test_a_report_of_the_folder_is_shown_without_script_and_without_the_origin(opened: Open) -> None:
    reply = opened.client.get("/report")
    policy = reply.headers["content-security-policy"]
    assert "The report" in reply.text
    assert policy.startswith("sandbox;") and "allow-scripts" not in policy and "script-src" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "localhost.:{port}",
        "0.0.0.0:{port}", "127.0.0.1:{port}.evil.example", "[::1]:{port}", "",
    ],
)  # fmt: skip
def test_another_host_is_turned_away(opened: Open, host: str) -> None:
    reply = opened.client.get("/stories", headers={"host": host.format(port=opened.port)})
    assert reply.status_code == 403
    assert "Story" not in reply.text
    assert reply.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_own_names_are_let_in(opened: Open, name: str) -> None:
    assert opened.client.get("/stories", headers={"host": f"{name}:{opened.port}"}).status_code == 200


def test_a_request_without_a_host_or_with_two_is_turned_away(opened: Open) -> None:
    for hosts in (b"", b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n" % opened.port):
        with socket.create_connection(("127.0.0.1", opened.port), timeout=5) as connection:
            connection.sendall(b"GET /stories HTTP/1.0\r\n" + hosts + b"\r\n")
            status = connection.makefile("rb").readline()
        assert status.split()[1] in (b"403", b"400")


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:{port}"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),  # a form under `no-referrer`
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:{port}"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://127.0.0.1:1"}, False),
        ({"origin": "https://127.0.0.1:{port}"}, False),
        ({"origin": "http://localhost:{port}"}, False),  # another origin than the one that is open
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:{port}"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_changes_come_from_its_own_pages_only(opened: Open, method: str, headers: dict[str, str], let_in: bool) -> None:
    sent = {name: value.format(port=opened.port) for name, value in headers.items()}
    reply = opened.client.request(method, "/stories", headers=sent)
    assert (reply.status_code != 403) == let_in  # where it is let in, this page takes no such method


def test_it_listens_on_this_machine_alone_and_names_a_port_in_use(tmp_path: Path) -> None:
    make_run(tmp_path / "run", [story(1)])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = subprocess.run(
            [sys.executable, "-m", "exempla", "view", str(tmp_path / "run"), "--no-browser", "--port", str(port)],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr.startswith(f"exempla: port {port}: ") and told.stderr.count("\n") == 1


def test_a_page_that_fails_has_the_policy_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "run", [story(1)])
    with viewer(tmp_path / "run") as server:
        monkeypatch.setattr("exempla.viewing.stories.shelf.Shelf.count", lambda *arguments: 1 / 0)
        reply = server.client.get("/stories")
    assert reply.status_code == 500
    assert reply.headers["content-security-policy"] == POLICY


def test_only_loopback_is_bound(opened: Open) -> None:
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1"}:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{address}:{opened.port}/stories", trust_env=False, timeout=5)
