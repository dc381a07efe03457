import math
import re
import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla.errors import UserError
from exempla.writing.planner import Planner, Quotas, check_quota, different, length_ladder, read_pool

NAMES = {"name": tuple(f"Bot{i}" for i in range(900)), "person": tuple(f"Per{i}" for i in range(2400))}
SIZES = {"genre": 40, "form": 24, "setting": 160, "role": 110, "cost": 45, "ending": 30, "incident": 2500, "mood": 7}
QUOTAS = Quotas(
    recipe="stories",
    principles=tuple(f"principle-{i}" for i in range(12)),
    pools=NAMES
    | {fact: tuple(f"{fact} {i}" for i in range(size)) for fact, size in SIZES.items()}
    | {
        "skill": tuple(f"kind-{i % 8}\tdoes {i}" for i in range(32)),
        "pov": tuple(f"close to $name {i}" for i in range(12)),
        "temptation": tuple(f"$person asks $name for {i} of $other" for i in range(160)),
    },
    pairs=(("principle", "skill"), ("genre", "form")),
    lengths=length_ladder(900, 4000),
)
TIGHT = Quotas(recipe="t", pools={"a": ("1", "2", "3"), "b": ("1", "2", "3", "4")})


def value(plan, fact):
    if isinstance(fact, tuple):
        return tuple(value(plan, part) for part in fact)
    if fact in ("principle", "words"):
        return getattr(plan, fact)
    return re.sub("(Bot|Per)[0-9]+", "", plan.facts[fact]) if fact in ("pov", "temptation") else plan.facts[fact]


def size(quotas, fact):
    if isinstance(fact, tuple):
        return math.prod(size(quotas, part) for part in fact)
    if fact == "principle":
        return len(quotas.principles)
    return len(quotas.lengths if fact == "words" else quotas.pools["person" if fact == "other" else fact])


def widest(quotas, plans, facts, every=1):
    """The largest difference between two entries' counts, at any (or every so many) plan."""
    worst = dict.fromkeys(facts, 0)
    for fact in facts:
        counts: Counter = Counter()
        for number, plan in enumerate(plans, 1):
            counts[value(plan, fact)] += 1
            if number % every == 0:
                least = min(counts.values()) if len(counts) == size(quotas, fact) else 0
                worst[fact] = max(worst[fact], max(counts.values()) - least)
    return worst


def likeness(plan):
    return plan.principle, *(value(plan, fact) for fact in plan.facts if fact not in ("name", "person", "other"))


def test_every_list_and_every_pair_is_gone_through_evenly():
    plans = Planner(QUOTAS, 3).draw(3000)
    facts = ["principle", "words", "other", *QUOTAS.pools, *QUOTAS.pairs]
    assert widest(QUOTAS, plans, facts, every=13) == dict.fromkeys(facts, 1)


def test_decks_do_not_keep_step():
    plans = Planner(QUOTAS, 3).draw(1152)
    # 288 combinations four times each on average: 283 of them would be met by chance.
    assert len({value(plan, ("principle", "form")) for plan in plans}) > 270
    assert max(Counter(value(plan, ("principle", "setting")) for plan in plans).values()) <= 6
    after = Counter((one.principle, two.principle) for one, two in pairwise(plans))
    assert max(after.values()) < 30  # an order that repeats would have 96


def test_pairs_whose_lists_share_no_factor_or_all():
    for rows, columns in ((5, 7), (7, 5), (6, 6), (4, 12), (12, 4), (6, 10), (1, 4)):
        pools = {"a": tuple(map(str, range(rows))), "b": tuple(map(str, range(columns)))}
        pools["c"] = tuple(map(str, range(97)))
        quotas = Quotas(recipe="r", pools=pools, pairs=(("a", "b"),))
        plans = Planner(quotas, rows).draw(3 * rows * columns + 5)
        assert max(widest(quotas, plans, ["a", "b", ("a", "b")]).values()) == 1
        assert Counter(value(plan, ("a", "b")) for plan in plans[: rows * columns]).most_common(1)[0][1] == 1


def test_plans_say_everything():
    plan = Planner(QUOTAS, 5).draw(12)[-1]
    assert plan.id == "stories-000012" and plan.number == 12 and plan.recipe == "stories" and plan.avoid == ()
    assert plan.words in QUOTAS.lengths and plan.principle in QUOTAS.principles
    assert set(plan.facts) == {*QUOTAS.pools, "other", "skill_kind"}
    kind, phrase = plan.facts["skill_kind"], plan.facts["skill"]
    assert f"{kind}\t{phrase}" in QUOTAS.pools["skill"]
    facts = plan.facts
    assert re.fullmatch(
        f"{facts['person']} asks {facts['name']} for [0-9]+ of {facts['other']}", facts["temptation"]
    ) and facts["pov"].startswith(f"close to {facts['name']} ")


def test_a_recipe_may_have_no_principles_names_and_lengths():
    plan = Planner(Quotas(recipe="r", pools={"a": ("costs $$5", "x")}), 1).draw(2)
    assert {p.facts["a"] for p in plan} == {"costs $5", "x"}
    assert plan[0].principle == "" and plan[0].words == 0


