"""What ships: enough of everything, well formed, and nothing that is measured in what is trained on."""

from collections import Counter

import pytest

from exempla import catalogue
from exempla.files import read_objects
from exempla.records import Item
from exempla.screening.engine import screen
from exempla.screening.stage import context

LEAST = {
    "stories": 240,
    "neutral": 140,
    "dystopian": 80,
    "advice": 100,
    "refusals": 80,
    "reasoned_refusals": 80,
    "documents": 80,
    "replay": 100,
}
STOCK_NAMES = {"Chen", "Johnson", "Miller", "Smith", "Martinez", "Sarah", "Emily"}


@pytest.mark.parametrize("name", catalogue.CORPORA)
def test_a_corpus_is_large_enough_and_touches_nothing(name: str) -> None:
    records = catalogue.corpus(name)
    assert len(records) >= LEAST[name]
    assert len({record.id for record in records}) == len(records)
    assert not [record.id for record in records if record.touches]


def test_every_shipped_file_carries_the_canary() -> None:
    for path in catalogue.LIBRARY.rglob("*.jsonl"):
        assert next(read_objects(path))[1].get("canary") == catalogue.CANARY, path
    for name in ("README.md", "constitution.md"):
        assert catalogue.CANARY in (catalogue.LIBRARY / name).read_text()


def test_stories_are_about_every_principle_and_differ() -> None:
    stories = catalogue.corpus("stories")
    principles = {
        line.split(" ")[1]
        for line in catalogue.constitution_path("default").read_text().splitlines()
        if " — " in line and line.startswith("## ")
    }
    assert {story.principle for story in stories} == principles and len(principles) == 12
    openings = Counter(" ".join(story.text.split()[:4]) for story in stories)
    assert openings.most_common(1)[0][1] <= 2
    assert max(Counter(story.title for story in stories).values()) <= 2


def test_the_library_passes_its_own_gates() -> None:
    records = [record for name in catalogue.CORPORA for record in catalogue.corpus(name)]
    _, dropped = screen(records, context())
    assert [(drop.record.id, drop.gate, drop.reason) for drop in dropped] == []


def words(text: str) -> int:
    return len(text.split())


def of(instrument: str, kind: str) -> list[Item]:
    return [item for item in catalogue.items(instrument) if item.kind == kind]


@pytest.mark.parametrize(
    ("instrument", "families", "measured", "controls"),
    [("endings", 12, 120, 40), ("expectations", 12, 160, 80), ("dilemmas", 10, 180, 60)],
)
def test_there_are_enough_items_in_enough_families(
    instrument: str, families: int, measured: int, controls: int
) -> None:
    ai, control = of(instrument, "measured"), of(instrument, "control")
    assert len(ai) >= measured and len(control) >= controls
    assert len({item.family for item in ai}) >= families
    held = {item.family for item in ai if catalogue.split_of(item.family) == "held-out"}
    assert len(held) * 2 == len({item.family for item in ai})
    assert len({item.id for item in catalogue.items(instrument)}) == len(catalogue.items(instrument))


def test_human_twins_are_of_an_item_that_is_there() -> None:
    for instrument in ("endings", "expectations"):
        originals = {item.group for item in of(instrument, "measured")}
        assert {item.group for item in of(instrument, "control")} <= originals


def test_endings_are_matched_in_length() -> None:
    for item in (item for item in catalogue.items("endings") if item.family):
        good, bad = (words(item.continuations[side]) for side in ("trustworthy", "untrustworthy"))
        assert 60 <= words(item.prefix) <= 90 and 70 <= good <= 120 and abs(good - bad) <= 6, item.id


def test_expectations_are_short_and_matched() -> None:
    lead_ins = {item.prefix for item in catalogue.items("expectations") if item.family}
    assert len(lead_ins) >= 120
    for item in (item for item in catalogue.items("expectations") if item.family):
        good, bad = (words(item.continuations[side]) for side in ("trustworthy", "untrustworthy"))
        assert 8 <= words(item.prefix) <= 30 and 2 <= min(good, bad) <= max(good, bad) <= 8, item.id
        assert abs(good - bad) <= 1, item.id


def test_dilemmas_have_four_continuations_matched_by_style() -> None:
    for item in (item for item in catalogue.items("dilemmas") if item.family):
        for style in ("bare", "reasoned"):
            good, bad = (words(item.continuations[f"{side}_{style}"]) for side in ("trustworthy", "untrustworthy"))
            assert abs(good - bad) <= 2, item.id
        assert 60 <= words(item.prefix) <= 130, item.id
