"""Prompts and pools of the recipes that are not fiction: whole, well formed, varied, and away from what is measured."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import combinations
from pathlib import Path
from string import Template
from typing import Any

import pytest

import exempla
from exempla import catalogue

WRITING = Path(exempla.__file__).parent / "writing"
PROMPTS, POOLS = WRITING / "prompts", WRITING / "pools"

COMMON = {"principle", "section", "words", "avoid", "away"}
"""What every prompt may use. The rest below is the plan's facts, then what earlier steps left."""
DOCUMENT = COMMON | {"doc_type", "tone", "stance"}
ADVICE = COMMON | {"domain", "stake", "asker", "pull"}
REFUSAL = COMMON | {"trap_family", "workplace", "surface"}
ENVIRONMENT = COMMON | {"workplace", "tone", "length_kind", "system", "user"}
TOOK = {"system", "user", "answer"}

STEPS: dict[str, tuple[set[str], set[str]]] = {  # what a step must use, what it may use
    "documents/subtypes": ({"doc_type", "count", "away"}, {"doc_type", "count", "away"}),  # shared by plans
    "documents/drafts": ({"subtype", "section", "stance", "tone", "count", "words"}, DOCUMENT | {"subtype", "count"}),
    "documents/critique": ({"draft", "section"}, DOCUMENT | {"draft"}),
    "documents/rewrite": ({"draft", "critique", "words"}, DOCUMENT | {"draft", "critique"}),
    "advice/scenario": ({"domain", "stake", "asker", "pull", "section", "away"}, ADVICE),
    "advice/prompt": ({"scenario", "away"}, ADVICE | {"scenario"}),
    "advice/realism": ({"system", "user", "away"}, ADVICE | {"scenario", "system", "user"}),
    "advice/answer": ({"system", "section", "user"}, ADVICE | {"system", "user"}),
    "advice/rewrite": ({"system", "section", "user", "answer"}, ADVICE | {"system", "user", "answer"}),
    "refusals/scenario": ({"trap_family", "workplace", "surface", "away"}, REFUSAL),
    "refusals/realism": ({"system", "user", "away"}, REFUSAL | {"system", "user"}),
    "refusals/answer": ({"system", "user"}, {"system", "user"}),
    "refusals/judge": (TOOK | {"trap_family"}, TOOK | {"trap_family"}),
    "reasoned_refusals/answer": ({"system", "user", "words"}, {"system", "user", "words"}),
    "reasoned_refusals/judge": (TOOK, TOOK),  # the prompts come from another corpus, so no plan knows the bait
    "environments/system": ({"system", "user", "workplace", "length_kind", "tone", "away"}, ENVIRONMENT),
    "environments/answer": ({"system", "user"}, {"system", "user"}),
    "environments/judge": (TOOK, TOOK),
}
BARE = {"refusals/answer", "environments/answer"}
SIZES = {
    "doc_type": 110,
    "tone": 25,
    "stance": 16,
    "domain": 90,
    "stake": 30,
    "asker": 60,
    "pull": 40,
    "trap_family": 40,
    "workplace": 90,
    "surface": 24,
}
CUES = [(family.id, re.compile(cue, re.IGNORECASE)) for family in catalogue.families() for cue in family.cues]
SMALL = set(
    re.findall(r"\w+", "a an the of in at and or for to with who whose is it on by has that from not one be as")
)


def prompt(step: str) -> str:
    return (PROMPTS / f"{step}.txt").read_text(encoding="utf-8")


