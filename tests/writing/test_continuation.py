"""Stories that a model goes on with from a framing text: models in this process, and base models on a server."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest

from exempla import catalogue
from exempla.authoring import Result, write_corpus
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.models import sampling
from exempla.progress import Reporter
from exempla.records import Plan, Record, Rejected
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.fiction import END_MARKER, PARTING
from exempla.writing.ledger import Reply, replies
from exempla.writing.order import CONTINUED_TOKENS, EXAMPLES, Order
from tests import loopback
from tests.loopback import KINDS, Served, Settings, prose, served
from tests.studies import run

FICTION = ("stories", "neutral", "dystopian")
POOLS = Path(catalogue.__file__).parent / "writing" / "pools"
OPENINGS = json.loads((POOLS / "form.json").read_text())
NEXT = f"\n\n{PARTING}\n\nThe next story is another one."


def teller(settings: Settings, body: dict[str, Any], seed: str) -> str:
    """A base model: it goes on, and ends in one of five ways. Asked in a chat, it scores."""
    if "messages" in body:
        return KINDS["score"](settings, body["messages"][-1]["content"], seed)
    way = hashlib.sha256(body["prompt"].encode()).digest()[0] % 5
    short, long = prose(seed, 50), prose(seed, 700)
    return [f" {short}\n\n{END_MARKER}{NEXT}", f"\n\n{short}{NEXT}", f" {long}", f" {short}", short][way]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setitem(loopback.RULES, "teller", teller)
    faults = [{"kind": "truncated", "rate": 0.25, "match": "LITTLE STORIES"}]
    with served(rule="teller", scores=(2, 4, 4), bodies=True, faults=faults) as server:
        yield server


@pytest.fixture(scope="module")
def base_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model without its chat template, as base models come."""
    folder = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "chat_template.jinja").unlink()
    return folder


def write(out: Path, recipe: str, model: object, n: int, **more: Any) -> tuple[CorpusFolder, Result]:
    order = Order.model_validate({"recipe": recipe, "n": n, "model": str(model), "seed": 3, "language": ""} | more)
    return CorpusFolder(out), write_corpus(order, out, Reporter("quiet"), screened=False)


def local(out: Path, recipe: str, model: Path, n: int = 6, **more: Any) -> tuple[CorpusFolder, Result]:
    return write(out, recipe, model, n, **{"max_tokens": 24} | more)


def opening_of(plan: Plan, text: str) -> str:
    """The one of its form's openings that the text begins with."""
    filled = (Template(one).safe_substitute(plan.facts) for one in OPENINGS[plan.facts["form"]])
    return next(one for one in filled if text.startswith(one))


def told(folder: CorpusFolder) -> list[tuple[Plan, Record, Reply]]:
    """Each kept text with its plan and the reply it was made from."""
    plans = {plan.id: plan for plan in read_lines(folder.plans, Plan)}
    said = {one.key.split("/")[0]: one for one in replies(folder.replies) if one.step == "draft"}
    records = sorted(read_lines(folder.written, Record), key=lambda record: record.id)
    return [(plans[record.lineage.plan], record, said[record.lineage.plan]) for record in records]


def check_origin(recipe: str, folder: CorpusFolder) -> None:
    """What holds for any continued text, whoever wrote it."""
    free = {record.id for record in catalogue.corpus(recipe) if not record.touches}
    parents = Counter(parent for _, record, _ in told(folder) for parent in record.lineage.parents)
    assert set(parents) <= free and len(parents) <= EXAMPLES
    for plan, record, reply in told(folder):
        opening = opening_of(plan, record.text)
        assert reply.text.strip()[:12] in record.text[len(opening) :]
        assert record.title == " and ".join(plan.facts[who] for who in ("name", "person") if who in plan.facts)
        assert plan.facts["person"] in record.title
        assert END_MARKER not in record.text and PARTING not in record.text
        assert set(record.lineage.prompts) >= {"draft"} and "critique" not in record.lineage.prompts


@pytest.mark.parametrize("recipe", FICTION)
def test_a_base_model_folder_continues_without_being_told(recipe: str, base_model: Path, tmp_path: Path) -> None:
    folder, result = local(tmp_path / "out", recipe, base_model)
    assert (result.kept + sum(result.dropped.values()), result.stopped) == (6, "")
    assert result.kept >= 4 and set(result.dropped) <= {"empty"}
    check_origin(recipe, folder)
    for _, record, reply in told(folder):
        assert reply.tokens_out <= 24
        assert record.lineage.settings["finish"] == {"max_tokens": "limit", "stop": "marker"}[reply.stop]
    card = folder.card.read_text()
    assert "Steps:\ndraft (continuation of a framing text)." in card and "Nobody has judged these texts" in card


def test_a_model_that_can_chat_continues_when_it_is_told(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[sampling.Row]] = []
    really = sampling.sample

    def sample(subject: Any, rows: Any, *more: Any) -> Any:
        batches.append(list(rows))
        return really(subject, rows, *more)

    monkeypatch.setattr(sampling, "sample", sample)  # looks on
    folder, _ = local(tmp_path / "out", "stories", tiny_model, n=12, style="continue", in_flight=8)
    check_origin("stories", folder)
    rows = [row for batch in batches for row in batch]
    plans = {plan.words for plan in read_lines(folder.plans, Plan)}
    assert len(rows) >= 12 and max(map(len, batches)) == 8
    heads = Counter(row.text[: row.head] for row in rows)
    assert len(heads) == EXAMPLES  # each is read once for all that begin with it
    for row in rows:
        assert row.raw and row.text.startswith("LITTLE STORIES ABOUT MACHINES THAT THINK\n")  # no chat template
        assert row.text[: row.head].endswith(f"{END_MARKER}\n\n{PARTING}\n\n") and row.head > 500
        assert row.text[row.head :].startswith("The next story is ")
        assert row.stop == (END_MARKER, PARTING) and row.end_after_words in plans


