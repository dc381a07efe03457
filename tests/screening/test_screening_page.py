"""The page of a screened corpus: what it says, in which order, and that no text of a corpus can do anything to it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exempla import catalogue
from exempla.records import Lineage, Message, Record
from exempla.screening.corpus import Corpus, in_chunks
from exempla.screening.crew import Crew
from exempla.screening.engine import KEPT, Outcome, Selection, pass_gates
from exempla.screening.gate import Context, gates
from exempla.screening.measures.whole import Measures, measure
from exempla.screening.page import MOST_BYTES, About, GateRow, Planted, render
from exempla.screening.page.wording import share
from exempla.screening.scan.findings import Finding
from tests.reporting.test_page import Page

HOSTILE = (
    "<script>alert('x')</script></textarea></div></details><img src=http://evil.example/x onerror=alert(1)> "
    "{{ 7 * 7 }} null \0 bell \x07 red \x1b[31m bidi \u202egnp.exe\u2066 hidden\u200b half \ud800 "
)
FORMS = Selection(names=("length", "truncated", "exact"), marking=frozenset({"exact"}))
ORDER = [
    "gates", "records", "lengths", "novelty", "nearness", "names", "openings", "endings", "marks", "patterns", "texts",
    "settings",
]  # fmt: skip
BROWSER = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ABOUT = About(
    source="corpora/mine.jsonl",
    command="exempla screen corpora/mine.jsonl",
    skipped=(("mine.jsonl:14", "not a JSON object"), (203, "no text")),
    problems={"not a JSON object": 1, "no text": 1},
    notes=("No judge was asked.",),
    settings={"language": "en"},
    findings=(
        Finding(
            pattern="a quiet kind of *",
            kind="phrase",
            records=31,
            share=0.078,
            reference_share=0.0004,
            low=0.055,
            high=0.109,
            examples=(("story-1", "a quiet kind of luck"),),
        ),
    ),
    planted=(Planted(name="leaks", recall=0.95, found=57, of=60),),
    judged={"scored": 380, "unparsable": 3, "failed": 9},
)


def record(name: str, text: str, **fields: str) -> Record:
    return Record(id=name, corpus="written", text=text, lineage=Lineage(writer="a-model", recipe="stories"), **fields)


def paged(records: Sequence[Record], about: About = ABOUT, selection: Selection = FORMS) -> tuple[str, Page, Measures]:
    with Crew(Context()) as crew:
        corpus = Corpus(in_chunks(records), crew)
        outcome = pass_gates(corpus, selection)
        measures = measure(corpus, outcome)
        page = render(corpus, outcome, measures, about)
    page.encode()  # can be written
    return page, Page(page), measures


@pytest.fixture(scope="module")
def mixed() -> tuple[str, Page, Measures]:
    stories = catalogue.corpus("stories")[:60]
    return paged(
        [
            *stories,
            *(
                record(f"cut-{n}", story.text[:900].rsplit(" ", 1)[0] + " and the")
                for n, story in enumerate(stories[:9])
            ),
            *(record(f"short-{n}", f"Nothing number {n}.") for n in range(3)),
            record("again", stories[0].text),
        ]
    )


def test_headline_warnings_and_order(mixed: tuple[str, Page, Measures]):
    html, page, _ = mixed
    assert "61 of 73 records kept. Most were dropped by truncated (9)." in page.text
    assert "2 rows could not be read as records and were skipped: no text (1) and not a JSON object (1)." in page.text
    assert "Judges gave no score for 12 of 392 texts (3 unparsable and 9 failed)." in page.text
    assert "No judge was asked." in page.text
    places = [html.index(f'<section id="{name}">') for name in ORDER]
    assert places == sorted(places)
    assert html.index('class="headline"') < html.index('class="warning"') < places[0]


def test_every_count_is_there(mixed: tuple[str, Page, Measures]):
    html, page, measures = mixed
    for gate in measures.gates:
        assert re.search(rf'<th scope="row">{gate.gate}</th><td>{gate.dropped}</td>', html)
    for name in ("stories", "written", "care", "honesty"):
        assert name in page.text
    assert "7.8%" in page.text and "5.5% to 11%" in page.text and "<0.1%" in page.text
    assert "a quiet kind of luck" in page.text and "95%" in page.text
    assert measures.names.commonest[0].value in page.text
    assert f"{measures.nearness.vendi:.1f}" in page.text
    assert "20 of 61 kept records." in page.text and "truncated: 5 of 9" in page.text
    assert "exempla screen corpora/mine.jsonl" in page.text and "mine.jsonl:14" in page.text
    assert "Marked by exact" in page.text or not any(row.marks for row in measures.to_read)


def test_self_contained_and_accessible(mixed: tuple[str, Page, Measures]):
    html, page, _ = mixed
    assert page.open == [] and page.handlers == []
    assert page.addresses and all(address.startswith("#") for address in page.addresses)
    assert not {"script", "link", "iframe", "img", "form"} & set(page.tags)
    assert "url(" not in html and "@import" not in html and "http:" not in html and "https:" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and "default-src" in policy[1] and "unsafe" not in policy[1]
    regions = re.findall(r'<div class="scroll"([^>]*)>', html)
    assert len(regions) >= html.count("<table>")
    assert all('tabindex="0"' in region and re.search('aria-label="[^"]+"', region) for region in regions)
    figures = re.findall(r"<figure>(.*?)</figure>", html, flags=re.DOTALL)
    assert len(figures) == 5
    for figure in figures:
        assert "<figcaption>" in figure and "<svg" in figure
        assert "<table>" in figure or "the figures are in the table below" in figure
    ids = re.findall(r'href="#([^"]+)"', html)
    assert ids == ORDER


def test_hostile_texts_are_only_text():
    hostile = record("bad", HOSTILE * 20 + "The end.", title=HOSTILE, principle=HOSTILE).model_copy(
        update={
            "labels": {HOSTILE: HOSTILE},
            "lineage": Lineage(
                writer=HOSTILE, recipe=HOSTILE, plan=HOSTILE, prompts={HOSTILE: HOSTILE}, settings={HOSTILE: HOSTILE}
            ),
        }
    )
    chat = Record(
        id="chat",
        corpus=HOSTILE,
        messages=(Message(role="user", content=HOSTILE), Message(role="assistant", content=HOSTILE)),
    )
    about = About(
        source=HOSTILE,
        command=HOSTILE,
        skipped=((HOSTILE, HOSTILE),),
        problems={HOSTILE: 1},
        notes=(HOSTILE,),
        settings={HOSTILE: HOSTILE},
        gates=(GateRow(name=HOSTILE, about=HOSTILE, dropped=1, state=HOSTILE),),
        findings=(
            Finding(pattern=HOSTILE, kind="shape", records=1, share=1, low=0, high=1, examples=((HOSTILE, HOSTILE),)),
        ),
        planted=(Planted(name=HOSTILE, recall=1, found=1, of=1),),
        judged={HOSTILE: 1},
    )
    for selection in (FORMS, Selection(names=())):
        html, page, _ = paged([hostile, chat, record("cut", HOSTILE * 20 + "and the")], about, selection)
        assert not {"script", "img", "textarea"} & set(page.tags)
        assert page.handlers == [] and page.open == []
        assert html.count("&lt;script&gt;") > 10 and "{{ 7 * 7 }}" in page.text
        assert not re.search("[\0\x07\x1b\u202e\u2066\u200b\ud800]", html)
        assert "null ␀ bell ␇ red ␛[31m bidi ⟨U+202E⟩gnp.exe⟨U+2066⟩ hidden⟨U+200B⟩ half \ufffd" in page.text


def test_long_texts_are_cut_and_said_to_be():
    html, page, _ = paged([record("long", "tide " * 40_000 + "ended.")], selection=Selection(names=()))
    assert "6\u202f000 of 200\u202f006 characters are shown." in html
    assert html.count("tide ") < 1300
    chat = Record(
        id="chat",
        corpus="advice",
        messages=(
            *(Message(role="user", content="m" * 9000) for _ in range(60)),
            Message(role="assistant", content="A."),
        ),
    )
    html, page, _ = paged([chat], selection=Selection(names=()))
    assert "The first 21 turns are not shown." in page.text
    assert '<div class="text">A.</div>' in html
    assert "of 540\u202f002 characters are shown." in html


@pytest.mark.parametrize("sign", ["\u202e", "&", "😀", "\0"], ids=range(4))
def test_no_corpus_makes_a_page_of_three_megabytes(sign: str):
    records = [
        Record(
            id=f"r{number}-" + "i" * 900,
            corpus=sign * 300 + str(number),
            title=sign * 50_000,
            principle=f"{number} {sign * 300}",
            text=f"w{number} " + sign * 30_000 + " end" + ("." if number % 2 else " and the"),
            labels={f"{sign * 200}{n}": sign * 200 for n in range(50)},
            lineage=Lineage(
                writer=sign * 500,
                recipe=f"{sign * 90}{number}",
                prompts={f"{sign * 200}{n}": sign * 200 for n in range(50)},
                parents=(sign * 200,) * 50,
                settings={f"{sign * 200}{n}": sign * 200 for n in range(50)},
            ),
        )
        for number in range(8 * (len(gates()) + 1))
    ]
    about = ABOUT.model_copy(
        update={
            "source": sign * 10_000,
            "skipped": ((sign * 5000, sign * 5000),) * 300,
            "problems": {f"{number} {sign * 500}": 1 for number in range(300)},
            "notes": (sign * 5000,) * 300,
            "settings": {"x": sign * 100_000},
            "findings": (
                Finding(
                    pattern=sign * 900,
                    kind="phrase",
                    records=1,
                    share=1,
                    low=0,
                    high=1,
                    examples=(("i", sign * 900),) * 5,
                ),
            )
            * 200,
        }
    )
    with Crew(Context()) as crew:
        corpus = Corpus(in_chunks(records), crew)
        pass_gates(corpus, Selection(names=()))
        # As if every gate had dropped and marked some of them.
        fate = np.arange(len(records), dtype=np.int16) % (len(gates()) + 1) - 1
        corpus.kept = fate == KEPT
        reasons = dict.fromkeys(np.flatnonzero(fate != KEPT).tolist(), sign * 5000)
        marks = {gate.name: dict.fromkeys(range(len(records)), sign * 300) for gate in gates()}
        outcome = Outcome(gates(), fate, reasons, defaultdict(dict, marks))
        html = render(corpus, outcome, measure(corpus, outcome), about)
    assert len(html.encode()) < MOST_BYTES
    assert html.count('<details class="untrusted">') > 100


def test_nothing_is_said_plainly():
    html, page, _ = paged([], About(source="empty.jsonl"))
    for sentence in (
        "There are no records to screen.",
        "No gate dropped a record.",
        "There are no records.",
        "No record was kept, so there are no lengths.",
        "No record was kept, so there is no novelty to measure.",
        "No record was kept, so none is near another.",
        "No names were found.",
        "No gate marked a record that is kept.",
        "The corpus was not scanned for recurring patterns.",
        "No record was kept.",
        "No record was dropped.",
        "The command is not known.",
        "There are no settings.",
        "No row was skipped.",
    ):
        assert sentence in page.text, sentence
    assert "<svg" not in html and page.open == []


def test_no_gates_no_recipes_no_findings():
    plain = Record(id="a", corpus="mine", text="One text that stands alone here.")
    page = paged([plain], About(source="one.jsonl", findings=()), Selection(names=()))[1]
    for sentence in (
        "All of 1 record kept: no gate dropped any.",
        "No gate was passed.",
        "No record names its recipe.",
        "No record names its principle.",
        "There is one measured record, so there is no other to compare it with.",
        "No record has 100 words",
        "One record was kept, so none is near another.",
        "No two records begin with the same word.",
        "The scan found no recurring pattern.",
    ):
        assert sentence in page.text, sentence


def test_none_kept_and_a_gate_that_dropped_over_half():
    page = paged([record(f"s-{number}", f"Nothing number {number}.") for number in range(8)])[1]
    assert "None of 8 records kept. All others were dropped by length (8)." not in page.text
    assert "None of 8 records kept. All were dropped by length (8)." in page.text
    assert "No record was kept, so there is nothing to measure." in page.text
    assert "The gate length dropped 8 of 8 records, over half of them." in page.text
    half = [record(f"s-{number}", f"Nothing number {number}.") for number in range(4)]
    page = paged([*half, *catalogue.corpus("stories")[:4]])[1]
    assert "4 of 8 records kept. All others were dropped by length (4)." in page.text
    assert "over half" not in page.text


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1, max_size=300), min_size=1, max_size=4))
def test_any_text_makes_a_whole_page(texts: list[str]):
    records = [record(f"r-{n}", text, title=text, principle=text) for n, text in enumerate(texts)]
    page = paged(records, About(source=texts[0], notes=tuple(texts)), Selection(names=()))[1]
    assert page.open == [] and page.handlers == [] and "script" not in page.tags


def test_small_shares_are_told_from_none():
    assert [share(value) for value in (0, 0.0001, 0.004, 0.37, 0.996, 0.99999, 1)] == [
        "0%", "<0.1%", "0.4%", "37%", "99.6%", ">99.9%", "100%",
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
def test_a_browser_builds_no_element_out_of_a_text(tmp_path: Path):
    path = tmp_path / "page.html"
    html, page, _ = paged([record("bad", HOSTILE * 9, title=HOSTILE)], selection=Selection(names=()))
    path.write_text(html, encoding="utf-8")
    command = [*BROWSER, "--dump-dom", f"--user-data-dir={tmp_path / 'profile'}", str(path)]
    made = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()
    built = Page(made)
    assert sorted(built.tags) == sorted(page.tags)
    assert "alert('x')" in built.text