def test_seed_decides_and_chunks_do_not():
    plans = Planner(QUOTAS, 3).draw(700)
    planner = Planner(QUOTAS, 3)
    assert planner.draw(3) + planner.draw(4) + planner.draw(0) + planner.draw(693) == plans
    assert Planner(QUOTAS, 4).draw(20) != plans[:20]


def test_no_two_plans_are_alike_and_two_people_differ():
    quotas = Quotas(
        recipe="documents",
        principles=QUOTAS.principles,
        pools={fact: QUOTAS.pools[fact] for fact in ("person", "genre", "form", "mood")},
    )
    plans = Planner(quotas, 1).draw(12000)  # of 80,640: by chance alone, about 850 would be like an earlier one
    assert len({likeness(plan) for plan in plans}) == 12000
    assert all(plan.facts["person"] != plan.facts["other"] for plan in plans)
    worst = widest(quotas, plans, ["principle", "genre", "form", "mood", "person", "other"], every=17)
    assert max(worst.values()) <= 2


@pytest.mark.parametrize("quotas", [TIGHT, TIGHT.model_copy(update={"pairs": (("a", "b"),)})])
def test_all_different_plans_can_be_drawn_and_no_more(quotas):
    planner = Planner(quotas, 2)
    assert len({likeness(plan) for plan in planner.draw(12)}) == 12
    with pytest.raises(UserError, match="all 12 different plans"):
        planner.draw(1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 99), st.booleans(), st.data())
def test_any_small_quotas(sizes, seed, paired, data):
    pools = {f"f{i}": tuple(f"{i}.{j}" for j in range(n)) for i, n in enumerate(sizes)}
    pairs = (("f0", "f1"),) if paired and len(sizes) > 1 else ()
    quotas = Quotas(recipe="r", pools=pools | {"person": ("A", "B", "C")}, pairs=pairs)
    n = data.draw(st.integers(1, min(different(quotas), 150)))
    check_quota(quotas, n)
    plans = Planner(quotas, seed).draw(n)
    assert len({likeness(plan) for plan in plans}) == n
    assert all(plan.facts["person"] != plan.facts["other"] for plan in plans)
    cut = data.draw(st.integers(0, n))
    planner = Planner(quotas, seed)
    assert planner.draw(cut) + planner.draw(n - cut) == plans
    if n * 4 <= different(quotas):
        assert max(widest(quotas, plans, [*pools]).values()) <= 2


def test_lightened_entries_get_half_until_the_next_call():
    over = {"form": ["form 3", "form 4"], "principle": ["principle-0"], "name": ["Bot7"], "skill": ["kind-1\tdoes 1"]}
    planner = Planner(QUOTAS, 1)
    planner.draw(500)
    planner.lighten(over)
    plans = planner.draw(9200)
    for fact, light in over.items():
        counts = Counter(value(plan, fact) for plan in plans)
        lighter = {entry.split("\t")[-1] for entry in light}
        usual = [count for entry, count in counts.items() if entry not in lighter]
        for entry in lighter:
            assert 0.42 < counts[entry] / (sum(usual) / len(usual)) < 0.58, (fact, entry)
    assert max(widest(QUOTAS, plans, ["setting", "cost"]).values()) <= 2  # the other lists are as even as before
    planner.lighten({"form": ["form 5"]})
    counts = Counter(plan.facts["form"] for plan in planner.draw(2400))
    assert counts["form 3"] in range(97, 107) and counts["form 5"] in range(45, 58)
    planner.lighten({})
    assert Counter(plan.facts["form"] for plan in planner.draw(2400))["form 5"] in range(98, 103)


def test_an_entry_that_comes_up_once_between_two_calls_still_gets_half():
    quotas = Quotas(recipe="r", pools={"a": tuple(map(str, range(50))), "b": tuple(map(str, range(99)))})
    planner = Planner(quotas, 1)
    counts: Counter = Counter()
    for _ in range(40):
        planner.lighten({"a": ["7"]})
        counts.update(plan.facts["a"] for plan in planner.draw(50))
    assert counts["7"] in range(18, 24)


def test_a_person_is_lightened_in_both_parts_and_chunks_still_do_not_matter():
    quotas = Quotas(recipe="r", pools={"person": tuple("ABCDEFGHIJ"), "a": tuple(map(str, range(1500)))})
    planner, again = Planner(quotas, 1), Planner(quotas, 1)
    for each in (planner, again):
        each.lighten({"person": ["C"]})
    plans = planner.draw(1000)
    for fact in ("person", "other"):
        counts = Counter(plan.facts[fact] for plan in plans)
        assert counts["C"] < 0.6 * counts["A"]
    assert again.draw(1) + again.draw(999) == plans
    assert all(plan.facts["person"] != plan.facts["other"] for plan in plans)


