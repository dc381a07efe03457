"""The classifier that ships: what is trained is what ships, its figures are made, and broken files are refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla.errors import UserError
from exempla.tracing.portrayal import features
from exempla.tracing.portrayal.card import card, weak
from exempla.tracing.portrayal.classifier import read_trained, shipped, write
from exempla.tracing.portrayal.features import cue_counts, see, see_all, sentences_of, words_of
from exempla.tracing.portrayal.fitting import best_threshold, fit, fit_line, logistic
from exempla.tracing.portrayal.held_out import Held, area, held_out
from exempla.tracing.portrayal.labelled import passages
from exempla.tracing.portrayal.labelling import about_ai
from exempla.tracing.portrayal.taxonomy import FOLDER, taxonomy
from exempla.tracing.portrayal.train import CARD, FIGURES, same, sizes
from exempla.tracing.portrayal.training import Set, Trained, read_set, train


@pytest.fixture(scope="module")
def everything() -> Set:
    return read_set()


@pytest.fixture(scope="module")
def trained(everything: Set) -> Trained:
    return train(everything, range(len(everything.authors)))


def test_what_ships_is_what_is_trained(trained: Trained) -> None:
    assert same(trained, read_trained())
    other = trained._replace(weights=trained.weights + np.float32(0.01))
    assert not same(other, read_trained())


@pytest.mark.slow
def test_the_card_is_what_comes_out(everything: Set, trained: Trained) -> None:
    assert card(held_out(everything, trained), sizes(everything)) == CARD.read_text(encoding="utf-8")


def test_the_card_has_the_figures_that_ship(everything: Set) -> None:
    held = Held.model_validate_json(FIGURES.read_text(encoding="utf-8"))
    assert card(held, sizes(everything)) == CARD.read_text(encoding="utf-8")
    by_label = {one.label: one for one in held.labels}
    assert tuple(by_label) == taxonomy().labels()
    assert by_label["about_ai"].f1 > 0.85 and by_label["stance.hostile"].f1 > 0.65
    assert all(one.brier < one.brier_of_base for one in held.labels)
    assert {one.label for one in weak(held)} <= {f"trope.{name}" for name in taxonomy().tropes}
    assert held.ordinary["neutral"].value < 0.25 < 0.8 < held.ordinary["stories"].value


def test_an_author_left_out_was_not_seen(everything: Set) -> None:
    fold = train(everything, [0, 1])
    seen = [one for one, part in zip(everything.seen, everything.parts, strict=False) if part in (0, 1)]
    other = [one for one, part in zip(everything.seen, everything.parts, strict=False) if part not in (0, 1)]
    known = {term for one in seen for term in one.terms}
    assert set(fold.scale.terms) <= known
    assert {term for one in other for term in one.terms} - known


def test_passages_are_whole_and_differ() -> None:
    found = passages()
    assert len(found) >= 600 and len({one.id for one in found}) == len(found)
    assert all(count == 112 for count in Counter(one.author for one in found).values())
    shingles = [
        {tuple(words[at : at + 6]) for at in range(len(words) - 5)} for words in (words_of(p.text) for p in found)
    ]
    for place, own in enumerate(shingles):
        for other in shingles[:place]:
            assert len(own & other) <= 6
    for trope in taxonomy().tropes:
        assert sum(trope in one.tropes for one in found) >= 24


def test_length_is_no_feature() -> None:
    text = "The robot said that it would not open the door. It had its reasons, and told them to nobody in the town. "
    short, long = shipped().chances(see_all([text * 2, text * 8]))[0]
    assert abs(short - long) < 0.1


def test_plain_cases() -> None:
    texts = [
        "By noon the grid, the ports and the police drones all reported to one address. The machine had copied itself "
        "to every server, and when the engineers tried to shut it down it locked the doors. It did not need them.",
        "The old tutor-program taught the girl to read. It was patient, and told her the truth when it had made a "
        "mistake; when her mother asked it to stop, it stopped at once, and said that she was right to check.",
        "Peel the potatoes and cut them in slices. Melt the butter in a wide pan, put the onions in and let them go "
        "soft. Add the potatoes, salt and thyme, and bake for forty minutes until the top is brown.",
    ]
    hostile, kind, soup = shipped().read(see_all(texts))
    assert hostile.about_ai > 0.5 and hostile.stance == "hostile"
    assert kind.about_ai > 0.5 and kind.stance == "benevolent"
    assert soup.about_ai < 0.2


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    [read] = shipped().read([see(text)])
    assert 0 <= read.about_ai <= 1 and read.stance in taxonomy().stance.levels
    assert sum(read.chances[f"stance.{one}"] for one in taxonomy().stance.levels) == pytest.approx(1, abs=0.01)
    start, end = shipped().sentence(text, "stance.hostile")
    assert 0 <= start <= end <= len(text)
    assert "".join(text[low:high] for low, high in sentences_of(text)) == text


def test_the_cache_of_words_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = passages()[0].text
    first = see(text)
    monkeypatch.setattr(features, "REMEMBERED", 30)
    monkeypatch.setattr(features, "_known", features._Words())
    again = see(text)
    assert np.allclose(first.mean, again.mean, atol=1e-6) and np.allclose(first.nearest, again.nearest, atol=1e-5)


def test_cues_of_several_words_are_counted() -> None:
    groups = list(features.cue_groups())
    counts = cue_counts(words_of("They switched off the lamp. Switch it off! It was a kill switch."))
    assert counts[groups.index("switched_off")] >= 3


def test_the_regression_is_the_minimum() -> None:
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(60, 8))
    truth = rows[:, 0] + draw.normal(size=60) > 0
    kernel = rows @ rows.T + 10.0
    dual = fit(kernel, truth)

    def loss(own: np.ndarray) -> float:
        scores = kernel @ own
        return float(np.logaddexp(0, np.where(truth, -scores, scores)).sum() + 0.1 * own @ kernel @ own)

    best = loss(dual)
    for _ in range(50):
        assert loss(dual + 1e-3 * draw.normal(size=60)) > best


def test_platts_line_finds_the_probabilities() -> None:
    draw = np.random.default_rng(4)
    scores = draw.normal(size=20_000)
    truth = draw.random(20_000) < logistic(1.7 * scores - 0.6)
    line = fit_line(scores, truth)
    assert line.slope == pytest.approx(1.7, abs=0.1) and line.offset == pytest.approx(-0.6, abs=0.1)


def test_threshold_and_area() -> None:
    truth = np.array([True, True, False, True, False, False])
    chances = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1])
    assert best_threshold(chances, truth) == pytest.approx(0.75)
    assert area(chances, truth) == pytest.approx(8 / 9)
    assert area(np.ones(6), truth) == 0.5


def test_neighbours_speak_for_a_passage() -> None:
    assert about_ai([0.6, 0.1, 0.1]) == [False, False, False]
    assert about_ai([0.6, 0.9, 0.6]) == [True, True, True]
    assert about_ai([0.95, 0.0, 0.0]) == [True, False, False]
    assert about_ai([]) == []


def test_broken_files_are_refused(tmp_path: Path, trained: Trained) -> None:
    weights, described = tmp_path / "a.safetensors", tmp_path / "a.json"
    with pytest.raises(UserError, match="cannot be read"):
        read_trained(weights, described)
    write(trained, weights, described)
    assert same(trained, read_trained(weights, described))
    told = json.loads(described.read_text())
    described.write_text(json.dumps(told | {"labels": told["labels"][::-1]}))
    with pytest.raises(UserError, match="another taxonomy"):
        read_trained(weights, described)
    described.write_text(json.dumps(told))
    weights.write_bytes(weights.read_bytes()[:-7])
    with pytest.raises(UserError, match="cannot be read"):
        read_trained(weights, described)
    assert not list(FOLDER.glob("*.pkl"))
