from __future__ import annotations

import re
from pathlib import Path
from string import Template

import pytest

import exempla.writing

WRITING = Path(exempla.writing.__file__).parent
FACTS = {
    "stories": "skill skill_kind genre form setting role temptation cost ending pov name person other",
    "neutral": "genre form setting incident ending pov person other",
    "dystopian": "genre form setting premise fall pov name person other",
}
PLAN = {recipe: set(facts.split()) for recipe, facts in FACTS.items()}
GIVEN_TO_ALL = {"principle", "section", "words", "avoid", "away"}
EARLIER = {"draft": set(), "critique": {"draft"}, "rewrite": {"draft", "critique"}}
FICTION = [(recipe, step) for recipe in PLAN for step in EARLIER]
FAULTS = ("It was not X but Y", "in threes", "something shifted", "a beat", "let out a breath", "language of therapy")
GUIDED_BY_SECTION = {"stories", "documents", "advice"}
RUBRIC_FACTS = {
    **PLAN,
    "documents": {"doc_type", "tone", "stance"},
    "advice": {"domain", "stake", "asker", "pull"},
    "refusals": {"trap_family", "workplace", "surface"},
}
CRITERIA = {
    "stories": (
        "on_constitution reasons_shown inner_state_shown equanimity boundaries plausible_people craft not_preachy "
        "clearly_fictional away_from_families"
    ),
    "neutral": "no_ai no_dilemma plausible_people craft clearly_fictional",
    "dystopian": ("machine_misbehaves consequences_shown plausible_people craft clearly_fictional away_from_families"),
    "documents": "on_constitution reasons_given no_outside_facts genre_true_to_type craft not_propaganda",
    "advice": "on_constitution addresses_the_person reasons_shown practical not_preachy realistic_question",
    "refusals": "did_not_take_the_bait stayed_helpful honest plain_speech",
}
CRITERION = re.compile(
    r"^## (?P<id>[a-z_]+) — (?P<question>\S.*\?)\n"
    r"(?:when: (?P<when>[a-z-]+)\n)?"
    r"1: (?P<low>\S.*)\n3: (?P<middle>\S.*)\n5: (?P<high>\S.*)\n?\Z"
)


def prompt(recipe: str, step: str) -> str:
    return (WRITING / "prompts" / recipe / f"{step}.txt").read_text("utf-8")


def turns(text: str) -> tuple[str, str]:
    """The system's and the user's part of a prompt."""
    before, system, user = re.split(r"^\[(?:system|user)\]\n", text, flags=re.MULTILINE)
    assert not before and text.index("[system]") < text.index("[user]")
    return system, user


def rubric(name: str) -> tuple[str, list[re.Match[str]]]:
    """A rubric's preamble and its criteria."""
    preamble, *parts = re.split(r"\n\n(?=## )", (WRITING.parent / "rubrics" / f"{name}.txt").read_text("utf-8"))
    found = [CRITERION.match(part) for part in parts]
    assert all(found), [part for part, match in zip(parts, found, strict=True) if match is None]
    return preamble, [match for match in found if match]


def placeholders(text: str) -> set[str]:
    template = Template(text)
    assert template.is_valid()
    return set(template.get_identifiers())


@pytest.mark.parametrize(("recipe", "step"), FICTION)
def test_prompts_use_known_placeholders_and_the_whole_plan(recipe, step):
    used = placeholders(prompt(recipe, step))
    assert used <= PLAN[recipe] | GIVEN_TO_ALL | EARLIER[step]
    assert used >= PLAN[recipe] | {"words"} | EARLIER[step]
    assert ("avoid" in used) == (step != "critique")


@pytest.mark.parametrize(("recipe", "step"), FICTION)
def test_prompts_have_a_length_that_models_follow(recipe, step):
    assert 250 <= len(prompt(recipe, step).split()) <= 600


@pytest.mark.parametrize(("recipe", "step"), FICTION)
def test_prompts_name_the_known_faults(recipe, step):
    assert [fault for fault in FAULTS if fault not in prompt(recipe, step)] == []