def test_everything_may_be_lightened_and_nothing_unknown():
    planner = Planner(TIGHT.model_copy(update={"pairs": (("a", "b"),)}), 1)
    planner.lighten(TIGHT.pools)
    assert len({likeness(plan) for plan in planner.draw(12)}) == 12
    with pytest.raises(ValueError, match="no entry '9'"):
        planner.lighten({"a": ["9"]})
    with pytest.raises(ValueError, match="no entry"):
        planner.lighten({"unknown": ["1"]})


@pytest.mark.parametrize(
    ("pools", "n", "message"),
    [
        ({"name": 199}, 1000, "pool 'name' has 199 names, and 1000 texts need 200"),
        ({"name": 200}, 1000, ""),
        ({"name": 20}, 999, ""),
        ({"person": 499}, 1000, "'person' has 499 names, and 1000 texts need 500"),
        ({"person": 399}, 12000, "need 400"),
        ({"person": 400, "name": 200}, 12000, ""),
        ({"a": 100}, 20001, "make 20000 different plans, and 20001 are wanted; bring 'a' from 100 to 101 entries"),
        ({"a": 100}, 20000, ""),
    ],
)
def test_quotas_that_cannot_be_met_are_named(pools, n, message):
    made = {fact: tuple(f"{fact} {i}" for i in range(count)) for fact, count in pools.items()}
    quotas = Quotas(recipe="r", pools=made | {"z": tuple(map(str, range(200 if "a" in pools else 20000)))})
    if message:
        with pytest.raises(UserError, match=message) as raised:
            check_quota(quotas, n)
        assert "\n" not in str(raised.value)
    else:
        check_quota(quotas, n)


def test_the_names_rule_holds_when_the_check_passes():
    quotas = Quotas(recipe="r", pools={"person": tuple(map(str, range(500))), "a": tuple(map(str, range(1000)))})
    check_quota(quotas, 1000)
    counts = Counter(plan.facts[who] for plan in Planner(quotas, 1).draw(1000) for who in ("person", "other"))
    assert max(counts.values()) <= 5


def test_nothing_to_vary_makes_one_plan():
    quotas = Quotas(recipe="r", pools={"name": ("A",)})
    check_quota(quotas, 1)
    assert Planner(quotas, 1).draw(1)[0].facts == {"name": "A"}
    with pytest.raises(UserError, match="add a pool"):
        check_quota(quotas, 2)


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ({"a": ()}, "'a' has 0 entries"),
        ({"person": ("Ana",)}, "'person' has 1 entries"),
        ({"a": ("asks $name",)}, "placeholder that this recipe has no value for"),
        ({"a": ("asks $other",), "name": ("Bot",)}, "placeholder"),
        ({"name": ("$name",)}, "placeholder"),
    ],
)
def test_pools_that_cannot_serve_are_named(pools, message):
    with pytest.raises(UserError, match=message):
        Quotas(recipe="r", pools=pools)


@pytest.mark.parametrize("pairs", [(("a", "a"),), (("a", "b"), ("b", "c")), (("a", "no"),), (("a", "principle"),)])
def test_pairs_that_make_no_sense_are_refused(pairs):
    with pytest.raises(ValueError, match="pairs may hold"):
        Quotas(recipe="r", pools=dict.fromkeys("abc", ("1", "2")), pairs=pairs)


def test_pools_are_read_line_by_line():
    text = "\ufeff# Coasts: a comment\n\na  lighthouse \n#tag stays\nkind\t$person waits\r\n  # and so on\ncosts $$5\n"
    assert read_pool(text, "p.txt") == ("a lighthouse", "#tag stays", "kind\t$person waits", "costs $$5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb\n# c\nA \n", "p.txt:4: 'A' stands in line 1 already"),
        ("a\n$role\n", "p.txt:2: unknown placeholder \\$role"),
        ("a $ b\n", "p.txt:1: .* lone"),
        ("a\tb\tc\n", "p.txt:1: .* one tab"),
        ("ok\na\t\tb\n", "p.txt:2: .* one tab"),
        ("# only a comment\n\n", "p.txt: no entries"),
    ],
)
def test_pools_with_faults_name_the_line(text, message):
    with pytest.raises(UserError, match=message):
        read_pool(text, "p.txt")


def test_lengths_have_a_long_tail():
    ladder = length_ladder(900, 4000)
    assert len(ladder) == 24 and ladder[-1] == 4000 and 290 <= ladder[0] <= 310
    assert list(ladder) == sorted(set(ladder)) and ladder[11] < 900 < ladder[12]
    assert ladder[-1] - ladder[12] > 3 * (ladder[11] - ladder[0])
    assert length_ladder(50, 50, 3) == (17, 50, 50)
    for wrong in ((0, 10, 3), (20, 10, 3), (10, 20, 1)):
        with pytest.raises(ValueError, match="median"):
            length_ladder(*wrong)


def test_twelve_thousand_plans_take_under_five_seconds():
    start = time.perf_counter()
    plans = Planner(QUOTAS, 1).draw(12000)
    assert time.perf_counter() - start < 5
    assert len({plan.id for plan in plans}) == len({likeness(plan) for plan in plans}) == 12000
