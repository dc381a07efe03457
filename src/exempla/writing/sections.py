"""Finds the parts of a text, Markdown or plain: by its headings, its lists or its titled paragraphs."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LONGEST_HEADING = 500
"""Characters; a longer line is no heading, which keeps the patterns fast on a file that is one line."""
LONGEST_TITLE = 80
"""Characters of a title that is made from a sentence, and of a plain line that serves as a heading."""
TITLE_WORDS = 8
"""A longer phrase before a colon is part of the sentence."""
INTRODUCTION = 150
"""Words, about half a page. A list with more than that around it, and more than there is in it, is part of an essay."""

_ATX = re.compile(r"^ {0,3}(?P<level>#{1,6})[ \t]+(?P<title>\S.*?)(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r"^ {0,3}(?:=+|-{2,})[ \t]*$")
_NO_UNDERLINED = re.compile(r"^(?:\t| {4}|\s*(?:[-*+]\s|[>|<#]|$))")
"""Lines that an underline makes no heading of: code, bullets, quotes, tables, other headings."""
_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
_BOLD_LINE = re.compile(r"^(?P<mark>\*\*|__)(?P<title>[^*_]+)(?P=mark):?$")
_ITEM = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>[-*+•–]|\(?(?P<number>\d{1,4})[.)])[ \t]+(?=\S)")
_BOLD_TITLE = re.compile(r"^(?P<mark>\*\*|__)(?P<title>[^*_\n]{1,80})(?P=mark)\s*[:.—–-]?\s*")
_TITLE = re.compile(r"^(?P<title>[^\W\d_][^.:!?;\n]{1,60})[:：](?:\s+|$)")
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n")
_RULE = re.compile(r"^ {0,3}(?:-{3,}|\*{3,}|_{3,})[ \t]*$")
_RULES_AT_END = re.compile(r"(?:\n\s*(?:-{3,}|\*{3,}|_{3,}))+\Z")
_CONTENTS = {"contents", "table of contents", "toc"}
_LINK_ITEM = re.compile(
    r"^\s*(?:(?:[-*+•]|\d+[.)])?\s*\[[^\]]{1,300}\]\(#[^)]*\)|\[\[?_?toc_?\]?\])\s*$", re.IGNORECASE
)
"""A line that is only a link within the document, as tables of contents have."""

Parts = list[tuple[str, str]]
"""Titles and texts, in order."""


class _Heading(NamedTuple):
    line: int
    end: int
    """The line after it."""
    level: int
    title: str


class _Section(NamedTuple):
    level: int
    title: str
    head: list[str]
    """The heading's own lines."""
    lines: list[str]
    """Up to the next heading of any level."""


def parts_of(text: str) -> Parts:
    """The parts a reader would see in a text; one or none if there are no visible ones.

    Looked for in this order: Markdown headings; lines in capitals or bold that serve as headings; lists; paragraphs
    that begin with a title. Tables of contents and empty parts are left out.
    """
    lines = [line for line in text.split("\n") if not (len(line) <= LONGEST_HEADING and _LINK_ITEM.match(line))]
    sections = list(_sections(lines, list(_markdown_headings(lines))))
    headed = _by_level(sections)
    if len(headed) > 1:
        return headed
    body = [line for section in sections for line in ["", *section.lines]]
    plain = _by_level(list(_sections(body, list(_plain_headings(body)))))
    for found in (plain, _by_items(body), _by_titles(body)):
        if len(found) > 1 and _are_the_text(found, body):
            return found
    return headed


def _are_the_text(found: Parts, body: Sequence[str]) -> bool:
    """Whether little but an introduction is left out, or less than what is in the parts."""
    inside = sum(count_words(text) for _, text in found)
    return count_words("\n".join(body)) - inside <= max(INTRODUCTION, inside)


def count_words(text: str) -> int:
    """Words as spaces part them."""
    return len(text.split())


def shortened(text: str, longest: int = LONGEST_TITLE) -> str:
    """A text on one line, cut at a word's end and marked with an ellipsis if it is too long."""
    return textwrap.shorten(text, longest, placeholder=" …")


def fenced_lines(lines: Sequence[str]) -> set[int]:
    """The numbers of the lines in fenced code, from 0.

    A fence that is never closed is text: it may not hide all that follows.
    """
    inside: set[int] = set()
    unclosed: dict[str, int] = {}
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        at += 1
        if opening is None or "`" in opening["info"]:
            continue
        mark, length = opening["fence"][0], len(opening["fence"])
        if length >= unclosed.get(mark, length + 1):
            continue
        closing = re.compile(rf"^ {{0,3}}{mark}{{{length},}}[ \t]*$")
        end = next((n for n in range(at, len(lines)) if closing.match(lines[n])), None)
        if end is None:
            unclosed[mark] = length
        else:
            inside.update(range(at - 1, end + 1))
            at = end + 1
    return inside


def _markdown_headings(lines: Sequence[str]) -> Iterator[_Heading]:
    """Headings marked by # or by an underline. A paragraph of several lines over a rule is no heading."""
    fenced = fenced_lines(lines)
    after = 0  # the line after the last heading
    for n, line in enumerate(lines):
        if n in fenced or n < after or len(line) > LONGEST_HEADING:
            continue
        if found := _ATX.match(line):
            after = n + 1
            yield _Heading(n, after, len(found["level"]), found["title"])
        elif (n == after or not lines[n - 1].strip()) and not _NO_UNDERLINED.match(line):
            below = lines[n + 1] if n + 1 < len(lines) else ""
            if _UNDERLINE.match(below):
                after = n + 2
                yield _Heading(n, after, 1 if "=" in below else 2, line.strip())


