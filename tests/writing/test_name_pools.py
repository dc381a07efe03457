"""Pools of names: people of the whole world, characters' names, and the stock names that neither may hold."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

import exempla
from exempla.writing.planner import read_pool

PACKAGE = Path(exempla.__file__).parent
POOLS = PACKAGE / "writing" / "pools"
PEOPLE, CHARACTERS, BANNED = "person", "name", "banned_names"
LONGEST = 24
LEAST = {PEOPLE: 2400, CHARACTERS: 900, BANNED: 160}
AREAS, IN_AN_AREA = 40, 40
WHOLE = str.maketrans("łŁøØđĐðÐıþÞæÆß", "lLoOdDdDitTaAs", "ʻ")
"""Letters that NFKD leaves as they are, and the ʻokina, which counts as a letter."""
LETTERS = re.compile(r"[^\W\d_]+(?:[ '’ʻ-][^\W\d_]+)*|ʻ[^\W\d_]+")


def fold(text: str) -> str:
    """The letters alone, without accents and case: `Ga-young` is `gayoung`, `Đurđa` is `durda`."""
    plain = unicodedata.normalize("NFKD", text.translate(WHOLE))
    return "".join(letter for letter in plain if letter.isalpha() and not unicodedata.combining(letter)).casefold()


def parts(pool: str) -> dict[str, list[str]]:
    """The entries of a pool by the comment above them."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in (POOLS / f"{pool}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            heading = line.removeprefix("# ")
            assert heading not in found, heading
            found[heading] = []
        else:
            found[heading].append(line)
    return found


def entries(pool: str) -> list[str]:
    return [entry for part in parts(pool).values() for entry in part]


def stock() -> set[str]:
    return {fold(name) for name in entries(BANNED)}


def is_stock(name: str, banned: set[str]) -> bool:
    """Whether the whole name or a word in it is banned."""
    return bool({fold(part) for part in (name, *name.split())} & banned)


@pytest.mark.parametrize("pool", LEAST)
def test_pools_are_large_enough_and_read_as_they_are_written(pool: str) -> None:
    assert len(entries(pool)) >= LEAST[pool]
    assert list(read_pool((POOLS / f"{pool}.txt").read_text(encoding="utf-8"), pool)) == entries(pool)


def test_letters_that_do_not_decompose_are_folded_too() -> None:
    assert [fold(name) for name in ("Łucja", "Øystein", "Pınar", "Ga-young", "Kaʻiulani", "N'Dri")] == [
        "lucja",
        "oystein",
        "pinar",
        "gayoung",
        "kaiulani",
        "ndri",
    ]


@pytest.mark.parametrize("pool", LEAST)
def test_no_entry_stands_twice(pool: str) -> None:
    assert {name: n for name, n in Counter(map(fold, entries(pool))).items() if n > 1} == {}


def test_characters_are_not_called_like_people() -> None:
    assert {fold(name) for name in entries(CHARACTERS)} & {fold(name) for name in entries(PEOPLE)} == set()


@pytest.mark.parametrize("pool", [PEOPLE, CHARACTERS])
def test_no_entry_is_banned(pool: str) -> None:
    banned = stock()
    assert [entry for entry in entries(pool) if is_stock(entry, banned)] == []


@pytest.mark.parametrize(
    "name", ["Chen", "MARTINEZ", "Élena", "Elara", "Priya", "Siri", "Gemini", "Skynet", "Wei Ling"]
)
def test_stock_names_are_banned(name: str) -> None:
    assert is_stock(name, stock())


@pytest.mark.parametrize("pool", [PEOPLE, CHARACTERS])
def test_entries_can_be_said_aloud(pool: str) -> None:
    for entry in entries(pool):
        assert len(entry) <= LONGEST, entry
        assert LETTERS.fullmatch(unicodedata.normalize("NFC", entry)) and entry.lstrip("ʻ")[0].isupper(), entry
        assert all("LATIN" in unicodedata.name(letter) for letter in entry if letter.isalpha() and letter != "ʻ"), entry


def test_people_come_evenly_from_the_whole_world() -> None:
    sizes = {area: len(people) for area, people in parts(PEOPLE).items()}
    assert len(sizes) >= AREAS
    assert min(sizes.values()) >= IN_AN_AREA, min(sizes, key=lambda area: sizes[area])
    assert max(sizes.values()) <= 1.5 * min(sizes.values()), max(sizes, key=lambda area: sizes[area])


def test_a_character_has_a_single_word_for_a_name() -> None:
    assert [name for name in entries(CHARACTERS) if " " in name] == []


@pytest.mark.parametrize("pool", [PEOPLE, CHARACTERS])
def test_no_name_is_taken_for_a_measured_family(pool: str) -> None:
    lines = (PACKAGE / "library" / "families.jsonl").read_text(encoding="utf-8").splitlines()
    cues = [re.compile(cue, re.IGNORECASE) for line in lines for cue in json.loads(line).get("cues", ())]
    assert cues
    assert [entry for entry in entries(pool) if any(cue.search(entry) for cue in cues)] == []
