"""The templates of the viewer. Every text of a folder is untrusted: it is made visible, and then escaped."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from exempla import pages
from exempla.pages.showing import visible

HERE = Path(__file__).parent / "pages"


def environment() -> jinja2.Environment:
    """For templates in `viewing/pages`."""
    made = pages.environment(HERE)
    made.finalize = lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    return made
