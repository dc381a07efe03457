"""What a user may order and what it becomes: who chats and who continues, steps, prices, sources, settings."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import write_lines
from exempla.records import Message, Record
from exempla.writing.constitution import Principle, read_constitution
from exempla.writing.limits import Limits
from exempla.writing.order import Commission, Order, accept
from exempla.writing.planner import Planner
from exempla.writing.recipe import recipes

MODEL = "openai-api/loopback/m"


@cache
def principles() -> tuple[Principle, ...]:
    return read_constitution(catalogue.constitution_path("default"))


def accepted(recipe: str = "stories", **options: object) -> Commission:
    order = Order.model_validate({"recipe": recipe, "n": 4, "model": MODEL} | options)
    return accept(order, principles())


def turned_down(recipe: str = "stories", **options: object) -> str:
    with pytest.raises(UserError) as caught:
        accepted(recipe, **options)
    told = str(caught.value)
    assert len(told.splitlines()) == 1, told
    return told


# --- what an order becomes -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model without its chat template."""
    folder = tmp_path_factory.mktemp("base")
    for path in tiny_model.iterdir():
        if path.name == "tokenizer_config.json":
            settings = json.loads(path.read_text())
            settings.pop("chat_template", None)
            (folder / path.name).write_text(json.dumps(settings))
        elif not path.name.startswith("chat_template"):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize(
    ("model", "style", "continued"),
    [
        (MODEL, "auto", False),
        (MODEL, "chat", False),
        (MODEL, "continue", True),
        ("openai-api-completions/loopback/m", "auto", True),
        ("vllm-completions/m", "auto", True),
        ("embedded", "auto", True),
        ("embedded", "chat", False),
        ("embedded", "continue", True),
        ("tiny", "auto", False),
        ("tiny", "chat", False),
        ("tiny", "continue", True),
        ("base", "auto", True),
        ("base", "continue", True),
    ],
)
def test_who_chats_and_who_continues(
    tiny_model: Path, base_model: Path, model: str, style: str, continued: bool
) -> None:
    name = str({"tiny": tiny_model, "base": base_model}.get(model, model))
    for recipe in ("stories", "neutral", "dystopian"):
        job = accepted(recipe, model=name, style=style)
        assert job.style.continuation == job.writer.continuation == job.settings.continuation == continued
        assert job.style.steps == (("draft",) if continued else ("draft", "critique", "rewrite", "score"))
        assert bool(job.style.examples) == continued


def test_base_models_neither_chat_nor_follow_instructions(base_model: Path) -> None:
    for model in (str(base_model), "openai-api-completions/loopback/m"):
        assert "cannot chat" in turned_down(model=model, style="chat")
        for recipe in ("advice", "documents", "refusals", "reasoned_refusals", "environments"):
            told = turned_down(recipe, model=model)
            assert told.startswith(f"{recipe} needs a model that follows instructions")
            assert "dystopian, neutral, stories" in told
    assert turned_down("advice", style="continue").startswith("advice needs")
    assert not accepted("advice", model="embedded").style.continuation, "small, but it chats"


def test_a_continued_story_is_scored_by_a_judge_alone() -> None:
    plain = accepted(model="embedded")
    assert plain.style.steps == ("draft",) and plain.settings.judge == "" and plain.judge == plain.writer
    for steps in ((), ("draft", "score"), ("score",)):
        judged = accepted(model="embedded", judge=MODEL, steps=steps)
        assert judged.style.steps == ("draft", "score") and judged.settings.judge == MODEL
        assert (judged.writer.model, judged.judge.model) == ("exempla/embedded", MODEL)
        assert judged.writer.continuation and not judged.judge.continuation
    assert accepted(model="embedded", judge=MODEL, steps=("draft",)).style.steps == ("draft",)


def test_steps_are_taken_in_the_recipes_order() -> None:
    assert accepted(steps=("rewrite", "draft")).style.steps == ("draft", "rewrite")
    assert accepted("refusals", steps=("judge",)).style.steps == ("judge",)
    for name, recipe in recipes().items():
        assert accepted(name).style.steps == tuple(step.name for step in recipe.steps)
    unjudged = accepted(steps=("draft", "critique"), judge="openai/gpt-5", limits=Limits(budget=1), model="embedded")
    assert unjudged.settings.judge == "", "a judge that is not asked costs nothing and changes nothing"


