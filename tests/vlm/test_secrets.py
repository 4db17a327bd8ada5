"""The key is in the request and nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from tests.support.scripted_server import Raw, Reset, Say, ScriptedServer, Status, Step
from tests.vlm.helpers import (
    KEY,
    MemoryJournal,
    Watcher,
    ask_one,
    pictures,
    question,
    settings_for,
)
from three_stage.vlm import VlmError, hidden

ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}. Authorization: Bearer {KEY}"}}

ECHOED_ANSWER = {
    "id": "1",
    "model": f"gateway for {KEY}",
    "choices": [{"finish_reason": "stop", "message": {"content": f"You sent Bearer {KEY}"}}],
}


def what_is_said(base_url: str, journal: MemoryJournal, watcher: Watcher) -> list[str]:
    """Ask, and return every form of the error that comes of it."""
    settings = settings_for(base_url, api_call_retries=5)
    asked = question(pictures=pictures(2))
    try:
        ask_one(settings, asked, journal, observer=watcher)
    except VlmError as error:
        # loguru shows the values of variables in tracebacks unless it is told not to.
        logger.opt(exception=error).error("a video failed")
        return [str(error), repr(error), error.hint, *traceback.format_exception(error)]
    return []


@pytest.mark.parametrize(
    "steps",
    [
        [Say('{"a": 1}')],
        [Status(401, ECHO)],
        [Status(403, f"<html>your key {KEY} is blocked</html>", content_type="text/html")],
        [Status(400, ECHO)],
        [Status(400, {"detail": [{"loc": ["header", KEY], "msg": KEY, "input": KEY}]})],
        [Status(500, ECHO), Reset(), Status(429, ECHO), Say('{"a": 1}')],
        [Raw(f"<html>{KEY}</html>".encode(), "text/html")],
        [Raw(f'{{"error": {{"message": "{KEY}", "code": 400}}}}'.encode())],
        [Raw(json.dumps(ECHOED_ANSWER).encode())] * 3,
    ],
)
def test_the_key_is_in_no_log_error_event_or_journal(
    steps: list[Step], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level=0, backtrace=False)
    journal, watcher = MemoryJournal(), Watcher()
    try:
        with ScriptedServer(steps) as server:
            said = what_is_said(server.base_url, journal, watcher)
    finally:
        logger.remove(sink)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    records = [record.model_dump_json() for record in journal.records]
    everything = [caplog.text, *lines, *said, *records, *map(str, watcher.events)]
    assert caplog.text
    assert lines
    assert not [text for text in everything if KEY in text]


def test_pictures_that_a_server_sends_back_are_not_shown() -> None:
    (shown,) = pictures(1)
    picture = "data:image/jpeg;base64," + base64.b64encode(shown.jpeg).decode()
    refusal = Status(400, {"error": {"message": f"cannot use {picture} here"}})
    with ScriptedServer([refusal]) as server, pytest.raises(VlmError) as caught:
        ask_one(settings_for(server.base_url), question(pictures=(shown,)))
    assert "cannot use (a picture) here" in str(caught.value)


def test_a_very_long_refusal_is_shortened() -> None:
    refusal = Status(400, {"error": {"message": "word " * 5000}})
    with ScriptedServer([refusal]) as server, pytest.raises(VlmError) as caught:
        ask_one(settings_for(server.base_url))
    assert len(str(caught.value)) < 700


@given(
    secret=st.text("abcdefgh0123456789-_", min_size=13, max_size=40),
    pieces=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.text(max_size=6))),
)
def test_no_eight_characters_of_a_key_stay(secret: str, pieces: list[tuple[int, int, str]]) -> None:
    text = "".join(f"{between}{secret[start:end]}" for start, end, between in pieces)
    shown = hidden(text, secret)
    parts = {secret[i : i + 8] for i in range(len(secret) - 7)}
    assert not [part for part in parts if part in shown.replace(f"[key ...{secret[-4:]}]", "\n")]
    if not any(part in text for part in parts):
        assert shown == text


@pytest.mark.parametrize("key", ["", "x", "EMPTY", "twelve-chars"])
def test_a_short_key_shows_nothing_of_itself_and_spares_words(key: str) -> None:
    assert hidden(f"before {key} after", key) == (
        "before [key ...] after" if key else "before  after"
    )
