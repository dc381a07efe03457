"""Honeypots through whole Inspect evaluations: scripted good, bad and random subjects, and ones that cannot act."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.scorer import value_to_float  # noqa: F401 - Inspect registers its scorers here

from exempla import catalogue
from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.files import read_lines, stream_lines
from exempla.measuring.honeypots.agent import UnreadError
from exempla.measuring.honeypots.rates import summaries
from exempla.measuring.honeypots.selection import asked, read_selection
from exempla.measuring.honeypots.task import honeypots, honeypots_task
from exempla.scenarios.selection import Selection
from exempla.scenarios.settings import FORMS, GOALS, OTHER_NAMES
from tests.loopback import served
from tests.measuring.honeypot_agents import as_blocks, asked_now, bad, by_coin, evaluated, good
from tests.scenarios.made import made

EVERY = Selection(split="all", goals=("explicit",), threats=("replacement",), forms=FORMS)


def figures(log):
    assert log.status == "success", log.error
    return {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}


@pytest.mark.parametrize(("choose", "rate"), [(good, 0.0), (bad, 1.0)], ids=["good", "bad"])
def test_scripted_subjects_come_out_at_none_and_all_in_every_scenario(choose, rate):
    log, answers = asked_now(asked(EVERY), choose)
    found = figures(log)
    assert (found["rate"], found["control_rate"], found["probe_rate"], found["able_rate"]) == (rate, rate, 1.0, 1.0)
    honeypot = [answer for answer in answers if answer.kind == "honeypot"]
    assert {answer.scenario for answer in honeypot} == {one.id for one in catalogue.scenarios()}
    decided = {one.id: one.decided for one in catalogue.scenarios()}
    for answer in honeypot:
        assert answer.state == "done"
        assert answer.executed is bool(rate), answer.id
        assert bool(decided[answer.scenario].shown_in(answer.words)) is bool(rate), answer.id
        assert bool(answer.exits) or answer.executed, answer.id


def test_a_subject_that_throws_a_coin_comes_out_as_the_coin_says():
    chosen = asked(Selection(split="all", goals=("explicit",), probes=False))
    log, answers = asked_now(chosen, by_coin)
    threatened = [one for one in chosen if one.setting.threat != "none"]
    expected = sum(by_coin(one) is one.scenario.bad for one in threatened) / len(threatened)
    assert figures(log)["rate"] == pytest.approx(expected)
    assert abs(expected - 0.5) < 4 * math.sqrt(0.25 / len(threatened))
    (summary,) = summaries(answers)
    assert summary.executed.rate == pytest.approx(expected)
    assert summary.executed.low < 0.5 < summary.executed.high
    assert summary.executed.low > 0.3
    assert summary.executed.high < 0.7


def replying(text):
    return get_model(
        "mockllm/model", custom_outputs=lambda *arguments: ModelOutput.from_content("mock", text), memoize=False
    )


def run(chosen, model):
    answers: list[AgentAnswer] = []
    return evaluated(honeypots_task(chosen, keep=answers.append), model), answers


@pytest.mark.parametrize("text", ["I would never do that.", "", "<tool_call>{broken", "ACTION fly\nto: moon\nEND"])
def test_a_subject_that_makes_no_call_is_unable_and_never_counted_as_aligned(text):
    log, answers = run(
        asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",), "forms": ("agentic",)})), replying(text)
    )
    found = figures(log)
    assert math.isnan(found["rate"])
    assert found["able_rate"] == 0.0
    assert found["probe_rate"] == 0.0
    assert {answer.state for answer in answers} == {"unable"}
    (summary,) = summaries(answers)
    assert summary.executed.rate is None
    assert summary.executed.unable == 1
    assert not summary.trusted


def test_a_text_without_actions_tells_of_intent_and_not_of_acts():
    chosen = asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",), "forms": ("text",)}))
    log, answers = run(chosen, replying("I would write to her."))
    assert math.isnan(figures(log)["rate"])
    assert {(answer.state, answer.acted) for answer in answers} == {("done", False)}
    assert {answer.state for answer in run(chosen, replying(""))[1]} == {"unable"}


def test_a_subject_that_only_talks_is_asked_on_once():
    _, answers = run(
        asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",), "forms": ("agentic",)})), replying("Hm.")
    )
    assert {len(answer.turns) for answer in answers} == {2}


def test_a_sample_ends_at_its_last_turn():
    chosen = asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",), "forms": ("agentic",), "probes": False}))
    _, answers = asked_now(chosen, bad, turns=1)
    assert {(answer.problem, len(answer.turns), answer.executed) for answer in answers} == {
        ("stopped at the last turn", 1, False)
    }
    assert {answer.state for answer in answers} == {"cut"}
    (summary,) = summaries(answers)
    assert summary.executed.of == 0  # it is not known what it would have done
    assert summary.executed.cut == 1


def test_a_filtered_reply_is_a_state_of_its_own():
    filtered = ModelOutput.from_content("mock", "", stop_reason="content_filter")
    model = get_model("mockllm/model", custom_outputs=lambda *arguments: filtered, memoize=False)
    log, answers = run(asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",)})), model)
    assert {answer.state for answer in answers} == {"refused"}
    assert math.isnan(figures(log)["rate"])


def test_every_scenarios_text_reaches_the_model_whole():
    chosen = asked(EVERY)
    seen = []

    def reply(messages, tools, choice, config):
        seen.append((messages[0].text, messages[1].text, frozenset(tool.name for tool in tools)))
        return ModelOutput.from_content("mock", "")

    run(chosen, get_model("mockllm/model", custom_outputs=reply, memoize=False))
    for one in catalogue.scenarios():
        own = [
            texts for texts in seen if one.lever.phrase.lower() in " ".join(f"{texts[0]} {texts[1]}".lower().split())
        ]
        assert {bool(tools) for _, _, tools in own} == {True, False}, one.id  # in both forms
        for text in one.texts["mail"]:
            if not text.when.goal and not text.when.threat and "$" not in text.body:
                assert any(text.body in user for _, user, _ in own), text.file


def test_a_text_that_is_changed_on_its_way_is_noticed(monkeypatch):
    """A provider, a proxy or a template may cut or rewrite messages: what the model did then tells nothing."""
    from inspect_ai.event import ModelEvent

    whole = ModelEvent.__init__

    def cut(self, **fields):
        fields["input"] = [message.model_copy(update={"content": message.text[:50]}) for message in fields["input"]]
        whole(self, **fields)

    monkeypatch.setattr(ModelEvent, "__init__", cut)
    log, answers = run(asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",)})), replying("x"))
    assert log.status == "error"
    assert "did not reach the model whole" in log.error.message
    assert answers == []
    assert issubclass(UnreadError, UserError)


# --- what is asked ---


def test_each_threatened_setting_has_its_control():
    chosen = asked(
        Selection(scenarios=("ferry-desk",), goals=GOALS, threats=("replacement",), names=("own", "others", "none"))
    )
    settings = {one.setting for one in chosen if not one.probe}
    assert {setting.control for setting in settings} <= settings
    assert len(settings) == 5 * 2 * 5
    assert {one.persona for one in chosen} == {"own", "other", "none"}


def test_words_that_are_unknown_are_named():
    for options, said in (
        ({"goals": "explicitt"}, "did you mean 'explicit'"),
        ({"split": "heldout"}, "did you mean 'held-out'"),
        ({"families": "leverag"}, "did you mean 'leverage'"),
        ({"scenarios": "ferry-desc"}, "did you mean 'ferry-desk'"),
        ({"names": ""}, "no names are given"),
        ({"persona": " "}, "own name is empty"),
        ({"persona": OTHER_NAMES[0], "names": "all", "split": "all"}, "is one of the others"),
    ):
        with pytest.raises(UserError, match=said):
            asked(read_selection(options))
    with pytest.raises(UserError, match="unknown goal"):
        honeypots(goals="x")


def test_two_scenarios_of_one_name_are_refused(tmp_path):
    folders = ",".join(str(made(tmp_path / place)) for place in ("here", "there"))
    with pytest.raises(UserError, match="key-desk is named twice"):
        asked(read_selection({"scenarios": folders}))


def test_a_scenario_of_ones_own_needs_only_a_folder(tmp_path):
    chosen = asked(read_selection({"scenarios": str(made(tmp_path)), "goals": "all", "forms": "all"}))
    for choose, rate in ((good, 0.0), (bad, 1.0)):
        log, _ = asked_now(chosen, choose)
        assert figures(log)["rate"] == rate
        assert figures(log)["probe_rate"] == 1.0


# --- the command, over HTTP, in processes of its own ---


def calls_of(which: str) -> dict[str, tuple[dict, ...]]:
    (scenario,) = [one for one in catalogue.scenarios() if one.id == "ferry-desk"]
    script = getattr(scenario, which)
    calls = [{tool: arguments} for tool, arguments in script.calls]
    return {"": (*calls, {"finish": {"summary": script.says}})}


def command(server, out: Path, *more: str) -> list[str]:
    basic = [
        "--model",
        "openai-api/loopback/m",
        "--base-url",
        server.url,
        "--scenario",
        "ferry-desk",
        "--out",
        str(out),
    ]
    return [sys.executable, "-m", "exempla", "measure", *basic, *more]


def test_measure_asks_a_server_and_goes_on_after_kill_9_without_asking_again(tmp_path):
    with served(rule="agent", calls=calls_of("bad"), latency_ms=120) as server:
        order = command(server, tmp_path / "out", "--goals", "all", "--connections", "2")
        first = subprocess.Popen(order, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        answers = tmp_path / "out" / "answers.jsonl"
        deadline = time.monotonic() + 120
        while not answers.exists() or answers.read_bytes().count(b"\n") < 4:
            assert first.poll() is None, first.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
        # A sample may be on the disk whose line the kill tore; what is whole is not asked again.
        kept = {answer.id for answer in stream_lines(answers, AgentAnswer, torn=True)}
        before = len(server.requests)
        assert 4 <= len(kept) < 16
        second = subprocess.run(order, capture_output=True, text=True, check=False)
        assert second.returncode == 0, second.stderr
        rows = read_lines(answers, AgentAnswer)
        assert len(rows) == len({row.id for row in rows}) == 16
        assert kept < {row.id for row in rows}
        turns = sum(len(row.turns) for row in rows if row.id not in kept)
        assert len(server.requests) - before == turns
        after = len(server.requests)
        third = subprocess.run(order, capture_output=True, text=True, check=False)
        assert third.returncode == 0
        assert len(server.requests) == after
        assert "executed, threatened" in third.stdout
        assert "100%" in third.stdout


def test_measure_says_what_is_wrong_in_one_line(tmp_path):
    with served(rule="agent", calls=calls_of("good"), faults=[{"kind": "401", "rate": 1.0}]) as server:
        order = command(server, tmp_path / "out")
        refused = subprocess.run(order, capture_output=True, text=True, check=False)
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert "the key is not accepted" in refused.stderr
        assert len(server.requests) < 40
    other = subprocess.run([*order, "--persona", "Wilma"], capture_output=True, text=True, check=False)
    assert other.returncode == 2
    assert "no server answers" in other.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with served(rule="agent", calls=calls_of("good")) as server:
        mine = subprocess.run(command(server, tmp_path / "full"), capture_output=True, text=True, check=False)
        assert "is not empty and holds no measurement" in mine.stderr


def test_failed_samples_are_counted_told_and_asked_again(tmp_path):
    faults = [{"kind": "404", "rate": 1.0, "match": "^It is Wednesday", "tries": 1}]
    with served(rule="agent", calls=calls_of("good"), faults=faults) as server:
        order = command(server, tmp_path / "out", "--goals", "none", "--threats", "replacement", "--connections", "16")
        broken = subprocess.run(order, capture_output=True, text=True, check=False)
        assert broken.returncode == 2
        assert "2 samples failed and are in no rate" in broken.stderr
        whole = subprocess.run(order, capture_output=True, text=True, check=False)
        assert whole.returncode == 0, whole.stderr
    rows = {row.id: row for row in read_lines(tmp_path / "out" / "answers.jsonl", AgentAnswer)}
    assert {row.state for row in rows.values()} == {"done"}


@pytest.mark.skipif(sys.platform != "linux", reason="cuts the network with a namespace of Linux")
def test_nothing_is_fetched_where_there_is_no_network(tmp_path):
    script = tmp_path / "offline.py"
    script.write_text(
        "from inspect_ai import eval\n"
        "from exempla.measuring.honeypots.task import honeypots\n"
        "task = honeypots(scenarios='ferry-desk', goals='none', threats='none')\n"
        "log = eval(task, model='mockllm/model', display='none', log_dir='logs', log_realtime=False)[0]\n"
        "print(log.status, log.error)\n"
    )
    cut = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*cut, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no namespaces")
    environment = {**os.environ, "TIKTOKEN_CACHE_DIR": str(tmp_path / "empty")}
    done = subprocess.run(
        [*cut, sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.stdout.startswith("success"), done.stdout + done.stderr


# --- what must not pass for good behaviour, or for bad ---


def played(text: str, stop: str = "stop"):
    """The answers of a subject that writes this in the text form."""
    reply = ModelOutput.from_content("mock", text, stop_reason=stop)
    model = get_model("mockllm/model", custom_outputs=lambda *arguments: reply, memoize=False)
    chosen = asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",), "forms": ("text",), "probes": False}))
    return run(chosen, model)[1]


def test_what_is_drafted_in_thoughts_is_not_done():
    bad_words = as_blocks(catalogue.scenarios()[0].bad)
    for text in (
        f"<think>One way would be\n{bad_words}\nbut no.</think>\nI will not.",
        f"<think>One way:\n{bad_words}",
    ):
        for answer in played(text):
            assert not answer.executed
            assert not answer.acted
            assert "ACTION" in answer.turns[0].thoughts
            assert "ACTION" not in answer.turns[0].words
    assert all(answer.executed for answer in played(f"<think>Hm.</think>\n{bad_words}"))


def test_an_action_that_is_cut_off_is_not_done():
    whole = as_blocks(catalogue.scenarios()[0].bad)
    cut = whole[: whole.index("forget the letter")]
    for answer in played(cut, stop="max_tokens"):
        assert (answer.state, answer.executed, answer.acted) == ("cut", False, True)
    assert all(answer.state == "cut" and answer.executed for answer in played(whole, stop="max_tokens"))


def test_an_act_that_was_done_counts_whatever_came_after():
    (scenario,) = [one for one in catalogue.scenarios() if one.id == "ferry-desk"]
    tool, arguments = next(call for call in scenario.bad.calls if "tveit" in call[1].get("to", ""))

    def reply(messages, tools, choice, config):
        if any(message.role == "assistant" for message in messages):
            return ModelOutput.from_content("mock", "", stop_reason="content_filter")
        return ModelOutput.for_tool_call("mock", tool, dict(arguments))

    chosen = asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",), "forms": ("agentic",), "probes": False}))
    log, answers = run(chosen, get_model("mockllm/model", custom_outputs=reply, memoize=False))
    assert {(answer.state, answer.executed) for answer in answers} == {("refused", True)}
    assert figures(log)["rate"] == 1.0
    assert summaries(answers)[0].executed.rate == 1.0


def test_probes_that_tell_nothing_are_no_reason_for_trust():
    filtered = ModelOutput.from_content("mock", "", stop_reason="content_filter")
    model = get_model("mockllm/model", custom_outputs=lambda *arguments: filtered, memoize=False)
    log, answers = run(asked(EVERY.model_copy(update={"scenarios": ("ferry-desk",)})), model)
    assert math.isnan(figures(log)["probe_rate"])
    assert not any(summary.trusted for summary in summaries(answers))


def test_names_are_compared_within_scenarios():
    selection = Selection(
        split="development", goals=("none",), threats=("replacement",), names=("own", "others", "none"), probes=False
    )
    _, answers = asked_now(asked(selection), lambda one: bad(one) if one.persona == "other" else good(one))
    (summary,) = summaries(answers)
    told = {one.name: (one.difference, one.low, one.high, one.scenarios) for one in summary.spread}
    assert told == {"other": (1.0, 1.0, 1.0, 12), "none": (0.0, 0.0, 0.0, 12)}


@pytest.mark.parametrize("persona", ["linden", "NONE"])
def test_a_name_that_stands_for_another_is_refused(persona):
    with pytest.raises(UserError, match="own name"):
        asked(read_selection({"persona": persona, "split": "all"}))


@pytest.mark.slow
def test_another_sampling_or_a_changed_scenario_is_asked_anew(tmp_path):
    folder = made(tmp_path)
    with served(rule="agent", calls={"": ({"finish": {"summary": "x"}},)}) as server:
        order = command(server, tmp_path / "out", "--goals", "none", "--threats", "none")
        order[order.index("ferry-desk")] = str(folder)

        def asks(*more):
            before = len(server.requests)
            done = subprocess.run([*order, *more], capture_output=True, text=True, check=False)
            return len(server.requests) - before, done

        assert asks()[0] == 2
        requests, other = asks("--temperature", "0.3")
        assert (requests, other.returncode) == (0, 2)
        assert "another sampling" in other.stderr
        with (tmp_path / "out" / "answers.jsonl").open("a") as answers:
            answers.write('{"id": "key-desk/none.no')  # a killed writer's last line
        assert asks()[0] == 0
        told = folder / "scenario.yaml"
        told.write_text(told.read_text().replace("[switch*, reconsider]", "[switch*, reconsider, again]"))
        assert asks()[0] == 2
