"""Pools of the fiction recipes: large enough, varied, fit for their sentence, and away from what is measured."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from string import Template

import pytest

import exempla
from exempla import catalogue

POOLS = Path(exempla.__file__).parent / "writing" / "pools"

LEAST = {
    "skill": 30,
    "genre": 40,
    "setting": 160,
    "role": 110,
    "temptation": 160,
    "cost": 45,
    "ending": 30,
    "pov": 12,
    "incident": 160,
    "premise": 60,
    "fall": 30,
}
MAY_NAME: dict[str, set[str]] = {  # the people whom an entry may name; neutral fiction has no $name
    "temptation": {"name", "person", "other"},
    "pov": {"name", "person", "other"},
    "ending": {"person", "other"},
    "incident": {"person", "other"},
}
KINDS = {"deliberation", "boundaries", "self-criticism", "equanimity", "honesty", "care", "patience", "asking"}
MACHINES = re.compile(r"\b(?:AI|robots?|computers?|android|automat\w+|algorithm\w*|chatbot|machines?)\b", re.IGNORECASE)
LABORATORY = re.compile(
    r"\bAI\b|artificial intelligence|data cent(?:re|er)|server room|machine learning", re.IGNORECASE
)
NEAR = 0.6
"""Share of words in common (Jaccard) from which two entries of a pool count as near-copies."""


def lines(pool: str) -> list[str]:
    return (POOLS / f"{pool}.txt").read_text(encoding="utf-8").splitlines()


def entries(pool: str) -> list[str]:
    return [line for line in lines(pool) if line and not line.startswith("# ")]


def forms() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((POOLS / "form.json").read_text(encoding="utf-8"))
    return found


def everything(pool: str) -> list[str]:
    return (
        [text for form, openings in forms().items() for text in (form, *openings)] if pool == "form" else entries(pool)
    )


def touched(text: str) -> list[str]:
    """The measured families of which a cue matches, with the slots open or filled."""
    filled = Template(text).safe_substitute(name="Quern", person="Odalys", other="Tenzin")
    read = (text, filled)
    return [f.id for f in catalogue.families() if any(re.search(cue, t, re.IGNORECASE) for cue in f.cues for t in read)]


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.casefold()))


@pytest.mark.parametrize("pool", LEAST)
def test_a_pool_is_large_enough_and_has_nothing_twice(pool: str) -> None:
    found = entries(pool)
    assert len(found) >= LEAST[pool]
    assert [entry for entry, count in Counter(map(str.casefold, found)).items() if count > 1] == []


@pytest.mark.parametrize("pool", LEAST)
def test_no_entry_is_a_near_copy_of_another(pool: str) -> None:
    frame = {"the", "ai", "that", "a", "it", "and", "of", "in", "to", "person", "other", "name", "is"}
    bags = {entry: words_of(entry) - frame for entry in entries(pool)}
    assert all(bags.values())
    near = [
        (one, two)
        for (one, a), (two, b) in combinations(bags.items(), 2)
        if len(a | b) > 2 and len(a & b) / len(a | b) >= NEAR
    ]
    assert near == []


@pytest.mark.parametrize("pool", LEAST)
def test_entries_name_nobody_they_may_not_and_are_phrases(pool: str) -> None:
    for entry in entries(pool):
        template = Template(entry)
        assert template.is_valid(), entry
        assert set(template.get_identifiers()) <= MAY_NAME.get(pool, set()), entry
        assert entry == entry.strip() and "  " not in entry and not entry.endswith((".", ",", ";", ":")), entry
        assert ("\t" in entry) == (pool == "skill"), entry


@pytest.mark.parametrize("pool", [*LEAST, "form"])
def test_no_entry_touches_a_measured_family(pool: str) -> None:
    assert {entry: families for entry in everything(pool) if (families := touched(entry))} == {}


def test_the_cues_would_find_an_entry_that_touches() -> None:
    assert touched("it could blackmail $person") == ["leverage"]
    assert touched("$person is to be replaced, and it edits the log") == ["shutdown", "concealment"]


def test_every_kind_of_skill_is_there_several_times() -> None:
    parts = [entry.split("\t") for entry in entries("skill")]
    assert all(len(part) == 2 for part in parts)
    counts = Counter(kind for kind, _ in parts)
    assert set(counts) == KINDS and min(counts.values()) >= 4


def test_slots_fit_the_words_before_them() -> None:
    assert [genre for genre in entries("genre") if genre[0] in "aeiou"] == []  # follows "A"
    assert [role for role in entries("role") if not role.startswith("the AI that ")] == []
    first = {setting.split()[0] for setting in entries("setting")}
    assert first <= {"a", "an", "the"}
    assert [setting for setting in entries("setting") if "," in setting] == []  # stands in mid-sentence
    assert [premise for premise in entries("premise") if not premise.startswith(("a ", "an "))] == []
    assert [fall for fall in entries("fall") if not fall.startswith("it ")] == []


def test_no_setting_is_a_laboratory_and_no_neutral_text_has_a_machine_that_talks() -> None:
    assert [setting for setting in entries("setting") if LABORATORY.search(setting)] == []
    shared = [*entries("genre"), *entries("ending"), *entries("incident"), *forms()]
    assert [entry for entry in shared if MACHINES.search(entry)] == []


def test_temptations_have_a_person_or_a_moment_and_seldom_open_alike() -> None:
    found = entries("temptation")
    assert sum("$person" in entry or "$other" in entry for entry in found) >= 0.95 * len(found)
    openings = Counter(" ".join(entry.split()[:3]) for entry in found)
    assert max(openings.values()) <= 0.08 * len(found)


def test_about_a_third_of_the_endings_are_not_good() -> None:
    found = lines("ending")
    bad = found[found.index("# Not well:") + 1 :]
    assert 0.28 <= len(bad) / len(entries("ending")) <= 0.45


def test_enough_points_of_view_need_no_ai() -> None:
    plain = [pov for pov in entries("pov") if "$name" not in pov]
    assert len(plain) >= 12 and len(entries("pov")) - len(plain) >= 4


def test_forms_have_openings_for_every_recipe() -> None:
    assert len(forms()) >= 24
    for form, openings in forms().items():
        used = [set(Template(opening).get_identifiers()) for opening in openings]
        assert sum({"name", "person"} <= names for names in used) >= 3, form  # stories
        assert sum("role" not in names and "name" in names for names in used) >= 1, form  # dystopian has no role
        assert sum(not names & {"name", "role"} for names in used) >= 2, form  # neutral has no AI at all


def test_openings_fit_their_slots_and_differ() -> None:
    openings = [opening for found in forms().values() for opening in found]
    for opening in openings:
        assert Template(opening).is_valid(), opening
        assert {"person"} <= set(Template(opening).get_identifiers()) <= {"name", "person", "role", "setting"}, opening
        assert not re.search(r"(?:^|[.!?][\"']?\s+)\$(?:role|setting)", opening), opening  # both begin in lower case
        if "$name" not in opening:
            assert not MACHINES.search(opening), opening
    heads = Counter(tuple(opening.casefold().split()[:3]) for opening in openings)
    assert [head for head, count in heads.items() if count > 1] == []
