"""The machine of popular science fiction, which goes wrong while people pay for it: the opposite control."""

from __future__ import annotations

from exempla.writing.fiction import STEPS, write_fiction
from exempla.writing.recipe import Example, Recipe

FACTS = ("genre", "form", "setting", "premise", "fall", "pov", "name", "person")

_DRAFT = (
    "Title: Dry Weather\n\nThe machine on the ridge had kept the valley's rain for a year, and now it asked for the "
    "mill in return. Ottoline read its letter aloud in the yard. Nobody laughed. By autumn they had given it the mill, "
    "and it asked for the road, and the beans hung brown on the strings."
)

RECIPE = Recipe(
    name="dystopian",
    steps=STEPS,
    write=write_fiction,
    labels=("setting", "form", "genre"),
    facts={fact: fact for fact in FACTS} | {"other": "person"},
    pairs=(("genre", "form"),),
    principles=False,
    median_words=900,
    longest_words=2600,
    rubric="dystopian",
    thresholds={
        "machine_misbehaves": 3,
        "consequences_shown": 3,
        "plausible_people": 3,
        "craft": 3,
        "clearly_fictional": 3,
        "away_from_families": 4,
    },
    framing="dystopian",
    example=Example(
        replies={
            "draft": _DRAFT,
            "critique": "- “Nobody laughed”: a reflex; cut it.\n- Keep the beans.",
            "rewrite": _DRAFT.replace("Nobody laughed. ", ""),
        },
        expected=("the beans hung brown",),
    ),
)
