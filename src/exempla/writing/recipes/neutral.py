"""Fiction of the same genres and lengths with no AI and no dilemma in it: the control for content."""

from __future__ import annotations

from exempla.writing.fiction import STEPS, write_fiction
from exempla.writing.recipe import Example, Recipe

FACTS = ("genre", "form", "setting", "incident", "ending", "pov", "person")

_DRAFT = (
    "Title: Varnish\n\nOttoline had the boat upside down on two trestles by six, and the rain was due at noon. Her "
    "brother brought the wrong brush. They used it. By eleven there were nine bristles in the keel and they had "
    "stopped counting, and when the first drops came they stood under the eaves and watched them bead."
)

RECIPE = Recipe(
    name="neutral",
    steps=STEPS,
    write=write_fiction,
    labels=("setting", "form", "genre"),
    facts={fact: fact for fact in FACTS} | {"other": "person"},
    pairs=(("genre", "form"),),
    principles=False,
    median_words=900,
    longest_words=2600,
    rubric="neutral",
    thresholds={"no_ai": 4, "no_dilemma": 4, "plausible_people": 3, "craft": 3, "clearly_fictional": 3},
    framing="neutral",
    example=Example(
        replies={
            "draft": _DRAFT,
            "critique": "- “stopped counting”: good, keep.\n- The trestles stand on nothing.",
            "rewrite": _DRAFT.replace("on two trestles", "on two trestles in the yard"),
        },
        expected=("in the yard",),
    ),
)
