"""The report in a real browser, from disk: it moves, it follows, it is readable, it is harmless."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.conftest import page_of
from tests.report.folders import (
    DURATION_SEC,
    HOSTILE_NAME,
    HOSTILE_TEXT,
    STEP_TIMES_SEC,
    drawn_media,
    write_folder,
)
from tests.support.browser import (
    NARROW,
    NARROWEST,
    WIDE,
    Watched,
    chromium_path,
    running_browser,
    watched_tab,
)
from tests.support.looks import low_contrast, overflowing, overlapping, too_small
from three_stage.report import ReportOptions, WrittenReport, write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.slow

BLOCKS = (
    "main, .intro, .watch, .step, .panel, .pair, .chain, .track, .bar-row, .glance, .tiles > div, "
    ".videos tbody tr, .marks"
)
BARS = ".step-bar"  # as wide as its step is long; the list of steps does the same
NAMES = ("first", "second", HOSTILE_NAME)


Opener = Callable[..., Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """Return the report of three finished videos that play."""
    place = tmp_path_factory.mktemp("playing")
    media = drawn_media(place)
    for name in NAMES:
        goal = HOSTILE_TEXT if name == HOSTILE_NAME else f"Toast, {name}."
        write_folder(place / "out", name, media, goal=goal)
    return asyncio.run(write_report(place / "out", ReportOptions(validate=False)))


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Return a running Chromium."""
    chromium_path()  # without it, nothing is made
    for name in ("report", "zoo"):  # first: beside a running browser, asyncio.run is refused
        request.getfixturevalue(name)
    with running_browser() as launched:
        yield launched


@pytest.fixture
def watched(browser: Browser) -> Opener:
    """Return a context manager for tabs that fails on complaints and network requests."""

    @contextmanager
    def open_tab(
        size: tuple[int, int] = WIDE, *, locale: str = "en-US", scheme: Any = "light"
    ) -> Iterator[Watched]:
        with watched_tab(
            browser, allowed=("file:", "data:"), size=size, locale=locale, color_scheme=scheme
        ) as seen:
            yield seen

    return open_tab


def opened(seen: Watched, path: Path) -> Tab:
    """Open a page from disk."""
    seen.tab.goto(path.as_uri())
    return seen.tab


def opened_playing(seen: Watched, path: Path) -> Tab:
    """Open a video's page and wait until the player has its file."""
    opened(seen, path)
    seen.tab.wait_for_function("() => document.getElementById('player').readyState >= 2")
    return seen.tab


def player_time(tab: Tab) -> float:
    return float(tab.evaluate("document.getElementById('player').currentTime"))


def cursor_sec(tab: Tab) -> float:
    return float(tab.get_attribute("#cursor", "aria-valuenow") or -1)


def test_clicks_move_the_player_and_what_is_current(report: WrittenReport, watched: Opener) -> None:
    with watched() as seen:
        tab = opened_playing(seen, page_of(report, "first"))
        for selector, step, time_sec in (
            ("#bar-2", "2", 3.0), (".chapter[data-step='3']", "3", 7.0),
            (".panel > .strip li:nth-child(6) button", "2", 5.0), ("#mark-8", "4", 11.0),
            ("#step-1 .go", "1", 0.0), ("#step-4 .key-frame:first-child button", "4", 10.17),
        ):  # fmt: skip
            tab.click(selector)
            tab.wait_for_function(
                "t => Math.abs(document.getElementById('player').currentTime - t) < 0.02",
                arg=time_sec,
            )
            current = tab.eval_on_selector_all(
                "[aria-current]", "all => all.map(e => e.dataset.step)"
            )
            assert current == [step, step], selector
            assert cursor_sec(tab) == pytest.approx(time_sec, abs=0.02)


def test_playing_moves_the_cursor(report: WrittenReport, watched: Opener) -> None:
    with watched() as seen:
        tab = opened_playing(seen, page_of(report, "first"))
        tab.click("#bar-2")
        tab.evaluate("document.getElementById('player').muted = true")
        tab.evaluate("document.getElementById('player').play()")
        tab.wait_for_function("() => document.getElementById('player').currentTime > 3.6")
        tab.evaluate("document.getElementById('player').pause()")
        tab.wait_for_timeout(100)
        assert cursor_sec(tab) == pytest.approx(player_time(tab), abs=0.05)
        left, width = tab.evaluate(
            "[parseFloat(document.getElementById('cursor').style.left), 100]"
        )
        assert left / width == pytest.approx(player_time(tab) / DURATION_SEC, abs=0.005)


