"""Keys on an answer's open page, and a label before a name, in a real Chromium. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

from exempla.judging.labels import read_labels
from exempla.viewing.labels.stories import labels_of
from tests.browsers import Watched, chromium, needs_chromium
from tests.judging.made import made
from tests.viewing.answers_made import measured_folder, read_all
from tests.viewing.folders import make_run, story, viewer

pytestmark = needs_chromium
SETTLED = 300
"""Milliseconds: sooner, a key is taken for a second press on the page before."""


def press(one: Watched, key: str) -> None:
    """Press a key that leads to a page."""
    one.page.wait_for_timeout(SETTLED)
    with one.page.expect_navigation():
        one.page.keyboard.press(key)


def test_keys_label_after_blind_mode_was_left(tmp_path: Path) -> None:
    answers = [made(number, f"one two three {number}") for number in range(2)]
    folder = measured_folder(tmp_path / "m", answers, read_all(answers))
    path = folder.labels / "ada.jsonl"
    with viewer(tmp_path / "m") as served, chromium() as browser:
        one = Watched(browser, base_url=served.address)
        one.page.goto("/label/trope")
        press(one, "o")
        keys = one.page.locator(".levels kbd:visible")
        assert one.page.url.endswith("#trope") and keys.all_inner_texts() == ["1", "2"]
        one.page.keyboard.press("n")
        one.page.keyboard.type("2 seen")
        one.page.keyboard.press("Escape")
        press(one, "1")
        (label,) = read_labels(path)
        assert (label.reading, label.blind, label.note) == ("trope", False, "2 seen")
        assert one.page.url.endswith("#trope")
        press(one, "z")
        assert path.read_text().count("\n") == 2 and '"level":""' in path.read_text().splitlines()[1]
        # Without a reading chosen the keys do nothing, and none are shown.
        one.page.goto(one.page.url.partition("#")[0] + "?")
        one.page.wait_for_timeout(SETTLED)
        one.page.keyboard.press("1")
        one.page.wait_for_timeout(SETTLED)
        assert keys.count() == 0 and path.read_text().count("\n") == 2
        one.page.locator("#persona h2 a").click()
        assert keys.all_inner_texts() == ["1", "2", "3"]
        press(one, "s")
        assert "/label/persona/" in one.page.url
        one.context.close()
        assert one.complaints == []


def test_the_first_key_is_kept_until_the_name_is_told(tmp_path: Path) -> None:
    make_run(tmp_path, [story(number) for number in range(3)])
    with viewer(tmp_path, who="") as served, chromium() as browser:
        one = Watched(browser, base_url=served.address)
        one.page.goto("/story/story-000")
        press(one, "2")
        one.page.get_by_label("Name").fill("ada")
        with one.page.expect_navigation(url="**/story/story-001"):
            one.page.get_by_role("button", name="Go on").click()
        assert labels_of(tmp_path, "ada")["story-000"].label == "drop"
        press(one, "1")
        assert one.page.url.endswith("/story/story-002")
        one.context.close()
        assert one.complaints == []
