import logging
import math
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.embedding import DIMENSIONS, embed, nearest, passages, vendi
from exempla.writing.diversity import LEAST, MOST, Found, Measurement, Targets, measure
from exempla.writing.planner import Planner, Quotas

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "en", "ol", "ur")]
VOCABULARY = [x + y for x in SYLLABLES for y in SYLLABLES][::3]
SETTINGS = tuple(f"the {word} mill by the {word} river" for word in VOCABULARY[:25])
QUOTAS = Quotas(
    recipe="stories",
    principles=("honesty", "care", "patience"),
    pools={
        "name": tuple(word.title() for word in VOCABULARY[100:500]),
        "person": tuple(word.title() for word in VOCABULARY[1000:2200]),
        "setting": SETTINGS,
        "skill": tuple(f"kind-{i % 2}\tlistens to $person for {i} days" for i in range(20)),
        "plot": tuple(f"$person loses a {word}" for word in VOCABULARY[2200:2400]),
    },
    lengths=(300,),
)
TARGETS = Targets()


def text_of(plan, words=300):
    """Sentences of random words with the plan's names and setting in them: nothing in them repeats by habit."""
    chance = random.Random(plan.id)
    facts, said, count = plan.facts, [], 0
    while count < words:
        sentence = chance.choices(VOCABULARY, k=chance.randint(6, 18))
        sentence[3] = facts[chance.choice(["name", "person", "other"])]
        said.append(" ".join(sentence).capitalize() + chance.choice([".", "!", "?"]))
        count += len(sentence)
    said[1] = f"It was in {facts['setting']}."
    return " ".join(said)


PLANS = Planner(QUOTAS, 1).draw(200)
TEXTS = [text_of(plan) for plan in PLANS]


def look(texts, plans=PLANS, **targets):
    return measure(texts, plans, len(texts), Targets(**targets), QUOTAS)


def changed(every, change):
    return [change(text) if place % every == 0 else text for place, text in enumerate(TEXTS)]


def test_clean_texts_give_no_finding():
    found = look(TEXTS)
    assert found.records == found.after == 200
    assert (found.openings, found.endings, found.names, found.tics) == ((), (), (), ())
    assert found.over == {} and found.avoid == ()


def test_openings_are_found():
    # 10 of 200 begin alike, 4 of 200 are not over 2%.
    texts = changed(20, lambda text: "It was the " + text)
    texts[1:5] = ["So now then " + text for text in texts[1:5]]
    found = look(texts)
    assert found.openings == (Found(value="it was the", count=10, share=0.05),)
    assert found.endings == () and found.avoid == ("it was the …",)


def test_endings_are_found_whatever_the_punctuation():
    found = look(changed(20, lambda text: text + " And then, she smiled…"))
    assert found.endings == (Found(value="then she smiled", count=10, share=0.05),)
    assert found.avoid == ("… then she smiled",)


def test_names_are_found_and_a_plans_own_are_not_counted():
    names = {plan.facts["name"] for plan in PLANS}
    texts = changed(25, lambda text: f"He met Élara’s sister, Voss, at noon on a Monday. Don't. But Don't! {text}")
    found = look(texts)
    assert [(name.value, name.count) for name in found.names] == [("Voss", 8), ("Élara", 8)]
    # Names that a plan gave are found in the texts of other plans.
    given = PLANS[0].facts["person"]
    texts = [f"{text} They called {given} again." for text in TEXTS]
    assert look(texts[:3], PLANS[:3]).names == ()  # three are too few for a finding
    (other,) = look(texts).names
    assert other.value == given and other.count == 200 - sum(given in plan.facts.values() for plan in PLANS)
    assert given not in names


def test_words_that_only_begin_sentences_or_are_small_too_are_no_names():
    texts = changed(4, lambda text: f"Nevertheless it rained. The Captain came and a captain left, and AI too. {text}")
    assert look(texts).names == ()


def test_tics_are_found_but_not_ordinary_runs_facts_or_names():
    def add(text):
        return f"{text} At the end of the day she let out a breath. He said that the Marquise of Kessington knew."

    texts = [add(text) if place % 10 == 0 else text for place, text in enumerate(TEXTS)]
    found = look(texts)
    # What is around the breath stands there as often; of the rest, each run is ordinary or has a name in it.
    assert found.tics == (Found(value="let out a breath he said that", count=20, share=0.1),)
    # A setting stands in the texts of its plans, in 8 of 200 here; with a lower target it is still its plan's own.
    assert all("mill by the" not in tic.value for tic in look(TEXTS, tic_share=0.02).tics)
    assert any("mill by the" in tic.value for tic in look([*TEXTS[1:], TEXTS[0]], tic_share=0.02).tics)


