"""The browser that tests drive: a real Chromium, whose page tells what it complained of and what it asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: Debian's package `chromium` brings one, and a Chrome would do"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that this machine has, without a window."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Watched:
    """A page, and what its browser complained of, asked for or was told to say."""

    def __init__(self, browser: Browser, script: str = "", **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dismiss)
        if script:
            self.page.add_init_script(script)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def serious(self) -> list[tuple[str, str]]:
        """Rules that axe finds broken in what is shown, each with an element: problems that shut people out."""
        # Policies forbid scripts of others; axe is put in by the browser's own tools.
        found = Axe().run(self.page).response["violations"]
        return [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]

    def width(self) -> int:
        """Of all that is on the page, in pixels: more than the window's and it scrolls sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def unfold(self) -> None:
        """Open everything that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
