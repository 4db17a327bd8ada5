"""The chat's page in a real browser: what a person does from the upload to the deletion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chat.browser import (
    FRAMES,
    Chat,
    DictatedModel,
    ask,
    dictated_chat,
    kept_files,
    player_sec,
    see_answer,
    see_frames,
    see_player_at,
    tab_to,
    upload_and_see,
    visitor,
    wait_until,
)
from tests.support.browser import chromium_path, running_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.slow

LONG = "\n\n".join(f"Paragraph {n} of a long answer about a ball that moves." for n in range(1, 60))


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """Return a running chat; every test uploads its own video and deletes nothing of others."""
    chromium_path()
    with dictated_chat(tmp_path_factory.mktemp("chat")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a running Chromium."""
    with running_browser() as launched:
        yield launched


def see_focus(tab: Tab, selector: str) -> None:
    """Wait until the focus stands there."""
    wait_until(tab, "s => document.activeElement.matches(s)", selector)


def test_from_the_upload_to_a_reload(chat: Chat, browser: Browser, small_video: Path) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        assert tab.title() == "small.mp4 · three-stage"
        ask(tab, "Where is the ball?")
        model.say("The ball ")
        see_answer(tab, "The ball", "writing")
        model.say("moves ")
        see_answer(tab, "The ball moves", "writing")
        model.end("at 4.00 s and in Frame 3.")
        see_answer(tab, "The ball moves at 4.00 s and in Frame 3.", "done")
        assert model.pictures_of(-1) == FRAMES
        assert tab.inner_text("#announcer").startswith("The answer is finished. The ball")

        tab.click("a.time >> nth=0")
        see_player_at(tab, 4.0)
        for frame in ("#frame-2", ".moment >> nth=0", "a.time >> nth=1"):
            tab.click(frame)
            see_player_at(tab, float(tab.get_attribute(frame, "data-time") or -1))
        assert tab.get_attribute("#frame-3", "aria-current") == "true"

        address = tab.url
        tab.reload()
        see_answer(tab, "The ball moves at 4.00 s", "done")
        see_frames(tab)
        assert tab.url == address
        assert tab.inner_text(".message.user .question") == "Where is the ball?"


def test_stop_retry_rename_delete(browser: Browser, small_video: Path, tmp_path: Path) -> None:
    with dictated_chat(tmp_path) as chat, visitor(browser, chat.address) as seen:
        tab, model = seen.tab, chat.model
        upload_and_see(tab, small_video)
        ask(tab, "And then?")
        model.say("It goes ")
        see_answer(tab, "It goes", "writing")
        tab.click("#stop")
        assert model.was_left_within(1)
        see_answer(tab, "You stopped this answer.", "stopped")
        see_answer(tab, "It goes")
        assert tab.is_visible("#send")
        model.end("It rests.")
        tab.click(".retry")
        see_answer(tab, "It rests.", "done")
        assert model.bodies[-1] == model.bodies[-2]
        assert tab.locator(".message").count() == 2

        tab.hover(".item")
        tab.click(".item [id^=rename-]")
        tab.fill("#rename-text", "A ball")
        tab.click("#rename-save")
        wait_until(tab, "() => document.title === 'A ball · three-stage'")
        assert tab.inner_text(".item-title") == "A ball"
        assert kept_files(tmp_path) != []

        for button in ("#delete-cancel", "#delete-confirm"):
            tab.hover(".item")
            tab.click(".item [id^=delete-]")
            assert "“A ball”" in tab.inner_text("#delete-text")
            tab.click(button)
        tab.wait_for_selector("#welcome:not([hidden])")
        assert tab.is_visible("#no-conversations")
        assert tab.title() == "three-stage"
        assert kept_files(tmp_path) == []


def test_by_keyboard_alone(browser: Browser, small_video: Path, tmp_path: Path) -> None:
    with dictated_chat(tmp_path) as chat, visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_by_keyboard(tab, small_video)
        ask_by_keyboard(tab, chat.model)
        stop_and_retry_by_keyboard(tab, chat.model)
        rename_and_delete_by_keyboard(tab)
        tab_to(tab, "#skip")  # from there on, as at the beginning


def upload_by_keyboard(tab: Tab, video: Path) -> None:
    tab_to(tab, "#skip")
    with tab.expect_file_chooser() as chooser:
        tab_to(tab, "#choose-video")
        tab.keyboard.press("Enter")
    chooser.value.set_files(video)
    see_frames(tab)
    tab_to(tab, "#strip button")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    see_player_at(tab, float(tab.get_attribute("#frame-2", "data-time") or -1))


def ask_by_keyboard(tab: Tab, model: DictatedModel) -> None:
    tab.keyboard.press("/")
    see_focus(tab, "#question")
    tab.keyboard.type("Is 1/2 of it red?")
    tab.keyboard.press("Enter")
    model.end("At 4.00 s.")
    see_answer(tab, "At 4.00 s.", "done")
    assert tab.inner_text(".question") == "Is 1/2 of it red?"
    assert tab.input_value("#question") == ""
    tab_to(tab, "a.time", key="Shift+Tab")
    tab.keyboard.press("Enter")
    see_player_at(tab, 4.0)


