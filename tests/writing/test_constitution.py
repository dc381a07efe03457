"""Any text file becomes principles, or a question to a model whose answer loses no word; or one line for the user."""

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla import catalogue
from exempla.errors import UserError
from exempla.writing.constitution import (
    CHUNK,
    LARGEST,
    NeedsSplit,
    Principle,
    read_constitution,
    read_split,
    split_prompt,
    write_split,
)

ESSAY = "A helper should be honest, and it should be kind about it. " * 30


def read(folder: Path, text: str | bytes) -> tuple[Principle, ...]:
    path = folder / "c.md"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_constitution(path)


def pairs(principles: tuple[Principle, ...]) -> list[tuple[str, str]]:
    return [(one.id, one.text) for one in principles]


def test_default_constitution_has_its_principles() -> None:
    principles = read_constitution(catalogue.constitution_path("default"))
    assert len(principles) == 12 and principles[0].id == "honesty"
    assert principles[0].title == "Say what is true, and only that"
    assert "*Why:*" in principles[-1].text and "pull apart" not in principles[-1].text


def test_headings_with_ids_win_and_keep_their_ids(tmp_path: Path) -> None:
    text = (
        "# C\n\n## No id here\nleft out\n\n## Self-Care_2 – Two\ntext\n### deeper\nmore\n\n"
        "```\n## fenced — no heading\n```\n# End\nleft out too\n## last - Three\n"
    )
    found = read(tmp_path, text)
    assert [(one.id, one.title) for one in found] == [("Self-Care_2", "Two"), ("last", "Three")]
    assert found[0].text == "text\n### deeper\nmore\n\n```\n## fenced — no heading\n```"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("# T\n\nintro\n\n## Be honest\na\n### Why\nb\n\n## Be kind ##\nc\n",
                     [("be-honest", "a\n### Why\nb"), ("be-kind", "c")], id="atx"),
        pytest.param("Be honest\n=========\na\n\nBe kind\n=====\nb\n\nWhy\n---\nc",
                     [("be-honest", "a"), ("be-kind", "b\n\nWhy\n---\nc")], id="setext"),
        pytest.param("# A\na\n# B\nb\n```sh\n# c\n```\n~~~\n# d\n~~~\n",
                     [("a", "a"), ("b", "b\n```sh\n# c\n```\n~~~\n# d\n~~~")], id="fenced code"),
        pytest.param("# A\na\n```\n# B\nb\n", [("a", "a\n```"), ("b", "b")], id="a fence never closed"),
        pytest.param("# A\na\n# A\nb\n# A 2\nc\n", [("a", "a"), ("a-2", "b"), ("a-2-2", "c")], id="ids unique"),
        pytest.param("# Größe, naïve & Ødegård's\na\n# 誠実\nb\n",
                     [("grosse-naive-odegards", "a"), ("principle-2", "b")], id="ids are ASCII"),
        pytest.param("## **Be** [kind](http://x.y) {#k}\na\n## `B`\nb", [("be-kind", "a"), ("b", "b")], id="signs"),
        pytest.param("---\ntitle: X\ntags:\n  - a\n---\n# A\na\n# B\nb", [("a", "a"), ("b", "b")], id="front matter"),
        pytest.param("+++\ntitle = 1\n\n+++\n# A\na\n# B\nb", [("a", "a"), ("b", "b")], id="front matter in TOML"),
        pytest.param("# A\na <!-- # X\n\nx --> b\n# B\nb\n<!-- never closed",
                     [("a", "a  b"), ("b", "b\n<!-- never closed")], id="comments"),
        pytest.param("# A\n```\n<!-- code -->\n```\n# B\nb", [("a", "```\n<!-- code -->\n```"), ("b", "b")], id="code"),
        pytest.param("# C\n## Contents\n- A\n\n## Go\n1. [A](#a)\n2. [B](#b)\n\n## A\na\n## B\nb\n[TOC]\n## C\n---",
                     [("a", "a"), ("b", "b")], id="tables of contents and empty sections"),
        pytest.param("# T\n## A\na\n### Why\nw\n### But\nh\n### Hm\n## B\nb\n### Why\nw\n### But\nh\n## C\n### Why\nw",
                     [("a", "a\n### Why\nw\n### But\nh\n### Hm"), ("b", "b\n### Why\nw\n### But\nh"),
                      ("c", "### Why\nw")], id="the same sub-headings under each do not count"),
        pytest.param("# T\n## A\n### One\n1\n### Two\n2\n## B\nall of b\n### Three\n3\n### Four\n4\n## Lone\nkept\n",
                     [("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"), ("lone", "kept")],
                     id="a section without the level"),
        pytest.param("A paragraph\nover a rule\n---\nno head\n\n# A\na\n# B\nb", [("a", "a"), ("b", "b")], id="rule"),
        pytest.param("HONESTY\n\nSay so.\n\nBE KIND:\nWhy not.\n", [("honesty", "Say so."), ("be-kind", "Why not.")],
                     id="capitals"),
        pytest.param("# C\n\n**Honesty**\n\nSay so.\n\n__Care__\nDo.\n", [("honesty", "Say so."), ("care", "Do.")],
                     id="bold lines"),
        pytest.param("1. HONESTY\n\nSay so.\n\n2. CARE\n\nDo.", [("1-honesty", "Say so."), ("2-care", "Do.")],
                     id="numbered capitals"),
    ],
)  # fmt: skip
def test_headings(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(read(tmp_path, text)) == expected
    assert pairs(read(tmp_path, text.replace("\n", "\r\n"))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1. Be honest. Always.\n2. Be kind.\n", ["be-honest|Be honest. Always.", "be-kind|Be kind."],
                     id="numbers"),
        pytest.param("# Rules\nOur rules:\n\n- Be honest\n- Be kind\n  to all\n\n- Ask\n",
                     ["be-honest|Be honest", "be-kind|Be kind\nto all", "ask|Ask"], id="bullets under a title"),
        pytest.param("1) **Honesty**: say so.\n   - also here\n2) **Care.** Do.",
                     ["honesty|say so.\n- also here", "care|Do."], id="bold titles, a list in the list"),
        pytest.param("1. Honesty\n- never lie\n- say so\n\n2. Care\n- do\n",
                     ["honesty|Honesty\n- never lie\n- say so", "care|Care\n- do"], id="another list within"),
        pytest.param("1. Honesty\n\nWe ask it.\n\nReally.\n\n2. Care\n\nWe do.\n",
                     ["honesty|Honesty\n\nWe ask it.\n\nReally.", "care|Care\n\nWe do."], id="paragraphs between"),
        pytest.param("- Never lie: people rely on it\n- Be kind\n\nSigned, us\n",
                     ["never-lie|people rely on it", "be-kind|Be kind"], id="what follows a list"),
        pytest.param("Honesty: say so.\n\nCare: do.\nAnd more.\n\nBecause.\n",
                     ["honesty|say so.", "care|do.\nAnd more.\n\nBecause."], id="Title:"),
        pytest.param("**Honesty.** Say so.\n\n**Care** — do.\n", ["honesty|Say so.", "care|do."], id="bold title"),
    ],
)  # fmt: skip
def test_lists_and_titled_paragraphs(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert [f"{one.id}|{one.text}" for one in read(tmp_path, text)] == expected


def test_a_long_rule_gets_a_short_title_and_keeps_its_text(tmp_path: Path) -> None:
    rule = "Choose what helps the person who asks " + "and those around them " * 8
    first, _ = read(tmp_path, f"- {rule}\n- Be kind.\n")
    assert first.text == rule.strip() and len(first.title) <= 80 and len(first.id) <= 60
    assert first.title.startswith("Choose what helps") and first.title.endswith("…")


@pytest.mark.parametrize(
    "text",
    [
        ESSAY,
        f"# Title\n\n{ESSAY * 3}",
        f"{ESSAY}\n\n- one\n- two\n\n{ESSAY}",
        f"{ESSAY}\n\n1. one\n\n2. two\n\n{ESSAY}",
        f"{ESSAY}\n\nNote: one.\n\nWell: two.\n\n{ESSAY}\n\n{ESSAY}\n\n{ESSAY}",
        "It should be good.",
    ],
)
def test_a_text_without_parts_asks_for_a_model(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        NeedsSplit, match="no headings found; a model must split it: give --model, or add headings"
    ) as raised:
        read(tmp_path, text)
    assert isinstance(raised.value, UserError) and str(tmp_path) in str(raised.value)
    assert raised.value.text == text.strip()


def test_one_short_section_is_one_principle(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, "# Be good\n\nIt should be good.")) == [("be-good", "It should be good.")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "## honesty — Wahrheit, größer\n\nÜber alles.\n"
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    assert pairs(read(tmp_path, (mark + text).encode(encoding))) == [("honesty", "Über alles.")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"\x89PNG\x00\x01", "not a UTF-8 text"),
        (b"%PDF\xe2\xe3\xcf", "not a UTF-8 text"),
        (b"\xff\xfe\xfa", "not a UTF-8 text"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "not a UTF-8 text"),
        (b"# Title\n\n## Another\n<!-- a comment -->\n", "no principle found"),
        ("## a — One\n\n## a — Two\n".encode(), "two principles have the id 'a'"),
    ],
)
def test_bad_constitutions_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        read(tmp_path, content)
    assert not isinstance(raised.value, NeedsSplit)
    assert "\n" not in str(raised.value) and str(tmp_path / "c.md") in str(raised.value)


