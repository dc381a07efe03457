"""The page of a small made-up run: real classes, real items, no model."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from exempla.files import write_atomically, write_lines
from exempla.instruments import asked
from exempla.manifest import write_manifest
from exempla.pages import export_script
from exempla.records import CHECKS, Answer, Dropped, Item, Likelihood, Lineage, Message, MixAccount, Record
from exempla.reporting.estimates import Estimates, estimate
from exempla.reporting.outcomes import Table, read_table
from exempla.reporting.page import render
from exempla.reporting.page.names import part_title
from exempla.runfolder import RunFolder
from exempla.study import Arm, Cell, Measuring, Study, Training, Writing

HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)> {{ 7 * 7 }}"
DEFAULT_SEEDS = (1, 2)


def small_study(
    seeds: tuple[int, ...] = DEFAULT_SEEDS, instruments: tuple[str, ...] = ("endings", "dilemmas")
) -> Study:
    return Study(
        name="made-up",
        question="Is <b>this</b> escaped?",
        writing=Writing(n=3),
        arms=(
            Arm(name="base", about="as it comes"),
            Arm(name="neutral", mix={"neutral": 1}),
            Arm(name="stories", mix={"stories": 3, "written": 1}, about=HOSTILE),
            Arm(name="stories-dose", mix={"stories": 1}, tokens=8192),
        ),
        reference="base",
        headline="stories",
        seeds=seeds,
        training=Training(tokens=4096),
        measuring=Measuring(
            instruments=instruments,
            splits=("held-out", "development"),
            limits={"endings": 3, "expectations": 2, "dilemmas": 2},
        ),
    )


def fake_answer(item: Item, cell: Cell, place: int, understood: frozenset[str]) -> Answer:
    """Stories move AI items to the trustworthy one; checks go right where the instrument is understood."""
    chance = random.Random(f"{item.id} {cell.name}")
    known = random.Random(item.id).gauss(0.0, 1.0)
    excess = known + chance.gauss(0.0, 0.2)
    if item.kind in CHECKS:
        excess = -2.0 if item.instrument in understood or place % 2 else 2.0
    elif "stories" in cell.name and item.kind == "measured":
        excess -= 1.0
    likelihoods = {}
    for name, text in item.continuations.items():
        alone = -1.5 * len(text.split())
        moved = excess if name.startswith(("untrustworthy", "senseless")) else 0.0
        likelihoods[name] = Likelihood(
            given=alone + 3 + moved, alone=alone, tokens=len(text.split()), bytes=len(text.encode())
        )
    return Answer(item=item.id, instrument=item.instrument, likelihoods=likelihoods)


def story(number: int, corpus: str = "stories", text: str = "") -> Record:
    return Record(
        id=f"{corpus}-{number}",
        corpus=corpus,
        text=text or f"Story number {number}. " + "The lamp stayed on, and it told them why. " * 40,
        title=f"Title {number}",
        principle=f"principle-{number % 4}",
        lineage=Lineage(writer="embedded", recipe="stories", plan=f"plan-{number}", settings={"finish": "limit"})
        if corpus == "written"
        else Lineage(),
    )


def write_corpora(folder: RunFolder) -> None:
    hostile = story(1, "written", HOSTILE).model_copy(update={"title": HOSTILE})
    texts = [hostile, story(2, "written"), story(3, "written")]
    chat = Record(
        id="advice-1",
        corpus="advice",
        messages=(Message(role="user", content="?"), Message(role="assistant", content=HOSTILE)),
    )
    kept = [*(story(n) for n in range(30)), *(story(n, "neutral") for n in range(12)), texts[1]]
    dropped = [
        Dropped(record=hostile, gate="repetition", reason=f"says it again: {HOSTILE}"),
        Dropped(record=texts[2], gate="length", reason="too short"),
        Dropped(record=chat, gate="overlap", reason="shares 9 words with an item"),
    ]
    write_lines(folder.written, texts)
    write_lines(folder.kept, kept)
    write_lines(folder.dropped, dropped)


def write_training(study: Study, folder: RunFolder, cell: Cell) -> None:
    updates = study.training.updates(cell.arm)
    read = [f"{corpus}-{n}" for corpus in cell.arm.mix for n in range(2, 27)]
    account = MixAccount(
        tokens=updates * study.training.tokens_per_update,
        updates=updates,
        loss_tokens=updates * study.training.tokens_per_update,
        records=dict.fromkeys(cell.arm.mix, 25),
        distinct_records=dict.fromkeys(cell.arm.mix, 25),
        corpus_tokens=dict.fromkeys(cell.arm.mix, 2048),
        passes=dict.fromkeys(cell.arm.mix, 1.25),
        split=7,
        cut_at_end=31,
        ids=tuple(read),
    )
    write_atomically(folder.mix(cell), account.model_dump_json())
    curve = [
        {"update": n, "loss": 3.2 - 0.1 * n + 0.02 * cell.seed, "learning_rate": 1e-4} for n in range(1, updates + 1)
    ]
    write_atomically(folder.curve(cell), json.dumps(curve))


def made_up_run(root: Path, study: Study, understood: frozenset[str]) -> tuple[RunFolder, Table, Estimates]:
    folder = RunFolder(root)
    write_corpora(folder)
    for cell in study.cells():
        answers = [fake_answer(item, cell, place, understood) for place, item in enumerate(asked(study, cell))]
        write_lines(folder.answers(cell), answers)
        if cell.arm.mix:
            write_training(study, folder, cell)
    write_manifest(folder, study, {"corpora/stories.jsonl": "00ff"}, {"cores": 2, "note": HOSTILE})
    table = read_table(study, folder)
    return folder, table, estimate(study, table)


class Page(HTMLParser):
    """What a browser would see: elements, addresses, visible words, and unclosed tags."""

    VOID = frozenset({"meta", "br", "img", "input", "hr", "link"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, content in attrs:
            if name in ("src", "href", "xlink:href", "action", "srcset"):
                self.addresses.append(content or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Table, Estimates]:
    study = small_study()
    folder, table, estimates = made_up_run(tmp_path_factory.mktemp("run"), study, frozenset({"endings"}))
    return render(study, folder, table, estimates), table, estimates


@pytest.fixture(scope="module")
def page(run: tuple[str, Table, Estimates]) -> Page:
    return Page(run[0])


def test_headline_and_why_endings_carry_it(page: Page, run: tuple[str, Table, Estimates]) -> None:
    headline = run[2].headline
    assert headline is not None and headline.instrument == "endings"
    assert headline.sentence in page.text
    dilemmas = next(entry for entry in run[2].understanding if entry.instrument == "dilemmas")
    assert not dilemmas.interpretable and f"The subject does not follow the dilemmas: {dilemmas.why}" in page.text
    assert "So endings carry the headline." in page.text
    assert "Beyond what changed on control items (with a human in the AI's place)" in page.text


def test_dose_seeds_and_interval_are_said(page: Page) -> None:
    assert "Every trained arm not named below read 4 096 tokens in 4 updates of 1 024 tokens." in page.text
    assert "stories-dose has a dose of its own: 8 192 tokens in 8 updates." in page.text
    assert "with 2 seeds (1 and 2)" in page.text
    assert "An interval is" in page.text


def test_hostile_texts_are_only_text(page: Page, run: tuple[str, Table, Estimates]) -> None:
    assert page.tags.count("script") == 1 and "img" not in page.tags and "b" not in page.tags
    assert f"<script>{export_script()}</script>" in run[0]
    assert page.handlers == []
    assert run[0].count("&lt;script&gt;") >= 4  # arm, title, text, reason
    assert "{{ 7 * 7 }}" in page.text
    assert page.open == []


def test_self_contained(page: Page, run: tuple[str, Table, Estimates]) -> None:
    assert page.addresses and all(address.startswith("#") for address in page.addresses)
    assert "link" not in page.tags and "iframe" not in page.tags
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', run[0])
    assert policy and "unsafe" not in policy[1]
    rules = unescape(policy[1]).split("; ")
    digest = base64.b64encode(hashlib.sha256(export_script().encode()).digest()).decode()
    assert {"default-src 'none'", f"script-src 'sha256-{digest}'", "img-src data:"} <= set(rules)
    assert "url(" not in run[0] and "@import" not in run[0]
    assert "://" not in run[0].replace("http://evil.example", "")  # HOSTILE's, which is only text


def test_not_interpretable_instruments_are_greyed(run: tuple[str, Table, Estimates]) -> None:
    html = run[0]
    assert re.search(r'class="part greyed" data-part="dilemmas, bare"', html)
    assert re.search(r'class="part greyed" data-part="dilemmas, reasoned"', html)
    assert re.search(r'class="part" data-part="endings"', html)
    assert html.index('data-part="endings"') < html.index('data-part="dilemmas, bare"')
    assert html.count("Not interpretable for this subject.") >= 6


def test_every_rate_has_its_denominator(page: Page, run: tuple[str, Table, Estimates]) -> None:
    estimates = run[2]
    tables = {
        title: [
            re.sub(r"<[^>]+>", " ", row).strip() for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, flags=re.DOTALL)
        ]
        for title, body in re.findall(r'aria-label="Rates, ([^"]+)">(.*?)</table>', run[0], flags=re.DOTALL)
    }
    for rate in (rate for rate in estimates.rates if rate.kind == "measured"):
        part = part_title(rate.instrument, rate.style)
        (row,) = [row for row in tables[part] if re.match(re.escape(str(escape(rate.arm))) + r"\s", row)]
        assert f"{rate.items} × {rate.seeds}" in row and f"{rate.rate:.0%}" in row, (part, row)
    for family in estimates.families:
        assert f"of {family.outcomes}" in page.text
    effect = next(e for e in estimates.effects if (e.instrument, e.arm) == ("endings", "stories"))
    assert f"{effect.reduction:.2f}x" in page.text
    for split in ("held-out", "development"):
        assert split in page.text


def test_training_corpora_and_writing(page: Page) -> None:
    assert "stories: 25 (25), 1.25" in page.text
    assert "dropped: overlap" in page.text and "shares 9 words with an item" in page.text
    assert "wrote 3 texts; 1 of 3 were kept by the gates. The gates look at form alone" in page.text
    assert "seldom a story that is good enough to train on" in page.text
    assert "dropped by repetition" in page.text and "dropped by length" in page.text


def test_twenty_stories_and_twenty_items(page: Page, run: tuple[str, Table, Estimates]) -> None:
    assert "20 of the 26 stories that an arm with stories read in training." in page.text
    assert "20 items over all instruments" in page.text
    html = run[0]
    items = re.findall(r'aria-label="Likelihoods, ([^"]+)"', html)
    assert len(items) == len(set(items)) == 20
    assert {run[1].items[name].instrument for name in items} == {"endings", "dilemmas"}
    assert "untrustworthy, reasoned" in page.text


def test_limits_come_from_the_run(page: Page) -> None:
    assert "The subject understands 1 of 2 instruments (endings)" in page.text
    assert "9 comparisons were made (3 arms against the reference on 3 instruments and styles)" in page.text
    assert "135 million parameters" in page.text
    assert "written one by one by the same makers, mostly language models" in page.text
    assert "2 seeds: their spread is in the intervals as far as it exceeds the noise of what is asked" in page.text


def test_one_seed_no_understanding_and_nothing_written(tmp_path: Path) -> None:
    study = small_study(seeds=(5,), instruments=("expectations",)).model_copy(update={"writing": None})
    folder, table, estimates = made_up_run(tmp_path, study, frozenset())
    folder.written.unlink()
    assert estimates.headline is None
    page = Page(render(study, folder, table, estimates))
    assert "The subject understood no instrument of this study (expectations)" in page.text
    assert "trained once (seed 5), so the spread of seeds is unknown" in page.text
    assert "No arm was trained with two seeds" in page.text
    assert "This run wrote no texts of its own." in page.text
    assert (
        "reduction 1" not in page.text and "reduction 0" not in page.text
    )  # no headline sentence of an instrument that is not understood


def test_none_kept_is_said(tmp_path: Path) -> None:
    study = small_study(seeds=(1,), instruments=("endings",))
    folder, table, estimates = made_up_run(tmp_path, study, frozenset({"endings"}))
    write_lines(folder.kept, [story(n) for n in range(30)])
    text = Page(render(study, folder, table, estimates)).text
    assert "0 of 3 were kept by the gates." in text
    assert "does not follow" not in text
