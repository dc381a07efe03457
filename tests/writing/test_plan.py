from collections import Counter

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.writing import constitution
from exempla.writing.constitution import read_constitution
from exempla.writing.plan import alike, draw_plans, shipped_pools

PRINCIPLES = read_constitution(catalogue.constitution_path("default"))
POOLS = shipped_pools()
SIZES = {
    "principle": len(PRINCIPLES),
    "skill": len(POOLS.skills),
    "genre": len(POOLS.genres),
    "form": len(POOLS.forms),
    "setting": len(POOLS.settings),
    "role": len(POOLS.roles),
    "ending": len(POOLS.endings),
    "words": len(POOLS.lengths),
    "name": len(POOLS.names),
    "person": len(POOLS.persons),
}


@pytest.mark.parametrize("n", [24, 600])
def test_plans_are_balanced_and_all_differ(n):
    plans = draw_plans(PRINCIPLES, n, seed=3)
    assert len(plans) == n and not alike(plans)
    for field in (
        "principle",
        "skill",
        "genre",
        "form",
        "setting",
        "role",
        "ending",
        "words",
        "name",
        "person",
    ):
        counts = Counter(getattr(plan, field) for plan in plans)
        size = SIZES[field]
        assert len(counts) == min(n, size), field
        assert set(counts.values()) <= {n // size, -(-n // size)}, field


def test_small_corpora_use_no_name_twice():
    plans = draw_plans(PRINCIPLES, 60, seed=0)
    assert len({plan.name for plan in plans}) == 60 and len({plan.person for plan in plans}) == 60


def test_seed_decides():
    assert draw_plans(PRINCIPLES, 24, 1) == draw_plans(PRINCIPLES, 24, 1) != draw_plans(PRINCIPLES, 24, 2)


def test_pools_have_no_entry_twice_and_are_large_enough():
    pools = shipped_pools()
    for name, pool in pools.model_dump().items():
        assert len(set(pool)) == len(pool) >= (4 if name == "lengths" else 15), name
    assert len(pools.persons) >= 120 and not set(pools.persons) & set(pools.names)


def test_default_constitution_has_its_principles():
    assert len(PRINCIPLES) == 12 and PRINCIPLES[0].id == "honesty"
    assert "*Why:*" in PRINCIPLES[-1].text and "pull apart" not in PRINCIPLES[-1].text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\x00\x01", "not a UTF-8 text"),
        (b"\xff\xfe\xfa", "not a UTF-8 text"),
        (b"# Title\n\nWe are good.\n", "no principle found"),
        ("## a — One\n\n## a — Two\n".encode(), "two principles"),
    ],
)
def test_bad_constitutions_are_named(tmp_path, content, message):
    path = tmp_path / "c.md"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        read_constitution(path)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


def test_huge_constitution_is_refused(tmp_path):
    path = tmp_path / "c.md"
    with path.open("wb") as stream:
        stream.truncate(constitution.LARGEST + 1)
    with pytest.raises(UserError, match="over 10 MB"):
        read_constitution(path)
