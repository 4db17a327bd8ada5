"""How the chat's page looks and is read: every size, both themes, both languages, by ear too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.chat.browser import FRAMES, Chat, dictated_chat, see_frames, visitor
from tests.support.browser import NARROW, NARROWEST, WIDE, chromium_path, running_browser
from tests.support.chat_client import ChatClient
from tests.support.looks import low_contrast, overflowing, overlapping, too_small

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.slow

NAME = "a recording of the long way round on a rainy evening in the hills.mp4"
RICH = """## What happens

The ball moves at **1.00 s**, again in Frame 5 and at `3.00 s`:

1. It goes left.
   - Slowly, at 4.00 s.
2. It rests.

| from | to | what |
|---|---|---|
| 0.00 s | 2.00 s | it moves through a cell with a sentence that is rather long |
| 2.00 s | 6.00 s | averyveryverylongwordthathasnoplaceinwhichitcouldbebrokenatallbyanyone |

> Quoted, [with a link](https://example.org/somewhere).

```python
print("a line of code that is longer than any phone is wide, so that it must scroll by itself")
```
"""
BLOCKS = (
    ".app, .topbar, .sidebar, .sidebar-head, .sidebar-foot, .welcome-inner, .drop-idle, .notice, "
    ".welcome-notes, .fault, .fault-text, .talk, .talk-column, .messages, .message, .message-foot, "
    ".composer, .composer-box, .composer-row, .range-panel, .stage, .video-facts, .frames, "
    ".frame-caption, .dialog form, .dialog footer, .field, .field-pair, .export-row, .item-link"
)
PHONE = {"is_mobile": True, "has_touch": True}
NAMED_ROLES = (
    "button", "link", "textbox", "combobox", "spinbutton", "slider", "checkbox", "dialog", "log",
)  # fmt: skip


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, small_video: Path) -> Iterator[Chat]:
    """Return a running chat with one conversation in which much has happened."""
    chromium_path()
    with dictated_chat(tmp_path_factory.mktemp("chat")) as running:
        with ChatClient(running.address) as person:
            talk = person.begin(person.video(small_video, NAME)["id"])
            running.model.end(RICH)
            person.ask(talk, "What happens, and when?", range={"start_sec": 1, "end_sec": 3})
            person.answer(talk)
            running.model.refuse(401, "Incorrect API key provided.")
            person.ask(talk, "球在哪里？")
            person.answer(talk)
            running.model.say("It goes")
            person.ask(talk, "And then?")
            person.answer(talk, beyond="")
            person.post(f"/conversations/{talk}/stop")
            person.video(small_video, "uploaded before the page was closed.mp4")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a running Chromium."""
    with running_browser() as launched:
        yield launched


@pytest.mark.parametrize(
    ("size", "scheme", "locale"),
    [(WIDE, "light", "en-US"), (WIDE, "dark", "zh-CN"), (NARROW, "light", "zh-CN"),
     (NARROWEST, "dark", "en-US"), ((844, 390), "light", "en-US")],
)  # fmt: skip
def test_it_looks_as_it_should(
    size: tuple[int, int], scheme: str, locale: str, chat: Chat, browser: Browser, tmp_path: Path
) -> None:
    context = {} if size == WIDE else PHONE
    with visitor(
        browser, chat.address, size=size, locale=locale, color_scheme=scheme, **context
    ) as seen:
        look = Looking(seen.tab, size, scheme, locale, tmp_path)
        tab = seen.tab
        tab.wait_for_selector("#limits:not(:empty)")
        tab.wait_for_selector("#unused:not([hidden])", state="attached")
        look.at("welcome")
        refused: Any = {"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"words " * 99}
        tab.set_input_files("#file", refused)
        tab.wait_for_selector("#upload-failed .fault-title")
        seen.forgive("status of 4")
        look.at("refused")

        if size != WIDE:
            tab.tap("#open-sidebar")
            tab.wait_for_timeout(300)  # it slides in
            look.at("drawer")
            assert tab.evaluate("document.activeElement.id") == "close-sidebar"
            tab.keyboard.press("Escape")
            tab.wait_for_selector("#sidebar:not(.is-open)", state="attached")
            tab.tap("#open-sidebar")
        tab.click("#conversation-list .item-link")
        see_frames(tab)
        tab.wait_for_function("() => document.getElementById('player').readyState >= 1")
        tab.wait_for_function("() => document.querySelectorAll('.message').length === 6")
        tab.wait_for_timeout(300)
        look.at("conversation")
        look.whole("conversation", "#player", "#question", "#send")
        tab.eval_on_selector("#talk-scroller", "e => { e.scrollTop = 0; }")
        tab.click("#range-toggle")
        look.at("range")
        look.whole("range", "#range-from", "#range-to", "#range-clear", "#question", "#send")
        tab.keyboard.press("Escape")
        tab.click("#open-settings")
        look.at("settings")
        tab.keyboard.press("Escape")
        if size == WIDE:
            for name in ("rename", "delete"):
                tab.hover("#conversation-list .item")
                tab.click(f"#conversation-list [id^={name}-]")
                look.at(name)
                tab.keyboard.press("Escape")
        assert not look.wrong, "\n".join(look.wrong)


_WIDTHS = "[innerWidth, document.documentElement.scrollWidth, document.body.scrollWidth]"
"""How wide the page is; a phone lays a page that is too wide out on a larger screen."""


class Looking:
    """Looks at a page in one size, theme and language."""

    def __init__(
        self, tab: Tab, size: tuple[int, int], scheme: str, locale: str, folder: Path
    ) -> None:
        self._tab, self._size, self._scheme, self._locale = tab, size, scheme, locale
        self._folder = folder
        self.wrong: list[str] = []
        self._ear = tab.context.new_cdp_session(tab)

    def at(self, state: str) -> None:
        """Check everything that can be measured of what is shown."""
        tab = self._tab
        tab.screenshot(path=self._folder / f"{state}.png")
        found = {
            "overflowing": overflowing(tab),
            "overlapping": overlapping(tab, BLOCKS),
            "too small": too_small(tab, apart_from=".hidden"),
            "low contrast": low_contrast(tab),
            "nameless": self._nameless(),
            "broken pictures": broken_pictures(tab),
            "English": english_words(tab) if self._locale == "zh-CN" else [],
            "width": [w for w in tab.evaluate(_WIDTHS) if w > self._size[0]],
            "ground": [] if is_dark(tab) == (self._scheme == "dark") else [self._scheme],
        }
        self.wrong += [f"{state}: {what}: {it}" for what, all_of in found.items() for it in all_of]

    def whole(self, state: str, *selectors: str) -> None:
        """Check that these are on the screen, no part of them beyond its edge."""
        for selector in selectors:
            box = self._tab.locator(selector).bounding_box()
            is_there = box is not None and min(box["x"], box["y"]) >= 0
            if (
                not is_there
                or box is None
                or box["x"] + box["width"] > self._size[0]
                or box["y"] + box["height"] > self._size[1]
            ):
                self.wrong.append(f"{state}: {selector} is not on the screen: {box}")

    def _nameless(self) -> list[str]:
        """Return the roles of what somebody who only hears the page would not be told."""
        nodes = self._ear.send("Accessibility.getFullAXTree")["nodes"]
        return [
            str(node["role"]["value"])
            for node in nodes
            if not node["ignored"]
            and node["role"]["value"] in NAMED_ROLES
            and not node.get("name", {}).get("value", "").strip()
        ]


def broken_pictures(tab: Tab) -> list[str]:
    """Return the pictures that are to be seen and have not come."""
    found: list[str] = tab.evaluate(
        "[...document.images].filter(i => i.checkVisibility() && i.complete && !i.naturalWidth)"
        ".map(i => i.outerHTML.slice(0, 80))"
    )
    return found


KNOWN_WORDS = frozenset([
    "three", "stage", "English", "MP4", "MOV", "MKV", "WebM", "AVI", "Enter", "Shift", "Esc",
    "Token", "Markdown", "JSON", "README", "zh", "CN", "md", "max", "upload", "mb", "temperature",
    "dictated", "vl", "mp4", "h264", "MB", "KB", "GB", "API",
])  # fmt: skip


def english_words(tab: Tab) -> list[str]:
    """Return the English words that the page itself shows or tells, names left out."""
    texts: list[str] = tab.evaluate(
        """() => {
          const given = ".prose, .question, .item-title, .item-video, .video-name, #title, code,"
            + " .fault-message, .fault-hint, #delete-text, .item-link, .item-actions button,"
            + " .unused-name, #unused button";
          const texts = [];
          for (const element of document.body.querySelectorAll("*")) {
            if (!element.checkVisibility() || element.closest(given)) continue;
            for (const node of element.childNodes) if (node.nodeType === 3) texts.push(node.data);
            for (const name of ["aria-label", "title", "placeholder", "alt"]) {
              texts.push(element.getAttribute(name) ?? "");
            }
          }
          return texts;
        }"""
    )
    words = {word for text in texts for word in re.findall(r"[A-Za-z][A-Za-z0-9]+", text)}
    return sorted(words - KNOWN_WORDS)


def test_language_and_theme_are_remembered(chat: Chat, browser: Browser) -> None:
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        tab.click("#language-zh")
        tab.click("#theme-dark")
        for _look in ("at once", "after a reload"):
            assert tab.get_attribute("html", "lang") == "zh-Hans"
            assert tab.inner_text("#choose-video") == "选择视频"
            assert tab.get_attribute("#language-zh", "aria-pressed") == "true"
            assert is_dark(tab)
            tab.reload()
            tab.wait_for_selector("#choose-video:not(:empty)")
        tab.click("#theme-system")
        assert not is_dark(tab)
        tab.emulate_media(color_scheme="dark")
        assert is_dark(tab)
        tab.click("#theme-light")
        assert not is_dark(tab)
        tab.click("#language-en")
        assert tab.inner_text("#choose-video") == "Choose a video"


def is_dark(tab: Tab) -> bool:
    """Tell whether the page's ground is dark."""
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", background)[:3])) < 200


def test_on_a_phone_the_drawer_and_the_player(chat: Chat, browser: Browser) -> None:
    with visitor(browser, chat.address, size=NARROW, **PHONE) as seen:
        tab = seen.tab
        tab.tap("#open-sidebar")
        tab.tap("#conversation-list .item-link")
        see_frames(tab, FRAMES)
        tab.wait_for_selector("#sidebar", state="hidden")
        tab.tap("#toggle-stage")
        assert not tab.is_visible("#player")
        tab.tap("a.time >> nth=0")
        assert tab.is_visible("#player")
        tab.wait_for_function(
            "() => Math.abs(document.getElementById('player').currentTime - 1) < 0.02"
        )
        tab.tap("#open-sidebar")
        tab.wait_for_timeout(300)
        tab.touchscreen.tap(380, 400)  # beside the drawer
        tab.wait_for_selector("#sidebar", state="hidden")