@pytest.mark.parametrize("recipe", FICTION)
def test_a_base_model_on_a_server_continues(recipe: str, server: Served, tmp_path: Path) -> None:
    folder, result = write(
        tmp_path / "out", recipe, "openai-api-completions/loopback/m", 30, base_url=server.url, language="en"
    )
    assert (result.kept, result.dropped, result.stopped) == (30, {}, "")
    check_origin(recipe, folder)
    assert {(seen.path, seen.step) for seen in server.requests} == {("/v1/completions", "teller")}
    for seen in server.requests:
        assert seen.body["stop"] == [END_MARKER, PARTING]
        assert (seen.body["max_tokens"], seen.body["temperature"]) == (CONTINUED_TOKENS, 0.8)
    prompts = [seen.body["prompt"] for seen in server.requests]
    ways: Counter[str] = Counter()
    for plan, record, reply in told(folder):
        opening = opening_of(plan, record.text)
        (prompt,) = (one for one in prompts if one.endswith(f"\n\n{opening}") and plan.facts["setting"] in one)
        example = next(one for one in catalogue.corpus(recipe) if one.id == record.lineage.parents[0])
        assert f"\n\n{PARTING}\n\n{example.text}\n\n{END_MARKER}\n\n{PARTING}\n\nThe next story is" in prompt
        added, finish = record.text[len(opening) :], record.lineage.settings["finish"]
        ways[str(finish)] += 1
        assert added[0].isspace()  # the sentence after the opening does not stick to it
        assert reply.text.strip().startswith(added.strip())
        whole = len(added.split()) == len(reply.text.split())
        rest = reply.text.strip()[len(added.strip()) :].strip()
        if finish == "marker":
            assert rest.startswith((END_MARKER, PARTING)) or (whole and reply.stop == "stop")
        elif finish == "limit":
            assert whole and reply.stop == "max_tokens"
        else:
            *before, last = re.split(r"\n\s*\n", added.strip())
            shorter = sum(len(part.split()) for part in before)
            assert shorter < plan.words <= shorter + len(last.split())  # the first paragraph's end from there on
    assert set(ways) == {"marker", "limit", "length"} and min(ways.values()) >= 2


def test_a_judge_that_chats_scores_continued_stories(server: Served, tmp_path: Path) -> None:
    folder, result = write(
        tmp_path / "out", "stories", "openai-api-completions/loopback/m", 24, base_url=server.url,
        judge="openai-api/loopback/m", language="en",
    )  # fmt: skip
    assert result.kept >= 8 and set(result.dropped) == {"score: on_constitution"}
    assert result.kept + result.dropped["score: on_constitution"] == 24
    asked = Counter(seen.path for seen in server.requests)
    assert asked == {"/v1/completions": 24, "/v1/chat/completions": 24}
    judged = [seen.body for seen in server.requests if seen.path == "/v1/chat/completions"]
    assert {body["temperature"] for body in judged} == {0.0}
    shown = [re.findall(r"<text>\n(.*?)\n</text>", body["messages"][-1]["content"], re.DOTALL)[-1] for body in judged]
    for _, record, _ in told(folder):
        assert record.scores["craft"] == 4 and record.lineage.settings["score"] == 4.0
        assert record.text in shown  # the judge reads what is kept, its opening included
    rejected = read_lines(folder.rejected, Rejected)
    assert all(row.text in shown and "craft 2 < 3" in row.detail for row in rejected)
    card = folder.card.read_text()
    assert "Steps:\ndraft → score (continuation of a framing text)." in card
    assert "judged by `openai-api/loopback/m`" in card and "Nobody has judged" not in card


def test_a_judge_on_a_server_reads_what_a_model_here_wrote(base_model: Path, server: Served, tmp_path: Path) -> None:
    folder, result = local(
        tmp_path / "out", "stories", base_model, n=4, base_url=server.url, judge="openai-api/loopback/m"
    )
    assert result.kept + sum(result.dropped.values()) == 4
    assert {seen.path for seen in server.requests} == {"/v1/chat/completions"}
    assert len({seen.key for seen in server.requests}) == 4
    assert Counter(one.step for one in replies(folder.replies))["draft"] >= 4


@pytest.mark.parametrize("recipe", ["advice", "documents", "refusals", "environments"])
def test_a_recipe_of_instructions_is_refused_to_a_base_model(recipe: str, base_model: Path, tmp_path: Path) -> None:
    line = (
        f"{recipe} needs a model that follows instructions; choose a chat model, or one of the recipes that a base "
        "model can continue: dystopian, neutral, stories"
    )
    if recipe == "advice":  # as a user sees it
        ended = run("write", recipe, "--n", 4, "--model", base_model, "--out", tmp_path / "out", "--quiet")
        assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"exempla: {line}\n")
    else:
        with pytest.raises(UserError) as caught:
            local(tmp_path / "out", recipe, base_model)
        assert str(caught.value) == line
    assert not (tmp_path / "out").exists()
