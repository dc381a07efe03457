"""The page in a real Chromium: looks, keyboard, screen reader, copying, saving. Skipped where there is no browser."""

from __future__ import annotations

import csv
import io
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Download, Locator

from exempla.reporting.estimates import Estimates
from exempla.reporting.page import render
from tests.browsers import Watched, chromium, needs_chromium
from tests.reporting.test_page import made_up_run, small_study

pytestmark = needs_chromium
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
OLD_COPY = """document.execCommand = (command) => {
  if (command === 'copy') window.copied = document.activeElement.value;
  return ANSWER;
};"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Estimates]:
    study = small_study()
    folder, table, estimates = made_up_run(tmp_path_factory.mktemp("run"), study, frozenset({"endings"}))
    folder.report.write_text(render(study, folder, table, estimates), encoding="utf-8")
    return folder.report, estimates


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


class Opened(Watched):
    """The report as a page."""

    def __init__(self, browser: Browser, path: Path, script: str = "", **options: Any) -> None:
        super().__init__(browser, script, **options)
        self.page.goto(path.as_uri())

    def table(self, name: str) -> Locator:
        """The buttons under a table."""
        return self.page.locator(f'.scroll:has(table[data-name="{name}"]) + .export')

    def saved(self, button: Locator) -> Download:
        """What a button saves."""
        with self.page.expect_download() as coming:
            button.click()
        return coming.value


@pytest.fixture
def opened(browser: Browser, report: tuple[Path, Estimates]) -> Iterator[Opened]:
    made = Opened(browser, report[0], permissions=["clipboard-read", "clipboard-write"])
    yield made
    made.context.close()


def test_it_opens_without_a_complaint_or_a_request(opened: Opened) -> None:
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("file:")] == []


def test_the_first_screen_answers(opened: Opened) -> None:
    for place in (".headline", ".first figure svg", "a[href='#stories']", "a[href='#limits']"):
        box = opened.page.locator(place).first.bounding_box()
        assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 800, place
    terms = opened.page.locator(".facts dt").all_inner_texts()
    assert terms == ["How sure", "Compared with", "Measured on", "Read"]
    claim, chart = (opened.page.locator(place).bounding_box() for place in (".claim", ".first figure"))
    assert claim is not None and chart is not None and chart["x"] >= claim["x"] + claim["width"]


def test_csv_has_the_figures_in_full(opened: Opened, report: tuple[Path, Estimates]) -> None:
    opened.table("rates endings").get_by_role("button", name="Copy as CSV").click()
    opened.page.get_by_role("status").filter(has_text="Copied").wait_for(state="attached")
    rows = list(csv.DictReader(io.StringIO(opened.page.evaluate("navigator.clipboard.readText()"), newline="")))
    wanted = [r for r in report[1].rates if (r.instrument, r.kind) == ("endings", "measured")]
    assert [row["arm"] for row in rows] == [rate.arm for rate in wanted]
    for row, rate in zip(rows, wanted, strict=True):
        assert [float(row[name]) for name in ("rate", "rate, low", "rate, high")] == [rate.rate, rate.low, rate.high]


def test_latex_is_booktabs_and_escaped(opened: Opened) -> None:
    opened.table("arms").get_by_role("button", name="Copy as LaTeX").click()
    opened.page.get_by_role("status").filter(has_text="Copied").wait_for(state="attached")
    text = opened.page.evaluate("navigator.clipboard.readText()")
    assert "\\begin{tabular}{lllrrr}" in text and "\\toprule" in text and "\\bottomrule" in text
    assert "base (reference)" in text and "neutral 100\\%" in text
    assert "\\textless{}script\\textgreater{}alert('x')" in text and "\\{\\{ 7 * 7 \\}\\}" in text
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert len(rows) == 5 and all(len(re.findall(r"(?<!\\)&", row)) == 5 for row in rows)


def test_what_a_spreadsheet_would_run_is_a_text(opened: Opened) -> None:
    opened.page.evaluate("document.querySelector('table[data-name=arms] td').textContent = '=1+1, \"x\"'")
    opened.table("arms").get_by_role("button", name="Copy as CSV").click()
    opened.page.get_by_role("status").filter(has_text="Copied").wait_for(state="attached")
    text = opened.page.evaluate("navigator.clipboard.readText()")
    assert '"\'=1+1, ""x"""' in text


