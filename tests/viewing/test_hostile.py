"""Whatever a text holds is shown as text: nothing of it becomes markup, nothing is lost, nothing turns the page."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exempla.pages.showing import visible
from exempla.viewing.stories.prose import difference, in_context, prose, quickly_visible
from tests.viewing.folders import make_corpus, make_run, read, story, viewer

HOSTILE = {
    "script": "<script>alert('x')</script> and <img src=x onerror=alert(1)>",
    "textarea": "</textarea></div></article></main><h1>mine</h1>",
    "quotes": '" onmouseover="alert(1)" \'><b>',
    "entities": "&lt;b&gt; &amp; &#60;script&#62; &NotAnEntity;",
    "template": "{{ 7 * 7 }} {% raw %} ${x} <!-- -->  <![CDATA[ x ]]>",
    "ansi": "\x1b[31mred\x1b[0m \x07 bell",
    "null": "a null \x00 byte",
    "direction": "\u202egnp.exe\u202c and \u200f\u200e\u2067mark\u2069",
    "zero": "zero\u200bwidth\ufeff\u00ad and tags \U000e0041",
    "controls": "\x01\x02\x7f\x80\x9f\x85",
    "lines": "one\r\ntwo\rthree\n\n\n   four\t\u2028five\u2029",
    "marks": "e\u0301" + "\u0489" * 200 + " zalgo",
    "heading": "# A heading\n\n## Another <i>one</i>\n#none\n",
    "emoji": "👩‍👩‍👧 𝒳 \U0001f3f4",
}
TEXT = st.text(alphabet=st.characters(), max_size=300) | st.text(
    alphabet="<>&\"'/#\n\r\t \x00\x1b\u202eab", max_size=80
)


def seen(markup: str) -> str:
    """The text that a browser would show of some markup."""
    return "".join(read(f'<div class="text">{markup}</div>').found)


@settings(max_examples=400, deadline=None)
@given(TEXT, st.lists(st.text(min_size=1, max_size=4).map(str.lower), max_size=3))
def test_any_text_comes_through_whole(text: str, terms: list[str]) -> None:
    made = prose(text, terms)
    parsed = read(f'<div class="text">{made}</div>')
    assert "".join(parsed.found) == visible(text)
    assert {tag for tag, _ in parsed.tags} <= {"div", "mark", "b"}
    made.encode()  # nothing that UTF-8 cannot hold


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT)
def test_any_two_texts_come_through_a_comparison_whole(before: str, after: str) -> None:
    compared = difference(before, after)
    assert seen(compared.before) == visible(before)
    assert seen(compared.after) == visible(after)
    assert compared.kept <= 1


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT, st.text(min_size=1, max_size=5))
def test_any_hit_is_shown_in_its_context(before: str, after: str, term: str) -> None:
    line = in_context(f"{before}{term}{after}", [visible(term).lower()])
    parsed = read(f'<div class="text">{line}</div>')
    assert {tag for tag, _ in parsed.tags} <= {"div", "mark"}
    assert "\n" not in line


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_the_quick_way_is_the_same(text: str) -> None:
    assert quickly_visible(text) == visible(text)


def test_what_a_reader_sees_of_signs_that_cannot_be_seen() -> None:
    assert seen(prose("\x00\x1b[31m")) == "␀␛[31m"
    assert seen(prose("\u202eabc")) == "⟨U+202E⟩abc"
    assert seen(prose("half \ud800 pair")) == "half \ufffd pair"
    assert 'class="head"' in prose("# A heading") and "# A heading" in seen(prose("# A heading"))


def test_differences_are_marked() -> None:
    compared = difference("it lied about the tide", "it told the truth about the tide")
    assert compared.before == "it <del>lied</del> about the tide"
    assert compared.after == "it <ins>told the truth</ins> about the tide"
    assert compared.kept == pytest.approx(4 / 7)


def test_long_texts_are_compared_quickly_or_not_at_all() -> None:
    words = [f"word{number * 7919 % 500}" for number in range(2600)]
    start = time.process_time()
    difference(" ".join(words), " ".join(words[::-1]))
    unmarked = difference("a " * 30_000, "b " * 30_000)
    assert (unmarked.before, unmarked.after) == ("a " * 30_000, "b " * 30_000) and math.isnan(unmarked.kept)
    assert time.process_time() - start < 20


def test_pages_of_hostile_records(tmp_path: Path) -> None:
    records = [
        story(
            number,
            text,
            title=text[:60],
            principle=text[:30] if name == "script" else "honesty",
            labels={"genre": text},
        )
        for number, (name, text) in enumerate(HOSTILE.items())
    ]
    root = make_run(tmp_path / "run", records).root
    with (root / "corpora" / "kept.jsonl").open("a") as stream:
        stream.write(
            json.dumps({"id": "half \ud800 <b>", "corpus": "x\x00", "text": "\ud83d\ud83d half \udc00"}) + "\n"
        )
    with viewer(root) as server:
        listed = server.page("/stories")
        assert not any(name.startswith("on") for _, told in read(listed).tags for name in told)
        assert "<script>alert" not in listed and "<img" not in listed
        for record in records:
            page = server.page(f"/story/{record.id}")
            shown = read(page)
            assert shown.found[0] == visible(record.text)
            assert len([tag for tag, _ in shown.tags if tag == "h1"]) == 1
            assert {tag for tag, _ in shown.tags if tag == "img"} == set()
            assert "\x00" not in page and "\x1b" not in page and "\u202e" not in page
            found = server.page(f"/story/{record.id}?q=%3Cscript&genre={record.id}")
            assert read(found).found[0] == visible(record.text)
        links = [told["href"] for tag, told in read(listed).tags if tag == "a" and "half" in (told.get("href") or "")]
        assert read(server.page(links[0] or "")).found[0] == "\ufffd\ufffd half \ufffd"
        assert server.page("/stories?q=%3Cscript").count("<mark>") == 1
        # Hostile addresses.
        for path in ("/story/%00", "/story/..%2f..%2fetc%2fpasswd", "/story/<script>", "/mix/..%2f..%2fstudy"):
            page = server.page(path, 404)
            assert "<script>" not in page and "root:" not in page
        server.page("/stories?after=nobody&low=nan&high=-1&sort=;drop&q=" + "x" * 5000)


def test_a_line_of_a_megabyte(tmp_path: Path) -> None:
    text = "<b>x</b>" * 131_072
    root = make_run(tmp_path / "run", [story(1, text), story(2, "y" * 3_000_000)]).root
    with viewer(root) as server:
        assert read(server.page("/story/story-001")).found[0] == text
        cut = server.page("/story/story-002")
        assert len(read(cut).found[0]) == 2_000_000
        assert "1\u202f000\u202f000 more characters are not shown" in cut
        assert len(server.page("/stories")) < 60_000


def test_hostile_replies_of_a_writer(tmp_path: Path) -> None:
    folder = make_corpus(tmp_path / "corpus")
    lines = folder.replies.read_text().replace("It must not lie.", "</div><script>x</script>")
    folder.replies.write_text(
        lines + '[{"key": "stories-000001/draft/9"}]\n["no reply"]\nnonsense "key":"stories-000001/x"\n'
    )
    with viewer(tmp_path / "corpus") as server:
        page = server.page("/story/written-stories-000001")
    assert "</div><script>x</script>" in read(page).found
