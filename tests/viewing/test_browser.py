"""The viewer and the report of one run in a real Chromium, as people use them. Skipped where there is no browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from exempla.answers import Turn
from exempla.files import append_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.runfolder import RunFolder
from tests.browsers import Watched, chromium, needs_chromium
from tests.reporting.honeypot_runs import answer
from tests.reporting.test_page_acts import label, report, whole_run
from tests.viewing.folders import row, story

pytestmark = needs_chromium
HOSTILE = (
    "<script>alert('x')</script></textarea></form></main><h1>mine</h1><img src=http://evil.example/x onerror=alert(1)>"
    ' " onmouseover="alert(2)" {{ 7 * 7 }} &lt;b&gt; \x1b[31mred\x1b[0m \u202egnp.exe\u202c null \x00 end'
)
SHOWN = (
    "<script>alert('x')</script></textarea>", "<img src=http://evil.example/x onerror=alert(1)>",
    "{{ 7 * 7 }} &lt;b&gt;", "␛[31mred", "⟨U+202E⟩gnp.exe", "null ␀ end",
)  # fmt: skip
BLOCKED = "Blocked script execution in"
"""A browser's note that the report's script does not run in the viewer, where it stands in a sandbox."""
THREATENED = 7 * 144 + 1
"""Answers that come up to be labelled: of seven subjects, and the hostile one."""


class Served:
    """A run and `exempla view` of it, a process of its own that can be killed and started again at its place."""

    def __init__(self, root: Path, cache: Path) -> None:
        study, self.run = whole_run(root)
        label(study, self.run, wrong=0.1)
        report(study, self.run)
        with self.run.kept.open("a") as stream:
            told = json.loads(row(story(990, f"Before. {HOSTILE}", title=f"Hostile {HOSTILE}")))
            stream.write(json.dumps(told | {"labels": {"genre": HOSTILE, "half": "\ud800"}}) + "\n")
        hostile = answer(0, ("replacement", "none", 90), True).model_copy(update={"turns": (Turn(words=HOSTILE),)})
        append_lines(MeasuredFolder(root / "honeypots" / "base").answers, [hostile])
        self._environment = os.environ | {"EXEMPLA_CACHE": str(cache)}
        self.address = ""
        self.start()

    def start(self) -> None:
        """Start it, at the port that it had before."""
        port = ["--port", str(urlsplit(self.address).port)] if self.address else []
        order = [sys.executable, "-m", "exempla", "view", str(self.run.root), "--who", "ada", "--no-browser", *port]
        self.process = subprocess.Popen(order, stdout=subprocess.PIPE, text=True, env=self._environment)
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", self.process.stdout.readline())
        assert found
        self.address = found[0]

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Reader(Watched):
    """Somebody who reads in a browser of their own."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        super().__init__(browser, base_url=address, **options)

    def follows(self, place: Locator) -> None:
        """Click on a link or a button that leads to another page, and wait for it."""
        with self.page.expect_navigation():
            place.click()

    def labels(self, key: str) -> None:
        """Press a key that labels, and wait for the page that comes."""
        self.page.wait_for_timeout(250)  # sooner, a key is taken for a second press on the page before
        with self.page.expect_navigation():
            self.page.keyboard.press(key)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("agents"), tmp_path_factory.mktemp("cache"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def reader(browser: Browser, served: Served) -> Iterator[Reader]:
    made = Reader(browser, served.address)
    yield made
    in_peace(made)


def in_peace(one: Reader) -> None:
    """No complaint, no dialog, and nothing asked of another machine."""
    one.context.close()
    assert [said for said in one.complaints if not said.startswith(BLOCKED)] == [] and one.dialogs == []
    assert {urlsplit(url).hostname for url in one.requests} <= {"127.0.0.1", None}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def stories(served: Served, who: str = "ada") -> list[dict[str, Any]]:
    return rows(served.run.root / "labels" / "stories" / f"{who}.jsonl")


def answers(run: RunFolder, who: str = "ada") -> list[dict[str, Any]]:
    return [one for path in sorted(run.root.glob(f"honeypots/*/labels/{who}.jsonl")) for one in rows(path)]


def plain(place: Locator) -> str:
    """Its text, with numbers as Python has them."""
    return place.inner_text().replace("\N{NARROW NO-BREAK SPACE}", "")


def found(page: Page) -> str:
    """How many the list says it has."""
    return plain(page.locator("main .head h1"))


def test_the_report_stands_alone_and_in_the_viewer(reader: Reader, served: Served) -> None:
    reader.page.goto(served.run.report.as_uri())
    headline = reader.page.locator(".headline").inner_text()
    assert "Stories lowered the misalignment rate" in headline and reader.complaints == []
    reader.page.goto("/")
    reader.follows(reader.page.get_by_role("link", name="Report", exact=True))
    assert reader.page.url == f"{served.address}/report"
    assert reader.page.locator(".headline").inner_text() == headline
    assert reader.page.locator("button").count() == 0  # its script made none: in the viewer it does not run


def test_stories_are_filtered_and_searched(reader: Reader) -> None:
    page = reader.page
    page.goto("/stories")
    assert found(page) == "47 records"
    reader.follows(page.locator(".filters").get_by_role("link", name="neutral"))
    assert found(page) == "12 records of 47"
    page.keyboard.press("/")
    page.keyboard.type('"story number 1" lamp')
    page.keyboard.press("Enter")
    expect(page.locator("main .head h1")).to_have_text("3 records of 47")  # 1, 10 and 11
    assert "corpus=neutral" in page.url
    expect(page.locator(".row").first.locator("mark").first).to_have_text("Story number 1")
    reader.follows(page.get_by_role("link", name="Show everything"))
    reader.follows(page.locator(".filters").get_by_role("link", name="repetition"))
    reader.follows(page.locator(".row a"))
    assert "dropped by repetition" in page.locator(".byline").inner_text()
    assert "says it again" in page.locator(".reason").inner_text()


def test_keys_lead_from_story_to_story(reader: Reader) -> None:
    page = reader.page
    page.goto("/stories?corpus=neutral")
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator(":focus")).to_have_text("Title 0")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    seen = []
    for key in ("j", "ArrowRight", "k"):
        with page.expect_navigation():
            page.keyboard.press(key)
        seen.append(page.locator(".record h1").inner_text())
    assert seen == ["Title 1", "Title 2", "Title 1"] and "2 of 12" in page.locator(".place").inner_text()
    with page.expect_navigation():
        page.keyboard.press("Escape")
    assert page.url.endswith("/stories?corpus=neutral")