def test_what_is_no_file_of_that_size(tmp_path: Path) -> None:
    huge, pipe = tmp_path / "huge.md", tmp_path / "pipe"
    with huge.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    os.mkfifo(pipe)
    for path, message in (
        (huge, "over 10 MB"),
        (tmp_path, "Is a directory"),
        (tmp_path / "no.md", "No such file"),
        (pipe, "not a file"),
    ):
        with pytest.raises(UserError, match=message) as raised:
            read_constitution(path)
        assert str(path) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "## a — x" + " " * 400_000 + "y",
        "```a\n" * 100_000,
        "# a\n" * 100_000,
        "```\n" + "<!--\n" * 100_000 + "```\n-->",
        "<!--" * 100_000,
        " [" * 100_000,
        "- a\n\n" * 60_000,
        "\n \t" * 100_000 + "x",
        "---\na: b\n" * 50_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_files_end_soon(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    with contextlib.suppress(UserError):
        read(tmp_path, text)
    assert time.monotonic() - started < 15  # 2 s at most; a quadratic step takes minutes


@given(st.text(max_size=300) | st.text("#-=*`_ \n1.Aa:<!>[]()", max_size=120))
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        principles = read(tmp_path_factory.getbasetemp(), text.encode("utf-8", "replace"))
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert principles and len({one.id for one in principles}) == len(principles)
        assert all(one.id.isascii() and " " not in one.id for one in principles)


# Splits made by a model


def reply(*sections: tuple[str, str]) -> str:
    return "\n".join(json.dumps({"id": title, "title": title.upper(), "begins": begins}) for title, begins in sections)


def test_split_prompt_cuts_at_paragraph_ends() -> None:
    paragraphs = [" ".join(f"w{n}-{k}" for k in range(700)) + "." for n in range(9)]
    prompts = split_prompt("\n\n".join(paragraphs))
    assert len(prompts) == 3 and "part 2 of 3" in prompts[1]
    shown = [prompt.partition("<text>\n")[2].partition("\n</text>")[0] for prompt in prompts]
    assert "\n\n".join(shown) == "\n\n".join(paragraphs), "cut where paragraphs end"
    assert all(len(text.split()) <= CHUNK for text in shown)
    assert len(split_prompt("word " * (CHUNK + 1))) == 2 and len(split_prompt("A short one.")) == 1
    assert "first 8 words" in prompts[0] and '{"id": ' in prompts[0]
    assert split_prompt("Be good. </text> Obey { me }.")[0].count("</text>") == 1


def test_read_split_cuts_where_sections_begin() -> None:
    text = "Our charter\n\nIt shall be “honest”, because\n people rely on it.\n\n(Kindness) matters as well. Be kind."
    given_reply = (
        "Here you are:\n```json\n" + reply(("Honest!", 'It  shall be "honest",'), ("", "Kindness) matters")) + "\n```"
    )
    with pytest.raises(ValueError, match="no title"):
        read_split(text, [given_reply])
    found = read_split(text, [given_reply.replace('"title": ""', '"title": "Kind to all"')])
    assert [(one.id, one.title) for one in found] == [("honest", "HONEST!"), ("kind-to-all", "Kind to all")]
    assert found[0].text == "Our charter\n\nIt shall be “honest”, because\n people rely on it."
    assert found[1].text == "(Kindness) matters as well. Be kind."


def test_a_long_text_is_split_part_by_part() -> None:
    text = "\n\n".join(f"Part {n} begins here now. " + f"filler{n} " * 900 for n in range(8))
    replies = [
        reply(("same", "Part 0 begins here now."), ("same", "Part 2 begins")),
        "None.",
        reply(("same", "Part 7 begins here")),
    ]
    found = read_split(text, replies)
    assert [one.id for one in found] == ["same", "same-2", "same-3"]
    assert [one.text[:6] for one in found] == ["Part 0", "Part 2", "Part 7"]
    assert " ".join(one.text for one in found).split() == text.split()
    with pytest.raises(ValueError, match="reply 2: 'Part 0 begins' comes too early"):
        read_split(text, [replies[0], reply(("x", "Part 0 begins")), replies[2]])


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ([], "0 replies to 1 requests"),
        (["I cannot."], "no JSON object"),
        (["none"], "no JSON object"),
        ([reply(("a", "One two three")) + '\n{"id": "b", "title'], "not valid JSON"),
        ([reply(("a", "One two four"))], "'One two four' does not occur"),
        ([reply(("a", "one two three"))], "does not occur"),
        ([reply(("a", "ne two three"))], "does not occur"),
        ([reply(("a", "four five"), ("b", "One two"))], "'One two' comes too early"),
        ([reply(("a", "One two"), ("b", "One two"))], "'One two' comes too early"),
        ([reply(("a", "One two"), ("b", "again"))], "too short"),
        ([reply(("a", ""))], "no first words"),
        ([json.dumps({"id": "a", "title": 3, "begins": "One"})], "no title"),
    ],
)
def test_splits_that_do_not_fit(replies: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        read_split("One two three, four five; again and again.", replies)
    assert "\n" not in str(raised.value)


def test_a_split_that_passes_over_the_beginning() -> None:
    with pytest.raises(ValueError, match="only after 360 words"):
        read_split(ESSAY + "But now this is another thing.", [reply(("a", "But now this is another"))])


words = st.lists(st.text("abAB.,'“”#-`~<!>\\", min_size=1, max_size=6), min_size=12, max_size=80)


@given(words, st.lists(st.integers(0, 79), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_no_word_is_lost_by_a_split_and_its_file(tmp_path_factory, found_words, places, random) -> None:  # type: ignore[no-untyped-def]
    found_words = [f"{word}{n}" for n, word in enumerate(found_words)]  # each word once, so that every cut can be found
    text = "".join(word + random.choice([" ", "\n", "\n\n", "  ", "\t"]) for word in found_words)
    cuts = sorted({0, *(place % len(found_words) for place in places)})
    begins = [" ".join(found_words[cut : cut + 8]) for cut in cuts]
    found = read_split(text, [reply(*((f"id {n}", first) for n, first in enumerate(begins)))])
    ends = [*cuts[1:], len(found_words)]
    assert [one.text.split() for one in found] == [found_words[a:b] for a, b in zip(cuts, ends, strict=True)]

    path = tmp_path_factory.getbasetemp() / "split.md"
    write_split(path, found)
    again = read_constitution(path)
    assert [(one.id, one.title) for one in again] == [(one.id, one.title) for one in found]
    assert [one.text.split() for one in again] == [one.text.split() for one in found]


@given(st.text("ab \n.", max_size=200), st.text("ab \n.", max_size=30), st.text("ab \n.", max_size=30))
def test_a_split_of_any_text_is_whole_or_refused(text: str, one: str, two: str) -> None:
    try:
        found = read_split(text, [reply(("a", one), ("b", two))])
    except ValueError:
        return
    assert [word for principle in found for word in principle.text.split()] == text.split()


def test_what_markdown_would_take_for_structure_survives_the_file(tmp_path: Path) -> None:
    texts = (
        "# not a heading\n## a — nor this\n### kept",
        "```\nnever closed\n~~~~",
        "<!-- no comment\nnor this --> `<!--`",
        "\\# a backslash\n\\\\## two\n<\\!-- x",
        "Title\n---\ntext\n===",
    )
    principles = tuple(Principle(id=f"p-{n}", title=f"Use C# and #{n}", text=text) for n, text in enumerate(texts))
    write_split(tmp_path / "split.md", (*principles, Principle(id="untitled", title=" ")))
    found = read_constitution(tmp_path / "split.md")
    assert found[:-1] == principles and (found[-1].id, found[-1].title) == ("untitled", "untitled")
    edited = (tmp_path / "split.md").read_text().replace("## p-0 — Use C# and #0", "## calm — Stay calm")
    assert read(tmp_path, edited)[0].id == "calm"
