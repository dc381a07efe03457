"""Opens a page in the user's browser, where there is one."""

from __future__ import annotations

import os
import sys
import webbrowser


def open_page(address: str) -> None:
    """Open it; without a screen nothing happens, because a browser in the terminal would take the terminal."""
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
