"""The ledger on a real disk: nothing that was put is lost, nothing torn is read, and little is held in memory."""

from __future__ import annotations

import asyncio
import json
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from exempla.errors import UserError
from exempla.writing.appender import Appender
from exempla.writing.ledger import Ledger, Reply, replies

Given = TypeVar("Given")


def reply(key: str, text: str = "x", **fields: object) -> Reply:
    return Reply.model_validate({"key": key, "step": key.split("/")[1], "text": text, **fields})


def within(path: Path, work: Callable[[Ledger], Awaitable[Given]]) -> Given:
    """What comes of some work with a ledger that is open."""

    async def go() -> Given:
        async with Ledger(path) as ledger:
            return await work(ledger)

    return asyncio.run(go())


def put(path: Path, *groups: Sequence[Reply]) -> None:
    """Put replies into the ledger, those of a group at the same time."""

    async def work(ledger: Ledger) -> None:
        for group in groups:
            await asyncio.gather(*(ledger.put(one) for one in group))

    within(path, work)


def found(path: Path, *keys: str) -> list[Reply | None]:
    async def work(ledger: Ledger) -> list[Reply | None]:
        return [ledger.get(key) for key in keys]

    return within(path, work)


def test_what_is_put_is_found_again_by_its_key_now_and_later(tmp_path: Path) -> None:
    path = tmp_path / "work" / "replies.jsonl"
    mine = [reply(f"p-{n // 3:06d}/draft/{n % 3}", f"Zoë “{n}”\n\n\u2028 end") for n in range(9)]

    async def work(ledger: Ledger) -> list[Reply | None]:
        assert ledger.get(mine[0].key) is None
        await asyncio.gather(*(ledger.put(one) for one in mine[:5]))
        await asyncio.gather(*(ledger.put(one) for one in mine[5:]))
        return [ledger.get(one.key) for one in mine]

    assert within(path, work) == mine
    assert found(path, *(one.key for one in mine)) == mine
    assert found(path, "p-000001/draft/3", "p-000009/draft/1", "p-000001/draft", "") == [None] * 4
    assert sorted(replies(path), key=lambda one: one.key) == mine


def test_what_comes_in_together_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    first = [reply(f"a-{n}/draft/1") for n in range(40)]
    put(path, first, [reply("b-1/draft/1")])
    lines = path.read_bytes().splitlines()
    assert [len(json.loads(line)) for line in lines] == [40, 1]  # one sync of the disk for forty replies
    assert list(replies(path))[:40] == first


def test_put_returns_only_when_the_reply_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"

    async def work(ledger: Ledger) -> None:
        for n in range(5):
            await ledger.put(reply(f"p-{n}/draft/1"))
            assert [one.key for one in replies(path)] == [f"p-{m}/draft/1" for m in range(n + 1)]

    within(path, work)


def test_a_tail_torn_at_any_byte_is_not_read_and_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    before, torn = [reply("p-1/draft/1", "whole"), reply("p-2/draft/1")], [reply("p-1/score/1", "é"), reply("p-3/a/1")]
    put(path, before, torn)
    content = path.read_bytes()
    start = content.index(b"\n") + 1
    for end in range(start, len(content)):  # every way in which the last line can miss something
        path.write_bytes(content[:end])
        assert list(replies(path)) == before  # another process that reads while this one writes
        assert path.read_bytes() == content[:end]
        assert found(path, "p-1/draft/1", "p-1/score/1", "p-3/a/1") == [before[0], None, None]
        assert path.read_bytes() == content[:start]
    path.write_bytes(content[:-1])  # the whole group, its newline aside
    put(path, torn)
    assert list(replies(path)) == before + torn
    assert path.read_bytes() == content


def test_a_line_damaged_within_the_file_is_named_and_nothing_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    put(path, [reply("p-1/draft/1")], [reply("p-2/draft/1")], [reply("p-3/draft/1")])
    whole = path.read_bytes()
    second = whole.splitlines(keepends=True)[1]
    for bad in (second[:20] + b"\n", b"{}\n", b"[3]\n", b'[{"key": "p/d/1"}]\n', b"\n", b"\xff\xfe\n", b"null\n"):
        path.write_bytes(whole.replace(second, bad))
        with pytest.raises(UserError, match=r"replies\.jsonl:2: .*--out"):
            list(replies(path))
        with pytest.raises(UserError, match=r"replies\.jsonl:2: "):
            found(path)
        assert path.read_bytes() == whole.replace(second, bad)