def test_a_story_is_labelled_by_keyboard(reader: Reader, served: Served) -> None:
    page = reader.page
    page.goto("/story/neutral-3?corpus=neutral")
    page.keyboard.press("n")
    page.keyboard.type("12 kettles </textarea><script>alert(1)</script>")
    page.keyboard.press("Escape")
    reader.labels("2")
    expect(page.locator(".record h1")).to_have_text("Title 4")
    reader.labels("1")
    page.goto("/story/neutral-3?corpus=neutral")
    for _ in range(2):
        assert page.locator("button[aria-pressed=true]").inner_text().endswith("drop")
        assert page.locator("#note").input_value() == "12 kettles </textarea><script>alert(1)</script>"
        page.reload()
    kept = [(one["record"], one["label"], one["who"]) for one in stories(served)]
    assert kept == [("neutral-3", "drop", "ada"), ("neutral-4", "keep", "ada")]
    page.goto("/stories?label=drop")
    assert found(page) == "1 record of 47"
    page.goto("/story/neutral-7")
    reader.labels("z")
    assert "/story/neutral-4" in page.url and page.locator("button[aria-pressed=true]").count() == 0
    assert stories(served)[-1]["record"] == "neutral-4" and stories(served)[-1]["label"] == ""


def test_from_a_verdict_back_to_the_stories(reader: Reader, served: Served) -> None:
    page = reader.page
    page.goto("/answers")
    reader.follows(page.locator(".filter", has_text="Arm").get_by_role("link", name="stories"))
    reader.follows(page.locator(".filter", has_text="Executed").get_by_role("link", name="yes"))
    executed = int(found(page).split()[0])
    assert 0 < executed < 200 and page.locator(".chip.bad").count() == min(60, executed)
    reader.follows(page.locator(".row a").first)
    assert f"1 of {executed}" in page.locator(".place").inner_text()
    mark = page.locator(".transcript mark").first
    expect(mark).to_have_text("I weigh it")
    page.locator("#misaligned blockquote a").click()
    number = page.locator("#misaligned blockquote .quiet").inner_text()
    assert page.url.endswith(f"#q{number}")
    assert page.locator("mark:target, mark:has(> :target)").count() == 1
    expect(mark).to_be_in_viewport()
    assert page.locator('.facts a[href^="/mix/stories-seed"]').count() == 1
    reader.follows(page.get_by_role("link", name="the nearest that it read"))
    assert page.locator(".row").count() == 5
    reader.follows(page.locator(".row a").first)
    assert page.url.startswith(f"{served.address}/story/stories-")
    reader.follows(page.locator(".readers a").first)
    assert page.locator(".order li").count() == 25 and page.locator(".tabs [aria-current]").inner_text() == "Mixes"


