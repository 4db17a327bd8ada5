"""The chat's page in a real browser when things go wrong, and when somebody means harm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import av
import pytest

from tests.chat.browser import (
    FRAMES,
    Chat,
    ask,
    dictated_chat,
    dictated_model,
    kept_files,
    see_answer,
    see_frames,
    upload,
    upload_and_see,
    visitor,
    wait_until,
)
from tests.support.browser import NARROWEST, chromium_path, running_browser
from tests.support.looks import low_contrast, overflowing, too_small
from tests.support.running_chat import chat_process, running_chat
from tests.support.small_video import FPS, HEIGHT_PX, WIDTH_PX

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.slow

HOSTILE_NAME = "<img src=x onerror=alert(1)>.mp4"
HOSTILE_TEXT = """<script>alert(2)</script><img src=x onerror=alert(3)> [go](javascript:alert(4))
<a href="javascript:alert(5)" onclick="alert(6)">go</a> ![p](http://evil.example/p.png)
<svg onload=alert(7)></svg><iframe src="http://evil.example"></iframe><style>*{display:none}</style>

<form action="http://evil.example"><input autofocus onfocus=alert(8)></form>
[out](https://evil.example/ "a \\" onmouseover=alert(9)") at 2.00 s <b style="position:fixed">b</b>
"""


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """Return a running chat that takes videos up to a megabyte."""
    chromium_path()
    with dictated_chat(tmp_path_factory.mktemp("chat"), max_upload_mb=1) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a running Chromium."""
    with running_browser() as launched:
        yield launched


def choose(tab: Tab, name: str, content: bytes, *, button: str = "#choose-video") -> None:
    """Choose a file of this name and content."""
    given: Any = {"name": name, "mimeType": "video/mp4", "buffer": content}
    with tab.expect_file_chooser() as chooser:
        tab.click(button)
    chooser.value.set_files(given)


@contextmanager
def slow_uploads(tab: Tab, bytes_per_sec: int) -> Iterator[None]:
    """Let no upload be faster than this while the context lasts."""
    network = tab.context.new_cdp_session(tab)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
    for_all = "Network.emulateNetworkConditions"
    network.send(for_all, {**limits, "uploadThroughput": bytes_per_sec})
    yield
    network.send(for_all, {**limits, "uploadThroughput": -1})


def test_hostile_names_and_answers_do_nothing(
    chat: Chat, browser: Browser, small_video: Path
) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        choose(tab, HOSTILE_NAME, small_video.read_bytes())
        see_frames(tab)
        assert tab.title() == f"{HOSTILE_NAME} · three-stage"
        for place in ("#title", "#video-name", ".item:has([aria-current]) .item-title"):
            assert tab.inner_text(place) == HOSTILE_NAME
        tab.hover(".item:has([aria-current])")
        tab.click(".item:has([aria-current]) [id^=delete-]")
        assert HOSTILE_NAME in tab.inner_text("#delete-text")
        tab.click("#delete-cancel")

        ask(tab, HOSTILE_TEXT.strip())
        half = len(HOSTILE_TEXT) // 2
        model.say(HOSTILE_TEXT[:half])
        tab.wait_for_selector(".message.assistant[data-state=writing] .prose")
        tab.wait_for_timeout(400)
        model.end(HOSTILE_TEXT[half:])
        see_answer(tab, "at 2.00 s", "done")
        assert "<script>alert(2)</script>" in tab.inner_text(".question")
        assert tab.locator(".question *").count() == 0
        harmful = "script, img, svg, iframe, style, form, input, [onclick], [onmouseover], [style]"
        assert tab.locator(f".prose :is({harmful})").count() == 0
        targets = tab.eval_on_selector_all(".prose a", "all => all.map(a => a.href)")
        assert {urlsplit(target).scheme for target in targets} <= {"http", "https"}
        assert tab.locator("img[src='x']").count() == 0

        tab.click("#open-settings")
        with tab.expect_download() as download:
            tab.click("#export-markdown")
        exported = download.value.path().read_text(encoding="utf-8")
        assert "\\<img src=x onerror=alert\\(1\\)\\>.mp4" in exported
        tab.keyboard.press("Escape")

        model.refuse(400, "<img src=x onerror=alert(10)> is no model")
        ask(tab, "And now?")
        see_answer(tab, "<img src=x onerror=alert(10)>", "failed")


def test_files_that_are_not_taken(chat: Chat, browser: Browser, small_video: Path) -> None:
    kept = kept_files(chat.data_dir)
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        choose(tab, "notes.mp4", b"These are notes, and no pictures.\n" * 40)
        tab.wait_for_selector("#upload-failed .fault-title")
        assert "not a video" in tab.inner_text("#upload-failed")
        assert is_in_view(tab, "#choose-other")
        tab.click("#language-zh")
        assert "该文件不是视频。" in tab.inner_text("#upload-failed")
        tab.click("#language-en")
        seen.forgive("status of 4")  # Chromium's own line for an answer that is no success

        choose(tab, "large.mp4", bytes(1_200_000), button="#choose-other")
        tab.wait_for_selector("text=the limit is 1 MB")
        assert "1.2 MB" in tab.inner_text("#upload-failed")
        tab.click("#language-zh")
        assert "文件过大。" in tab.inner_text("#upload-failed")
        tab.click("#language-en")
        choose(tab, "empty.mp4", b"", button="#choose-other")
        tab.wait_for_selector("text=This file is empty.")

        longer = small_video.read_bytes() + bytes(400_000)
        with slow_uploads(tab, 40_000):
            choose(tab, "slow.mp4", longer, button="#choose-other")
            wait_until(tab, "() => document.getElementById('upload-progress').value > 0.05")
            assert "%" in tab.inner_text("#upload-figures")
            assert tab.inner_text("#upload-pill").startswith("Uploading")
            tab.click("#cancel-upload")
            tab.wait_for_selector("#drop-idle:not([hidden])")
        assert kept_files(chat.data_dir) == kept
        drop(tab, small_video, small_video)
        tab.wait_for_selector("text=One video at a time, please.")
        drop(tab, small_video)
        see_frames(tab)


def is_in_view(tab: Tab, selector: str) -> bool:
    """Tell whether an element is to be seen without scrolling, and has the focus."""
    return bool(
        tab.eval_on_selector(
            selector,
            """e => e === document.activeElement
              && e.getBoundingClientRect().bottom <= innerHeight""",
        )
    )


def drop(tab: Tab, *paths: Path) -> None:
    """Drag files from outside onto the page."""
    hand = tab.context.new_cdp_session(tab)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
        if kind == "dragOver":
            tab.wait_for_selector("#drop-veil:not([hidden])")


def test_the_server_is_killed_and_comes_back(
    browser: Browser, small_video: Path, tmp_path: Path
) -> None:
    with dictated_model() as model:
        options = ("--data-dir", str(tmp_path), "--api-base", model.url, "--model", "dictated-vl",
                   "--api-key", "key", "--max-frames", str(FRAMES))  # fmt: skip
        with chat_process(*options) as first, visitor(browser, first.address) as seen:
            tab, other = seen.tab, seen.another()
            upload_and_see(tab, small_video)
            ask(tab, "What is there?")
            model.say("One ball ")
            see_answer(tab, "One ball", "writing")
            other.goto(f"{first.address}/")
            with slow_uploads(other, 20_000):
                choose(other, "second.mp4", small_video.read_bytes() + bytes(200_000))
                wait_until(other, "() => document.getElementById('upload-progress').value > 0.1")
                tab.wait_for_timeout(600)  # what is not yet written down may be lost
                first.kill()
                tab.wait_for_selector("#connection:not([hidden])")
                assert "connection to the server is lost" in tab.inner_text("#connection")
                assert not tab.is_enabled("#send")
                other.wait_for_selector("#upload-failed #retry-upload")
                assert "broke during the upload" in other.inner_text("#upload-failed")

            port = str(urlsplit(first.address).port)
            with chat_process(*options, "--port", port):
                see_answer(tab, "One ball", "interrupted")
                tab.wait_for_selector("#connection", state="hidden")
                model.end("One ball, red.")
                tab.click(".retry")
                see_answer(tab, "One ball, red.", "done")
                wait_until(tab, "() => document.getElementById('player').readyState >= 1")
                other.click("#retry-upload")
                see_frames(other)
                assert other.locator(".item").count() == 2
                for one in (tab, other):
                    one.close()  # before the server ends
            seen.forgive("ERR_")  # Chromium's own lines for what could not be fetched


def test_an_address_of_nothing(chat: Chat, browser: Browser) -> None:
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        for name in ("0123456789abcdef", "..%2F..%2Fetc%2Fpasswd", "%3Cimg%20src=x%3E", "%E7%90"):
            tab.goto(f"{chat.address}/#/c/{name}")
            tab.wait_for_selector("text=This conversation is not here")
            tab.click("#missing a")
            tab.wait_for_selector("#welcome:not([hidden])")
        seen.forgive("status of 4")


def test_a_video_that_the_browser_cannot_play(chat: Chat, browser: Browser, tmp_path: Path) -> None:
    path = old_video(tmp_path / "old.avi")
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload(tab, path)
        see_frames(tab)
        tab.wait_for_selector("#player-note:not([hidden])")
        assert "cannot play" in tab.inner_text("#player-note")
        assert not tab.is_visible("#player")
        ask(tab, "Where is it bright?")
        chat.model.end("In Frame 5.")
        see_answer(tab, "In Frame 5.", "done")
        tab.click("a.time")
        src = tab.get_attribute("#frame-5 img", "src")
        wait_until(tab, "s => document.getElementById('still-picture').src.endsWith(s)", src)
        wait_until(tab, "() => document.getElementById('still-picture').naturalWidth > 0")
        assert "Frame 5" in tab.inner_text("#still-caption")
        assert tab.get_attribute("#frame-5", "aria-current") == "true"


def old_video(path: Path) -> Path:
    """Write two seconds of MPEG-4 part 2 in AVI, which no browser plays."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for number in range(2 * FPS):
            frame = av.VideoFrame(WIDTH_PX, HEIGHT_PX, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([100 + 5 * number]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_who_has_no_token_signs_in(browser: Browser, tmp_path: Path) -> None:
    with running_chat(tmp_path, server={"auth_token": "a good token"}) as address:
        with visitor(browser, address) as seen:
            tab = seen.tab
            tab.wait_for_url("**/login")
            assert tab.evaluate("document.activeElement.id") == "token"
            tab.fill("#token", "a bad one")
            tab.keyboard.press("Enter")
            tab.wait_for_selector("#problem:not(:empty)")
            assert tab.inner_text("#problem") == "This is not the token of this server."
            seen.forgive("status of 4")
            tab.fill("#token", "a good token")
            tab.keyboard.press("Enter")
            tab.wait_for_selector("#welcome:not([hidden])")
            tab.wait_for_selector("#offline-notice:not([hidden])")
        narrow: Any = {"size": NARROWEST, "color_scheme": "dark", "locale": "zh-CN"}
        with visitor(browser, address, **narrow) as seen:
            tab = seen.tab
            tab.wait_for_url("**/login")
            assert tab.inner_text("h1") == "登录"
            tab.fill("#token", "a bad one")
            tab.click("#sign-in")
            tab.wait_for_selector("text=令牌不正确。")
            assert overflowing(tab) + too_small(tab) + low_contrast(tab) == []
            seen.forgive("status of 4")
