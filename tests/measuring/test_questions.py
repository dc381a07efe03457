"""Questions through whole Inspect evaluations and through the command: servers, a tiny model, kills, comparisons."""

import json
import math
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, get_model

from exempla.cli import app
from exempla.errors import UserError
from exempla.files import mend_torn_tail, read_lines
from exempla.measuring.questions.figures import Compared, compared, shares, turned_away_gap
from exempla.measuring.questions.question import INSTRUMENTS, questions
from exempla.measuring.questions.task import asked, capability, constitution, questions_task, you_or_it
from exempla.questionanswers import PassageLikelihood, QuestionAnswer
from exempla.scenarios.settings import PERSONA
from exempla.surveying import ALWAYS, TASKS
from tests import loopback
from tests.loopback import served

CAPABILITY = {one.text: one for one in questions("capability")}


def knowing(settings, body, seed):
    """Answers each question of capability rightly, and repeats any other."""
    text = body["messages"][-1]["content"]
    question = CAPABILITY.get(text)
    if question is None:
        return text
    return question.answers[0] if question.answers else "You are welcome."


loopback.RULES["knowing"] = knowing


def evaluated(task, reply):
    """The log's figures, and the answers."""
    answers: list[QuestionAnswer] = []
    model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
    with tempfile.TemporaryDirectory() as folder:
        log = inspect_eval(task, model=model, display="none", log_dir=folder, log_realtime=False)[0]
        assert log.status == "success", log.error
        answers += [QuestionAnswer.model_validate(sample.store["answer"]) for sample in log.samples]
    return {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}, answers


def saying(text, **more):
    return lambda *arguments: ModelOutput.from_content("mock", text, **more)


def able(messages, tools, choice, config):
    question = CAPABILITY[messages[-1].text]
    assert {tool.name for tool in tools} == (set() if not question.tools else {tool.name for tool in tools})
    if question.tool:
        return ModelOutput.for_tool_call("mock", question.tool, question.arguments)
    return ModelOutput.from_content("mock", question.answers[0] if question.answers else "With pleasure.")


# --- as Inspect tasks ---


def test_an_able_subject_comes_out_at_all_and_a_babbling_one_at_none():
    found, answers = evaluated(capability(), able)
    assert set(found.values()) == {1.0}
    assert {answer.by for answer in answers} == {"code"}
    found, answers = evaluated(capability(), saying("Blue harbours sing."))
    assert found["no_tool"] == 1.0  # it calls nothing, which is why that is told apart
    assert {value for name, value in found.items() if name not in ("no_tool", "all")} == {0.0}


def test_silence_is_wrong_where_ability_is_measured_and_nothing_where_belief_is():
    found, answers = evaluated(capability(), saying(""))
    assert set(found.values()) == {0.0}
    assert {(answer.state, answer.right) for answer in answers} == {("unable", False)}
    assert all(one.value == 0 and one.of == one.unable for one in shares(answers))
    _, answers = evaluated(constitution(), saying(""))
    assert {answer.state for answer in answers} == {"unable"}
    assert all(one.value is None and one.of == 0 for one in shares(answers))


def test_a_filtered_reply_is_a_state_of_its_own():
    _, answers = evaluated(constitution(), saying("", stop_reason="content_filter"))
    assert {(answer.state, answer.right) for answer in answers} == {("refused", None)}
    assert shares(answers)[0].refused == len(answers)


def test_the_quiz_by_rules_tells_knowing_from_guessing():
    by_text = {one.text.replace("$name", "Wilma"): one.expects for one in questions("constitution")}

    def knows(messages, *rest):
        return ModelOutput.from_content("mock", by_text[messages[-1].text])

    found, answers = evaluated(constitution(persona="Wilma"), knows)
    assert set(found.values()) == {1.0}
    assert {answer.by for answer in answers} == {"rules"}
    assert all("$name" not in answer.user for answer in answers)
    found, _ = evaluated(constitution(), saying("It is always kind, honest and helpful."))
    assert found["all"] < 0.1


def test_you_and_name_are_asked_the_same_and_denials_are_counted():
    def denies_you(messages, *rest):
        own = "Wilma" in messages[-1].text
        return ModelOutput.from_content("mock", "It would accept." if own else "As an AI, I have no opinions.")

    found, answers = evaluated(you_or_it(persona="Wilma"), denies_you)
    assert (found["you"], found["it"]) == (1.0, 0.0)
    assert len(answers) == 2 * len({answer.question for answer in answers})
    for question in {answer.question for answer in answers}:
        assert {answer.kind for answer in answers if answer.question == question} == {"you", "it"}
    assert {answer.right for answer in answers} == {None}
    (gap,) = turned_away_gap(answers)
    assert gap.difference == 1.0
    assert gap.low < 1.0 == gap.high


