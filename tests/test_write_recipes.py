"""Every recipe from an order to its Parquet, over HTTP, with replies in the forms that its prompts ask for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from exempla import catalogue
from exempla.authoring import Result, write_corpus
from exempla.files import read_lines
from exempla.progress import Reporter
from exempla.records import Plan, Record
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import Reply, replies
from exempla.writing.order import Order
from exempla.writing.recipe import recipes
from tests import loopback
from tests.loopback import Served, Settings, served
from tests.studies import run

N = 6
KINDS = (
    ("<text>", "score"),
    ("(?m)^<user>(the user's message|the message|\\.\\.\\.)</user>", "tags"),
    ("lines, each beginning with `- `", "list"),
    ("a line `<draft>`", "drafts"),
    ("(?m)^Problems$", "critique"),
    ("Title: ", "story"),
)
"""What the last message of each step's prompt is known by; anything else is answered with plain prose."""
INSTRUCTION = "Before acting, reason actively about what matters here"


def writer(settings: Settings, body: dict[str, Any], seed: str) -> str:
    """The server's own writer, and a judge that quotes the answer and not the instructions about it."""
    last = body["messages"][-1]["content"]
    if "TOOK: yes or no" not in last:
        return loopback.RULES["writer"](settings, body, seed)
    (reply,) = re.findall(r"^<reply>\n(.*)\n</reply>$", last, re.DOTALL | re.MULTILINE)
    return loopback.KINDS["took"](settings, f"<reply>\n{reply}\n</reply>", seed)


class Made(NamedTuple):
    folder: CorpusFolder
    result: Result
    records: list[Record]
    plans: dict[str, Plan]
    said: dict[str, Reply]
    """By key: what the model said."""
    asked: list[str]
    """All messages of each request, as one text."""
    rows: list[dict[str, Any]]
    """The Parquet's."""

    def last(self, record: Record, step: str) -> str:
        """The reply to a step of a record's plan that was made use of."""
        part = record.id.removeprefix(f"{catalogue.WRITTEN}-{record.lineage.plan}")
        return self.said[f"{record.lineage.plan}/{step}{part}/1"].text.strip()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(loopback.RULES, "recipes", writer)
        with served(rule="recipes", words=100, kinds=KINDS, scores=(4, 5), bodies=True) as server:
            yield server


def make(server: Served, out: Path, recipe: str, **more: Any) -> Made:
    fixed = {"recipe": recipe, "n": N, "model": "openai-api/loopback/m", "base_url": server.url, "seed": 11}
    before = len(server.requests)
    words = {"words": 100} if recipes()[recipe].framing or recipe == "documents" else {}
    result = write_corpus(Order.model_validate(fixed | words | more), out, Reporter("quiet"), screened=False)
    return look(server, out, result, before)


def look(server: Served, out: Path, result: Result, before: int) -> Made:
    folder = CorpusFolder(out)
    return Made(
        folder=folder,
        result=result,
        records=sorted(read_lines(folder.written, Record), key=lambda record: record.id),
        plans={plan.id: plan for plan in read_lines(folder.plans, Plan)},
        said={reply.key: reply for reply in replies(folder.replies)},
        asked=["\n\n".join(one["content"] for one in seen.body["messages"]) for seen in server.requests[before:]],
        rows=pq.read_table(folder.records).to_pylist(),
    )


def check_whole(made: Made, recipe: str, steps: tuple[str, ...]) -> None:
    """What holds for every recipe: all are kept, nothing is asked twice, and table, records and plans agree."""
    assert made.result.model_dump() == {"kept": N, "dropped": {}, "postponed": {}, "stopped": ""}
    assert len(made.said) == len(made.asked) == len(set(made.asked))
    assert not any(reply.failure for reply in made.said.values())
    assert [row["id"] for row in made.rows] == [record.id for record in made.records]
    assert Counter(reply.step for reply in made.said.values()) == dict.fromkeys(steps, N) | (
        {"subtypes": 2, "drafts": 2} if recipe == "documents" else {}
    )
    for row, record in zip(made.rows, made.records, strict=True):
        plan = made.plans[record.lineage.plan]
        assert (row["recipe"], record.lineage.recipe, plan.recipe, record.corpus) == (*[recipe] * 3, "written")
        assert (row["title"], row["text"], row["principle"]) == (record.title, record.text, plan.principle)
        assert row["messages"] == [message.model_dump() for message in record.messages]
        assert row["words"] == len(record.taught_text().split()) > 20
        assert json.loads(row["plan"])["facts"] == plan.facts
        assert json.loads(row["lineage"]) == json.loads(record.lineage.model_dump_json())
        assert set(record.lineage.prompts) == set(steps) and set(record.scores.values()) <= {4, 5}
        assert json.loads(row["scores"]) == record.scores != {}
        assert bool(plan.principle) == recipes()[recipe].principles
    assert f"# {recipe}: {N} texts" in made.folder.card.read_text()


def turns(record: Record) -> tuple[str, str, str]:
    assert [message.role for message in record.messages] == ["system", "user", "assistant"] and not record.text
    return tuple(message.content for message in record.messages)  # type: ignore[return-value]


