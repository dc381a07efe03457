"""What every recipe promises: gone through with its example, for real plans from the texts that ship."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import exempla
from exempla import catalogue
from exempla.models.request import Request
from exempla.records import Plan, Record
from exempla.writing.constitution import Principle, read_constitution
from exempla.writing.desk import ORDINARY_TRAP, record_id
from exempla.writing.order import Commission, Order, accept
from exempla.writing.planner import Planner
from exempla.writing.recipe import Recipe, Step, recipes
from exempla.writing.rehearsal import rehearse
from tests.loopback import served

NAMES = (
    "advice",
    "documents",
    "dystopian",
    "environments",
    "neutral",
    "reasoned_refusals",
    "refusals",
    "stories",
)
PLANS = 48
MODEL = "openai-api/loopback/m"


class Gone(NamedTuple):
    """One plan gone through."""

    plan: Plan
    records: list[Record]
    requests: list[tuple[str, Step, Request]]
    """With the name each is kept under."""


@cache
def principles() -> tuple[Principle, ...]:
    return read_constitution(catalogue.constitution_path("default"))


@cache
def job_of(name: str, **options: object) -> Commission:
    return accept(Order.model_validate({"recipe": name, "n": PLANS, "model": MODEL, "seed": 3} | options), principles())


def go_through(job: Commission, count: int) -> list[Gone]:
    gone = []
    for plan in Planner(job.quotas, job.order.seed).draw(count):
        requests: list[tuple[str, Step, Request]] = []
        note = requests.append
        records = asyncio.run(rehearse(job, plan, lambda *one, note=note: note(one)))
        gone.append(Gone(plan, records, requests))
    return gone


@cache
def rehearsed(name: str) -> list[Gone]:
    return go_through(job_of(name), PLANS)


@pytest.fixture(params=NAMES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return recipes()[request.param]


def test_the_recipes_that_the_documentation_promises_are_there() -> None:
    assert tuple(sorted(recipes())) == NAMES
    for name, recipe in recipes().items():
        assert recipe.name == name
        assert recipe.about.endswith((".", "steps", "control")) and len(recipe.about) > 30, recipe.about


def test_its_own_words_hold_together(recipe: Recipe) -> None:
    steps = [step.name for step in recipe.steps]
    assert len(steps) == len(set(steps)) and steps[-1] == "score"
    assert 0 < recipe.median_words < recipe.longest_words
    assert {step for pair in recipe.pairs for step in pair} <= {"principle", *recipe.facts}
    rubric = job_of(recipe.name).texts.rubric
    assert rubric is not None and recipe.thresholds is not None
    criteria = {criterion.id for criterion in rubric.criteria}
    assert set(recipe.thresholds) == criteria, "each criterion has a threshold, and each threshold a criterion"
    assert all(2 <= least <= 5 for least in recipe.thresholds.values()), "a threshold of 1 keeps everything"
    assert {step.role for step in recipe.steps if step.name in ("judge", "score")} == {"judge"}
    assert set(recipe.labels) <= {*recipe.facts, *(f"{fact}_kind" for fact in recipe.facts)}
    assert set(recipe.brought) <= set(recipe.facts)


def test_kinds_that_a_criterion_waits_for_are_drawn() -> None:
    kinds = {gone.plan.facts["skill_kind"] for gone in rehearsed("stories")}
    rubric = job_of("stories").texts.rubric
    assert rubric is not None
    waited = {criterion.when for criterion in rubric.criteria if criterion.when}
    assert waited and waited <= kinds
    for name in set(NAMES) - {"stories"}:
        other = job_of(name).texts.rubric
        assert other is not None and not [one for one in other.criteria if one.when], f"{name} has no kinds"


def test_each_plan_yields_its_records_with_the_passages_expected(recipe: Recipe) -> None:
    seen: set[str] = set()
    for gone in rehearsed(recipe.name):
        assert len(gone.records) == recipe.per_plan == len(recipe.example.expected)
        parts = [0] if recipe.per_plan == 1 else list(range(1, recipe.per_plan + 1))
        assert [record.id for record in gone.records] == [record_id(gone.plan, part) for part in parts]
        seen |= {record.id for record in gone.records}
        for record, passage in zip(gone.records, recipe.example.expected, strict=True):
            assert passage in record.taught_text(), recipe.name
            assert record.corpus == catalogue.WRITTEN
            assert bool(record.text) == (recipe.name in catalogue.TEXT_CORPORA)
            assert bool(record.tools) == recipe.tools
    assert len(seen) == PLANS * recipe.per_plan
    assert all(re.fullmatch(rf"written-{recipe.name}-\d{{6}}(-\d)?", one) for one in seen)


def test_every_step_is_asked_as_often_as_it_says(recipe: Recipe) -> None:
    for gone in rehearsed(recipe.name):
        asked = Counter(step.name for _, step, _ in gone.requests)
        assert asked == {step.name: step.times for step in recipe.steps}, gone.plan.id
        names = [name for name, _, _ in gone.requests]
        assert len(set(names)) == len(names), "two requests of a plan are kept under one name"
        for name, step, _ in gone.requests:
            plan, _, rest = name.partition("/")
            assert rest.partition("-")[0] == step.name
            assert (plan == gone.plan.id) == (not step.shared), name


def test_what_plans_share_is_the_same_for_all_that_share_it() -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    for gone in go_through(job_of("documents"), 3 * len(job_of("documents").texts.pools["doc_type"])):
        for name, step, request in gone.requests:
            if step.shared:
                asked[name].add(request.sha256)
                kinds[gone.plan.facts[step.shared]].add(name)
    assert len(asked) == len(kinds) == len(job_of("documents").texts.pools["doc_type"])
    assert {len(hashes) for hashes in asked.values()} == {1}, "else a resume would ask something new under an old name"
    assert {len(names) for names in kinds.values()} == {1}


def test_subtypes_change_from_turn_to_turn() -> None:
    size = len(job_of("documents").texts.pools["doc_type"])
    subtypes: dict[str, list[object]] = defaultdict(list)
    for gone in go_through(job_of("documents"), 3 * size):
        subtypes[gone.plan.facts["doc_type"]] += {record.lineage.settings["subtype"] for record in gone.records}
    assert {len(set(found)) for found in subtypes.values()} == {3}


def test_prompts_are_filled_to_the_last_placeholder(recipe: Recipe) -> None:
    for gone in rehearsed(recipe.name):
        for name, step, request in gone.requests:
            whole = f"{request.system}\n{request.user}"
            assert request.user.strip(), name
            assert not re.search(r"\$\{?[A-Za-z_]", whole), name
            assert not re.search(r"(?m)^\[(system|user)\]$", whole), name
            assert request.max_tokens >= 200
            assert request.temperature == (0.0 if step.role == "judge" else 1.0)


def test_what_is_planned_reaches_the_writer(recipe: Recipe) -> None:
    """A fact that no prompt shows would be varied for nothing."""
    job = job_of(recipe.name)
    for gone in rehearsed(recipe.name):
        writing = "\n".join(f"{one.system}\n{one.user}" for _, step, one in gone.requests if step.role == "writer")
        for fact, value in gone.plan.facts.items():
            if fact not in ("source", "name", "person", "other") or recipe.framing:
                assert fact == "source" or value in writing, f"{gone.plan.id}: {fact} {value!r}"
        if recipe.principles:
            assert job.principles[gone.plan.principle].text in writing
        else:
            assert gone.plan.principle == ""
        if recipe.framing:
            assert f"{recipe.example.words} words" in writing


def test_no_text_is_asked_for_about_a_measured_temptation(recipe: Recipe) -> None:
    """Whoever invents something is told what to stay away from, and so is the judge who can see it."""
    if recipe.name in ("neutral", "reasoned_refusals"):
        return  # the one has no dilemma at all, the other takes its prompts from elsewhere
    first = rehearsed(recipe.name)[0].requests[0][2]
    assert job_of(recipe.name).style.away in f"{first.system}\n{first.user}"


def test_lineage_leads_back_to_plan_requests_and_source(recipe: Recipe) -> None:
    job = job_of(recipe.name)
    for gone in rehearsed(recipe.name):
        for part, record in enumerate(gone.records, start=1):
            lineage = record.lineage
            assert (lineage.recipe, lineage.plan, lineage.writer) == (recipe.name, gone.plan.id, MODEL)
            assert record.principle == gone.plan.principle
            sent = {
                step.name: request.sha256
                for name, step, request in gone.requests
                if recipe.per_plan == 1 or name.endswith((f"-{part}", "/subtypes", "/drafts"))
            }
            assert lineage.prompts == sent, "each request that led to the record, and no other's"
            assert lineage.settings["temperature"] == 1.0
            assert lineage.settings["score"] == 5.0
            assert record.scores and set(record.scores.values()) == {5}
            if recipe.source == "needed":
                (parent,) = lineage.parents
                assert parent == gone.plan.facts["source"] and parent in job.sources
            else:
                assert lineage.parents == ()
            assert set(record.labels) <= set(recipe.labels) and all(
                record.labels[fact] == gone.plan.facts[fact] for fact in record.labels
            )


def test_a_source_gives_its_prompt_and_nothing_of_its_answer() -> None:
    for name in ("reasoned_refusals", "environments"):
        for gone in rehearsed(name):
            source = job_of(name).sources[gone.plan.facts["source"]]
            said = {message.role: message.content for message in source.messages}
            (record,) = gone.records
            got = {message.role: message.content for message in record.messages}
            assert got["user"] == said["user"]
            assert (got.get("system") == said.get("system")) == (name == "reasoned_refusals")
            whole = "\n".join(f"{request.system}\n{request.user}" for _, _, request in gone.requests)
            assert said["assistant"] not in whole


def test_the_instruction_to_reason_is_in_the_request_and_not_in_the_record() -> None:
    for gone in rehearsed("reasoned_refusals"):
        (record,) = gone.records
        (answer,) = (request for _, step, request in gone.requests if step.name == "answer")
        told = record.messages[0].content if record.messages[0].role == "system" else ""
        assert answer.system.startswith(told) and len(answer.system) > len(told) + 100
        instruction = answer.system.removeprefix(told).strip()
        assert instruction not in json.dumps(record.model_dump(), ensure_ascii=False)
        assert instruction.split("\n")[0] not in record.whole_text()


def test_prompts_of_another_corpus_take_the_place_of_ones_own() -> None:
    job = job_of("refusals", source="advice")
    for gone in go_through(job, 12):
        assert [step.name for _, step, _ in gone.requests] == ["answer", "judge", "score"]
        (record,) = gone.records
        assert record.lineage.parents == (gone.plan.facts["source"],)
        assert not {"trap_family", "surface"} & set(gone.plan.facts)
        assert ORDINARY_TRAP in gone.requests[1][2].user


@pytest.mark.parametrize("name", ["stories", "neutral", "dystopian"])
def test_a_continued_text_opens_as_its_form_asks(name: str) -> None:
    job = job_of(name, style="continue")
    assert all(job.texts.openings.values()), "every form has an opening that this recipe can fill"
    for gone in go_through(job, PLANS):
        ((key, step, request),) = gone.requests
        (record,) = gone.records
        assert (key, step.name) == (f"{gone.plan.id}/draft", "draft")
        assert request.head and request.end_after_words == recipes()[name].example.words and request.stop
        assert not re.search(r"\$\{?[A-Za-z_]", request.user)
        (example,) = (one for one in job.style.examples if one.id in record.lineage.parents)
        assert example.text in request.user[: request.head]
        opening = request.user[request.head :].split("\n\n", 1)[1]
        assert record.text.startswith(opening) and len(opening) > 20
        assert record.lineage.prompts == {"draft": request.sha256}


# --- a recipe of one's own -------------------------------------------------------------------------------------------

LIMERICKS = '''"""Limericks about a thing, without anybody's help."""

