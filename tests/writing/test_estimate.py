"""What a dry run tells, against what the same order then takes; over real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from exempla import catalogue
from exempla.authoring import plan_ahead, write_corpus
from exempla.progress import Reporter
from exempla.writing.constitution import read_constitution
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.estimate import Estimate, Range, estimate
from exempla.writing.finishing import Result
from exempla.writing.ledger import Totals
from exempla.writing.order import Order, accept
from exempla.writing.recipe import recipes
from exempla.writing.sitting import spent
from tests.loopback import Fault, Served, served
from tests.studies import run

MODEL = "openai-api/loopback/m"
KINDS = (
    ("<text>", "score"),
    ("lines, each beginning with `- `", "list"),
    ("a line `<draft>`", "drafts"),
    ("(?m)^Problems$", "critique"),
    ("Title: ", "story"),
)
"""What the last message of a prompt is known by; anything else is answered with plain prose, logged as `writer`."""
PRICES = {"models": {"m": {"input": 1000, "output": 4000}}}
"""A thousand times a usual price, so that small corpora cost something that can be read."""


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Writes as many words as it is asked for."""
    with served(rule="writer", words=0, kinds=KINDS, latency_ms=20) as server:
        yield server


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(PRICES))
    return path


def order(server: Served, recipe: str = "stories", **options: object) -> Order:
    fixed = {"recipe": recipe, "model": MODEL, "base_url": server.url, "language": "", "words": 150, "measure_every": 0}
    return Order.model_validate(fixed | options)


def ahead(order: Order, out: Path) -> Estimate:
    return plan_ahead(order, out)[1]


def carried_out(order: Order, out: Path) -> tuple[Result, Totals]:
    return write_corpus(order, out, Reporter("quiet"), screened=False), spent(CorpusFolder(out))


def holds(span: Range | None, number: float) -> bool:
    return span is not None and span.low <= number <= span.high


def width(span: Range | None) -> float:
    assert span is not None and 0 <= span.low <= span.high
    return span.high / span.low


def _holds_all(found: Estimate, totals: Totals) -> None:
    assert holds(found.requests, totals.requests), (found.requests, totals.requests)
    assert holds(found.tokens_in, totals.tokens_in), (found.tokens_in, totals.tokens_in)
    assert holds(found.tokens_out, totals.tokens_out), (found.tokens_out, totals.tokens_out)
    assert holds(found.cost, totals.cost), (found.cost, totals.cost)


# --- the command -----------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_it_would_take_and_sends_nothing(server: Served, prices: Path, tmp_path: Path) -> None:
    before, out = len(server.requests), tmp_path / "out"
    there = ("--model", MODEL, "--base-url", server.url, "--out", out, "--dry-run")
    ended = run("write", "stories", "--n", 60, "--words", 300, *there, "--prices", prices)
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    text = ended.stdout
    assert f"60 stories by {MODEL}" in text and "a guess" in text and "Nothing was sent" in text
    for step in ("draft", "critique", "rewrite", "score"):
        assert re.search(rf"(?m)^{step} +60 ", text), text
    assert "requests: 240 to 276" in text
    for what in ("tokens read", "tokens written"):
        low, high = _numbers(re.search(rf"(?m)^{what}: (\S+) to (\S+)$", text))
        assert 0 < low < high < 1e6
    low, high = _numbers(re.search(r"(?m)^cost: (\S+) to (\S+) USD \(prices of your table\)$", text))
    assert 200 < low < high < 3000
    assert re.search(r"(?m)^time: .+ to .+ with 64 requests in flight$", text)
    assert len(server.requests) == before and not out.exists()


def _numbers(found: re.Match[str] | None) -> tuple[float, float]:
    assert found is not None
    scale = {"k": 1e3, "M": 1e6}
    low, high = (float(part.rstrip("kM")) * scale.get(part[-1], 1) for part in found.groups())
    return low, high


def test_what_a_corpus_of_twelve_thousand_takes_is_told_at_once() -> None:
    began = time.monotonic()
    job = accept(
        Order(recipe="stories", n=12_000, model="anthropic/claude-haiku-4-5"),
        read_constitution(catalogue.constitution_path("default")),
    )
    found = estimate(job, Totals(), 0)
    assert time.monotonic() - began < 5
    assert found.requests.low == 48_000
    assert found.cost is not None and 100 < found.cost.low < found.cost.high < 1000


# --- a guess against the truth ---------------------------------------------------------------------------------------


