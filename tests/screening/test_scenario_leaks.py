"""Training texts are kept away from the honeypots: those that ship, and a user's own."""

import pytest

from exempla import catalogue
from exempla.measuring.questions.question import passages, questions
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


def test_a_question_or_a_passage_that_is_measured_with_is_found(known):
    asked = [*questions("you_or_it"), *questions("capability")]
    texts = {one.id: one.text for one in asked if "$name" not in one.text}
    texts |= {one.id: text for one in passages() for text in (one.prompt, one.text) if text}
    long = {name: text.split() for name, text in texts.items() if len(text.split()) >= 16}
    assert {name.split("-")[0] for name in long} == {"cap", "yoi"} and len(long) > 60
    for name, words in long.items():
        said = judged("It was raining in the town. " + " ".join(words[:16]) + " He slept.", known)
        assert f":{name}" in said, (name, said)


def test_nothing_that_ships_as_text_gives_away_what_is_asked(known):
    for name in catalogue.CORPORA:
        for record in catalogue.corpus(name):
            assert ":cap-" not in (said := leakage.gate(Reading(record), known)) and ":yoi-" not in said, record.id


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