@pytest.mark.parametrize("answer", ["true", "false"])
def test_without_the_clipboard(browser: Browser, report: tuple[Path, Estimates], answer: str) -> None:
    made = Opened(browser, report[0], NO_CLIPBOARD + OLD_COPY.replace("ANSWER", answer))
    button = made.table("rates endings").get_by_role("button", name="Copy as CSV")
    if answer == "true":
        button.click()
        assert made.page.evaluate("window.copied").startswith("arm,rate,")
    else:
        download = made.saved(button)
        assert download.suggested_filename == "rates-endings.csv"
        assert download.path().read_text(encoding="utf-8").startswith("arm,rate,")
    assert made.complaints == []
    made.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_saved_chart_stands_alone(browser: Browser, report: tuple[Path, Estimates], scheme: Any) -> None:
    made = Opened(browser, report[0], color_scheme=scheme)
    figure = made.page.locator('figure[data-name="rates"]')
    svg = made.saved(figure.get_by_role("button", name="Save as SVG")).path().read_text(encoding="utf-8")
    drawing = ET.fromstring(svg)
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    title = drawing.find("{http://www.w3.org/2000/svg}title")
    assert title is not None and "stories:" in str(title.text)
    assert "var(" not in svg and "#1f5f8b" in svg  # the light accent, also in the dark
    png = made.saved(figure.get_by_role("button", name="Save as PNG")).path().read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) > 5000
    width, height = struct.unpack(">II", png[16:24])
    box = [float(number) for number in drawing.attrib["viewBox"].split()]
    assert (width, height) == (3 * box[2], 3 * box[3])
    assert made.complaints == []
    made.context.close()


def test_every_table_and_chart_has_its_buttons(opened: Opened) -> None:
    tables, charts = opened.page.locator("table").count(), opened.page.locator("figure svg").count()
    assert tables > 20 and charts > 8
    assert opened.page.locator("button", has_text="Copy as").count() == 2 * tables
    assert opened.page.locator("button", has_text="Save as").count() == 2 * charts
    names = opened.page.locator(".export button").evaluate_all("all => all.map(b => b.ariaLabel)")
    assert all(len(name) > len("Copy as LaTeX: ") for name in names)


def test_without_script_the_page_is_whole(browser: Browser, report: tuple[Path, Estimates], opened: Opened) -> None:
    made = Opened(browser, report[0], java_script_enabled=False)
    assert made.page.locator("button").count() == 0
    plain = made.page.locator("main").inner_text()
    opened.page.evaluate("document.querySelectorAll('.export').forEach(bar => bar.remove())")
    assert plain == opened.page.locator("main").inner_text()
    made.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 420), ("dark", 320)])
def test_axe_finds_nothing_serious(browser: Browser, report: tuple[Path, Estimates], scheme: Any, width: int) -> None:
    made = Opened(browser, report[0], color_scheme=scheme, viewport={"width": width, "height": 900})
    made.unfold()
    assert made.serious() == []
    made.context.close()


@pytest.mark.parametrize("width", [320, 420])
def test_a_phone_scrolls_no_page_sideways(browser: Browser, report: tuple[Path, Estimates], width: int) -> None:
    made = Opened(browser, report[0], viewport={"width": width, "height": 900})
    made.unfold()
    assert made.width() <= width
    wide = made.page.locator(".scroll").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
    )
    assert wide > 0  # tables scroll by themselves
    made.context.close()


def test_headings_tables_and_charts_are_told(opened: Opened) -> None:
    levels = opened.page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    bare = opened.page.locator("table").evaluate_all(
        "all => all.filter(t => !t.caption || [...t.querySelectorAll('thead th')].some(th => th.scope !== 'col')"
        " || [...t.tBodies[0].rows].some(row => row.cells[0].scope !== 'row')).map(t => t.dataset.name)"
    )
    assert bare == []
    labels = opened.page.locator("figure svg").evaluate_all("all => all.map(s => [s.role, s.ariaLabel])")
    assert all(role == "img" and re.search(r"\d", label) for role, label in labels)
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert opened.page.get_by_role(landmark).count() == 1


def test_the_keyboard_finds_its_way(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    skip = opened.page.locator(":focus")
    assert skip.inner_text() == "Skip to the result"
    box = skip.bounding_box()
    assert box is not None and box["x"] >= 0
    opened.page.keyboard.press("Enter")
    assert opened.page.url.endswith("#main")
    for place in ("a[href='#stories']", ".export button", ".scroll", "summary"):
        opened.page.locator(place).first.focus()
        opened.page.keyboard.press("Shift")  # a key makes focus visible
        assert opened.page.locator(place).first.evaluate("one => getComputedStyle(one).outlineStyle") != "none", place


def test_print_is_light_and_without_buttons(browser: Browser, report: tuple[Path, Estimates]) -> None:
    made = Opened(browser, report[0], color_scheme="dark")
    made.page.emulate_media(media="print")
    assert not made.page.locator(".export").first.is_visible() and not made.page.locator("nav").is_visible()
    assert made.page.locator(".folded").first.is_visible()
    colours = made.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert colours == ["rgb(35, 34, 31)", "rgb(255, 255, 255)"]
    assert made.page.pdf(format="A4").startswith(b"%PDF")
    made.context.close()