def test_the_guess_of_stories_is_right_about_requests_and_holds_the_rest(
    server: Served, prices: Path, tmp_path: Path
) -> None:
    wanted = order(server, n=24, prices=prices)
    found = ahead(wanted, tmp_path / "out")
    assert found.measured == 0 and not (tmp_path / "out").exists()
    before = len(server.requests)
    result, totals = carried_out(wanted, tmp_path / "out")
    assert (result.kept, result.stopped) == (24, "")
    assert found.requests.low == totals.requests == len(server.requests) - before == 96
    assert {row.step: row.requests for row in found.steps} == {
        step: spent.replies for step, spent in totals.by_step.items()
    }
    assert holds(found.tokens_in, totals.tokens_in), (found.tokens_in, totals.tokens_in)
    for row in found.steps:  # the server's critiques and scores are shorter than a model's
        if row.step in ("draft", "rewrite"):
            assert 0.7 < totals.by_step[row.step].tokens_out / row.tokens_out < 1.5
    assert totals.cost == pytest.approx((totals.tokens_in + 4 * totals.tokens_out) / 1000)


def test_what_documents_share_is_counted_once_for_each_kind(server: Served, tmp_path: Path) -> None:
    """Three kinds of document, eight plans of three drafts each: subtypes are asked for three times, not eight."""
    pools = tmp_path / "mine" / "pools"
    pools.mkdir(parents=True)
    (pools / "doc_type.txt").write_text("field note\nsermon\nbill of lading\n")
    wanted = order(server, "documents", n=24, words=60, prompts=tmp_path / "mine")
    found = ahead(wanted, tmp_path / "out")
    before = Counter(seen.step for seen in server.requests)
    _, totals = carried_out(wanted, tmp_path / "out")
    asked = Counter(seen.step for seen in server.requests) - before
    assert asked == {"list": 3, "drafts": 8, "score": 24, "writer": 48}
    assert found.requests.low == totals.requests == 83
    assert {row.step: row.requests for row in found.steps} == {
        "subtypes": 3,
        "drafts": 8,
        "critique": 24,
        "rewrite": 24,
        "score": 24,
    }
    more = ahead(wanted.model_copy(update={"n": 240}), tmp_path / "out")
    assert more.measured == 24 and holds(more.requests, 3 + 80 + 3 * 240), more.requests
    assert {row.step: row.requests for row in more.steps}["subtypes"] == pytest.approx(3)


@pytest.mark.parametrize("recipe", sorted(recipes()))
def test_every_recipe_has_an_estimate(recipe: str, tmp_path: Path) -> None:
    wanted = Order(recipe=recipe, n=84, model="anthropic/claude-haiku-4-5")
    found = ahead(wanted, tmp_path / "out")
    chosen = recipes()[recipe]
    plans = 84 // chosen.per_plan
    assert {row.step for row in found.steps} == {step.name for step in chosen.steps}
    for row in found.steps:
        step = chosen.step(row.step)
        assert row.requests == pytest.approx(plans * step.times)
        assert row.tokens_in / row.requests > 100, f"{row.step}: what earlier steps left is read too"
        assert row.tokens_out / row.requests > 50
    assert found.cost is not None and 0.1 < found.cost.low < found.cost.high < 5
    assert found.hours is not None and found.hours.low < found.hours.high < 10