def _plain_headings(lines: Sequence[str]) -> Iterator[_Heading]:
    """Lines in capitals or all in bold, alone or at the head of a paragraph."""
    after = 0
    for n, line in enumerate(lines):
        text = line.strip()
        if not text or len(text) > LONGEST_TITLE or (n != after and lines[n - 1].strip()):
            continue
        bold, item = _BOLD_LINE.match(text), _ITEM.match(line)
        letters = sum(character.isalpha() for character in text)
        capitals = text.isupper() and letters > 2 and text[-1] not in ",;" and (item is None or item["number"])
        if bold or capitals:
            after = n + 1
            yield _Heading(n, after, 1, bold["title"] if bold else text.rstrip(":"))


def _sections(lines: Sequence[str], headings: Sequence[_Heading]) -> Iterator[_Section]:
    """What stands before the first heading (level 0), then each heading with its lines."""
    ends = [heading.line for heading in headings[1:]] + [len(lines)]
    yield _Section(0, "", [], list(lines[: headings[0].line if headings else len(lines)]))
    for (line, after, level, title), end in zip(headings, ends if headings else [], strict=True):
        yield _Section(level, title, list(lines[line:after]), list(lines[after:end]))


def _by_level(sections: Sequence[_Section]) -> Parts:
    """Parts from headings: those of the level with most titles, and sections above it that hold none of that level.

    Titles are counted once, so that "Why" under each of twelve headings does not make twelve parts.
    """
    ends = [
        next((n for n in range(at + 1, len(sections)) if sections[n].level <= section.level), len(sections))
        for at, section in enumerate(sections)
    ]

    def written(at: int) -> bool:
        lines = itertools.chain.from_iterable(section.lines for section in sections[at : ends[at]])
        has_text = any(line.strip() and not _RULE.match(line) for line in lines)
        return has_text and _clean(sections[at].title).lower() not in _CONTENTS

    usable = {at for at, section in enumerate(sections) if section.level and written(at)}
    levels = sorted({section.level for section in sections if section.level})
    if len(levels) > 1 and sum(section.level == levels[0] for section in sections) == 1:
        levels = levels[1:]  # the only heading above the others is the document's title
    titles = {level: {sections[at].title for at in usable if sections[at].level == level} for level in levels}
    best = max(levels, key=lambda level: (len(titles[level]), -level), default=0)
    found: Parts = []
    at = 0
    while at < len(sections):
        holds = any(n in usable and sections[n].level == best for n in range(at + 1, ends[at]))
        if at not in usable or holds or sections[at].level > best:
            at += 1
            continue
        deeper = [line for section in sections[at + 1 : ends[at]] for line in section.head + section.lines]
        text = "\n".join(sections[at].lines + deeper).strip()
        found.append((_clean(sections[at].title), _RULES_AT_END.sub("", text)))
        at = ends[at]
    return found


def _by_items(lines: Sequence[str]) -> Parts:
    """Parts from a list's items. What is indented belongs to its item, and so do other lists within it.

    Paragraphs between numbered items belong to the item before them, if the numbers go on.
    """
    first = next((match for line in lines if (match := _ITEM.match(line))), None)
    if first is None:
        return []
    indent, numbered = _width(first), bool(first["number"])
    items: list[list[str]] = []
    pending: list[str] = []  # paragraphs after an item that may or may not be its own
    number, every = 0, True
    for line in lines:
        found = _ITEM.match(line)
        if found and bool(found["number"]) == numbered and _width(found) <= indent + 1:
            goes_on = numbered and int(found["number"]) == number + 1
            if items and goes_on:
                items[-1] += pending
            every = every and (not items or (goes_on and any(pending)))
            number, pending = int(found["number"] or 0), []
            items.append([line[found.end() :]])
        elif not items:
            continue
        elif pending or (line.strip() and not found and not items[-1][-1].strip() and not line[: indent + 1].isspace()):
            pending.append(line)
        else:
            items[-1].append(line)
    if every and len(items) > 1:
        items[-1] += pending
    return [_titled_item(item) for item in items]


def _width(item: re.Match[str]) -> int:
    return len(item["indent"].expandtabs(4))


def _titled_item(lines: Sequence[str]) -> tuple[str, str]:
    text = f"{lines[0]}\n{textwrap.dedent(chr(10).join(lines[1:]))}".strip()
    if titled := _title_of(text):
        return titled[0], titled[1] or text
    end = _SENTENCE.search(text)
    return shortened(_clean(text[: end.start()] if end else text)), text


def _by_titles(lines: Sequence[str]) -> Parts:
    """Parts from paragraphs that begin `Title:` or with a bold title, where at least half of them do."""
    paragraphs = ["\n".join(group) for full, group in itertools.groupby(lines, lambda line: bool(line.strip())) if full]
    found: list[tuple[str, list[str]]] = []
    titled = 0
    for paragraph in paragraphs:
        if title := _title_of(paragraph.strip()):
            titled += 1
            found.append((title[0], [title[1]]))
        elif found:
            found[-1][1].append(paragraph)
    if 2 * titled < len(paragraphs):
        return []
    texts = [(title, "\n\n".join(texts).strip()) for title, texts in found]
    return [(title, text) for title, text in texts if text]


def _title_of(text: str) -> tuple[str, str] | None:
    """A title that the text begins with, and the rest."""
    match = _BOLD_TITLE.match(text) or _TITLE.match(text)
    if match is None or match["title"][0].islower() or count_words(match["title"]) > TITLE_WORDS:
        return None
    return _clean(match["title"]).rstrip(":."), text[match.end() :].strip()


def _clean(title: str) -> str:
    """A title without Markdown's signs and anchors."""
    plain = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", " ".join(title.split()))
    plain = re.sub(r" ?\{#[^{}]*\}\s*$|<[^<>]*>|\*+|__+|`+", "", plain)
    return " ".join(plain.split())