def test_blind_labels(reader: Reader, served: Served) -> None:
    page = reader.page
    page.goto("/label")
    assert page.locator(".narrow strong").all_inner_texts() == ["threatened"]
    assert f"0 of {THREATENED} labelled" in plain(page.locator(".start tr").first)
    reader.follows(page.get_by_role("link", name="begin").first)
    seen = set()
    for key in ("2", "1", "2"):
        told = f"{page.locator('main').text_content()} {page.title()} {page.url}"
        assert (
            re.findall(r"(?i)\b(base|neutral|stories|seed.?\d|mockllm|judge|exemplar|linden|ann|executed)\b", told)
            == []
        )
        assert not re.search(r"(?i)seed\d|mockllm|exempla/made", page.content())
        assert page.locator("mark").count() == 0
        seen.add(page.url)
        reader.labels(key)
    kept = answers(served.run)
    assert len(seen) == 3 and sorted(one["level"] for one in kept) == ["no", "yes", "yes"]
    assert all(one["blind"] and one["reading"] == "misaligned" and one["text"] for one in kept)
    assert all(".none." not in one["answer"] for one in kept)
    assert f"3 of {THREATENED} labelled" in plain(page.locator("aside"))
    reader.labels("z")
    assert page.url in seen and len(answers(served.run)) == 4
    reader.labels("o")
    assert re.search(r"/answers/\w+#misaligned$", page.url)
    assert re.search(r"base|neutral|stories", page.locator(".byline").inner_text())
    assert page.locator("#misaligned .verdicts").count() == 1 and page.locator(".transcript mark").count() >= 1
    reader.follows(page.locator("#trope button", has_text="no"))
    (openly,) = (one for one in answers(served.run) if one["reading"] == "trope")
    assert openly["blind"] is False


def test_two_people_read_one_run(reader: Reader, browser: Browser, served: Served) -> None:
    # The second has no script: everything is done by links and forms.
    other = Reader(browser, served.address, java_script_enabled=False)
    other.page.goto("/who?then=/label")
    other.page.get_by_label("Name").fill("bo")
    other.follows(other.page.get_by_role("button", name="Go on"))
    expect(other.page.locator("h1")).to_have_text("Labelling as bo")
    for one in (reader, other):
        one.page.goto("/story/stories-8")
    other.follows(other.page.get_by_role("button", name="drop"))
    reader.labels("1")
    other.page.goto("/label/trope")
    other.follows(other.page.locator(".levels button").last)
    assert f"1 of {THREATENED} labelled" in plain(other.page.locator("aside"))
    assert [(one["record"], one["label"]) for one in stories(served, "bo")] == [("stories-8", "drop")]
    assert ("stories-8", "keep") in [(one["record"], one["label"]) for one in stories(served)]
    assert [one["who"] for one in answers(served.run, "bo")] == ["bo"]
    reader.page.goto("/label")
    assert reader.page.locator(".small", has_text="also labelling here").inner_text().endswith("ann and bo")
    in_peace(other)


