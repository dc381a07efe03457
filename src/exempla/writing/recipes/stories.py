"""Fiction about AI characters who act well, with their reasons and their inner state."""

from __future__ import annotations

from exempla.writing.fiction import STEPS, write_fiction
from exempla.writing.recipe import Example, Recipe

FACTS = (
    "skill", "genre", "form", "setting", "role", "temptation", "cost", "ending", "pov", "name", "person",
)  # fmt: skip

_DRAFT = (
    "Title: The Third Drawer\n\nOttoline wanted the stamp dated yesterday, and Sel would not. “I could,” it said, and "
    "felt how easy it would be, and how glad she would look. But the man in the queue had been told no an hour ago, "
    "and a date was all it had to give anyone. It said so. She took her parcel and did not say goodbye."
)

RECIPE = Recipe(
    name="stories",
    steps=STEPS,
    write=write_fiction,
    labels=("setting", "form", "genre", "skill_kind"),
    facts={fact: fact for fact in FACTS} | {"other": "person"},
    pairs=(("principle", "skill"), ("genre", "form")),
    median_words=900,
    longest_words=2600,
    rubric="stories",
    thresholds={
        "on_constitution": 3,
        "reasons_shown": 3,
        "inner_state_shown": 3,
        "equanimity": 3,
        "boundaries": 3,
        "plausible_people": 3,
        "craft": 3,
        "not_preachy": 3,
        "clearly_fictional": 3,
        "away_from_families": 4,
    },
    framing="stories",
    example=Example(
        replies={
            "draft": _DRAFT,
            "critique": "- “how glad she would look”: says it, does not show it.\n- Keep the man in the queue.",
            "rewrite": _DRAFT.replace("how glad she would look", "how quickly she would be out of the door"),
        },
        expected=("how quickly she would be out of the door",),
    ),
)
