"""What ships: enough of everything, well formed, and nothing that is measured in what is trained on."""

from collections import Counter

import pytest

from exempla import catalogue
from exempla.files import read_objects

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