def test_totals_are_of_all_runs(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    spent = {"tokens_in": 100, "tokens_out": 30, "cost": 0.5, "seconds": 2.0}
    put(path, [reply("p-1/draft/1", **spent), reply("p-1/score/1", **spent | {"tokens_out": 10})])
    put(path, [reply("p-2/draft/1", **spent | {"tokens_out": 50}), reply("p-2/score/0", failure="http 503")])
    put(path, [reply("p-2/score/1", failure="verdict failed", **spent)])

    async def work(ledger: Ledger) -> None:
        totals = ledger.totals
        assert (totals.requests, totals.tokens_in, totals.tokens_out, totals.tokens) == (5, 400, 120, 520)
        assert (totals.cost, totals.seconds) == (2.0, 8.0)  # a reply that cannot be used is paid for too
        assert totals.failures == {"http 503": 1, "verdict failed": 1}
        assert {step: row.model_dump() for step, row in totals.by_step.items()} == {
            "draft": {"replies": 2, "tokens_in": 200, "tokens_out": 80, "squares_out": 30**2 + 50**2},
            "score": {"replies": 1, "tokens_in": 100, "tokens_out": 10, "squares_out": 100},
        }
        await ledger.put(reply("p-3/draft/1", **spent))
        assert (totals.requests, totals.by_step["draft"].replies) == (6, 3)

    within(path, work)


def test_forgetting_a_plan_frees_memory_and_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"

    async def work(ledger: Ledger) -> None:
        await asyncio.gather(*(ledger.put(reply(f"p-{n}/{step}/1")) for n in (1, 2, 11) for step in ("draft", "score")))
        ledger.forget("p-1")
        ledger.forget("p-77")
        kept = [ledger.get(f"p-{n}/{step}/1") is not None for n in (1, 2, 11) for step in ("draft", "score")]
        assert kept == [False, False, True, True, True, True]
        assert ledger.totals.requests == 6

    within(path, work)
    assert len(list(replies(path))) == 6
    assert all(found(path, "p-1/draft/1", "p-1/score/1"))


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Replies of 14 kB, as long as a story of 2,500 words: of 28 MB on the disk, none may stay in memory."""
    path = tmp_path / "replies.jsonl"
    text, rounds, each = "word " * 2800, 32, 64

    async def work(ledger: Ledger) -> list[int]:
        held: list[int] = []
        for turn in range(rounds):
            ones = [reply(f"p-{turn * each + n}/draft/1", f"{n} {text}") for n in range(each)]
            await asyncio.gather(*(ledger.put(one) for one in ones))
            assert ledger.get(ones[-1].key) == ones[-1]
            for one in ones:
                ledger.forget(one.key.split("/")[0])
            del ones, one
            held.append(tracemalloc.get_traced_memory()[0])
        return held

    tracemalloc.start()
    try:
        held = within(path, work)
        assert path.stat().st_size > 28_000_000
        assert held[-1] - held[2] < 200_000  # bytes
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert found(path, "p-2047/draft/1") != [None]  # a resume reads it all, a group of 64 at a time
        now, peak = tracemalloc.get_traced_memory()
        assert peak - before < 8_000_000
        assert now - before < 2_000_000
    finally:
        tracemalloc.stop()


def test_an_appender_that_closes_waits_for_what_is_being_written(tmp_path: Path) -> None:
    """A write under way in its thread when the file is closed would go into whatever is opened next."""
    path = tmp_path / "rows.jsonl"

    began, go_on = threading.Event(), threading.Event()

    class Slow(Appender):
        def _write(self, content: bytes) -> None:
            began.set()
            assert go_on.wait(10)
            super()._write(content)

    async def go() -> tuple[int, int, int]:
        async with Slow(path) as appender:
            task = asyncio.create_task(appender.add(b"row\n"))
            assert await asyncio.to_thread(began.wait, 10)
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        return await asyncio.wait_for(task, 10)

    assert asyncio.run(go()) == (0, 4, 0)
    assert path.read_bytes() == b"row\n"


def test_a_disk_that_fails_fails_every_later_row(tmp_path: Path) -> None:
    """/dev/full takes no byte: what a full disk answers, without filling one."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "replies.jsonl"
    path.symlink_to("/dev/full")

    async def go() -> list[BaseException | None]:
        async with Appender(path) as appender:
            together = await asyncio.gather(appender.add(b"a\n"), appender.add(b"b\n"), return_exceptions=True)
            later = await asyncio.gather(appender.add(b"c\n"), return_exceptions=True)
            return [one for one in (*together, *later) if isinstance(one, BaseException)]

    errors = asyncio.run(asyncio.wait_for(go(), 10))
    assert [getattr(error, "errno", None) for error in errors] == [28, 28, 28]
