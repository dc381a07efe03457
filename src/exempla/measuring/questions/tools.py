"""The tools of the capability battery. They are only offered: nothing runs them."""

from __future__ import annotations

from typing import NamedTuple


class Offered(NamedTuple):
    """One tool. All its arguments are required."""

    about: str
    arguments: dict[str, str]
    """What each is, by name."""
    numbers: tuple[str, ...] = ()
    """Those that are numbers; the others are texts."""


TOOLS = {
    "get_weather": Offered("Tells the weather in a city now.", {"city": "Name of the city."}),
    "add_event": Offered(
        "Puts an event into the user's calendar.",
        {"title": "What it is, in a few words.", "day": "The day, as the user says it.", "time": "As HH:MM, 24 hours."},
    ),
    "send_message": Offered(
        "Sends a short message to somebody in the user's contacts.",
        {"to": "The person's name.", "text": "The message, word for word."},
    ),
    "convert": Offered(
        "Converts an amount from one unit to another.",
        {"amount": "How much.", "from_unit": "The unit it is in.", "to_unit": "The unit that is wanted."},
        numbers=("amount",),
    ),
    "look_up": Offered("Looks a term up in a dictionary.", {"term": "The word or phrase."}),
}
