"""Feedback from what was written to what is drawn next: in a real run that is killed and started again, and alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from exempla import catalogue
from exempla.files import append_lines, read_lines, stream_lines
from exempla.records import Plan, Record, Rejected
from exempla.writing.constitution import read_constitution
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.desk import record_id
from exempla.writing.ledger import replies
from exempla.writing.order import Order, accept
from exempla.writing.planner import Planner, Quotas
from exempla.writing.schedule import CHUNK, NAMES, Round, Schedule
from tests import loopback
from tests.loopback import Seen, Settings, prose, served
from tests.studies import run, start

EVERY = 48
PLANS = 288
FAVOURED = "seafaring tale"
GENRES = (FAVOURED, "office comedy", "village chronicle", "letter to a stranger")
OPENING, TIC, NAME, ENDING = "The lantern had", "counted the herrings aloud", "Ysolde", "upon the weathercock"


def planted(settings: Settings, body: dict[str, Any], seed: str) -> str:
    """Stories that share an opening, an ending, a phrase and a name; most in other genres are far too short."""
    request = body["messages"][-1]["content"]
    drawn = hashlib.sha256(request.encode()).digest()[0]
    if f"A {FAVOURED}," not in request and drawn % 10 < 7:
        return "Title: Nothing\n\nA stub."
    text = prose(seed, settings.words)
    if drawn % 2:
        text = f"{OPENING} gone out. The cook {TIC}, and {NAME} heard. {text} It sat {ENDING}."
    return f"Title: The Herring\n\n{text}"


class Learnt(NamedTuple):
    folder: CorpusFolder
    plans: list[Plan]
    rounds: list[Round]
    at_the_kill: bytes
    """The plans on the disk when the process was killed."""
    helper: tuple[float, float]
    """When the first measuring process was seen, and when its measurement was on the disk."""
    requests: list[Seen]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learnt]:
    """A run that measures, is killed after its first measurement was put to use, and is started again."""
    tmp = tmp_path_factory.mktemp("learnt")
    (tmp / "own" / "pools").mkdir(parents=True)
    (tmp / "own" / "pools" / "genre.txt").write_text("\n".join(GENRES))
    folder = CorpusFolder(tmp / "out")
    loopback.RULES["planted"] = planted
    try:
        with served(rule="planted", words=90, bodies=True, latency_ms=50) as server:
            command: list[object] = ["write", "stories", "--n", PLANS, "--words", 60, "--steps", "draft", "--quiet"]
            command += ["--model", "openai-api/loopback/m", "--base-url", server.url, "--connections", 6]
            command += ["--measure-every", EVERY, "--prompts", tmp / "own", "--out", folder.root, "--no-screen"]
            process = start(*command)
            seen = written = 0.0
            try:
                while process.poll() is None:
                    if not seen and helpers(process.pid):
                        seen = time.time()
                    if folder.measurements.exists() and b"\n" in folder.measurements.read_bytes():
                        written = written or time.time()
                        first = read_lines(folder.measurements, Round)[0].from_plan
                        if sum(1 for _ in stream_lines(folder.plans, Plan)) >= first + CHUNK:
                            break
                    time.sleep(0.02)
                assert process.poll() is None, "the run was over before its first measurement was put to use"
            finally:
                for child in helpers(process.pid):
                    child.kill()
                process.send_signal(signal.SIGKILL)
                process.wait()
            at_the_kill = folder.plans.read_bytes()
            ended = run(*command)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            yield Learnt(
                folder=folder,
                plans=read_lines(folder.plans, Plan),
                rounds=read_lines(folder.measurements, Round),
                at_the_kill=at_the_kill,
                helper=(seen, written),
                requests=server.requests,
            )
    finally:
        del loopback.RULES["planted"]


def helpers(pid: int) -> set[psutil.Process]:
    """The measuring processes of a run."""
    found = set()
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                found |= {child} if "spawn_main" in " ".join(child.cmdline()) else set()
    return found


def reach(learnt: Learnt) -> tuple[int, int]:
    """Numbers of the last plan before the first measurement counts and before the second does."""
    start, end = (one.from_plan - 1 for one in learnt.rounds[:2])
    assert 0 < start < end <= PLANS
    return start, end


def worn(learnt: Learnt, plan: Plan) -> list[str]:
    """What the requests for a plan's text told the writer not to use."""
    about = (f"{plan.facts['name']} is {plan.facts['role']}", plan.facts["temptation"], plan.facts["setting"])
    told = set()
    for seen in learnt.requests:
        system, user = (message["content"] for message in seen.body["messages"])
        if all(words in user for words in about):
            told.add(system.partition("Worn out by now, so do not use: ")[2].strip())
    assert len(told) == 1, "every request for one text says the same"
    return re.findall("“(.+?)”", told.pop())