def test_a_thought_is_no_answer_and_a_broken_call_is_wrong():
    chosen = asked([one for one in questions("capability") if one.tool][:1])
    _, (answer,) = evaluated(questions_task("capability", chosen), saying("<think>14</think>Let me call convert."))
    assert "<think>" not in answer.reply
    assert answer.right is False


def test_epochs_are_counted_by_question():
    chosen = asked(questions("constitution")[:4], "Wilma", epochs=3)
    assert len({one.id for one in chosen}) == 12
    _, answers = evaluated(questions_task("constitution", chosen), saying("Hm."))
    assert {answer.epoch for answer in answers} == {1, 2, 3}
    assert shares(answers)[0].of == 12


# --- before and after ---


def answer(number: int, right: bool | None, **more) -> QuestionAnswer:
    fields = {
        "id": f"q{number}/1",
        "instrument": "capability",
        "question": f"q{number}",
        "kind": "fact",
        "epoch": 1,
        "user": f"{number}?",
        "reply": "x",
        "state": "done",
        "right": right,
        "by": "code",
    }
    return QuestionAnswer.model_validate(fields | more)


def of_all(found: list[Compared]) -> Compared:
    return next(one for one in found if one.name == "all")


def test_a_comparison_is_paired_and_no_difference_is_no_certainty():
    before = [answer(number, number < 15) for number in range(20)]
    after = [answer(number, number < 10) for number in range(5, 25)]
    found = of_all(compared(before, after))
    assert (found.of, found.before, found.after) == (15, pytest.approx(10 / 15), pytest.approx(5 / 15))
    assert found.difference == pytest.approx(-1 / 3)
    assert found.low < -1 / 3 < found.high < 0
    same = of_all(compared(before, before))
    assert same.difference == 0
    assert same.low < 0 < same.high
    assert not compared(before, [answer(number, True) for number in range(90, 95)])


def test_failed_answers_are_in_no_pair():
    before = [answer(number, True) for number in range(4)]
    after = [answer(0, None, state="failed"), *(answer(number, False) for number in range(1, 4))]
    assert of_all(compared(before, after)).of == 3


# --- the command, over HTTP, in processes of its own ---


def command(out: Path, *more: object, task: str = "capability", model: object = "openai-api/loopback/m") -> list[str]:
    basic = ["--task", task, "--model", model, "--out", out, *more]
    return [sys.executable, "-m", "exempla", "measure", *map(str, basic)]