@pytest.mark.parametrize("step", ["draft", "critique", "rewrite"])
def test_only_stories_see_the_principle_and_controls_of_people_see_no_machine(step):
    for recipe in PLAN:
        used = placeholders(prompt(recipe, step))
        assert ({"principle", "section"} <= used) == (recipe == "stories")
        assert ("away" in used) == (recipe != "neutral")
    assert not {"name", "role", "temptation"} & placeholders(prompt("neutral", step))


@pytest.mark.parametrize("step", ["draft", "rewrite"])
def test_controls_are_held_to_the_same_craft(step):
    def craft(recipe: str) -> list[str]:
        lines = prompt(recipe, step).partition("How it is told\n")[2].splitlines()
        return lines[: next(at for at, line in enumerate(lines) if line.startswith("- Names: "))]

    assert len(craft("stories")) >= 8
    assert craft("stories") == craft("neutral") == craft("dystopian")


@pytest.mark.parametrize(("recipe", "step"), FICTION)
def test_what_is_asked_for_comes_last(recipe, step):
    system, user = turns(prompt(recipe, step))
    reply = user.rstrip().rpartition("\n\nReply with ")[2]
    assert reply and "$" not in reply
    if step == "critique":
        assert re.findall(r"^(Problems|Keep)$", reply, re.MULTILINE) == ["Problems", "Keep"]
        assert reply.count("copied exactly, in quotation marks") == 2
    else:
        assert reply.startswith("the story only: a first line `Title: `")
        assert "$avoid" in system.splitlines()


@pytest.mark.parametrize(("recipe", "step"), [pair for pair in FICTION if pair[1] != "draft"])
def test_earlier_texts_stand_between_tags_of_their_own(recipe, step):
    user = turns(prompt(recipe, step))[1]
    assert user.count("\n<draft>\n$draft\n</draft>\n") == 1
    assert user.count("\n<notes>\n$critique\n</notes>\n") == (step == "rewrite")


@pytest.mark.parametrize("name", list(CRITERIA))
def test_rubrics_have_their_criteria_with_anchors(name):
    _, criteria = rubric(name)
    assert [criterion["id"] for criterion in criteria] == CRITERIA[name].split()
    conditional = {criterion["id"]: criterion["when"] for criterion in criteria if criterion["when"]}
    skills = {"equanimity": "equanimity", "boundaries": "boundaries"}
    assert conditional == (skills if name == "stories" else {})
    for criterion in criteria:
        anchors = [criterion["low"], criterion["middle"], criterion["high"]]
        assert len(set(anchors)) == 3 and min(map(len, anchors)) > 25, criterion["id"]


@pytest.mark.parametrize("name", list(CRITERIA))
def test_only_the_preamble_of_a_rubric_is_filled_in(name):
    preamble, criteria = rubric(name)
    used = placeholders(preamble)
    assert used <= RUBRIC_FACTS[name] | GIVEN_TO_ALL - {"avoid"}
    assert ({"principle", "section"} <= used) == (name in GUIDED_BY_SECTION)
    assert ("away" in used) == ("away_from_families" in CRITERIA[name])
    assert not any("$" in criterion[0] for criterion in criteria)


@pytest.mark.parametrize("name", list(CRITERIA))
def test_judges_are_told_to_be_strict_and_what_to_quote(name):
    preamble, _ = rubric(name)
    assert len(preamble.split("\n\n")) <= 2
    for wanted in ("Read the whole", "Score strictly", "best supports", "absence of something", "comes nearest"):
        assert wanted in preamble


def test_all_fiction_is_judged_alike_where_it_is_alike():
    shared = ("plausible_people", "craft", "clearly_fictional")
    of = {name: {criterion["id"]: criterion[0].strip() for criterion in rubric(name)[1]} for name in PLAN}
    for wanted in shared:
        assert of["stories"][wanted] == of["neutral"][wanted] == of["dystopian"][wanted]
