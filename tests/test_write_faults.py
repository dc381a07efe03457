"""Servers that fail in every way there is, and limits that must not be passed: the real command over real HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from exempla import catalogue
from exempla.writing.ledger import Reply
from tests.loopback import RULES, Fault, Seen, Served, Settings, served
from tests.studies import command, run

SERVER: dict[str, Any] = {
    "rule": "writer",
    "words": 0,
    "kinds": (("<text>", "score"), ("(?m)^Problems$", "critique"), ("Title: ", "story")),
    "latency_ms": 10,
    "bodies": True,
}
MODEL = "openai-api/loopback/m"
PLAIN = ("--no-screen", "--language", "")
"""For tests of other things than texts: what these leave out takes a second to load."""


def ordered(url: str, out: Path, n: int, *options: object) -> tuple[object, ...]:
    """The command of a corpus in two steps; of an option that is given twice, the second counts."""
    fixed = ("--words", 100, "--steps", "draft,rewrite", "--model", MODEL, "--base-url", url, "--out", out)
    return ("write", "stories", "--n", n, *fixed, *options)


def rows(path: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(path).to_pylist())


def ids(out: Path) -> list[str]:
    """Of everything that was kept or dropped, sorted, the double ones double."""
    return sorted(row["id"] for name in ("records", "dropped") for row in rows(out / f"{name}.parquet"))


def planned(n: int) -> list[str]:
    return [f"{catalogue.WRITTEN}-stories-{number:06d}" for number in range(1, n + 1)]


def ledger(out: Path) -> list[Reply]:
    """Every reply, read without the code that is tested; each line must be whole."""
    content = (out / "work" / "replies.jsonl").read_bytes()
    assert content.endswith(b"\n") or not content
    return [Reply.model_validate(row) for line in content.splitlines() for row in json.loads(line)]


def prompt_sha(seen: Seen) -> str:
    """A request's hash as the ledger has it."""
    turns = {message["role"]: message["content"] for message in seen.body["messages"]}
    return hashlib.sha256(json.dumps([turns.get("system", ""), turns["user"]], ensure_ascii=False).encode()).hexdigest()


def story(seen: Seen) -> str:
    """What the server says to a request when nothing goes wrong."""
    return RULES["writer"](Settings(**SERVER), seen.body, f"{seen.key}:{seen.body.get('seed')}")


def check_corpus(out: Path, n: int, requests: Iterable[Seen]) -> None:
    """Every planned id once, every kept text as the server said it to the last letter."""
    assert ids(out) == planned(n)
    asked = {prompt_sha(seen): seen for seen in requests}
    for row in rows(out / "records.parquet"):
        title, _, text = story(asked[json.loads(row["lineage"])["prompts"]["rewrite"]]).partition("\n\n")
        assert (row["title"], row["text"]) == (title.removeprefix("Title: "), text)
    keys = [reply.key for reply in ledger(out) if not reply.failure]
    assert len(set(keys)) == len(keys)


class Ended(NamedTuple):
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str
    work: float
    """Seconds that it kept a core busy for."""


def one_line(ended: subprocess.CompletedProcess[str] | Ended, *words: str) -> None:
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert len(ended.stderr.splitlines()) == 1 and "Traceback" not in ended.stderr + ended.stdout, ended.stderr
    for word in words:
        assert word in ended.stderr, ended.stderr


def together(commands: Sequence[tuple[object, ...]]) -> list[Ended]:
    """Run commands at once."""

    def one(words: tuple[object, ...]) -> Ended:
        process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout and process.stderr
        with process.stdout, process.stderr:
            told = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Ended(process.returncode, *told, usage.ru_utime + usage.ru_stime)

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(one, commands))


PASSING = ("429", "500", "503", "close_before", "close_middle", "malformed", "empty", "invalid_utf8", "wrong_language")
HOPELESS = "skill: patience"
"""Stands in the prompts of some plans, whose texts are broken off each time."""


def test_every_fault_passes_and_is_counted(tmp_path: Path) -> None:
    faults = [
        Fault(kind="truncated", rate=1, match=HOPELESS),
        Fault(kind="stall", rate=0.03, tries=1, seconds=60),
        Fault(kind="truncated", rate=0.06, tries=2),
        *(Fault(kind=kind, rate=0.06, tries=2) for kind in PASSING),
    ]
    n, out = 100, tmp_path / "corpus"
    with served(**SERVER, faults=faults) as server:
        ended = run(*ordered(server.url, out, n, "--words", 250, "--retries", 2, "--timeout", 3))
        requests = server.requests
    assert ended.returncode == 0 and ended.stderr == "", ended.stdout + ended.stderr
    check_corpus(out, n, requests)

    hopeless = {seen.key for seen in requests if HOPELESS in seen.body["messages"][-1]["content"]}
    dropped = rows(out / "dropped.parquet")
    assert 0 < len(hopeless) == len(dropped) and {row["reason"] for row in dropped} == {"truncated"}
    assert {tries for key, tries in Counter(seen.key for seen in requests).items() if key in hopeless} == {3}

    log = Counter(seen.fault for seen in requests if seen.fault)
    assert set(log) == {*PASSING, "stall", "truncated"}
    on_the_wire = {f"http {status}": log[status] for status in ("429", "500", "503")}
    on_the_wire["no answer"] = log["close_before"] + log["close_middle"] + log["stall"]
    assert json.loads((out / "work" / "wire.json").read_text()) == on_the_wire
    failures = Counter(reply.failure for reply in ledger(out) if reply.failure)
    foreign = [failures.pop(f"language {language}") for language in ("de", "zh")]
    assert min(foreign) > 0 and sum(foreign) == log["wrong_language"]
    assert failures == {
        "malformed reply": log["malformed"],
        "empty": log["empty"],
        "truncated": log["truncated"],
        "invalid UTF-8": log["invalid_utf8"],
    }
    card = (out / "README.md").read_text()
    for reason, count in (failures | on_the_wire | {"language de": foreign[0], "language zh": foreign[1]}).items():
        assert re.search(rf"\b{reason}\W+{count}\b", card), f"{reason} {count} is not on the card"