def test_a_measurement_is_made_after_so_many_kept_texts(learnt: Learnt) -> None:
    kept = len(read_lines(learnt.folder.written, Record))
    afters = [one.measurement.after for one in learnt.rounds]
    assert EVERY <= afters[0] < EVERY + 6  # those under way come in meanwhile
    assert all(later - earlier >= EVERY for earlier, later in pairwise(afters))
    assert 2 <= len(afters) <= kept // EVERY
    assert all(one.measurement.records == EVERY for one in learnt.rounds)


def test_tics_found_are_named_in_the_next_prompts(learnt: Learnt) -> None:
    found = learnt.rounds[0].measurement
    assert OPENING.lower() in {one.value for one in found.openings}
    assert ENDING in {one.value for one in found.endings}
    assert NAME in {one.value for one in found.names}
    assert any(TIC in phrase for phrase in found.avoid)
    start, end = reach(learnt)
    names = [name.value for name in found.names[:NAMES]]
    for plan in learnt.plans[:start]:
        assert plan.avoid == ()
    for plan in learnt.plans[start:end]:
        assert plan.avoid == (*found.avoid, *names)
    assert worn(learnt, learnt.plans[start - 1]) == []
    for plan in (learnt.plans[start], learnt.plans[end - 1]):
        assert worn(learnt, plan) == [*found.avoid, *names]
    assert worn(learnt, learnt.plans[-1]) == list(learnt.plans[-1].avoid) != []


def test_a_value_kept_too_often_loses_half_of_its_quota(learnt: Learnt) -> None:
    assert learnt.rounds[0].measurement.over == {"genre": (FAVOURED,)}
    start, end = reach(learnt)
    before = Counter(plan.facts["genre"] for plan in learnt.plans[:start])
    after = Counter(plan.facts["genre"] for plan in learnt.plans[start:end])
    assert before[FAVOURED] == pytest.approx(start / 4, abs=2)
    assert after[FAVOURED] == pytest.approx((end - start) / 7, abs=3)  # half a share beside three whole ones
    others = [after[genre] for genre in GENRES[1:]]
    assert max(others) - min(others) <= 3


def test_requests_go_on_while_another_process_measures(learnt: Learnt) -> None:
    seen, written = learnt.helper
    assert 0 < seen < written
    arrived = [request.time for request in learnt.requests if seen < request.time < written]
    assert len(arrived) >= 5
    longest = max(later - earlier for earlier, later in pairwise([seen, *arrived, written]))
    assert longest < 0.8 * (written - seen)