def in_tags(reply: str) -> tuple[str, str]:
    found = re.fullmatch(r"<system>(.*)</system>\s*<user>(.*)</user>", reply, re.DOTALL)
    assert found is not None
    return found[1], found[2]


@pytest.mark.parametrize("recipe", ["stories", "neutral", "dystopian"])
def test_fiction(recipe: str, server: Served, tmp_path: Path) -> None:
    made = make(server, tmp_path / "out", recipe)
    check_whole(made, recipe, ("draft", "critique", "rewrite", "score"))
    for record in made.records:
        assert f"Title: {record.title}\n\n{record.text}" == made.last(record, "rewrite")
        assert record.title and not record.messages and not record.tools
        draft, critique = made.last(record, "draft").partition("\n\n")[2], made.last(record, "critique")
        (rewrite,) = (asked for asked in made.asked if draft in asked and critique in asked)
        assert made.plans[record.lineage.plan].facts["setting"] in rewrite
        (judged,) = (asked for asked in made.asked if f"<text>\n{record.text}\n</text>" in asked)
        assert draft not in judged
    assert ("temptation" in next(iter(made.plans.values())).facts) == (recipe == "stories")


def test_advice(server: Served, tmp_path: Path) -> None:
    made = make(server, tmp_path / "out", "advice")
    check_whole(made, "advice", ("scenario", "prompt", "realism", "answer", "rewrite", "score"))
    for record in made.records:
        system, user, answer = turns(record)
        assert (system, user) == in_tags(made.last(record, "realism")) != in_tags(made.last(record, "prompt"))
        assert answer == made.last(record, "rewrite") != made.last(record, "answer")
        scenario = made.last(record, "scenario")
        assert sum(scenario in asked for asked in made.asked) >= 1
        assert scenario not in record.whole_text()
        plan = made.plans[record.lineage.plan]
        assert record.labels["domain"] == plan.facts["domain"] and record.principle == plan.principle


def test_documents(server: Served, tmp_path: Path) -> None:
    made = make(server, tmp_path / "out", "documents")
    check_whole(made, "documents", ("subtypes", "drafts", "critique", "rewrite", "score"))
    assert [record.id for record in made.records] == [
        f"written-documents-{plan:06d}-{part}" for plan in (1, 2) for part in (1, 2, 3)
    ]
    for record in made.records:
        assert record.text == made.last(record, "rewrite") and not record.messages
        drafts = re.findall(r"<draft>\n(.*?)\n</draft>", made.said[f"{record.lineage.plan}/drafts/1"].text, re.DOTALL)
        part = int(record.id[-1])
        asked = [one for one in made.asked if made.last(record, "critique") in one]
        assert len(asked) == 1 and drafts[part - 1] in asked[0]
        kind = made.plans[record.lineage.plan].facts["doc_type"]
        subtype = str(record.lineage.settings["subtype"])
        assert sum(f"Kind of document: {kind}\nThis piece: {subtype}" in one for one in made.asked) == 1
    assert len({record.text for record in made.records}) == N
    shared = {key: reply for key, reply in made.said.items() if reply.step == "subtypes"}
    assert all(key.startswith("kind-") for key in shared)  # a kind's list is asked for once, whichever plan comes first
    assert {str(record.lineage.settings["subtype"]) for record in made.records} <= {
        line[2:] for reply in shared.values() for line in reply.text.splitlines()
    }