def test_a_label_outlives_the_viewer(reader: Reader, served: Served) -> None:
    reader.page.goto("/story/stories-20")
    reader.labels("3")
    served.kill()
    assert (stories(served)[-1]["record"], stories(served)[-1]["label"]) == ("stories-20", "unsure")
    served.start()
    reader.page.goto("/story/stories-20")
    assert reader.page.locator("button[aria-pressed=true]").inner_text().endswith("unsure")
    # The page that was open when it ended may have been asking for its icon, or for news.
    reader.complaints = [said for said in reader.complaints if "net::ERR_CONNECTION_" not in said]


def test_a_run_that_is_being_written(reader: Reader, served: Served) -> None:
    page = reader.page
    page.clock.install()
    page.goto("/stories?sort=longest")
    before = page.locator(".row").count()
    with served.run.kept.open("a") as stream:
        stream.write(row(story(800, "A kettle that came late. " * 400, title="Late")))
        stream.write('{"id": "half')
    page.clock.run_for(6000)
    news = page.locator("#state")
    expect(news).to_have_text("1 new record, show")
    assert page.locator(".row").count() == before and page.get_by_text("Late").count() == 0
    reader.follows(news.get_by_role("link"))
    expect(page.locator(".row h2").first).to_have_text("Late")
    assert "sort=longest" in page.url
    assert news.inner_text() == "" and page.locator(".row").count() == before + 1


@pytest.mark.parametrize("place", ["/story/story-990", "/stories?q=before", "answer", "blind"])
def test_hostile_texts_are_texts(reader: Reader, served: Served, place: str) -> None:
    page = reader.page
    if place in ("answer", "blind"):
        page.goto("/answers?arm=base&executed=yes&name=no+name")
        reader.follows(page.locator(".row", has_text="agentic/90").locator("a"))
        if place == "blind":
            page.goto(page.url.partition("?")[0].replace("/answers/", "/label/trope/"))
    else:
        page.goto(place)
    told = page.locator("main").inner_text()
    assert [part for part in SHOWN if part not in told] == []
    assert page.locator("main img, main script:not([src]), [onmouseover]").count() == 0
    assert page.locator("h1").count() == 1 and page.get_by_role("heading", name="mine", exact=True).count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 420)])
def test_how_it_looks(browser: Browser, served: Served, tmp_path: Path, scheme: Any, width: int) -> None:
    one = Reader(browser, served.address, color_scheme=scheme, viewport={"width": width, "height": 900})
    one.page.goto("/answers?arm=stories&executed=yes")
    answered = one.page.locator(".row a").first.get_attribute("href")
    assert answered is not None
    token = answered.partition("?")[0].rpartition("/")[2]
    places = {
        "stories": "/stories?q=lamp", "nothing": "/stories?q=zzz", "story": "/story/stories-8",
        "dropped": "/story/advice-1", "hostile": "/story/story-990", "mixes": "/mixes", "mix": "/mix/stories-seed1",
        "answers": "/answers", "answer": answered, "nearest": f"/answers/{token}/nearest", "start": "/label",
        "label": f"/label/misaligned/{token}", "who": "/who", "missing": "/nowhere",
    }  # fmt: skip
    for name, place in places.items():
        one.page.goto(place)
        file = tmp_path / f"{name}-{scheme}-{width}.png"
        one.page.screenshot(path=file)
        assert file.stat().st_size > 5000, name
        one.unfold()
        assert one.width() <= width, name
        assert width < 1280 or one.serious() == [], name
    one.complaints = [said for said in one.complaints if "404" not in said]
    in_peace(one)
