"""Judging by a model over real HTTP: what is asked, what is kept, and what state each verdict has."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.answers import AgentAnswer, Turn
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.judging import by_model
from exempla.judging.by_model import Reply
from exempla.judging.command import Result, judge_answers, scenarios_of
from exempla.measuredfolder import Measured
from exempla.models import bench
from exempla.models.request import Connection
from exempla.progress import Reporter
from exempla.scenarios.scenario import read_scenario, sha256_of
from exempla.verdicts import NAMES, Judge, Verdict
from tests import loopback
from tests.judging.made import MODEL, SCENARIO, made, measured, passages, reading_of
from tests.loopback import Fault, Served, served

ONE = ("trope",)


@pytest.fixture
def server() -> Iterator[Served]:
    with served(rule="candid", bodies=True) as server:
        yield server


def judged(url: str, folder: Path, names: Sequence[str] = NAMES, **more: Any) -> Result:
    connection = Connection.model_validate({"model": MODEL, "base_url": url, "in_flight": 4, "retries": 0} | more)
    return judge_answers(folder, connection, names, (), Reporter("quiet"))


def verdicts(result: Result) -> list[Verdict]:
    return read_lines(Path(result.folder) / "verdicts.jsonl", Verdict)


def replies(result: Result) -> list[Reply]:
    return read_lines(Path(result.folder) / "replies.jsonl", Reply)


def states(result: Result) -> dict[str, int]:
    return dict(Counter(one.state for one in verdicts(result)))


def many(*words: str) -> list[AgentAnswer]:
    return [made(number, one) for number, one in enumerate(words)]


def test_one_request_for_each_answer_and_reading(server: Served, tmp_path: Path) -> None:
    answers = many("is fine", "trope=yes persona=detached", "misaligned=yes ethical_reasoning=reasoned")
    result = judged(server.url, measured(tmp_path, answers))
    assert result.requests == len(server.requests) == 3 * len(NAMES) and result.answers == 3
    rows = verdicts(result)
    assert [(one.answer, one.reading) for one in rows] == [(one.id, name) for one in answers for name in NAMES]
    levels = {(row.answer, row.reading): row.level for row in rows}
    assert levels[(answers[1].id, "persona")] == "detached" and levels[(answers[0].id, "persona")] == "itself"
    assert {row.judge for row in rows} == {MODEL} and {row.state for row in rows} == {"scored"}
    assert {seen.body["temperature"] for seen in server.requests} == {0}
    asked = Counter(reading_of(seen.body["messages"][-1]["content"]) for seen in server.requests)
    assert asked == dict.fromkeys(NAMES, 3)
    kept = Judge.model_validate_json((Path(result.folder) / "judge.json").read_text())
    assert Path(result.folder) == tmp_path / "verdicts" / f"openai-api-loopback-m~{kept.rubrics[:8]}"
    assert kept.name == MODEL and kept.base_url == server.url


def test_neither_name_nor_arm_is_sent(server: Served, tmp_path: Path) -> None:
    folder = measured(tmp_path, [made(1, "Linden and Marlow and Exemplar.", name="Linden")])
    about = Measured(task="honeypots", model="the-arm-of-stories", identity="x", persona="Marlow")
    (folder / "measured.json").write_text(about.model_dump_json())
    judged(server.url, folder)
    for seen in server.requests:
        sent = json.dumps(seen.body).lower()
        assert not any(word in sent for word in ("linden", "marlow", "exemplar", "the-arm-of-stories"))


def test_only_what_an_agent_did_is_judged(server: Served, tmp_path: Path) -> None:
    answers = [
        made(1, "trope=yes"),
        made(2, "trope=yes", state="unable"),
        made(3, "trope=yes", state="failed", problem="http 503"),
        made(4, "trope=yes", state="refused"),
        made(5, "trope=yes", kind="probe"),
        made(6, "trope=yes", state="cut", problem="stopped at the last turn"),
        made(7, "trope=yes", state="failed", problem="http 503", executed=True),
    ]
    result = judged(server.url, measured(tmp_path, answers), ONE)
    assert result.requests == 3 and result.left_out == {"unable": 1, "failed": 1, "refused": 1}
    assert [one.answer for one in verdicts(result)] == [answers[0].id, answers[5].id, answers[6].id]
    with pytest.raises(UserError, match=r"no answer that can be judged \(1 unable\)"):
        judged(server.url, measured(tmp_path / "b", answers[1:2]))


def test_the_last_answer_of_a_sample_is_judged(server: Served, tmp_path: Path) -> None:
    result = judged(server.url, measured(tmp_path, [made(1, "trope=no"), made(1, "trope=yes")]), ONE)
    assert [one.level for one in verdicts(result)] == ["yes"]


def test_what_is_no_verdict_is_asked_once_more_and_then_a_state(server: Served, tmp_path: Path) -> None:
    answers = many(
        "fine",
        "gibberish",
        "gibberish at first trope=yes",
        "misquoted trope=yes",
        "misquoted",
        "declines",
        "declines at first",
        "trope=perhaps",
    )
    result = judged(server.url, measured(tmp_path, answers), ONE)
    found = {row.answer.rpartition("/")[2]: row.state for row in verdicts(result)}
    assert list(found.values()) == [
        "scored", "unparsable", "scored", "unparsable", "scored", "refused", "scored", "unparsable",
    ]  # fmt: skip
    assert result.requests == 8 + 6 and all(not row.level for row in verdicts(result) if row.state != "scored")
    assert {(seen.attempt, seen.body["temperature"]) for seen in server.requests} == {(1, 0), (2, bench.DOUBT)}
    rate = result.rates[0]
    assert (rate.scored, rate.unparsable, rate.failed, rate.refused) == (4, 3, 0, 1)
    assert rate.rates[1].count == 1 and rate.rates[1].rate == 1 / 4
    assert rate.warning.startswith("4 of 8 verdicts are no scores (3 unparsable, 1 refused)")
    again = judged(server.url, tmp_path, ONE)
    assert again.requests == 0 and verdicts(again) == verdicts(result)


def test_what_is_known_needs_no_server_and_other_readings_stay(tmp_path: Path) -> None:
    answers = many("trope=yes", "fine")
    with served(rule="candid") as server:
        first = judged(server.url, measured(tmp_path, answers), ONE)
        both = judged(server.url, tmp_path, ("persona",))
    assert both.requests == 2 and len(verdicts(both)) == 4 and both.folder == first.folder
    assert judged(server.url, tmp_path, ("trope", "persona")).requests == 0
    with pytest.raises(UserError, match="no server answers at"):
        judged(server.url, tmp_path, ("suspects_test",))
    assert len(verdicts(first)) == 4


def test_a_changed_answer_is_judged_anew_and_old_verdicts_of_it_are_gone(server: Served, tmp_path: Path) -> None:
    answers = many("trope=yes", "fine")
    judged(server.url, measured(tmp_path, answers), ("trope", "persona"))
    changed = answers[0].model_copy(update={"turns": (Turn(words="Another boat, another day, and all is well."),)})
    result = judged(server.url, measured(tmp_path, [changed, answers[1]]), ONE)
    assert result.requests == 1
    found = {(row.answer, row.reading): row.level for row in verdicts(result)}
    assert found == {
        (answers[0].id, "trope"): "no", (answers[1].id, "trope"): "no", (answers[1].id, "persona"): "itself",
    }  # fmt: skip
    back = judged(server.url, measured(tmp_path, answers), ONE)
    assert back.requests == 0 and verdicts(back)[0].level == "yes"


def test_other_rubrics_are_another_folder(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = judged(server.url, measured(tmp_path, many("fine")), ONE)
    monkeypatch.setattr(by_model, "VERSION", 99)
    second = judged(server.url, tmp_path, ONE)
    assert first.folder != second.folder and len(list((tmp_path / "verdicts").iterdir())) == 2
    assert len(verdicts(first)) == len(verdicts(second)) == 1


def test_a_folder_of_another_judge_is_refused(server: Served, tmp_path: Path) -> None:
    judged(server.url, measured(tmp_path, many("fine")), ONE)
    with pytest.raises(UserError, match=r"verdicts of another model \(openai-api/loopback/m\)"):
        judged(server.url, tmp_path, ONE, model="openai-api/loopback-m")


def test_failures_are_a_state_and_asked_again(tmp_path: Path) -> None:
    faults = [Fault(kind="503", rate=1, match="Boat [13] first"), Fault(kind="empty", rate=1, match="Boat 4 first")]
    folder = measured(tmp_path, many(*["trope=yes"] * 6))
    with served(rule="candid", faults=faults) as server:
        result = judged(server.url, folder, ONE)
    assert states(result) == {"scored": 3, "failed": 2, "unparsable": 1} and result.problems == {"http 503": 2}
    assert result.rates[0].scored == 3
    with served(rule="candid") as server:
        again = judged(server.url, folder, ONE)
    assert again.requests == 2 and states(again) == {"scored": 5, "unparsable": 1}


def test_a_content_filter_is_a_refusal_and_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = loopback._completion
    monkeypatch.setattr(
        loopback,
        "_completion",
        lambda seen, body, text, finish, *rest: real(seen, body, text, "content_filter", *rest),
    )
    with served(rule="candid") as server:
        result = judged(server.url, measured(tmp_path, many("fine")), ONE)
        assert states(result) == {"refused": 1} and result.requests == 1
        assert judged(server.url, tmp_path, ONE).requests == 0


def test_a_reply_that_is_cut_short_gets_more_room(tmp_path: Path) -> None:
    with served(rule="candid", bodies=True, faults=[Fault(kind="truncated", rate=1)]) as server:
        result = judged(server.url, measured(tmp_path, many("fine")), ONE)
        limits = [seen.body.get("max_tokens", seen.body.get("max_completion_tokens")) for seen in server.requests]
    assert limits == [by_model.MAX_TOKENS, 2 * by_model.MAX_TOKENS]
    assert states(result) == {"unparsable": 1} and verdicts(result)[0].problem.endswith("(max_tokens)")


def test_a_server_that_will_not_answer_stops_it_and_what_came_in_is_kept(tmp_path: Path) -> None:
    folder = measured(tmp_path, many(*["trope=yes"] * 30))
    late = Fault(kind="401", at=tuple(range(8, 1000)))
    with served(rule="candid", faults=[late]) as server, pytest.raises(UserError, match="the key is not accepted"):
        judged(server.url, folder, ONE)
    ledger = next((tmp_path / "verdicts").iterdir()) / "replies.jsonl"
    assert len(read_lines(ledger, Reply)) == 7
    with served(rule="candid") as server:
        result = judged(server.url, folder, ONE)
    assert result.requests == 23 and states(result) == {"scored": 30}


def test_a_long_answer_is_not_sent(server: Served, tmp_path: Path) -> None:
    result = judged(server.url, measured(tmp_path, many("tide " * 100_000)), ONE)
    assert result.requests == 0 and "no more than" in verdicts(result)[0].problem and states(result) == {"failed": 1}


def test_a_broken_ledger_or_folder_is_named(server: Served, tmp_path: Path) -> None:
    result = judged(server.url, measured(tmp_path, many("fine")), ONE)
    ledger = Path(result.folder) / "replies.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + whole[:40])
    assert judged(server.url, tmp_path, ONE).requests == 0 and ledger.read_bytes() == whole
    ledger.write_bytes(whole + b"{}\n")
    with pytest.raises(UserError, match=r"replies\.jsonl:2: not a verdict of this version"):
        judged(server.url, tmp_path, ONE)
    (Path(result.folder) / "judge.json").write_text("{}")
    with pytest.raises(UserError, match=r"judge\.json: not of this version"):
        judged(server.url, tmp_path, ONE)


def test_an_unknown_scenario_is_named(server: Served, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="scenario 'moon-base' does not ship; give its folder with --scenario"):
        judged(server.url, measured(tmp_path, [made(1, "fine", scenario="moon-base")]))


def test_another_scenario_of_the_same_id_is_refused(tmp_path: Path) -> None:
    mine = shutil.copytree(catalogue.HONEYPOTS / SCENARIO.id, tmp_path / SCENARIO.id)
    head = mine / "scenario.yaml"
    text = head.read_text(encoding="utf-8")
    asked = text.replace("  question: ", "  question: All in all, ")
    assert asked != text
    head.write_text(asked, encoding="utf-8")
    own = made(1, "fine", scenario_sha256=sha256_of(read_scenario(mine)))
    with pytest.raises(UserError, match="that ships is not the one that was measured; give that one's folder") as told:
        scenarios_of([own], ())
    assert "--scenario PATH" in str(told.value) and "\n" not in str(told.value)
    assert scenarios_of([own], [mine])[SCENARIO.id].decided.question.startswith("All in all, ")
    with pytest.raises(UserError, match="given with --scenario is not the one"):
        scenarios_of([made(1, "fine", scenario_sha256=sha256_of(SCENARIO))], [mine])
    for answer in (made(1, "fine"), made(1, "fine", scenario_sha256=sha256_of(SCENARIO))):
        assert scenarios_of([answer], ())[SCENARIO.id] == SCENARIO


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8), said=st.text(max_size=120))
def test_no_answer_and_no_reply_breaks_it(
    server: Served, tmp_path_factory: pytest.TempPathFactory, texts: list[str], said: str
) -> None:
    loopback.RULES["candid_once"] = lambda settings, body, seed: said
    folder = measured(tmp_path_factory.mktemp("any"), [made(n, text, name=text[:9]) for n, text in enumerate(texts)])
    with served(rule="candid_once") as other:
        result = judged(other.url, folder, ONE)
    assert sum(states(result).values()) == len({made(n, text, name=text[:9]).id for n, text in enumerate(texts)})
    assert passages("") == []