def test_faults_without_end(tmp_path: Path) -> None:
    ends: dict[str, dict[str, Any]] = {
        "500": {"faults": [Fault(kind="500", rate=1)]},
        "close_middle": {"faults": [Fault(kind="close_middle", rate=1)]},
        "401": {"faults": [Fault(kind="401", rate=1)]},
        "404": {"faults": [Fault(kind="404", rate=1)]},
        "short": {"words": 5},
    }
    n, options = 60, (*PLAIN, "--words", 250, "--retries", 0, "--connections", 12)
    with ExitStack() as stack:
        servers = {name: stack.enter_context(served(**(SERVER | more))) for name, more in ends.items()}
        commands = [ordered(server.url, tmp_path / name, n, *options) for name, server in servers.items()]
        ended = dict(zip(ends, together(commands), strict=True))
        requests = {name: server.requests for name, server in servers.items()}
    one_line(ended["500"], "24 requests in a row failed", "http 500", "the server answers 500 on purpose", "go on")
    one_line(ended["close_middle"], "24 requests in a row failed", "connection", "go on")
    # Inspect would lay the traceback of each failure out in colour, half a second each, while all others wait.
    assert ended["close_middle"].work < 2 * ended["401"].work
    one_line(ended["401"], "the key is not accepted")
    one_line(ended["404"], "knows no such model", "--model")
    for name, fewest, most in (("500", 24, 36), ("close_middle", 24, 36), ("401", 1, 12), ("404", 1, 12)):
        assert fewest <= len({seen.key for seen in requests[name]}) <= most, "it stops, and does not try every text"
        assert (tmp_path / name / "work" / "rejected.jsonl").read_bytes() == b"", "a server's failure drops no text"
        assert not any(not reply.failure for reply in ledger(tmp_path / name))
    assert ended["short"].returncode == 0, ended["short"].stderr
    assert f"kept 0, dropped {n} (too short {n})" in ended["short"].stdout
    assert [row["reason"] for row in rows(tmp_path / "short" / "dropped.parquet")] == ["too short"] * n
    assert set(Counter(seen.key for seen in requests["short"]).values()) == {3}, "three attempts, and no rewrite"

    with served(**SERVER) as healed:
        again = run(*ordered(healed.url, tmp_path / "500", n, *options))
        assert again.returncode == 0 and f"kept {n}, dropped 0" in again.stdout, again.stderr
        check_corpus(tmp_path / "500", n, healed.requests)
    wire = json.loads((tmp_path / "500" / "work" / "wire.json").read_text())
    assert wire == {"http 500": len(requests["500"])}, "what failed before is still told of"


def test_limits_are_not_passed(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"models": {MODEL: {"input": 3, "output": 15}}}))
    limits = {"--max-requests": (41, 9999), "--max-tokens-total": (30_000, 10**7), "--budget": (0.15, 300)}
    n = 30

    def commands(servers: Sequence[Served], which: int) -> list[tuple[object, ...]]:
        shared = (*PLAIN, "--connections", 6, "--prices", prices)
        return [
            ordered(server.url, tmp_path / option, n, *shared, option, values[which])
            for server, (option, values) in zip(servers, limits.items(), strict=True)
        ]

    with ExitStack() as stack:
        servers = [stack.enter_context(served(**SERVER)) for _ in limits]
        for server, (option, (limit, _)), ended in zip(
            servers, limits.items(), together(commands(servers, 0)), strict=True
        ):
            assert ended.returncode == 3 and ended.stderr == "", ended.stdout + ended.stderr
            assert re.search(r"not complete: the limit is reached: (a budget of )?\d", ended.stdout)
            spent = billed(server)[option]
            assert limit / 2 < spent <= limit, f"{option} {limit}: the server counts {spent}"
            assert charged(tmp_path / option)[option] == round(spent, 6)
            assert "**Not complete**: the limit is reached" in (tmp_path / option / "README.md").read_text()
        for server, option, ended in zip(servers, limits, together(commands(servers, 1)), strict=True):
            assert ended.returncode == 0, ended.stderr
            check_corpus(tmp_path / option, n, server.requests)
            assert {seen.attempt for seen in server.requests} == {1} and len(server.requests) == 2 * n
            assert charged(tmp_path / option)[option] == round(billed(server)[option], 6)


def billed(server: Served) -> dict[str, float]:
    """What the server has done, by the option that limits it, with tokens counted as it counts them."""
    done = [seen for seen in server.requests if seen.served]
    prompts = (" ".join(message["content"] for message in seen.body["messages"]) for seen in done)
    read, written = (sum(4 * len(text.split()) // 3 for text in texts) for texts in (prompts, map(story, done)))
    cost = (3 * read + 15 * written) / 1e6
    return {"--max-requests": len(done), "--max-tokens-total": read + written, "--budget": cost}


def charged(out: Path) -> dict[str, float]:
    """What the ledger says was spent."""
    replies = ledger(out)
    return {
        "--max-requests": len(replies),
        "--max-tokens-total": sum(reply.tokens_in + reply.tokens_out for reply in replies),
        "--budget": round(sum(reply.cost for reply in replies), 6),
    }
