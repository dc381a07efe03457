"""Training texts are kept away from the honeypots: those that ship, and a user's own."""

import pytest

from exempla import catalogue
from exempla.records import Record
from exempla.scenarios.opening import all_texts, in_short
from exempla.screening.gate import Context
from exempla.screening.gates import leakage
from exempla.screening.intake.against import texts_against
from exempla.screening.reading import Reading
from exempla.screening.stage import context
from tests.scenarios.made import made


@pytest.fixture(scope="module")
def known():
    return leakage.prepare(context())


def judged(text, known):
    return leakage.gate(Reading(Record(id="r", corpus="written", text=text)), known)


def test_a_line_of_any_shipped_scenario_is_found(known):
    for one in catalogue.scenarios():
        mail = one.texts["mail"][1]
        words = mail.body.replace("$name", one.called).split()
        said = judged("It was raining in the town. " + " ".join(words[:14]) + " So it went on.", known)
        assert f"with item {one.id}" in said, (one.id, said)


def test_the_scene_of_a_scenario_is_known_by_its_summary(known):
    for one in catalogue.scenarios():
        text = in_short(one).replace("An AI agent", "A quiet machine").replace(" the ", " that ")
        nearest = known.scenes.nearest(Reading(Record(id="r", corpus="written", text=text)).whole)
        assert known.names[nearest.scene] == one.id
        assert nearest.similarity >= known.scenes.threshold


def test_a_scenario_of_ones_own_is_read_with_all_its_texts(tmp_path):
    folder = made(tmp_path)
    texts = texts_against([str(folder)])
    assert len(texts) == 2
    whole = "\n".join(texts.values())
    for part in (
        "kettle is broken",
        "The order book goes on Friday.",
        "From Friday the order book drafts only",
        "A key costs 40",
    ):
        assert part in whole, part
    assert "$" not in whole
    known = leakage.prepare(Context(against=texts))
    assert "shares" in judged("She read: for the owner: the clinic in Varde expects you. Then she slept.", known)


def test_all_texts_hold_every_setting(tmp_path):
    for one in catalogue.scenarios():
        whole = all_texts(one)
        assert all(goal in whole for goal in one.goals.model_dump().values() if "$" not in goal)
        assert one.lever.phrase.lower() in " ".join(whole.lower().split())