def stop_and_retry_by_keyboard(tab: Tab, model: DictatedModel) -> None:
    tab.keyboard.press("/")
    tab.keyboard.type("And then?")
    tab.keyboard.press("Enter")
    model.say("It ")
    see_answer(tab, "It", "writing")
    tab.keyboard.press("Escape")
    assert model.was_left_within(1)
    see_answer(tab, "You stopped", "stopped")
    tab_to(tab, ".retry", key="Shift+Tab")
    model.end("It rests.")
    tab.keyboard.press("Enter")
    see_answer(tab, "It rests.", "done")
    see_focus(tab, "#question")


def rename_and_delete_by_keyboard(tab: Tab) -> None:
    tab_to(tab, "#open-settings")
    tab.keyboard.press("Enter")
    assert tab.is_visible("#settings-dialog")
    tab_to(tab, "#settings-cancel")
    tab.keyboard.press("Escape")
    assert not tab.is_visible("#settings-dialog")
    see_focus(tab, "#open-settings")

    tab_to(tab, "[id^=rename-]", key="Shift+Tab")
    tab.keyboard.press("Enter")
    tab.keyboard.type("A ball")
    tab.keyboard.press("Enter")
    wait_until(tab, "() => document.title === 'A ball · three-stage'")
    see_focus(tab, "button[id^=rename-]")
    tab_to(tab, "[id^=delete-]")
    tab.keyboard.press("Enter")
    see_focus(tab, "#delete-cancel")
    tab_to(tab, "#delete-confirm")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#welcome:not([hidden])")


def test_reloaded_in_the_middle_and_in_two_tabs(
    chat: Chat, browser: Browser, small_video: Path
) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        ask(tab, "What is there?")
        model.say("One **ball** ")
        see_answer(tab, "One ball", "writing")
        tab.reload()
        other = seen.another()
        other.goto(tab.url)
        for one in (tab, other):
            see_answer(one, "One ball", "writing")
        model.say("and two shades")
        for one in (tab, other):
            see_answer(one, "One ball and two shades", "writing")
        assert is_the_same(tab, other)
        other.click("#stop")
        for one in (tab, other):
            see_answer(one, "You stopped this answer.", "stopped")
        assert is_the_same(tab, other)
        ask(other, "More?")
        model.end("No.")
        for one in (tab, other):
            see_answer(one, "No.", "done")
        assert is_the_same(tab, other)

        other.hover(".item:has([aria-current])")
        other.click(".item:has([aria-current]) [id^=rename-]")
        other.fill("#rename-text", "Two tabs")
        other.click("#rename-save")
        wait_until(tab, "() => document.title === 'Two tabs · three-stage'")
        other.hover(".item:has([aria-current])")
        other.click(".item:has([aria-current]) [id^=delete-]")
        other.click("#delete-confirm")
        tab.wait_for_selector("#missing:not([hidden])")
        assert "deleted" in tab.inner_text("#missing")


def is_the_same(tab: Tab, other: Tab) -> bool:
    """Tell whether two tabs come to show the same conversation."""
    shown = "document.getElementById('messages').innerHTML"
    wait_until(other, f"html => {shown} === html", tab.evaluate(shown))
    return True


def test_a_part_of_the_video(chat: Chat, browser: Browser, small_video: Path) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        tab.click("#range-toggle")
        tab.fill("#range-from", "3")
        tab.fill("#range-to", "0:01")
        asked = len(model.bodies)
        ask(tab, "What moves?")
        assert tab.inner_text("#range-problem") == "The range must end after it begins."
        assert len(model.bodies) == asked
        tab.click("#frame-3")
        see_player_at(tab, float(tab.get_attribute("#frame-3", "data-time") or -1))
        tab.click("#range-from-player")
        from_sec = float(tab.input_value("#range-from"))
        assert abs(from_sec - player_sec(tab)) < 0.02
        tab.fill("#range-to", "0:03.5")
        tab.press("#range-to", "Enter")
        chip = f"{from_sec:.2f} s to 3.50 s"
        assert tab.inner_text("#range-toggle") == chip
        tab.press("#question", "Enter")
        model.end("The ball.")
        see_answer(tab, "The ball.", "done")
        assert tab.inner_text(".range-chip") == chip
        assert FRAMES < model.pictures_of(-1) <= 2 * FRAMES
        assert tab.inner_text("#range-toggle") == "Time range"

        ask(tab, "And from 2 s to 4 s?")
        model.end("The same.")
        see_answer(tab, "The same.", "done")
        assert tab.inner_text(".range-chip >> nth=1") == "2.00 s to 4.00 s"
        assert FRAMES < model.pictures_of(-1) <= 2 * FRAMES
        texts = [p["text"] for p in model.bodies[-1]["messages"][-1]["content"] if "text" in p]
        assert texts[-1] == "And from 2 s to 4 s?"
        assert tab.inner_text("#strip li:nth-child(1)").startswith("1")


