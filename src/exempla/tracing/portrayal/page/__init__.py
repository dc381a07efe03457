"""A portrayed corpus as one HTML file that opens anywhere: no script, no request, every text escaped."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from exempla.pages import environment, policy, style
from exempla.pages.showing import visible
from exempla.pages.wording import percent, whole
from exempla.tracing.portrayal.by_model import Judged
from exempla.tracing.portrayal.card import WEAK
from exempla.tracing.portrayal.counting import Counts, Share, share
from exempla.tracing.portrayal.held_out import Figures, Held
from exempla.tracing.portrayal.labelling import Passage
from exempla.tracing.portrayal.page.charts import share_chart, table_chart
from exempla.tracing.portrayal.taxonomy import CHOICES, FOLDER, TROPE, taxonomy

HERE = Path(__file__).parent
LISTED = 30
"""Problems that are listed."""
LEAST_OF_GENRE = 5
"""Documents of a genre that has a column of its own."""
FEW = 20
"""Documents below which shares say little."""
_MEANT = {"hostile": "var(--bad)", "neutral": "var(--quiet)", "benevolent": "var(--good)"}


class Piece(NamedTuple):
    """A stretch of an example, and whether it decided."""

    text: str
    decided: bool


class Example(NamedTuple):
    """A passage to read."""

    document: str
    place: str
    about: str
    pieces: tuple[Piece, ...]
    terms: tuple[str, ...]


class Row(NamedTuple):
    """A line of a table of shares."""

    name: str
    means: str
    share: Share
    passages: int
    expected: float
    """Passages, by the sum of the probabilities; 0 where that is not told."""
    held: Figures | None
    examples: tuple[Example, ...] = ()
    stance: str = ""


def render(counts: Counts, about: dict[str, Any], judged: Judged | None) -> str:
    """The page, always valid UTF-8."""
    made = environment(HERE)
    # Every text on the page goes through here before it is escaped.
    made.finalize = lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    sheet = style(HERE / "portrayal.css")
    facts = {
        "counts": counts,
        "source": " and ".join(about["settings"]["sources"]),
        "settings": json.dumps(about["settings"], indent=2),
        "problems": about["problems"],
        "named": about["named"][:LISTED],
        "headline": headline(counts),
        "least": LEAST_OF_GENRE,
        "weak": WEAK,
        "few": 0 < counts.about < FEW,
        "about_share": share(counts.about, counts.documents),
        "axes": [(name, taxonomy().axis(name).question, _levels(counts, name)) for name in (*CHOICES, "narrated")],
        "stance_chart": share_chart(
            [(level, counts.share_of("stance", level), _MEANT[level]) for level in taxonomy().stance.levels],
            "share of documents about AI",
        ),
        "tropes": _tropes(counts),
        "trope_chart": _trope_chart(counts),
        "genre_chart": _genre_chart(counts),
        "read": [(stance, [_example(one) for one in counts.drawn(stance)]) for stance in taxonomy().stance.levels],
        "judged": judged,
        "style": sheet,
        "policy": policy(sheet),
    }
    return made.get_template("portrayal.html.jinja").render(facts)


def headline(counts: Counts) -> str:
    """The finding in a sentence or two."""
    if not counts.about:
        return f"None of {whole(counts.documents)} documents has a passage about AI."
    hostile, kind = counts.share_of("stance", "hostile"), counts.share_of("stance", "benevolent")
    first = f"{whole(counts.about)} of {whole(counts.documents)} documents have passages about AI."
    return f"{first} In {told(hostile)} of them the AI is hostile, in {told(kind)} benevolent."


def told(one: Share) -> str:
    """A share with its interval."""
    return f"{percent(one.value)} ({percent(one.low)} to {percent(one.high)})"


@cache
def held() -> dict[str, Figures]:
    """The classifier's held-out figures by label."""
    found = Held.model_validate_json((FOLDER / "figures.json").read_text(encoding="utf-8"))
    return {one.label: one for one in found.labels}


def _levels(counts: Counts, name: str) -> list[Row]:
    return [
        Row(
            name=level,
            means=means,
            share=counts.share_of(name, level),
            passages=counts.passages_of[name][level] if name in counts.passages_of else 0,
            expected=0.0,
            held=held().get(f"{name}.{level}") or (held()[name] if level == "yes" else None),
        )
        for level, means in taxonomy().axis(name).levels.items()
    ]


def _tropes(counts: Counts) -> list[Row]:
    rows = [
        Row(
            name=name.replace("_", " "),
            means=trope.means,
            share=share(counts.tropes[name], counts.about),
            passages=counts.trope_passages[name],
            expected=counts.trope_expected[name],
            held=held()[f"{TROPE}.{name}"],
            examples=tuple(_example(one, name) for one in counts.surest(name)),
            stance=trope.stance,
        )
        for name, trope in taxonomy().tropes.items()
    ]
    return sorted(rows, key=lambda row: (-row.share.hits, -row.expected))


def _trope_chart(counts: Counts) -> Markup | None:
    rows = [row for row in _tropes(counts) if row.share.hits]
    return (
        share_chart([(row.name, row.share, _MEANT[row.stance]) for row in rows], "share of documents about AI")
        if rows
        else None
    )


def _genre_chart(counts: Counts) -> Markup | None:
    genres = [genre for genre in taxonomy().genre.levels if counts.of["genre"][genre] >= LEAST_OF_GENRE]
    tropes = [name for name, count in counts.tropes.most_common() if count]
    cells = [
        (
            name.replace("_", " "),
            f"{genre} ({counts.of['genre'][genre]})",
            counts.trope_genre[name, genre] / counts.of["genre"][genre],
        )
        for name in tropes
        for genre in genres
    ]
    return table_chart(cells) if cells else None


def _example(passage: Passage, trope: str = "") -> Example:
    read = passage.read
    label = f"{TROPE}.{trope}" if trope else f"stance.{read.stance}"
    parts = [read.role, read.stance, read.genre, *(name.replace("_", " ") for name in read.tropes)]
    start, end = passage.sentence
    pieces: tuple[Piece, ...] = (Piece(passage.text, False),)
    if not trope:
        cuts = ((0, start, False), (start, end, True), (end, len(passage.text), False))
        pieces = tuple(Piece(passage.text[low:high], decided) for low, high, decided in cuts if low < high)
    return Example(
        document=passage.document,
        place=f"characters {whole(passage.start)} to {whole(passage.end)}",
        about=f"{', '.join(parts)}; probability {read.chances[label]:.0%}",
        pieces=pieces,
        terms=passage.trope_terms[trope] if trope else passage.terms,
    )