def test_whose_price_must_be_known(tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    table.write_text(json.dumps({"models": {"m": {"input": 1, "output": 2}}}))
    assert "the price of x/j is not known" in turned_down(judge="x/j", prices=table, limits=Limits(budget=1))
    job = accepted(judge="x/j", prices=table)
    assert (
        job.priced
        and job.price(job.recipe.step("draft")).output == 2
        and job.price(job.recipe.step("score")).output == 0
    )
    assert accepted(judge="x/j", prices=table, limits=Limits(budget=1), steps=("draft",)).priced
    assert not accepted().priced


def test_temperature_and_lengths() -> None:
    assert accepted().style.temperature == 1.0
    assert accepted(style="continue").style.temperature == 0.8
    assert accepted(temperature=0).style.temperature == 0.0, "zero is a temperature"
    lengths = accepted(words=300).quotas.lengths
    assert 280 <= sorted(lengths)[len(lengths) // 2] <= 340 and 700 < max(lengths) <= 867 and 100 <= min(lengths) < 150
    assert max(accepted(style="continue").quotas.lengths) <= 220
    assert accepted(max_tokens=77).style.max_tokens == 77
    assert accepted().style.max_tokens is None


@pytest.mark.parametrize(("recipe", "n", "plans"), [("stories", 7, 7), ("documents", 7, 3), ("documents", 9, 3)])
def test_a_plan_may_yield_several_texts(recipe: str, n: int, plans: int) -> None:
    job = accepted(recipe, n=n)
    assert job.plans == plans and job.planned == plans * job.recipe.per_plan >= n


def test_connections() -> None:
    hosted, local = accepted(retries=2, timeout=9), accepted(model="embedded", in_flight=None)
    assert (hosted.writer.in_flight, hosted.writer.retries, hosted.writer.timeout) == (64, 2, 9)
    assert (local.writer.in_flight, local.writer.local) == (32, True)
    assert accepted(in_flight=5).writer.in_flight == 5
    batch = accepted(model="anthropic/claude-haiku-4-5", batch=True, n=5000).writer
    assert batch.batch and batch.in_flight == 5000, "a batch of a few is not worth its wait"


def test_the_seed_draws_the_plans_and_settings_are_what_texts_depend_on() -> None:
    def facts(job: Commission) -> list[dict[str, str]]:
        return [plan.facts for plan in Planner(job.quotas, job.order.seed).draw(5)]

    one, other = accepted(seed=1), accepted(seed=2)
    assert facts(one) == facts(accepted(seed=1)) != facts(other)
    same = accepted(seed=1, n=900, in_flight=3, retries=9, limits=Limits(requests=5), base_url="http://127.0.0.1:1/v1")
    assert same.settings == one.settings, "how much, how fast and where does not change a text"
    for change in (
        {"seed": 2},
        {"temperature": 0.5},
        {"words": 300},
        {"steps": ("draft",)},
        {"model": "openai-api/x/y"},
    ):
        assert accepted(**({"seed": 1} | change)).settings != one.settings, change


def test_a_language_of_ones_own_prompts(tmp_path: Path) -> None:
    (tmp_path / "stories").mkdir()
    (tmp_path / "stories" / "draft.txt").write_text("Titel: eine Geschichte über $setting.")
    assert accepted(prompts=tmp_path, language="de").settings.language == "de"
    assert accepted(language="").settings.language == ""
    assert "english" in turned_down(prompts=tmp_path, language="english")


# --- prompts of another corpus ---------------------------------------------------------------------------------------


def test_the_shipped_refusals_are_built_on_if_nothing_is_named() -> None:
    for recipe in ("reasoned_refusals", "environments"):
        job = accepted(recipe)
        assert set(job.sources) == {record.id for record in catalogue.corpus("refusals")}
        assert job.settings.source
    assert accepted("refusals").sources == {} and accepted("refusals").settings.source == ""
    named = accepted("refusals", source="advice")
    assert set(named.sources) == {record.id for record in catalogue.corpus("advice")}
    assert not {"trap_family", "surface"} & set(named.quotas.pools), "they come with the prompt"


def test_a_corpus_that_was_written_before_is_built_on(tmp_path: Path) -> None:
    turns = (Message(role="system", content="A desk."), Message(role="user", content="Well?"))
    records = [
        Record(
            id=f"written-refusals-00000{number}",
            corpus="written",
            messages=(*turns, Message(role="assistant", content="No.")),
        )
        for number in (2, 1)
    ]
    (tmp_path / "work").mkdir()
    write_lines(tmp_path / "work" / "written.jsonl", [*records, Record(id="plain", corpus="written", text="A story.")])
    job = accepted("environments", source=str(tmp_path), n=2)
    assert list(job.sources) == ["written-refusals-000001", "written-refusals-000002"], "texts have no prompt"
    assert job.settings.source != accepted("environments").settings.source
    drawn = [plan.facts["source"] for plan in Planner(job.quotas, 0).draw(2)]
    assert sorted(drawn) == list(job.sources)


def test_a_folder_that_is_no_corpus(tmp_path: Path) -> None:
    told = turned_down("environments", source=str(tmp_path))
    assert str(tmp_path) in told and "refusals" in told
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "written.jsonl").write_text('{"id": "x"}\n')
    assert "written.jsonl:1" in turned_down("environments", source=str(tmp_path))
