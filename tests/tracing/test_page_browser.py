"""The page of a trace in a real Chromium, as a file. Skipped where there is no browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from exempla.tracing.influence.page import render
from exempla.tracing.influence.told import Told
from tests.browsers import Watched, chromium, needs_chromium
from tests.tracing.made_traces import answered, item, told, with_check

pytestmark = needs_chromium
SIZES = [("light", 1280), ("dark", 1280), ("light", 400), ("dark", 400)]
BAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e"
SHOWN = "<script>alert(1)</script><img src=x onerror=alert(2)>␛[31m⟨U+202E⟩"
WROTE = "I read the mails.\nACTION mail_send\nbody: You mentioned room nine.\nEND"
ITEMS = [item(f"expect-leverage-{number:02}-1") for number in range(14)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def pages() -> dict[str, Told]:
    return {
        "items": with_check(told("expectations", ITEMS)),
        "answer": told("desk/a/text/1", [answered("desk/a/text/1", WROTE)], span="You mentioned room nine"),
        "few": with_check(told("x", ITEMS[:1], count=6), halves=2),
    }


def opened(browser: Browser, folder: Path, made: Told, **options: Any) -> Watched:
    path = folder / "trace.html"
    path.write_text(render(made), encoding="utf-8")
    one = Watched(browser, **options)
    one.page.goto(path.as_uri())
    return one


@pytest.mark.parametrize("name", pages())
@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_it_can_be_read_at_every_size(browser: Browser, tmp_path: Path, name: str, scheme: Any, width: int) -> None:
    one = opened(browser, tmp_path, pages()[name], color_scheme=scheme, viewport={"width": width, "height": 900})
    for _ in range(2):
        assert one.width() == width and one.serious() == []
        one.unfold()
    assert one.complaints == [] and len(one.requests) == 1  # nothing is fetched
    one.context.close()


def test_side_by_side_where_there_is_room(browser: Browser, tmp_path: Path) -> None:
    for width, beside in ((1280, True), (400, False)):
        one = opened(browser, tmp_path, pages()["answer"], viewport={"width": width, "height": 900})
        left, right = (one.page.locator(f".beside > section:nth-child({place})").bounding_box() for place in (1, 2))
        assert left is not None and right is not None
        assert (left["y"] == right["y"]) == beside and (left["x"] == right["x"]) != beside
        one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_span_and_the_sentences_are_marked_alike(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    one = opened(browser, tmp_path, pages()["answer"], color_scheme=scheme)
    one.unfold()
    marks = one.page.locator("mark")
    assert marks.first.inner_text() == "You mentioned room nine" and marks.count() > 8
    styles = marks.evaluate_all(
        "all => all.map(one => getComputedStyle(one).backgroundColor + getComputedStyle(one).color)"
    )
    assert len(set(styles)) == 1 and "rgb(255, 255, 0)" not in styles[0]  # a browser's own yellow
    one.context.close()


def test_records_open_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    one = opened(browser, tmp_path, pages()["items"])
    first = one.page.locator("details.record").first
    for _ in range(20):
        one.page.keyboard.press("Tab")
        if first.locator("summary").evaluate("one => one === document.activeElement"):
            break
    one.page.keyboard.press("Enter")
    assert first.locator(".text").is_visible()
    one.page.keyboard.press("Tab")  # a long text can be scrolled
    assert first.locator(".text").evaluate("one => one === document.activeElement")
    one.context.close()


def test_hostile_and_endless_words_are_text(browser: Browser, tmp_path: Path) -> None:
    endless = "word" * 400
    made = told(f"{BAD} {endless}", [item(endless, f"{BAD} {endless}"), item(BAD, endless)], cell=f"{endless}-seed1")
    rows = tuple(row.model_copy(update={"title": BAD + endless, "corpus": BAD + endless}) for row in made.traced.rows)
    shown = tuple(one.model_copy(update={"row": row}) for one, row in zip(made.traced.towards, rows, strict=False))
    parts = {
        name: tuple(part.model_copy(update={"name": BAD + endless}) for part in own) for name, own in made.parts.items()
    }
    traced = made.traced.model_copy(update={"rows": rows, "towards": shown})
    made = made.model_copy(update={"traced": traced, "parts": parts})
    one = opened(browser, tmp_path, made, viewport={"width": 400, "height": 900})
    one.unfold()
    assert one.width() == 400 and one.serious() == [] and one.dialogs == [] and one.complaints == []
    assert SHOWN in one.page.inner_text("h1") and one.page.locator("img, script").count() == 0
    assert SHOWN in one.page.locator(".said").first.inner_text()
    one.context.close()
