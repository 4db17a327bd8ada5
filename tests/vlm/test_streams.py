"""Server-sent events that come though nobody asked for them: read as the answer that they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.scripted_server import Raw, ScriptedServer, Status
from tests.vlm.helpers import ask_one, settings_for
from three_stage.vlm.streams import joined_stream


def event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({'id': 'x', 'model': 'm', 'choices': [choice], **more})}\n\n"


BEGUN = event({"role": "assistant", "content": '{"a"'}) + event({"content": ": 1}"})
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
LAST = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n"
END = "data: [DONE]\n\n"


@pytest.mark.parametrize(
    "body",
    [
        BEGUN + event({}, "stop") + LAST + END,
        ": keep-alive\r\n\r\n" + (BEGUN + event({}, "stop") + LAST).replace("\n", "\r\n"),
        BEGUN + LAST + END,
    ],
)
def test_a_whole_stream_is_an_answer(body: str) -> None:
    with ScriptedServer([Raw(body.encode(), "text/event-stream")]) as server:
        answer = ask_one(settings_for(server.base_url))
    assert answer.value == 1
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3)


def test_a_stream_that_breaks_off_is_no_answer_and_is_sent_again() -> None:
    with ScriptedServer([Raw(BEGUN.encode()), Raw((BEGUN + END).encode())]) as server:
        assert ask_one(settings_for(server.base_url)).value == 1
    assert len(server.requests) == 2


def test_an_error_within_a_stream_is_that_error() -> None:
    stream = BEGUN + 'data: {"error": {"message": "no slot", "code": 503}}\n\n'
    with ScriptedServer([Raw(stream.encode()), Raw((BEGUN + END).encode())]) as server:
        answer = ask_one(settings_for(server.base_url))
    assert "answered 503: no slot" in answer.records[0].errors[0]


def test_reasoning_and_content_are_kept_apart_and_odd_line_ends_are_text() -> None:
    stream = event({"reasoning_content": "hm"}) + event({"content": "a\u2028b"}, "length")
    joined = joined_stream(stream.replace("\\u2028", "\u2028"))
    assert joined is not None
    (choice,) = joined["choices"]
    assert choice["message"] == {"reasoning_content": "hm", "content": "a\u2028b"}
    assert choice["finish_reason"] == "length"


@pytest.mark.parametrize(
    "text", ["", "data: [DONE]", "data: 1", "data: {", 'data: {"choices": 3}', "<html>"]
)
def test_what_is_no_stream_is_none(text: str) -> None:
    assert joined_stream(text) is None


def test_a_refusal_stays_a_refusal() -> None:
    with ScriptedServer([Status(503, BEGUN + END), Raw((BEGUN + END).encode())]) as server:
        ask_one(settings_for(server.base_url))
    assert len(server.requests) == 2