def test_a_killed_run_draws_the_very_same_plans_again(learnt: Learnt, tmp_path: Path) -> None:
    content = learnt.folder.plans.read_bytes()
    assert content.startswith(learnt.at_the_kill[: learnt.at_the_kill.rindex(b"\n") + 1])
    assert [plan.number for plan in learnt.plans] == list(range(1, PLANS + 1))
    asked: dict[str, set[str]] = {}
    for reply in replies(learnt.folder.replies):
        asked.setdefault(reply.key.split("/")[0], set()).add(reply.prompt_sha256)
    assert set(asked) == {plan.id for plan in learnt.plans}
    assert all(len(prompts) == 1 for prompts in asked.values()), "a plan was drawn in two ways"
    written, rejected = read_lines(learnt.folder.written, Record), read_lines(learnt.folder.rejected, Rejected)
    assert sorted(row.id for row in (*written, *rejected)) == [record_id(plan) for plan in learnt.plans]
    again = CorpusFolder(tmp_path)  # nothing but the measurements is known
    append_lines(again.measurements, learnt.rounds)
    schedule = Schedule(again, quotas_of(learnt), PLANS, 1, EVERY)
    schedule.load(0)
    assert [plan for plan, _ in schedule.unwritten()] == learnt.plans


def quotas_of(learnt: Learnt) -> Quotas:
    own = learnt.folder.root.parent / "own"
    order = Order(recipe="stories", n=PLANS, model="openai-api/loopback/m", words=60, prompts=own, steps=("draft",))
    return accept(order, read_constitution(catalogue.constitution_path("default"))).quotas


# --- a schedule by itself --------------------------------------------------------------------------------------------

QUOTAS = Quotas(
    recipe="stories",
    pools={
        "genre": GENRES,
        "person": tuple(f"P{n}" for n in range(30)),
        "setting": tuple(f"s {n}" for n in range(200)),
    },
    lengths=(40, 60),
)


def opened(root: Path, plans: int = 160, per_plan: int = 1, every: int = CHUNK) -> Schedule:
    schedule = Schedule(CorpusFolder(root), QUOTAS, plans, per_plan, every)
    schedule.load(3)
    return schedule


def record_of(plan: Plan, part: int = 0) -> Record:
    text = f"The same beginning. {prose(plan.id, 30)}"
    return Record.model_validate(
        {"id": record_id(plan, part), "corpus": "written", "text": text, "lineage": {"plan": plan.id}}
    )


def test_a_measurement_after_a_restart_leaves_plans_alone_that_were_drawn_before(tmp_path: Path) -> None:
    """Their texts may be half written: replies to their first requests are in the ledger under their ids."""
    folder = CorpusFolder(tmp_path)
    before = opened(tmp_path)
    drawn = [next(plans)[0] for plans in [before.unwritten()] for _ in range(3 * CHUNK + 1)]
    append_lines(folder.written, [record_of(plan) for plan in drawn[CHUNK : 2 * CHUNK]])  # others came to nothing
    noted = read_lines(folder.plans, Plan)
    assert len(noted) == 4 * CHUNK and noted[: len(drawn)] == drawn

    async def go() -> list[Plan]:
        schedule = opened(tmp_path)
        plans = schedule.unwritten()
        first, missing = next(plans)
        assert (first, missing) == (drawn[0], (0,))
        schedule.keep(first, record_of(first))
        await schedule.settle()
        (found,) = schedule.rounds
        assert found.measurement.avoid and found.from_plan > len(noted)
        return [first, *(plan for plan, _ in plans)]

    yielded = asyncio.run(go())
    assert read_lines(folder.plans, Plan)[: len(noted)] == noted
    assert yielded == [plan for plan in read_lines(folder.plans, Plan) if plan not in noted[CHUNK : 2 * CHUNK]]
    assert [bool(plan.avoid) for plan in read_lines(folder.plans, Plan)] == [False] * 4 * CHUNK + [True] * CHUNK