def test_without_the_source_the_clips_play(report: WrittenReport, watched: Opener) -> None:
    source = report.index.parents[1] / "sources" / "second.mp4"
    hidden = source.rename(source.with_suffix(".hidden"))
    try:
        with watched() as seen:
            tab = opened_playing(seen, page_of(report, "second"))
            assert tab.is_visible("#playing-clip")
            tab.click(".panel > .strip li:nth-child(9) button")
            tab.wait_for_function(
                "() => document.getElementById('player').src.endsWith('step03.mp4')"
            )
            tab.wait_for_function("() => document.getElementById('player').currentTime > 0.5")
            assert cursor_sec(tab) == pytest.approx(8.0, abs=0.05)
            seen.forgive("ERR_FILE_NOT_FOUND")
    finally:
        hidden.rename(source)


def test_the_timeline_stands_where_the_times_are(report: WrittenReport, watched: Opener) -> None:
    for size in (WIDE, NARROW, NARROWEST):
        with watched(size) as seen:
            tab = opened(seen, page_of(report, "first"))
            box = "e => { const b = e.getBoundingClientRect(); return [b.left, b.right]; }"
            left, right = tab.eval_on_selector("#track", box)
            for number, (start, end) in enumerate(STEP_TIMES_SEC, start=1):
                bar = tab.eval_on_selector(f"#bar-{number}", box)
                for actual, time_sec in zip(bar, (start, end), strict=True):
                    wanted = left + (right - left) * time_sec / DURATION_SEC
                    assert actual == pytest.approx(wanted, abs=1)
            marks = tab.eval_on_selector_all(
                ".mark",
                "all => all.map(e => { const b = e.getBoundingClientRect();"
                " return [(b.left + b.right) / 2, Number(e.dataset.seek)]; })",
            )
            assert len(marks) == 8
            assert overlapping(tab, BLOCKS, placed=f"{BARS}, .mark") == []
            assert too_small(tab, apart_from=BARS) == []
            for middle, time_sec in marks:
                wanted = left + (right - left) * time_sec / DURATION_SEC
                assert middle == pytest.approx(wanted, abs=1)


def test_the_keyboard_reaches_everything(report: WrittenReport, watched: Opener) -> None:
    with watched() as seen:
        tab = opened_playing(seen, page_of(report, "first"))
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        tab.focus("#bar-3")
        tab.keyboard.press("Enter")
        tab.wait_for_function("() => document.getElementById('player').currentTime > 6.9")
        tab.focus("#cursor")
        tab.keyboard.press("ArrowLeft")
        tab.wait_for_function(
            "() => Math.abs(document.getElementById('player').currentTime - 6) < 0.05"
        )
        tab.keyboard.press("Home")
        tab.wait_for_function("() => document.getElementById('player').currentTime < 0.05")
        unreachable = tab.eval_on_selector_all(
            "button:not(:disabled), a[href], summary, video",
            "all => all.filter(e => e.checkVisibility() && e.tabIndex < 0).length",
        )
        assert unreachable == 0


def test_the_language_is_switched_and_remembered(report: WrittenReport, watched: Opener) -> None:
    with watched() as seen:
        tab = opened(seen, page_of(report, "first"))
        assert tab.is_visible("text=Chain of causes >> nth=0")
        tab.click("[data-set-language=zh]")
        assert tab.is_visible("text=因果链 >> nth=0")
        assert not tab.is_visible("text=Chain of causes >> nth=0")
        assert tab.get_attribute("html", "lang") == "zh-Hans"
        assert (tab.get_attribute("#bar-1", "aria-label") or "").startswith("步骤 1")
        for _try in range(20):  # Chromium hands what is stored to another page's process in a while
            opened(seen, report.index)
            if tab.get_attribute("html", "lang") == "zh-Hans":
                break
            tab.wait_for_timeout(250)
        assert tab.get_attribute("#filter", "placeholder") == "名称、目标、状态或原因"
    with watched(locale="zh-CN") as seen:
        assert opened(seen, report.index).is_visible("text=视频及其标注")