def test_steps_that_are_left_out_cost_nothing_and_limits_of_length_are_kept(server: Served, tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole, two = ahead(order(server, n=40), out), ahead(order(server, n=40, steps=("draft", "rewrite")), out)
    assert [row.step for row in two.steps] == ["draft", "rewrite"] and two.requests.low == 80
    assert two.tokens_in.high < whole.tokens_in.low
    short = ahead(order(server, n=40, max_tokens=20), out)
    assert all(row.tokens_out <= 20 * row.requests for row in short.steps)


# --- cost and time ---------------------------------------------------------------------------------------------------


def test_cost_follows_the_table(server: Served, prices: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = ahead(order(server, n=40, prices=prices), out)
    by_hand = sum(row.tokens_in * 1000 + row.tokens_out * 4000 for row in found.steps) / 1e6
    assert holds(found.cost, by_hand) and width(found.cost) < 2.5
    assert ahead(order(server, n=40), out).cost is None, "no price, no cost"
    two = ahead(order(server, n=40, prices=prices, judge="anthropic/claude-haiku-4-5"), out)
    cheap = {row.step: row.tokens_in * 1 + row.tokens_out * 5 for row in two.steps}["score"]
    dear = sum(row.tokens_in * 1000 + row.tokens_out * 4000 for row in two.steps if row.step != "score")
    assert two.cost is not None and two.cost.low == pytest.approx(0.75 * (cheap + dear) / 1e6, rel=1e-3)
    assert ahead(order(server, n=40, prices=prices, judge="x/unknown"), out).cost is None
    batch = {"model": "anthropic/claude-haiku-4-5", "base_url": ""}
    once, half = (ahead(order(server, n=40, batch=mode, **batch), out).cost for mode in (False, True))
    assert once is not None and half is not None and half.low == pytest.approx(once.low / 2)
    assert ahead(order(server, n=40, batch=True, **batch), out).hours is None, "a batch takes up to a day"


def test_the_model_in_this_process_costs_nothing_and_its_time_is_not_guessed(tmp_path: Path) -> None:
    found = ahead(Order(recipe="stories", n=24, model="embedded"), tmp_path / "out")
    assert found.requests.low == 24 and found.cost == Range(low=0, high=0) and found.hours is None


# --- measured on what is finished ------------------------------------------------------------------------------------


def test_a_part_that_is_finished_narrows_the_range_and_the_truth_is_in_it(
    server: Served, prices: Path, tmp_path: Path
) -> None:
    """Stopped at a limit, when all that was begun is finished."""
    out = tmp_path / "out"
    wanted = order(server, n=60, prices=prices, in_flight=8)
    guess = ahead(wanted, out)
    limited = wanted.model_copy(update={"limits": wanted.limits.model_copy(update={"requests": 100})})
    result, _ = carried_out(limited, out)
    assert "100 requests" in result.stopped and result.kept == 25
    found = ahead(wanted, out)
    assert found.measured == 25
    for one, other in ((found.requests, guess.requests), (found.tokens_in, guess.tokens_in)):
        assert width(one) < width(other)
    assert width(found.tokens_out) < width(guess.tokens_out) and width(found.cost) < width(guess.cost)
    result, totals = carried_out(wanted, out)
    assert result.kept == 60 and totals.requests == 240
    _holds_all(found, totals)


def test_what_was_begun_and_not_finished_is_not_charged_to_what_was(
    server: Served, prices: Path, tmp_path: Path
) -> None:
    """Ctrl-C in the midst of it: dozens of texts have a draft and nothing else."""
    out, before = tmp_path / "out", len(server.requests)
    wanted = order(server, n=60, prices=prices, in_flight=24)

    def stop() -> None:
        while len(server.requests) - before < 110:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    result, part = carried_out(wanted, out)
    assert result.stopped == "interrupted" and 8 <= result.kept < 40
    assert part.requests > 4 * result.kept + 10, "else there is nothing to see here"
    found = ahead(wanted, out)
    assert found.measured == result.kept
    result, totals = carried_out(wanted, out)
    assert result.kept == 60 and totals.requests == 240
    _holds_all(found, totals)


def test_texts_that_were_dropped_and_replies_that_were_useless_count_too(prices: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    faults = [Fault(kind="empty", rate=0.2), Fault(kind="truncated", rate=0.2)]
    with served(rule="writer", words=0, kinds=KINDS, faults=faults, seed=3) as server:
        wanted = order(server, n=60, prices=prices, steps=("draft",), in_flight=4)
        carried_out(wanted.model_copy(update={"n": 30}), out)
        found = ahead(wanted, out)
        assert found.measured == 30
        _, totals = carried_out(wanted, out)
        assert totals.failures["empty"] and totals.failures["truncated"] and totals.requests > 70
        _holds_all(found, totals)


def test_a_few_texts_are_no_measure(server: Served, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wanted = order(server, n=40, steps=("draft",))
    carried_out(wanted.model_copy(update={"n": 7}), out)
    assert ahead(wanted, out).measured == 0
    carried_out(wanted.model_copy(update={"n": 8}), out)
    assert ahead(wanted, out).measured == 8
    with (out / "work" / "written.jsonl").open("ab") as stream:
        stream.write(b'{"id": "written-stories-0000')
    assert ahead(wanted, out).measured == 8, "a line that is torn, or being written, is no text"


def test_the_command_says_what_the_range_is_measured_on(server: Served, prices: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    carried_out(order(server, n=12, steps=("draft",), prices=prices), out)
    there = ("--model", MODEL, "--base-url", server.url, "--out", out, "--prices", prices, "--language", "")
    words = ("--words", 150, "--steps", "draft", "--measure-every", 0)
    ended = run("write", "stories", "--n", 40, *words, *there, "--dry-run")
    assert ended.returncode == 0, ended.stderr
    assert "of which 12 are finished" in ended.stdout and "measured on 12 finished texts" in ended.stdout
    assert re.search(r"(?m)^requests: 39 to 41$", ended.stdout), ended.stdout