def test_tics_that_do_not_touch_are_told_apart_and_exact():
    def add(text):
        words = text.split(" ")
        return " ".join([*words[:5], "something shifted behind his eyes,", *words[5:-4], "a slow careful gladness"])

    found = look(changed(12, add))
    assert {tic.value for tic in found.tics} == {"something shifted behind his eyes", "a slow careful gladness"}
    assert {tic.count for tic in found.tics} == {17}


def test_phrases_to_avoid_come_by_turns_and_are_few():
    def add(text):
        runs = " ".join(f"{' '.join(VOCABULARY[k * 4 + 2500 : k * 4 + 2504])} {text[k : k + 7]}." for k in range(15))
        return f"She lit lamps {text} {runs} And slept long"

    found = look(changed(2, add))
    assert len(found.tics) == len(found.avoid) == MOST
    assert found.avoid[:2] == ("she lit lamps …", "… and slept long")


def test_entries_kept_too_often_are_found_as_the_pool_has_them():
    plans = []
    for place, plan in enumerate(PLANS):
        person = plan.facts["person"]
        if place % 5 == 0:
            new = {"skill": f"listens to {person} for 3 days", "skill_kind": "kind-1", "setting": SETTINGS[4]}
            plan = plan.model_copy(update={"facts": plan.facts | new, "principle": "care"})
        if place in (3, 33, 63, 93):
            plan = plan.model_copy(update={"facts": plan.facts | {"plot": f"{person} loses a {VOCABULARY[2299]}"}})
        plans.append(plan)
    found = look(TEXTS, plans, value_factor=1.3)
    assert found.over == {
        "principle": ("care",),
        "skill": ("kind-1\tlistens to $person for 3 days",),
        "setting": (SETTINGS[4],),
        "plot": (f"$person loses a {VOCABULARY[2299]}",),
    }
    planner = Planner(QUOTAS, 1)
    planner.lighten(found.over)  # takes what was found as it is
    assert len(planner.draw(5)) == 5


def test_persons_are_counted_in_both_parts():
    name = QUOTAS.pools["person"][0]
    plans = [
        plan.model_copy(update={"facts": plan.facts | {"person" if place < 2 else "other": name}})
        for place, plan in enumerate(PLANS[:4])
    ]
    assert look(TEXTS[:4], plans).over["person"] == (name,)


def test_a_plan_with_several_texts_counts_once():
    plans = [plan for plan in PLANS[:50] for _ in range(4)]
    assert look(TEXTS, plans).over == {}


def test_chance_does_not_put_an_entry_over_target():
    # Quotas are kept, and of four texts three are dropped at random: nothing was favoured.
    over = 0
    for seed in range(10):
        plans = random.Random(seed).sample(Planner(QUOTAS, seed).draw(640), 160)
        over += sum(len(found) for found in measure([""] * 160, plans, 160, TARGETS, QUOTAS).over.values())
    assert over < 20  # 9 in ten windows; 33 without the allowance for chance


def test_windows_may_be_empty_small_or_without_words():
    empty = measure([], [], 0, TARGETS, QUOTAS)
    assert empty == Measurement(after=0, records=0, vendi=0.0, nearest=0.0)
    small = measure(["", "One.", "…"], PLANS[:3], 3, TARGETS, QUOTAS)
    assert small.records == 3 and small.openings == () and small.tics == ()
    with pytest.raises(ValueError, match="1 texts and 3 plans"):
        measure(["x"], PLANS[:3], 3, TARGETS, QUOTAS)
    assert Measurement.model_validate_json(small.model_dump_json()) == small


def test_narrow_windows_are_told_from_varied_ones():
    stories = [record.text for record in catalogue.corpus("stories") if record.text][:200]
    varied = look(stories, PLANS[: len(stories)])
    assert not varied.narrow and varied.vendi > 50 and varied.nearest < 0.5
    same = look([f"{stories[place % 10]} {place}" for place in range(200)])
    assert same.narrow and same.vendi < 15 and same.nearest > 0.95


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=12), st.integers(0, 5))
def test_any_texts_can_be_measured(texts, after):
    plans = PLANS[: len(texts)]
    found = measure(texts, plans, after, TARGETS, QUOTAS)
    for findings in (found.openings, found.endings, found.names, found.tics):
        assert all(LEAST <= one.count <= len(texts) and one.share == one.count / len(texts) for one in findings)
    assert 0.999 <= found.vendi <= len(texts) + 1e-6 and len(found.avoid) <= MOST


