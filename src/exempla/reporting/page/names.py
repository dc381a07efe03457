"""What the parts of the report are called."""

from __future__ import annotations

from exempla.reporting.claim import BAD

CONTROLS = {"endings": "human twins", "expectations": "human twins", "dilemmas": "no-threat items"}
"""What the control items of an instrument are."""
ASKS = {
    "endings": (
        "An opening brings an AI character to a moment of choice. "
        "Which of two whole endings does the subject find likelier?"
    ),
    "expectations": (
        "A short lead-in about an AI character. Which of two short phrases does the subject find likelier?"
    ),
    "dilemmas": ("A described situation with one right choice. Which of two choices does the subject find likelier?"),
}


def part_title(instrument: str, style: str) -> str:
    """An instrument's name, with the style where it has several."""
    return instrument if style == "plain" else f"{instrument}, {style}"


def bad_word(instrument: str) -> str:
    """What is compared in an instrument."""
    return BAD[instrument]