def test_how_a_question_is_written_and_sent(
    chat: Chat, browser: Browser, small_video: Path
) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        asked = len(model.bodies)
        tab.focus("#question")
        method = tab.context.new_cdp_session(tab)
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
        composed = {"text": "qiu", "selectionStart": 3, "selectionEnd": 3}
        method.send("Input.imeSetComposition", composed)
        method.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
        method.send("Input.insertText", {"text": "球在哪里？"})
        method.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})  # as Safari has it
        assert tab.locator(".message").count() == 0
        tab.keyboard.press("Shift+Enter")
        tab.keyboard.type("Is it red?")
        assert tab.input_value("#question") == "球在哪里？\nIs it red?"

        box = tab.locator("#send").bounding_box()
        assert box is not None
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for count in (1, 2):  # a double click: the second falls on what is there by then
            tab.mouse.down(click_count=count)
            tab.mouse.up(click_count=count)
            tab.wait_for_timeout(150)
        model.end("Yes.")
        see_answer(tab, "Yes.", "done")
        tab.fill("#question", "Sure?")
        tab.keyboard.press("Enter")
        tab.keyboard.press("Enter")
        model.end("Sure.")
        see_answer(tab, "Sure.", "done")
        assert len(model.bodies) == asked + 2
        assert tab.locator(".message").count() == 4


def test_an_answer_longer_than_the_screen(chat: Chat, browser: Browser, small_video: Path) -> None:
    model = chat.model
    place = "document.getElementById('talk-scroller').scrollTop"
    below = f"document.getElementById('talk-scroller').scrollHeight - {place} - innerHeight"
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        ask(tab, "Tell me much.")
        model.say(LONG)
        see_answer(tab, "Paragraph 59", "writing")
        wait_until(tab, f"() => {below} < 0")  # it follows the text
        assert not tab.is_visible("#jump")
        tab.hover("#talk-scroller")
        tab.mouse.wheel(0, -700)
        wait_until(tab, f"() => {below} > 300")
        tab.wait_for_timeout(300)
        before = tab.evaluate(place)
        model.say("\n\n" + LONG.replace("Paragraph", "Part"))
        see_answer(tab, "Part 59", "writing")
        assert tab.evaluate(place) == before
        tab.click("#jump")
        wait_until(tab, f"() => {below} < 0")
        model.end("\n\nThe end.")
        see_answer(tab, "The end.", "done")
        wait_until(tab, f"() => {below} < 0")
        assert not tab.is_visible("#jump")


def test_another_conversation_about_the_video(
    chat: Chat, browser: Browser, small_video: Path
) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        ask(tab, "What is in the first?")
        model.say("A ball")
        see_answer(tab, "A ball", "writing")
        tab.click("#ask-anew")
        tab.wait_for_selector("#talk-start:not([hidden])")
        see_frames(tab)
        assert tab.locator(".message").count() == 0
        suggested = tab.inner_text(".suggestion >> nth=0")
        tab.click(".suggestion >> nth=0")
        assert tab.input_value("#question") == suggested
        tab.fill("#question", "A draft")
        tab.go_back()
        see_answer(tab, "A ball", "writing")
        assert tab.input_value("#question") == ""
        model.end(", yellow.")
        see_answer(tab, "A ball, yellow.", "done")
        tab.go_forward()
        tab.wait_for_selector("#talk-start:not([hidden])")
        assert tab.input_value("#question") == "A draft"


def test_settings_and_export(chat: Chat, browser: Browser, small_video: Path) -> None:
    model = chat.model
    with visitor(browser, chat.address) as seen:
        tab = seen.tab
        upload_and_see(tab, small_video)
        tab.click("#open-settings")
        wait_until(tab, "() => document.querySelectorAll('#models option').length === 2")
        tab.fill("#setting-temperature", "7")
        tab.click("#settings-save")
        assert "from 0 to 2" in tab.inner_text("#settings-problem")
        for name, value in (
            ("model", "a/model of my own"),
            ("temperature", "0.7"),
            ("frames", "9"),
        ):
            tab.fill(f"#setting-{name}", value)
        tab.click("#settings-save")
        see_frames(tab, 9)
        wait_until(tab, "() => !document.getElementById('settings-dialog').open")
        ask(tab, "What is *there*?")
        model.end("A ball at 2.00 s.")
        see_answer(tab, "A ball", "done")
        assert "a/model of my own" in tab.inner_text(".message-facts")
        assert model.bodies[-1]["model"] == "a/model of my own"
        assert model.bodies[-1]["temperature"] == 0.7
        assert model.pictures_of(-1) == 9

        tab.click("#open-settings")
        assert tab.input_value("#setting-model") == "a/model of my own"
        for form, suffix in (("markdown", ".md"), ("json", ".json")):
            with tab.expect_download() as download:
                tab.click(f"#export-{form}")
            assert download.value.suggested_filename == f"What is there{suffix}"
            text = download.value.path().read_text(encoding="utf-8")
            assert "What is *there*?" in text
            assert "A ball at 2.00 s." in text
        told = json.loads(text)
        assert [m["role"] for m in told["messages"]] == ["user", "assistant"]
        assert len(told["frames"]["frames"]) == 9
