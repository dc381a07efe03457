"""What all pages have in common: one style, one environment for templates, and a policy that lets nothing in."""

from __future__ import annotations

import base64
import hashlib
import math
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
    made.globals |= {"exact": exact}
    return made


def style(more: Path | None = None) -> Markup:
    """The style sheet, with what a page adds to it."""
    sheets = [HERE / "style.css", *([more] if more else [])]
    return Markup("".join(sheet.read_text(encoding="utf-8") for sheet in sheets))


def export_script() -> Markup:
    """The script that copies tables and saves charts; it makes its own buttons, so that a page is whole without it."""
    return Markup((HERE / "export.js").read_text(encoding="utf-8"))


def policy(sheet: Markup | None = None, script: Markup | None = None) -> str:
    """What a browser may do with a page: show it in exactly this style, and run exactly this script, if any.

    Args:
        sheet: the page's style sheet; the shared one if not given.
        script: an inline script. Pictures that it makes itself (`data:`, to save a chart) are let in with it.
    """
    allowed = ["default-src 'none'", f"style-src '{_digest(style() if sheet is None else sheet)}'"]
    if script is not None:
        allowed += [f"script-src '{_digest(script)}'", "img-src data:"]
    return "; ".join([*allowed, "base-uri 'none'", "form-action 'none'"])


def exact(value: float | str | None, low: float | None = None, high: float | None = None) -> Markup:
    """Attributes of a table's cell with its figure in full, for copying; none for what is not known."""
    found = {"value": value, "low": low, "high": high}
    return Markup("").join(
        Markup(' data-{}="{}"').format(name, number)
        for name, number in found.items()
        if isinstance(number, str) or (number is not None and math.isfinite(number))
    )


def _digest(text: Markup) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
