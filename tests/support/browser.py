"""Pages in Debian's Chromium: started once, and every tab watched for what it complains about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

WIDE, NARROW, NARROWEST = (1280, 900), (390, 844), (320, 640)
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Watched:
    """A tab, and everything that it complained about or wanted from elsewhere."""

    tab: Tab
    allowed: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)

    def another(self) -> Tab:
        """Open another tab of the same profile, watched as well."""
        opened = self.tab.context.new_page()
        self.watch(opened)
        return opened

    def watch(self, tab: Tab) -> None:
        """Collect what a tab complains about, and requests to addresses that are not allowed."""

        def hear(message: Any) -> None:
            if message.type in ("error", "warning"):
                self.complaints.append(message.text)

        def see(request: Any) -> None:
            if not request.url.startswith(self.allowed):
                self.complaints.append(request.url)

        def refuse(dialog: Any) -> None:
            self.complaints.append(f"dialog {dialog.message}")
            dialog.dismiss()

        tab.on("console", hear)
        tab.on("dialog", refuse)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("request", see)

    def forgive(self, *words: str) -> None:
        """Forget the complaints that have one of these words."""
        self.complaints = [c for c in self.complaints if not any(word in c for word in words)]


def chromium_path() -> str:
    """Return where Chromium is; what needs it is skipped without it."""
    pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need the package playwright"
    )
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        pytest.skip("the browser tests need Chromium on the PATH")
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run Chromium while the context lasts; beside it, ``asyncio.run`` is refused."""
    path = chromium_path()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield launched
        launched.close()


@contextmanager
def watched_tab(
    browser: Browser, *, allowed: tuple[str, ...], size: tuple[int, int] = WIDE, **context: Any
) -> Iterator[Watched]:
    """Open a tab in a profile of its own; fails at the end if anything was complained about.

    ``allowed`` are beginnings of addresses that may be asked; ``context`` are Playwright's options.
    """
    given = {"locale": "en-US", "color_scheme": "light", **context}
    opened = browser.new_context(viewport={"width": size[0], "height": size[1]}, **given)
    seen = Watched(opened.new_page(), allowed)
    seen.watch(seen.tab)
    try:
        yield seen
    finally:
        opened.close()
    assert seen.complaints == []