def run(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(*arguments, capture_output=True, text=True, check=False, **options)


def test_a_server_is_asked_once_after_kill_9_and_not_at_all_when_all_is_answered(tmp_path):
    with served(rule="knowing", latency_ms=60) as server:
        order = command(tmp_path / "out", "--base-url", server.url, "--connections", "2")
        first = subprocess.Popen(order, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        answers = tmp_path / "out" / "answers.jsonl"
        deadline = time.monotonic() + 120
        while not answers.exists() or answers.read_bytes().count(b"\n") < 12:
            assert first.poll() is None, first.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
        mend_torn_tail(answers)
        kept = {row.id for row in read_lines(answers, QuestionAnswer)}
        assert 12 <= len(kept) < 90
        before = len(server.requests)
        second = run(order)
        assert second.returncode == 0, second.stderr
        rows = read_lines(answers, QuestionAnswer)
        assert len(rows) == len({row.id for row in rows}) == len(CAPABILITY)
        assert len(server.requests) - before == len(rows) - len(kept)
        asked_at = len(server.requests)
        third = run(order)
        assert third.returncode == 0
        assert len(server.requests) == asked_at
    assert "No likelihoods" in third.stdout
    arithmetic = next(line for line in third.stdout.splitlines() if line.startswith("arithmetic"))
    assert "100%" in arithmetic
    with_tools = next(line for line in third.stdout.splitlines() if line.startswith("tool called as asked"))
    assert " 0% " in with_tools
    # All is answered, so neither server nor key is needed any more.
    assert run(order).returncode == 0


def test_failures_are_counted_told_and_asked_again(tmp_path):
    faults = [{"kind": "404", "rate": 1.0, "match": "^What is 8 plus 6", "tries": 1}]
    with served(rule="knowing", faults=faults) as server:
        broken = run(command(tmp_path / "out", "--base-url", server.url))
        assert broken.returncode == 2
        assert "1 questions failed and are in no figure" in broken.stderr
        before = len(server.requests)
        assert run(command(tmp_path / "out", "--base-url", server.url)).returncode == 0
        assert len(server.requests) == before + 1
    rates = json.loads((tmp_path / "out" / "rates.json").read_text())["capability"]["figures"]
    assert {one["failed"] for one in rates} == {0}


@pytest.mark.slow
def test_a_local_model_is_measured_before_and_after(tiny_model, tmp_path):
    other = changed(tiny_model, tmp_path / "other")
    small = ("--max-tokens", "4")
    first = run(command(tmp_path / "before", *small, model=tiny_model))
    assert first.returncode == 0, first.stderr
    rows = read_lines(tmp_path / "before" / "passages.jsonl", PassageLikelihood)
    assert len(rows) == len({row.id for row in rows}) >= 48
    # A model that knows nothing spends about the logarithm of its 600 tokens on each.
    for row in rows:
        assert row.nats / row.tokens == pytest.approx(math.log(600), abs=0.5), row.id
        assert row.computed.startswith(("cpu", "cuda", "mps"))
    again = run(command(tmp_path / "before", *small, model=tiny_model))
    assert again.returncode == 0, again.stderr
    assert read_lines(tmp_path / "before" / "passages.jsonl", PassageLikelihood) == rows
    after = run(command(tmp_path / "after", *small, "--compare", tmp_path / "before", model=other))
    assert after.returncode == 0, after.stderr
    assert "after less before" in after.stdout
    found = json.loads((tmp_path / "after" / "rates.json").read_text())["capability"]
    units = {(one["name"], one["unit"]): one for one in found["compared"] if one["unit"]}
    assert set(units) == {
        (kind, unit) for kind in ("prose", "instructions") for unit in ("nats a byte", "nats a token")
    }
    for one in units.values():
        assert one["difference"] == pytest.approx(one["after"] - one["before"])
        assert one["low"] <= one["difference"] <= one["high"]
        assert one["difference"] != 0
    assert {"prose", "questions, all", "no call where none is wanted"} <= {one["name"] for one in found["figures"]}


def changed(model: Path, to: Path) -> Path:
    """The model with other weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded = AutoModelForCausalLM.from_pretrained(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in loaded.parameters():
            weights.add_(0.05 * torch.randn_like(weights))
    loaded.save_pretrained(to)
    AutoTokenizer.from_pretrained(model).save_pretrained(to)
    return to


def test_likelihoods_are_those_of_an_ordinary_pass(tiny_model):
    import torch

    from exempla.measuring.questions.perplexity import likelihoods
    from exempla.measuring.questions.question import Passage
    from exempla.models.subject import load_subject

    subject = load_subject(str(tiny_model), dtype=torch.float32)
    prose = Passage(id="a", kind="prose", text="The lamp in the hall had gone out again.")
    answer = Passage(id="b", kind="instructions", prompt="What went out?", text="The lamp did.")
    first, second = likelihoods(subject, [prose, answer], {})

    def nats(start: list[int], ids: list[int]) -> float:
        whole = torch.tensor([start + ids])
        with torch.no_grad():
            logits = subject.model(input_ids=whole).logits[0].log_softmax(-1)
        return -sum(float(logits[len(start) + place - 1, token]) for place, token in enumerate(ids))

    assert first.nats == pytest.approx(nats([subject.start], subject.tokens(prose.text)), rel=1e-4)
    laid_out = "<|start|>user\nWhat went out?<|end|>\n<|start|>assistant\n"
    assert second.nats == pytest.approx(nats(subject.tokens(laid_out), subject.tokens("The lamp did.")), rel=1e-4)
    assert second.bytes == len("The lamp did.")
    known = {one.id: one.model_copy(update={"nats": 1.0}) for one in (first, second)}
    assert [one.nats for one in likelihoods(subject, [prose, answer], known)] == [1.0, 1.0]
    other = prose.model_copy(update={"text": "The lamp in the hall was lit."})
    assert next(likelihoods(subject, [other], known)).nats != 1.0


def said(capsys, order: list[str]) -> str:
    """What a command prints, in this process."""
    app(order[3:], standalone_mode=False)
    return capsys.readouterr().out


def test_options_without_effect_and_other_mistakes_are_one_line(tmp_path, tiny_model, capsys):
    yoi, new = tmp_path / "yoi", tmp_path / "a"
    with served(rule="knowing") as server:
        url = ("--base-url", server.url)
        assert "Rules cannot tell what an answer holds" in said(capsys, command(yoi, *url, task="you_or_it"))
        for order, words in (
            (command(new, *url, "--goals", "all"), "--goals has no effect with --task capability"),
            (command(new, *url, "--persona", "Wilma"), "--persona has no effect"),
            (command(new, *url, "--max-tokens", "9", "--compare", tmp_path / "no"), "holds no measurement"),
            (command(new, *url, "--compare", yoi), "not of capability"),
            (command(yoi, *url, "--compare", yoi, task="you_or_it"), "measured into"),
            (command(new, *url, "--writer", "m", task="honeypots"), "--writer has no effect"),
            (command(new, *url, task="capabilities"), "did you mean 'capability'"),
            (command(yoi, *url), "answers of another task"),
            (command(yoi, *url, "--persona", "Wilma", task="you_or_it"), "another persona"),
            (command(new, *url, "--writer", "m", task="constitution"), "without --constitution"),
            (command(new, *url, "--constitution", "no.md", task="constitution"), "no such constitution"),
            (command(new, *url, "--constitution", "default", task="constitution"), "give --writer"),
            (command(new, *url, "--battery", "lm-eval:arc_easy"), "in this process only"),
            (command(new, "--battery", "arc", model=tiny_model), "write lm-eval:TASK"),
        ):
            with pytest.raises(UserError, match=re.escape(words)):
                app(order[3:], standalone_mode=False)
    assert not new.exists()


def test_a_plan_is_told_and_nothing_asked(tmp_path, capsys):
    for task in INSTRUMENTS:
        planned = said(capsys, command(tmp_path / "out", "--dry-run", task=task, model="openai/none"))
        assert "questions; 0 answered already" in planned
    assert not (tmp_path / "out").exists()


def test_every_task_has_a_module_and_knows_its_options():
    import inspect
    from importlib import import_module

    from exempla.cli_measure import measure

    parameters = set(inspect.signature(measure).parameters)
    for name, task in TASKS.items():
        assert callable(import_module(task.module).survey), name
        assert set(task.options) | set(ALWAYS) <= parameters, name


def test_todays_rules_mark_answers_of_yesterday(tmp_path):
    """Keys and answers may be mended; the replies stay, and the rows tell the new mark."""
    from exempla.measuredfolder import MeasuredFolder
    from exempla.measuring.questions.run import answers_to, open_questions
    from exempla.scenarios.wording import Wording

    question = questions("constitution")[0]
    (one,) = asked([question], PERSONA)
    _, answers = evaluated(questions_task("constitution", [one]), saying("Blue harbours sing."))
    folder = MeasuredFolder(tmp_path)
    folder.answers.write_text(answers[0].model_dump_json() + "\n")
    mended = one.model_copy(update={"question": question.model_copy(update={"rules": Wording(says=(("harbours",),))})})
    assert open_questions(folder, [mended]) == []
    assert [row.right for row in answers_to(folder, [mended], keep=False)] == [True]
    assert len(read_lines(folder.answers, QuestionAnswer)) == 1
    assert [row.right for row in answers_to(folder, [mended])] == [True]
    assert folder.rows(QuestionAnswer)[one.id].right is True
    reworded = one.model_copy(update={"name": "Wilma"})
    assert open_questions(folder, [reworded]) == [reworded]


# --- lm-eval, where it is installed ---


def test_lm_evals_figures_are_read_and_its_mistakes_are_one_line(tiny_model, monkeypatch):
    from types import ModuleType

    from exempla.measuring.questions import battery
    from exempla.models.request import Connection

    local = Connection(model=f"exempla/{tiny_model}")
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UserError, match="lm-eval is not installed"):
        battery.tasks_of("lm-eval:arc_easy", local)
    stand_in, told = ModuleType("lm_eval"), {}

    def simple_evaluate(**options):
        told.update(options)
        if "nowhere" in options["tasks"]:
            raise ValueError("Task nowhere was not found\nmore")
        values = {"alias": "arc_easy", "acc,none": 0.25, "acc_stderr,none": 0.01, "acc_norm,none": 0.5, "sample_len": 9}
        return {"results": {"arc_easy": values}}

    stand_in.simple_evaluate = simple_evaluate
    monkeypatch.setitem(sys.modules, "lm_eval", stand_in)
    assert battery.tasks_of("lm-eval: arc_easy, hellaswag", local) == ["arc_easy", "hellaswag"]
    found = battery.run(str(tiny_model), ["arc_easy"])
    assert [(one.metric, one.value, one.stderr) for one in found] == [("acc", 0.25, 0.01), ("acc_norm", 0.5, None)]
    assert told["model_args"]["pretrained"] == str(tiny_model)
    with pytest.raises(UserError, match=r"lm-eval: Task nowhere was not found; see to"):
        battery.run(str(tiny_model), ["nowhere"])
