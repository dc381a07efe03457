"""What all pages have in common: one style, one environment for templates, and a policy that lets nothing in."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from exempla.pages import wording

HERE = Path(__file__).parent


def environment(templates: Path) -> jinja2.Environment:
    """For templates of a folder, and those that all pages share."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, HERE]),
        autoescape=True,  # every text of a run is untrusted
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": wording.percent,
        "times": wording.times,
        "nats": wording.nats,
        "likelihood": wording.likelihood,
        "p_value": wording.p_value,
        "whole": wording.whole,
        "counted": wording.counted,
        "listed": wording.listed,
    }
    return made


def style() -> Markup:
    """The style sheet."""
    return Markup((HERE / "style.css").read_text(encoding="utf-8"))


def policy() -> str:
    """What a browser may do with a page: show it, in exactly this style."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
