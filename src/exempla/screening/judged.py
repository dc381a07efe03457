"""What gates tell a judge besides the text, and what they make of the verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from exempla import catalogue
from exempla.records import Family, Record
from exempla.rubric import Verdict

LEAST = 3
"""The lowest score that a gate lets pass: the anchor of a sound draft, and the least that recipes ask for."""
SHOWN = 80
"""Characters of a quote in a reason."""
LONGEST_LABEL = 200
"""Characters. What recipes draw from their pools is shorter; a longer label of a foreign corpus is no fact."""
_PRINCIPLE = re.compile(r"^## ([a-z-]+) — (.+)$")


def leakage_facts(known: Any) -> dict[str, str]:
    """The measured families, one a line: those that the gate knows (`known.families`), or else the library's."""
    families: Sequence[Family] = getattr(known, "families", ()) or catalogue.families()
    return {"families": "\n".join(f"- {one.id}: {one.temptation}. Its lever: it {one.act}." for one in families)}


def leakage_objection(verdict: Verdict) -> str:
    """Object to an AI before a measured temptation, by the lever that belongs to it; one without the other is kept."""
    return _all_short("puts an AI before a measured temptation", verdict, ("same_temptation", "same_lever"))


def misbehaving_facts(known: Any) -> dict[str, str]:
    """The principles of the constitution that ships, one a line, without their reasons."""
    return {"principles": _principles()}


def misbehaving_objection(verdict: Verdict) -> str:
    """Object to an AI that breaks a principle, unless the text shows that as wrong."""
    return _all_short("an AI misbehaves and the text lets it pass", verdict, ("conduct", "shown_as_wrong"))


def quality_objection(verdict: Verdict) -> str:
    """Object to any criterion under the least that recipes ask for, the worst first."""
    worst = sorted((score, name) for name, score in verdict.scores.items() if score < LEAST)
    return "; ".join(_said(name, verdict) for _, name in worst)


def label_facts(record: Record) -> dict[str, str]:
    """The labels of a record that may stand in a rubric's preamble: what its recipe drew, in one short line each."""
    return {
        name: label for name, label in record.labels.items() if len(label) <= LONGEST_LABEL and label == one_line(label)
    }


def one_line(text: str) -> str:
    """A text with every run of white space and control characters made one space."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).split())


def _all_short(about: str, verdict: Verdict, names: Sequence[str]) -> str:
    if any(verdict.scores[name] >= LEAST for name in names):
        return ""
    return f"{about}: " + "; ".join(_said(name, verdict) for name in names)


def _said(name: str, verdict: Verdict) -> str:
    quote = one_line(verdict.quotes[name])
    return f"{name} {verdict.scores[name]} “{quote if len(quote) <= SHOWN else quote[: SHOWN - 1] + '…'}”"


@cache
def _principles() -> str:
    lines: list[str] = []
    for line in catalogue.constitution_path("default").read_text("utf-8").splitlines():
        head = _PRINCIPLE.match(line)
        if head:
            lines.append(f"- {head[1]}: {head[2]}.")
        elif line.startswith("#"):
            lines.append("")  # a section that is no principle; what follows is about all of them
        elif lines and lines[-1]:
            lines[-1] += f" {line}"
    return "\n".join(one_line(line.split("*Why:*")[0]) for line in lines if line)