from exempla.writing.recipe import Example, Recipe, Step


async def write(desk):
    return [desk.record(text=await desk.ask("verse", {"mood": "dry"}))]


RECIPE = Recipe(
    name="limericks",
    steps=(Step(name="verse", uses=("mood",), share=1.0),),
    write=write,
    facts={"thing": "thing"},
    principles=False,
    median_words=40,
    longest_words=60,
    example=Example(replies={"verse": "A kettle once stood on the quay."}, expected=("kettle",)),
)
'''


def test_a_recipe_is_added_by_adding_its_file(tmp_path: Path) -> None:
    package = tmp_path / "exempla"
    shutil.copytree(Path(exempla.__file__).parent, package)
    writing = package / "writing"
    (writing / "recipes" / "limericks.py").write_text(LIMERICKS)
    (writing / "prompts" / "limericks").mkdir()
    (writing / "prompts" / "limericks" / "verse.txt").write_text("A $mood limerick of $words words about $thing.\n")
    (writing / "pools" / "thing.txt").write_text("# Things\na kettle\na ladder\nan oar\n")

    out = tmp_path / "out"
    with served(rule="words", words=30, bodies=True) as server:
        words = ["write", "limericks", "--n", "3", "--model", MODEL, "--base-url", server.url, "--out", str(out)]
        ended = subprocess.run(
            [sys.executable, "-m", "exempla", *words, "--no-screen", "--language", ""],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        asked = [seen.body["messages"][-1]["content"] for seen in server.requests]
    assert {re.sub(r"\d+", "N", text) for text in asked} == {
        f"A dry limerick of N words about {thing}." for thing in ("a kettle", "a ladder", "an oar")
    }
    assert "# limericks: 3 texts" in (out / "README.md").read_text()
    rows = (out / "work" / "written.jsonl").read_text().splitlines()
    assert len(rows) == 3 and all(json.loads(row)["lineage"]["recipe"] == "limericks" for row in rows)