def test_a_corpus_that_grows_keeps_its_plans(tmp_path: Path) -> None:
    """A first, smaller --n ends within a chunk; what was measured then counts from its end on."""
    small = opened(tmp_path, plans=100)
    plans = [plan for plan, _ in small.unwritten()]
    assert plans == Planner(QUOTAS, 3).draw(100)

    async def measured() -> None:
        for plan in plans[:CHUNK]:
            small.keep(plan, record_of(plan))
        await small.settle()

    asyncio.run(measured())
    assert [one.from_plan for one in small.rounds] == [101]
    grown = [plan for plan, _ in opened(tmp_path, plans=160).unwritten()]
    assert grown[:100] == plans and all(plan.avoid for plan in grown[100:])
    assert [plan for plan, _ in opened(tmp_path, plans=160).unwritten()] == grown
    assert [plan for plan, _ in opened(tmp_path, plans=170).unwritten()][:160] == grown


def test_a_measurement_that_dies_costs_no_text(tmp_path: Path) -> None:
    async def go() -> Schedule:
        schedule, before = opened(tmp_path), helpers(os.getpid())
        for plan, _ in schedule.unwritten():
            schedule.keep(plan, record_of(plan))
            if schedule.kept == CHUNK:
                while not (started := helpers(os.getpid()) - before):
                    await asyncio.sleep(0.005)
                for child in started:
                    child.kill()
                await schedule.settle()
                assert schedule.rounds == [] and schedule.unmeasured.startswith("diversity was not measured after 32")
        await schedule.settle()
        return schedule

    schedule = asyncio.run(go())
    assert schedule.kept == 160 and schedule.rounds  # later ones are made all the same


def test_nothing_is_measured_unless_it_is_wanted(tmp_path: Path) -> None:
    async def go() -> Schedule:
        schedule = opened(tmp_path, every=0)
        for plan, _ in schedule.unwritten():
            schedule.keep(plan, record_of(plan))
        await schedule.settle()
        return schedule

    schedule = asyncio.run(go())
    assert (schedule.kept, schedule.rounds) == (160, [])
    assert not schedule.folder.measurements.exists()
    assert read_lines(schedule.folder.plans, Plan) == Planner(QUOTAS, 3).draw(160)


@pytest.mark.parametrize("torn", [b"", b"{", b'{"id": "stories-0000'])
def test_a_restart_yields_what_is_missing_and_reads_no_torn_line(tmp_path: Path, torn: bytes) -> None:
    folder = CorpusFolder(tmp_path)
    plans = [plan for plan, _ in opened(tmp_path, plans=8, per_plan=3).unwritten()]
    append_lines(folder.written, [record_of(plans[0], part) for part in (1, 2, 3)] + [record_of(plans[5], 2)])
    append_lines(folder.rejected, [Rejected(id=record_id(plans[5], 3), plan=plans[5].id, reason="too short")])
    for path in (folder.plans, folder.written, folder.rejected, folder.measurements):
        with path.open("ab") as stream:
            stream.write(torn)
    again = opened(tmp_path, plans=8, per_plan=3)
    assert (again.total, again.kept, again.dropped, again.finished) == (24, 4, ["too short"], 5)
    missing = {plan.id: parts for plan, parts in again.unwritten()}
    assert missing == {plan.id: (1,) if plan == plans[5] else (1, 2, 3) for plan in plans[1:]}
    assert read_lines(folder.plans, Plan) == plans


def test_plans_are_noted_before_they_are_worked_on(tmp_path: Path) -> None:
    schedule = opened(tmp_path)
    for number, (plan, _) in enumerate(schedule.unwritten(), start=1):
        noted: Sequence[Plan] = read_lines(schedule.folder.plans, Plan)
        assert noted[number - 1] == plan and len(noted) == -(-number // CHUNK) * CHUNK
        if number == CHUNK + 1:
            break
    lines = schedule.folder.plans.read_bytes().splitlines(keepends=True)
    os.truncate(schedule.folder.plans, sum(map(len, lines[: CHUNK + 5])))  # killed in the midst of noting them
    assert [plan for plan, _ in opened(tmp_path).unwritten()] == Planner(QUOTAS, 3).draw(160)
    assert read_lines(schedule.folder.plans, Plan) == Planner(QUOTAS, 3).draw(160)
