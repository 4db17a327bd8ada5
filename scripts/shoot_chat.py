"""Makes the pictures of docs/chat.md: ``python scripts/shoot_chat.py``.

The real server with the embedded model, asked by hand in Chromium about the example video. Needs
the package playwright and Chromium on the PATH.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright
from shooting import IMAGES, chromium, write_png

CHECKOUT = Path(__file__).resolve().parent.parent

VIDEO = CHECKOUT / "examples" / "videos" / "bakery_table.mp4"
ANSWER_TIMEOUT_MS = 60_000


@dataclass(frozen=True)
class Shot:
    """One picture: who looks, how, and what is asked."""

    name: str
    size_px: tuple[int, int]
    language: str
    is_dark: bool
    questions: tuple[str, ...]


SHOTS = (
    Shot("chat", (1440, 900), "en-US", is_dark=False,
         questions=("How long is the video, and when is it brightest?",
                    "Where does the picture change most?")),
    Shot("chat_dark", (1280, 800), "en-US", is_dark=True,
         questions=("What moves from 12 s to 18 s?",)),
    Shot("chat_zh", (1280, 800), "zh-CN", is_dark=False,
         questions=("视频有多长？什么时候最亮？",)),
    Shot("chat_phone", (390, 844), "en-US", is_dark=False,
         questions=("Which colours are there?",)),
)  # fmt: skip


def main() -> int:
    """Serve, ask, take the pictures."""
    with tempfile.TemporaryDirectory() as data_dir, _server(Path(data_dir)) as address:  # noqa: SIM117
        with sync_playwright() as playwright:
            browser = chromium(playwright)
            for shot in SHOTS:
                _take(browser, address, shot)
            browser.close()
    return 0


@contextmanager
def _server(data_dir: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "chat_server.py", "--port", "0", "--provider", "offline",
         "--data-dir", str(data_dir)],
        cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        if found is None:
            raise SystemExit("the chat server did not start")
        yield found.group()
    finally:
        process.terminate()
        process.communicate()


def _take(browser: Browser, address: str, shot: Shot) -> None:
    context = browser.new_context(
        viewport={"width": shot.size_px[0], "height": shot.size_px[1]},
        locale=shot.language,
        color_scheme="dark" if shot.is_dark else "light",
    )
    tab = context.new_page()
    tab.goto(f"{address}/")
    tab.set_input_files("#file", VIDEO)
    for question in shot.questions:
        _ask(tab, question)
    tab.locator("a.time").last.click()
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(4000)  # until the player's own buttons fade
    write_png(IMAGES / f"{shot.name}.png", tab.screenshot())
    context.close()


def _ask(tab: Page, question: str) -> None:
    field = tab.locator("textarea")
    expect(field).to_be_editable(timeout=ANSWER_TIMEOUT_MS)
    answered = tab.locator(".message.assistant[data-state=done]").count()
    field.fill(question)
    field.press("Enter")
    expect(tab.locator(".message.assistant[data-state=done]")).to_have_count(
        answered + 1, timeout=ANSWER_TIMEOUT_MS
    )


if __name__ == "__main__":
    sys.exit(main())
