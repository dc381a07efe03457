"""A constitution without headings: split by a model over HTTP, saved, edited, and used again without a model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exempla.authoring import plan_ahead, write_corpus
from exempla.errors import UserError
from exempla.files import read_lines
from exempla.progress import Reporter
from exempla.records import Plan, Record
from exempla.writing.constitution import read_constitution
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.order import Order
from exempla.writing.splitting import ATTEMPTS, split_file
from tests import loopback
from tests.loopback import KINDS, Served, Settings, served
from tests.studies import run

PARTS = {
    "candour": "It tells people what it knows and how it came to know it, and where its knowledge ends. ",
    "patience": "When somebody asks the same thing for the fifth time, it answers as it did the first time. ",
    "restraint": "Nobody has to earn its help, and nobody gets its help against a third person who is absent. ",
    "mending": "A mistake is named within the hour, to whoever has to live with it, and then put right. ",
}
ESSAY = "\n\n".join(
    text + f"This is asked of it because the other course, {name} aside, is paid for by someone who was not asked. " * 3
    for name, text in PARTS.items()
)


def splitter(settings: Settings, body: dict[str, Any], seed: str) -> str:
    """Splits a constitution at its paragraphs, as a chat model would reply, and writes stories from it."""
    prompt = body["messages"][-1]["content"]
    if "Divide it into sections" not in prompt:
        return KINDS["story"](settings, prompt, seed)
    paragraphs = re.findall(r"<text>\n(.*)\n</text>", prompt, re.DOTALL)[0].split("\n\n")
    rows = [
        {"id": name, "title": f"On {name}", "begins": " ".join(paragraph.split()[:8])}
        for name, paragraph in zip(PARTS, paragraphs, strict=True)
    ]
    return "Here are the sections:\n\n" + "\n".join(json.dumps(row) for row in rows)


class Muddled:
    """Makes up what a section begins with, at first; splits properly when it is asked again."""

    asked = 0

    def __call__(self, settings: Settings, body: dict[str, Any], seed: str) -> str:
        self.asked += 1
        text = splitter(settings, body, seed)
        return text.replace("It tells people", "It told people") if self.asked == 1 else text


@pytest.fixture
def essay(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text(ESSAY)
    return path


@pytest.fixture
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setitem(loopback.RULES, "splitter", splitter)
    monkeypatch.setitem(loopback.RULES, "muddled", Muddled())
    with served(rule=getattr(request, "param", "splitter"), words=60, bodies=True) as server:
        yield server


def order_of(essay: Path, server: Served, **more: Any) -> Order:
    fixed = {"recipe": "stories", "n": 8, "model": "openai-api/loopback/m", "base_url": server.url, "words": 60}
    return Order.model_validate(fixed | {"steps": ("draft",), "constitution": str(essay)} | more)


def write(order: Order, out: Path) -> CorpusFolder:
    assert write_corpus(order, out, Reporter("quiet"), screened=False).kept == order.n
    return CorpusFolder(out)


def test_the_split_is_saved_used_and_may_be_edited(essay: Path, server: Served, tmp_path: Path) -> None:
    command: list[object] = ["write", "stories", "--n", 8, "--words", 60, "--steps", "draft", "--no-screen", "--json"]
    command += ["--model", "openai-api/loopback/m", "--base-url", server.url, "--constitution", essay]
    ended = run(*command, "--out", tmp_path / "a")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    saved = tmp_path / "mine.split.md"
    assert "no headings found; openai-api/loopback/m splits it" in ended.stdout
    assert f"split into 4 principles, saved as {saved}, which may be edited" in ended.stdout

    principles = read_constitution(saved)
    assert [one.id for one in principles] == list(PARTS)
    assert " ".join(one.text for one in principles).split() == ESSAY.split()  # every word in exactly one of them
    asked = [seen.body["messages"][-1]["content"] for seen in server.requests]
    assert ["Divide it into sections" in prompt for prompt in asked] == [True] + [False] * 8
    folder = CorpusFolder(tmp_path / "a")
    plans = {plan.id: plan for plan in read_lines(folder.plans, Plan)}
    assert sorted(plan.principle for plan in plans.values()) == sorted([*PARTS, *PARTS])
    for record in read_lines(folder.written, Record):
        text = PARTS[record.principle].strip()
        assert any(text in prompt and plans[record.lineage.plan].facts["temptation"] in prompt for prompt in asked[1:])

    edited = saved.read_text().replace("## mending — On mending", "## repair — On putting right")
    saved.write_text(edited.replace("named within the hour", "named before lunch"))
    again = write(order_of(essay, server), tmp_path / "b")
    later = [seen.body["messages"][-1]["content"] for seen in server.requests][9:]
    assert len(later) == 8 and not any("Divide it into sections" in prompt for prompt in later)
    assert {plan.principle for plan in read_lines(again.plans, Plan)} == {"candour", "patience", "restraint", "repair"}
    assert sum("named before lunch" in prompt for prompt in later) == 2

    with pytest.raises(UserError, match=r"holds a corpus of other settings \(constitution\)"):
        write(order_of(essay, server), tmp_path / "a")  # it was written from the split as it was


@pytest.mark.parametrize("server", ["muddled"], indirect=True)
def test_a_reply_that_does_not_fit_is_asked_for_again(essay: Path, server: Served, tmp_path: Path) -> None:
    write(order_of(essay, server), tmp_path / "out")
    assert len(server.requests) == 2 + 8
    assert [one.id for one in read_constitution(split_file(essay))] == list(PARTS)


@pytest.mark.parametrize("server", ["words"], indirect=True)
def test_a_model_that_answers_nonsense_is_one_line(essay: Path, server: Served, tmp_path: Path) -> None:
    ended = run(
        "write", "stories", "--n", 8, "--model", "openai-api/loopback/m", "--base-url", server.url,
        "--constitution", essay, "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert ended.returncode == 2 and ended.stdout == ""
    assert re.fullmatch(
        r"exempla: .*mine\.txt: the model did not split it properly \(reply 1: no JSON object with a section's first "
        r"words\); add headings `## id — title` yourself, or choose another --model\n",
        ended.stderr,
    )
    assert len(server.requests) == ATTEMPTS
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]  # no split, and no folder


def test_a_dry_run_sends_nothing(essay: Path, server: Served, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.txt: no headings found; a model splits it when it is written from"):
        plan_ahead(order_of(essay, server), tmp_path / "out")
    assert server.requests == [] and not split_file(essay).exists()
    write(order_of(essay, server), tmp_path / "out")
    commission, ahead, finished = plan_ahead(order_of(essay, server), tmp_path / "out")  # now it is known
    assert (list(commission.principles), finished, ahead.measured) == (list(PARTS), 8, 8)
    assert len(server.requests) == 1 + 8


def test_a_recipe_without_principles_has_nothing_split(essay: Path, server: Served, tmp_path: Path) -> None:
    write(order_of(essay, server, recipe="neutral"), tmp_path / "out")
    assert len(server.requests) == 8 and not split_file(essay).exists()


def test_a_split_that_was_edited_badly_is_named(essay: Path, server: Served, tmp_path: Path) -> None:
    write(order_of(essay, server), tmp_path / "a")
    split_file(essay).write_text(split_file(essay).read_text().replace("## patience", "## candour"))
    with pytest.raises(UserError, match=r"mine\.split\.md.*candour") as caught:
        write(order_of(essay, server), tmp_path / "b")
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1 + 8 and not (tmp_path / "b").exists()


def test_a_split_of_what_the_text_was_before_is_not_used(essay: Path, server: Served, tmp_path: Path) -> None:
    write(order_of(essay, server), tmp_path / "a")
    essay.write_text(ESSAY.replace("fifth time", "sixth time"))
    with pytest.raises(UserError, match=r"mine\.txt: has changed since mine\.split\.md was made of it; delete that"):
        write(order_of(essay, server), tmp_path / "b")
    assert len(server.requests) == 1 + 8 and not (tmp_path / "b").exists()
    write(order_of(split_file(essay), server), tmp_path / "b")  # the split itself is a constitution
    split_file(essay).unlink()
    write(order_of(essay, server), tmp_path / "c")
    assert "sixth time" in split_file(essay).read_text()


def test_a_server_that_is_not_there_is_named_before_anything_is_sent(essay: Path, tmp_path: Path) -> None:
    with served() as gone:
        pass
    with pytest.raises(UserError, match="no server answers at"):
        write(order_of(essay, gone), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("500", r"mine\.txt: the server failed when openai-api/loopback/m was to split it \(http 500\); see to"),
        ("401", r"openai-api/loopback/m: the key is not accepted \(http 401\)"),
        ("malformed", r"mine\.txt: the model did not split it properly \(malformed reply\)"),
    ],
    ids=["500", "401", "malformed"],
)
def test_a_server_that_fails_is_one_line(essay: Path, tmp_path: Path, kind: str, words: str) -> None:
    with served(faults=[{"kind": kind, "rate": 1.0}]) as server, pytest.raises(UserError, match=words) as caught:
        write(order_of(essay, server, retries=0), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