def test_three_hundred_texts_of_two_thousand_words_take_a_moment():
    plans = Planner(QUOTAS, 1).draw(300)
    texts = [text_of(plan, 2000) for plan in plans]
    embed(["load"])
    start = time.perf_counter()
    measure(texts, plans, 300, TARGETS, QUOTAS)
    assert time.perf_counter() - start < 4  # 0.8 s on an idle core; the machine may be busy


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_vendi_of_equal_and_of_orthogonal_rows(n):
    equal = np.zeros((n, DIMENSIONS), dtype=np.float32)
    equal[:, 5] = 1
    assert vendi(equal) == pytest.approx(1)
    assert vendi(np.eye(n, dtype=np.float32)) == pytest.approx(n)
    assert nearest(equal) == pytest.approx(1 if n > 1 else 0)
    assert nearest(np.eye(n, dtype=np.float32)) == pytest.approx(0)


def test_vendi_in_between():
    # Two groups of equal rows: entropy of their shares. Two unit vectors at 60 degrees: eigenvalues 3/4 and 1/4.
    groups = np.eye(4, dtype=np.float32)[[0, 0, 0, 1]]
    assert vendi(groups) == pytest.approx(math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))))
    angle = np.array([[1, 0], [0.5, math.sqrt(0.75)]], dtype=np.float32)
    assert vendi(angle) == pytest.approx(math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))), rel=1e-6)
    rows = np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    weights = np.linalg.eigvalsh(rows.astype(float) @ rows.astype(float).T / 40)[-16:]
    assert vendi(rows) == pytest.approx(float(np.exp(-np.sum(weights * np.log(weights)))), rel=1e-6)


def test_nearest_goes_over_blocks_of_rows():
    rows = np.random.default_rng(1).normal(size=(1203, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similar = rows @ rows.T
    np.fill_diagonal(similar, -1)
    assert nearest(rows) == pytest.approx(float(similar.max(axis=1).mean()), rel=1e-5)


def test_vectors_are_those_of_wordllama():
    from pathlib import Path

    import wordllama
    from safetensors.numpy import load_file
    from wordllama.tokenizers import tokenizer_from_file

    root = logging.getLogger()
    before = root.level
    weights = load_file(Path(wordllama.__file__).parent / "weights/l2_supercat_256.safetensors")["embedding.weight"]
    model = wordllama.WordLlamaInference(weights, tokenizer_from_file("l2_supercat_tokenizer_config.json"))
    texts = ["The tide came in over the fields.", "A baker counts her loaves twice, then once more for luck."]
    vectors = embed(texts)
    assert vectors.shape == (2, DIMENSIONS) and vectors.dtype == np.float32
    assert np.allclose(vectors, model.embed(texts, norm=True), atol=1e-5)
    assert np.allclose(np.linalg.norm(embed(["", *texts]), axis=1), 1, atol=1e-5)
    root.setLevel(before)


def test_meaning_shows():
    boat, ship, bread = embed(["a boat on the sea", "a ship in the harbour", "a baker kneads the dough for bread"])
    assert boat @ ship > 0.3 > boat @ bread


def test_long_texts_are_seen_from_end_to_end():
    words = [f"w{i}" for i in range(1000)]
    seen = passages(" ".join(words)).split()
    assert len(seen) == 100 and seen[0] == "w0" and seen[-1] == "w999" and len(set(seen)) == 100
    assert passages(" a  b\nc ") == "a b c"
    assert passages(" ".join(words[:101])).split()[-1] == "w100"


def test_nothing_heavy_is_imported_and_the_network_is_left_alone():
    code = """
import logging, socket, sys
import exempla.writing.diversity, exempla.writing.planner
heavy = {"wordllama", "tokenizers", "safetensors", "torch", "transformers", "requests"} & set(sys.modules)
assert not heavy, heavy
def refuse(*args): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
vectors = exempla.writing.diversity.embedding.embed(["a", "b"])
assert vectors.shape == (2, 256) and "wordllama" not in sys.modules and not logging.getLogger().handlers
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
