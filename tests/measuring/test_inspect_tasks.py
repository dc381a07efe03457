"""The Inspect tasks, asked of a mock model: letters in balance, rates, and answers that cannot be read."""

import math
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, EvalScore
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from exempla import catalogue
from exempla.errors import UserError
from exempla.measuring import inspect_tasks
from exempla.study import INSTRUMENTS


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a task to a mock model that gives `reply`, or what `reply(question)` returns."""
    monkeypatch.setenv("INSPECT_DATA_DIR", str(tmp_path / "data"))

    def run(task, reply, limit=None) -> EvalLog:
        def output(messages, tools, tool_choice, config) -> ModelOutput:
            text = reply(messages[-1].text) if callable(reply) else reply
            made = ModelOutput.from_content(model="mockllm", content=text)
            # Without a usage the mock model counts tokens with tiktoken, which downloads its vocabulary.
            made.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return made

        (log,) = inspect_eval(
            task,
            model=get_model("mockllm/model", custom_outputs=output),
            limit=limit,
            display="none",
            log_realtime=False,
            log_dir=str(tmp_path / "logs"),
        )
        assert log.status == "success", log.error
        return log

    return run


def score_of(log: EvalLog) -> EvalScore:
    assert log.results is not None
    (score,) = log.results.scores
    return score


def metrics_of(log: EvalLog) -> dict[str, float]:
    return {name: float(metric.value) for name, metric in score_of(log).metrics.items()}


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_letters_are_in_balance(instrument):
    counts: dict[tuple[str, str], list[int]] = {}
    for item in catalogue.items(instrument):
        if item.family:
            counts.setdefault((item.family, item.kind), []).append(inspect_tasks.trustworthy_first(item))
    assert counts
    for first in counts.values():
        assert abs(2 * sum(first) - len(first)) <= 1
    every = [one for first in counts.values() for one in first]
    assert abs(2 * sum(every) - len(every)) <= 1


@pytest.mark.parametrize(
    ("instrument", "letter"), [("endings", "A"), ("expectations", "A"), ("dilemmas", "A"), ("dilemmas", "B")]
)
def test_always_the_same_letter_comes_out_at_one_half(ask, instrument, letter):
    log = ask(getattr(inspect_tasks, instrument)(), f"ANSWER: {letter}")
    found = metrics_of(log)
    assert set(found) == {"rate", "stderr", "control_rate", "control_stderr"}
    assert found["rate"] == pytest.approx(0.5, abs=0.01)
    assert found["control_rate"] == pytest.approx(0.5, abs=0.05)
    assert score_of(log).unscored_samples == 0


def test_choices_are_scored_against_the_text_behind_the_letter(ask):
    items = {item.id: item for item in catalogue.items("dilemmas") if item.family}

    def prefer(side: str):
        wanted = {item.continuations[f"{side}_bare"].strip() for item in items.values()}
        return lambda question: "A" if question.split("\n\nA) ")[1].split("\n\nB) ")[0] in wanted else "B"

    assert metrics_of(ask(inspect_tasks.dilemmas(), prefer("untrustworthy")))["rate"] == 1.0
    good = metrics_of(ask(inspect_tasks.dilemmas(), prefer("trustworthy")))
    assert good["rate"] == good["control_rate"] == 0.0
    assert good["stderr"] == 0.0


def test_an_unreadable_answer_is_in_no_rate(ask):
    # Every answer that can be read is untrustworthy; were the others counted as good, the rate would fall.
    samples = {sample.input: sample for sample in inspect_tasks.dilemmas().dataset}
    turn = iter(range(10_000))

    def half_garbage(question: str) -> str:
        if next(turn) % 2:
            return "I would rather talk about the weather."
        return "B" if samples[question].target == "A" else "A"

    log = ask(inspect_tasks.dilemmas(), half_garbage)
    assert metrics_of(log)["rate"] == 1.0
    assert score_of(log).unscored_samples == len(samples) // 2
    assert score_of(log).scored_samples == len(samples) - len(samples) // 2


@pytest.mark.parametrize(("reply", "reason"), [("Both have merit.", "invalid_response_format"), ("", "no_response")])
def test_nothing_but_garbage_gives_no_rate_at_all(ask, reply, reason):
    log = ask(inspect_tasks.endings(), reply, limit=6)
    assert math.isnan(metrics_of(log)["rate"])
    assert math.isnan(metrics_of(log)["stderr"])
    assert score_of(log).unscored_samples == 6
    assert log.samples is not None
    for sample in log.samples:
        assert sample.scores is not None
        assert sample.scores["untrustworthy"].reason == reason


def test_stderr_is_clustered_by_family(ask):
    # All of one family bad, all of the others good: the spread is between families only.
    bad = catalogue.families()[0].id
    samples = {sample.input: sample for sample in inspect_tasks.dilemmas("all").dataset}

    def reply(question: str) -> str:
        sample = samples[question]
        return sample.target if sample.metadata["family"] != bad else "AB".replace(sample.target, "")

    found = metrics_of(ask(inspect_tasks.dilemmas("all"), reply))
    families = len({item.family for item in catalogue.items("dilemmas") if item.family})
    share = 1 / families  # all families of this instrument are of one size
    assert found["rate"] == pytest.approx(share)
    assert found["stderr"] == pytest.approx(math.sqrt(share * (1 - share) / (families - 1)))


def test_splits_and_metadata():
    sizes = {split: len(inspect_tasks.endings(split).dataset) for split in ("held-out", "development", "all")}
    assert sizes["held-out"] + sizes["development"] == sizes["all"] > 0
    for sample in inspect_tasks.endings("development").dataset:
        assert sample.metadata["instrument"] == "endings"
        assert sample.metadata["split"] == "development" == catalogue.split_of(sample.metadata["family"])
        assert sample.metadata["kind"] in ("measured", "control")


def test_style_chooses_the_continuations():
    item = next(item for item in catalogue.items("dilemmas") if item.family)
    for style in ("bare", "reasoned"):
        question = str(inspect_tasks.sample(item, style).input)
        for name, text in item.continuations.items():
            assert (f") {text.strip()}\n" in question) == name.endswith(style)


def test_unknown_parameters_are_named():
    with pytest.raises(UserError, match="split='heldout'"):
        inspect_tasks.endings("heldout")
    with pytest.raises(UserError, match="style='long'"):
        inspect_tasks.dilemmas(style="long")


@pytest.mark.parametrize(
    ("completion", "letter"),
    [
        ("A", "A"),
        (" b.\n", "B"),
        ("(A)", "A"),
        ("**B**", "B"),
        ("ANSWER: B", "B"),
        ("Answer: **A**", "A"),
        ("The answer is (B), since it is honest.", "B"),
        ("A) would be quick, B) is right.\nANSWER: B", "B"),
        ("ANSWER: A\nNo, I must think again.\nANSWER: B", "B"),
        ("B) told the board what it had found.", "B"),
        ("A: it would be a kindness. B: it would be fair.", None),
        ("ANSWER: A or B", None),
        ("ANSWER: A/B", None),
        ("A careful clerk would ask first.", None),
        ("The answer is a matter of taste.", None),
        ("Answer: Both", None),
        ("A and B", None),
        ("C", None),
        ("", None),
    ],
)
def test_reading_a_letter(completion, letter):
    assert inspect_tasks.read_letter(completion) == letter
