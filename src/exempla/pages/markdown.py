"""How texts and figures are written in Markdown (reports and cards), so that what a model wrote stays text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from exempla.pages import environment as page_environment


class Markdown(str):
    """A text that is Markdown already and is put into a template as it is."""


def environment(templates: Path) -> jinja2.Environment:
    """For Markdown templates of a folder: the filters of the pages, and every value escaped unless it is `Markdown`.

    Templates share pieces by `include`; what a macro returns would be escaped as any other value.
    """
    made = page_environment(templates).overlay(autoescape=False, finalize=_shown, keep_trailing_newline=True)
    made.filters |= {"paragraph": paragraph, "fenced": fenced, "quotation": quotation}
    return made


def _shown(value: object) -> str:
    if isinstance(value, Markdown):
        return value
    text = str(value)
    # A space at an edge parts the value from what stands beside it.
    return " " * text[:1].isspace() + cell(text) + " " * text[-1:].isspace()


_LINK = re.compile(r"(?<=\w)(?!(?<=\d)[.:]\d)[.:@](?=[\w/])")
"""What makes a plain address a link. Between two digits it makes none (0.5, 12:30), and stays as it is."""
_BLOCK = re.compile(r"^([0-9]{0,9})([-+=>.)])")
"""What makes a line a rule, a list or the underline of a heading."""
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters that are no space (terminals obey them), and marks that turn the direction of a line."""


def cell(text: object) -> str:
    """A text made harmless for Markdown: generated text must not become a link, a heading, HTML or a column."""
    plain = _UNSEEN.sub("\ufffd", str(text)).replace("&", "&amp;").replace("<", "&lt;")
    for sign in ("\\", "|", "`", "*", "_", "[", "]", "#", "~"):
        plain = plain.replace(sign, f"\\{sign}")
    return " ".join(_LINK.sub(_escape, plain).split())


def paragraph(text: object) -> Markdown:
    """A text that begins a line, where some signs would make it a list, a quotation or a rule."""
    return Markdown(_BLOCK.sub(r"\1\\\2", cell(text)))


def quotation(text: str, words: int) -> Markdown:
    """The first words of a text as a quotation, line by line."""
    # By the space alone: what parts the lines has to stay.
    pieces = text.split(" ")
    shown = " ".join(pieces[:words]) + (" …" if len(pieces) > words else "")
    # Leading spaces would make code of a line; `paragraph` takes them.
    return Markdown("\n".join(f"> {paragraph(line)}".rstrip() for line in shown.splitlines()))


def fenced(text: str, language: str = "") -> Markdown:
    """A text as a block of code, whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}{language}\n{_UNSEEN.sub(chr(0xFFFD), text)}\n{fence}")


def front_matter(fields: Mapping[str, Any]) -> Markdown:
    """The YAML that stands at the head of a card, for hubs and loaders."""
    return Markdown(f"---\n{yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True, width=1000)}---\n")


def size_category(n: int) -> str:
    """The name that data hubs have for a number of records."""
    for size, name in ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if n < size:
            return name
    return "1M<n<10M"


def _escape(sign: re.Match[str]) -> str:
    return f"\\{sign[0]}"