def test_filter_and_sort(report: WrittenReport, watched: Opener) -> None:
    shown = "rows => rows.filter(r => !r.hidden).map(r => r.dataset.name)"
    rows = "#videos tbody tr"
    with watched() as seen:
        tab = opened(seen, report.index)
        tab.fill("#filter", "toast SECOND")
        assert tab.eval_on_selector_all(rows, shown) == ["second"]
        assert tab.inner_text(".shown .w:lang(en) .count-shown") == "1"
        tab.fill("#filter", "nothing like it")
        assert tab.is_visible("#empty")
        tab.fill("#filter", "")
        for key in ("name", "tokens", "duration", "cost", "worked", "verdict", "state"):
            tab.click(f"[data-sort={key}]")
        tab.click("[data-sort=name]")
        ascending = tab.eval_on_selector_all(rows, shown)
        tab.click("[data-sort=name]")
        assert tab.eval_on_selector_all(rows, shown) == ascending[::-1]
        assert sorted(ascending) == sorted(NAMES)
        tab.select_option("#state", "done")
        assert len(tab.eval_on_selector_all(rows, shown)) == 3
        tab.click("text=second")
        tab.wait_for_url(re.compile(r"/videos/second-.*\.html$"))


def test_the_filter_knows_the_states_in_the_language_that_is_shown(
    zoo: WrittenReport, watched: Opener
) -> None:
    shown = "rows => rows.filter(r => !r.hidden).map(r => r.dataset.name)"
    failed = ["failed", "not valid"]
    with watched() as seen:
        tab = opened(seen, zoo.index)
        for language, words, names in (
            ("en", "FAILED", failed), ("en", "失败", []), ("zh", "失败", failed),
            ("zh", "failed", ["failed"]), ("zh", "未完成", ["outdated", "unfinished"]),
        ):  # fmt: skip
            tab.fill("#filter", words)
            tab.click(f"[data-set-language={language}]")
            found = tab.eval_on_selector_all("#videos tbody tr", shown)
            assert sorted(found) == names, (language, words)
            assert tab.inner_text(".shown").startswith(
                f"{len(names)} /" if language == "en" else f"已显示 {len(names)} /"
            )


def test_a_hostile_video_does_nothing(report: WrittenReport, watched: Opener) -> None:
    with watched() as seen:
        tab = opened(seen, report.index)
        tab.click(f"#videos a:has-text('{HOSTILE_NAME}')")
        tab.wait_for_function("() => document.getElementById('player').readyState >= 2")
        assert tab.inner_text("h1") == HOSTILE_NAME
        assert tab.inner_text(".lead") == HOSTILE_TEXT
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        tab.wait_for_timeout(200)


@pytest.mark.parametrize(
    ("size", "scheme", "locale"),
    [(WIDE, "light", "en-US"), (WIDE, "dark", "zh-CN"), (NARROW, "light", "zh-CN"),
     (NARROW, "dark", "en-US")],
)  # fmt: skip
def test_it_looks_as_it_should(
    size: tuple[int, int], scheme: str, locale: str, report: WrittenReport, zoo: WrittenReport,
    watched: Opener, tmp_path: Path,
) -> None:  # fmt: skip
    hostile = page_of(report, HOSTILE_NAME)
    for path in (report.index, zoo.index, hostile, page_of(zoo, "damaged")):
        with watched(size, locale=locale, scheme=scheme) as seen:
            tab = opened(seen, path)
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            tab.wait_for_function("() => [...document.images].every(i => i.complete)")
            assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
            assert overflowing(tab) == []
            assert overlapping(tab, BLOCKS, placed=f"{BARS}, .mark") == []
            assert too_small(tab, apart_from=BARS) == []
            assert low_contrast(tab) == []
            assert tab.evaluate("[...document.images].filter(i => !i.naturalWidth).length") == 0
            background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            brightness = sum(map(int, re.findall(r"\d+", background)[:3]))
            assert (brightness < 200) == (scheme == "dark")
            shot = tab.screenshot(path=tmp_path / "page.png")
            assert len(shot) > 10_000
            # The player of the zoo has files that are no videos, on purpose.
            seen.forgive("DEMUXER")