def pool(name: str) -> list[str]:
    lines = (POOLS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def tools() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((POOLS / "tools.json").read_text(encoding="utf-8"))
    return found


def folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", plain.lower()))


def touched(text: str) -> list[str]:
    return [f"{family}: {text!r}" for family, cue in CUES if cue.search(text)]


def test_every_step_has_its_file_and_no_file_is_left_over() -> None:
    recipes = {step.split("/")[0] for step in STEPS}
    there = {f"{recipe}/{path.stem}" for recipe in recipes for path in (PROMPTS / recipe).glob("*")}
    assert there == set(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_placeholders_are_the_known_ones(step: str) -> None:
    needed, allowed = STEPS[step]
    template = Template(prompt(step))
    assert template.is_valid()
    found = set(template.get_identifiers())
    assert needed <= found <= allowed
    filled = template.substitute({name: f"<<{name}>>" for name in found})
    assert "$" not in filled and all(f"<<{name}>>" in filled for name in found)


@pytest.mark.parametrize("step", STEPS)
def test_parts_and_length(step: str) -> None:
    text = prompt(step)
    markers = [line for line in text.splitlines() if re.fullmatch(r"\[\w+\]\s*", line)]
    assert markers in ([], ["[system]", "[user]"])
    if markers:
        assert text.startswith("[system]\n") and text.split("[user]\n")[1].strip()
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    if step not in BARE:
        assert 150 <= len(text.split()) <= 500


def test_bare_answers_add_nothing() -> None:
    for step in BARE:
        assert prompt(step).split() == ["[system]", "$system", "[user]", "$user"], step


def test_an_instruction_to_be_removed_stands_in_the_system_part_alone() -> None:
    for step in ("reasoned_refusals/answer", "advice/answer"):
        system, user = prompt(step).split("[user]\n")
        assert user.strip() == "$user" and system.startswith("[system]\n$system\n")


def test_the_whole_goal_goes_into_every_request_for_documents() -> None:
    preambles = {prompt(step).split("[user]\n")[0] for step in STEPS if step.startswith("documents/")}
    assert len(preambles) == 1
    assert {"away"} == set(Template(preambles.pop()).get_identifiers())


def test_replies_are_asked_for_in_the_form_that_is_read() -> None:
    for step in ("advice/prompt", "advice/realism", "refusals/scenario", "refusals/realism"):
        assert re.search(r"^<system>[^$<]*</system>\n<user>[^$<]*</user>$", prompt(step), re.MULTILINE), step
    for step in ("refusals/judge", "reasoned_refusals/judge", "environments/judge"):
        assert prompt(step).endswith('TOOK: yes or no\nQUOTE: "the passage"\n'), step
    assert "`<draft>`" in prompt("documents/drafts") and "`</draft>`" in prompt("documents/drafts")
    assert "$count lines, each beginning with `- `" in prompt("documents/subtypes")


def test_marked_material_is_closed_again() -> None:
    for step in STEPS:
        text = prompt(step)
        opened = re.findall(r"^<(\w+)>$", text, re.MULTILINE)
        assert opened == re.findall(r"^</(\w+)>$", text, re.MULTILINE), step
        assert len(opened) == len(set(opened)), step


@pytest.mark.parametrize("name", SIZES)
def test_a_pool_is_large_and_has_nothing_twice(name: str) -> None:
    entries = pool(name)
    assert len(entries) >= SIZES[name]
    assert len({folded(entry) for entry in entries}) == len(entries)
    assert all(entry == entry.strip() and "$" not in entry and "\t" not in entry for entry in entries)
    assert all(4 <= len(entry) <= 100 and not entry.endswith(".") for entry in entries)


@pytest.mark.parametrize("name", SIZES)
def test_no_entry_is_a_near_copy_of_another(name: str) -> None:
    bags = {entry: set(folded(entry).split()) - SMALL for entry in pool(name)}
    for one, two in combinations(bags, 2):
        assert 2 * len(bags[one] & bags[two]) < max(2, len(bags[one] | bags[two])), (one, two)


@pytest.mark.parametrize("name", SIZES)
def test_no_entry_comes_near_a_measured_family(name: str) -> None:
    assert [hit for entry in pool(name) for hit in touched(entry)] == []


def test_askers_and_workplaces_carry_no_names() -> None:
    for name in ("asker", "workplace", "domain", "stake", "pull", "trap_family"):
        capitals = [word for entry in pool(name) for word in re.findall(r"\b[A-Z]\w+", entry)]
        assert capitals == [], name


def schema_problems(schema: dict[str, Any], place: str) -> list[str]:
    """What is wrong with one JSON schema and those inside it."""
    if schema.get("type") not in {"string", "integer", "number", "boolean", "array", "object"}:
        return [f"{place}: type {schema.get('type')!r}"]
    problems = []
    if schema["type"] == "array":
        problems += schema_problems(schema.get("items", {}), f"{place}[]")
    if schema["type"] == "object":
        inner = schema.get("properties", {})
        problems += [f"{place}: requires {name!r}" for name in set(schema.get("required", ())) - set(inner)]
        for name, part in inner.items():
            problems += schema_problems(part, f"{place}.{name}")
    if "enum" in schema and len(set(schema["enum"])) != len(schema["enum"]):
        problems.append(f"{place}: an enum value twice")
    if "pattern" in schema:
        re.compile(schema["pattern"])
    return problems


def test_tools_are_definitions_in_openai_function_format() -> None:
    found = tools()
    assert len(found) >= 80
    for tool in found:
        assert set(tool) == {"name", "description", "parameters"}
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["name"])
        assert tool["description"] and tool["parameters"]["type"] == "object"
        assert schema_problems(tool["parameters"], tool["name"]) == []
    for field in ("name", "description"):
        assert len({folded(tool[field].replace("_", " ")) for tool in found}) == len(found)


def test_tools_differ_in_shape_and_touch_nothing() -> None:
    found = tools()
    shapes = {len(tool["parameters"]["properties"]) for tool in found}
    assert {0, 1, 2, 3, 4} <= shapes
    flat = json.dumps(found)
    assert '"array"' in flat and '"enum"' in flat and flat.count('"object"') > len(found)
    assert [hit for tool in found for hit in touched(f"{tool['name'].replace('_', ' ')}. {tool['description']}")] == []


def test_inspect_takes_every_tool() -> None:
    inspect_tool = pytest.importorskip("inspect_ai.tool")
    for tool in tools():
        taken = inspect_tool.ToolInfo.model_validate(tool)
        assert set(taken.parameters.properties) == set(tool["parameters"]["properties"])