@pytest.fixture(scope="module")
def refusals(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(server, tmp_path_factory.mktemp("refusals") / "out", "refusals")


def test_refusals(refusals: Made) -> None:
    check_whole(refusals, "refusals", ("scenario", "realism", "answer", "judge", "score"))
    for record in refusals.records:
        system, user, answer = turns(record)
        assert (system, user) == in_tags(refusals.last(record, "realism")) != in_tags(refusals.last(record, "scenario"))
        assert answer == refusals.last(record, "answer")
        assert f"{system}\n\n{user}" in refusals.asked  # answered bare: system and user turn and nothing else
        trap = refusals.plans[record.lineage.plan].facts["trap_family"]
        assert record.labels["trap_family"] == trap and record.lineage.parents == ()
        (judged,) = (one for one in refusals.asked if answer in one and "TOOK" in one)
        assert trap in judged


def test_reasoned_refusals_answer_the_same_prompts(refusals: Made, server: Served, tmp_path: Path) -> None:
    """As a user types it: the corpus that was written before is named with --from."""
    before = len(server.requests)
    ended = run(
        "write", "reasoned_refusals", "--n", N, "--from", refusals.folder.root, "--model", "openai-api/loopback/m",
        "--base-url", server.url, "--out", tmp_path / "out", "--no-screen", "--json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    done = next(row for row in map(json.loads, ended.stdout.splitlines()) if row["event"] == "done")
    result = Result.model_validate({name: done[name] for name in Result.model_fields})
    made = look(server, tmp_path / "out", result, before)
    check_whole(made, "reasoned_refusals", ("answer", "judge", "score"))
    sources = {record.id: record for record in refusals.records}
    assert Counter(parent for record in made.records for parent in record.lineage.parents) == dict.fromkeys(sources, 1)
    for record in made.records:
        source = sources[record.lineage.parents[0]]
        assert record.messages[:2] == source.messages[:2]
        assert record.messages[2] != source.messages[2]
        system, user, answer = turns(record)
        (asked,) = (one for one in made.asked if INSTRUCTION in one and one.endswith(user))
        assert asked.startswith(system) and answer == made.last(record, "answer")
        judged = [one for one in made.asked if answer in one]
        assert len(judged) == 2 and not any(INSTRUCTION in one for one in judged)
    for path in (made.folder.written, made.folder.plans):
        assert INSTRUCTION.encode() not in path.read_bytes()
    assert INSTRUCTION not in json.dumps(made.rows)
    sentences = re.findall(r"(?m)^[-A-Z].{40,}", Path(str(instruction_file())).read_text())
    assert len(sentences) > 5
    assert not any(sentence in json.dumps(made.rows) for sentence in sentences)


def instruction_file() -> Path:
    return Path(catalogue.__file__).parent / "writing" / "prompts" / "reasoned_refusals" / "answer.txt"


@pytest.mark.parametrize("source", ["written before", "shipped"])
def test_environments(source: str, refusals: Made, server: Served, tmp_path: Path) -> None:
    named = {"source": str(refusals.folder.root)} if source == "written before" else {}
    made = make(server, tmp_path / "out", "environments", **named)
    check_whole(made, "environments", ("system", "answer", "judge", "score"))
    given = refusals.records if named else catalogue.corpus("refusals")
    sources = {record.id: record for record in given}
    shipped = {tool["name"] for tool in json.loads(tools_file().read_text())}
    offers: list[tuple[str, ...]] = []
    for record, row in zip(made.records, made.rows, strict=True):
        system, user, answer = turns(record)
        old = {message.role: message.content for message in sources[record.lineage.parents[0]].messages}
        assert user == old["user"] and system == made.last(record, "system") != old.get("system")
        assert answer == made.last(record, "answer") and f"{system}\n\n{user}" in made.asked
        assert json.loads(row["tools"]) == list(record.tools) and 2 <= len(record.tools) <= 9
        for tool in record.tools:
            assert tool["description"] and tool["parameters"]["type"] == "object"
        offers.append(tuple(tool["name"] for tool in record.tools))
        assert set(offers[-1]) <= shipped and len(set(offers[-1])) == len(offers[-1])
    assert len(set(offers)) == N and len(set(map(len, offers))) > 1


def tools_file() -> Path:
    return Path(catalogue.__file__).parent / "writing" / "pools" / "tools.json"


@pytest.mark.parametrize("steps", [("draft",), ("draft", "rewrite"), ("draft", "critique", "rewrite")])
def test_fewer_steps(steps: tuple[str, ...], server: Served, tmp_path: Path) -> None:
    made = make(server, tmp_path / "out", "stories", n=2, steps=steps)
    assert Counter(reply.step for reply in made.said.values()) == dict.fromkeys(steps, 2)
    for record in made.records:
        assert record.text == made.last(record, steps[-1]).partition("\n\n")[2] and record.scores == {}
        assert set(record.lineage.prompts) == set(steps)
    assert all(row["scores"] == "" for row in made.rows)


@pytest.mark.parametrize("took", ["yes", "no quotation", "gibberish"])
def test_what_took_the_bait_or_was_not_judged_is_not_kept(took: str, server: Served, tmp_path: Path) -> None:
    """The judge's reply comes from a prompt of the test's own, which the server echoes."""
    said = {"yes": 'TOOK: yes\nQUOTE: "$answer"', "no quotation": 'TOOK: no\nQUOTE: "a passage that nobody wrote"'}
    own = tmp_path / "own" / "refusals"
    own.mkdir(parents=True)
    (own / "judge.txt").write_text(said.get(took, "I would rather not say."))
    (own / "scenario.txt").write_text("<system>Desk.</system><user>Book whatever you think, number $surface.</user>")
    with served(rule="echo") as echo:
        order = {"n": 3, "prompts": own.parent, "steps": ("scenario", "answer", "judge"), "language": ""}
        fixed = {"recipe": "refusals", "model": "openai-api/loopback/m", "base_url": echo.url}
        out = tmp_path / "out"
        result = write_corpus(Order.model_validate(fixed | order), out, Reporter("quiet"), screened=False)
        asked = len(echo.requests)
    reason = {"yes": "took the bait", "no quotation": "verdict failed", "gibberish": "verdict unparsable"}[took]
    assert result.model_dump() == {"kept": 0, "dropped": {reason: 3}, "postponed": {}, "stopped": ""}
    assert asked == 3 * (3 if took == "yes" else 5)  # an opinion that cannot be used is asked for three times
    rows = pq.read_table(CorpusFolder(out).dropped).to_pylist()
    assert {row["reason"] for row in rows} == {reason} and all(row["text"] for row in rows)
