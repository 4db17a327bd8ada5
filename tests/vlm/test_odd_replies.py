"""Answers in odd shapes: what can be read is read; figures that cannot be right are not used."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.scripted_server import Raw, ScriptedServer
from tests.vlm.helpers import ask_one, settings_for
from three_stage.vlm import Answer, RequestRejectedError
from three_stage.vlm.replies import parse_reply

TEXT = '{"a": 1}'
ERROR = {"message": "upstream went away", "code": 502}


def completion(message: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message or {"content": TEXT}, "finish_reason": "stop"}
    return {"choices": [choice], "model": "m", **more}


def asked(*bodies: bytes) -> tuple[Answer[Any], int]:
    with ScriptedServer([Raw(body) for body in bodies]) as server:
        return ask_one(settings_for(server.base_url)), len(server.requests)


@pytest.mark.parametrize(
    ("told", "used"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 5000}, (10, 4990)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 3}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 10**30}, (10, 5)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None),
        ({"completion_tokens": 5}, None),
        ({"prompt_tokens": 10**12, "completion_tokens": 5}, None),
        ({"prompt_tokens": 10, "completion_tokens": 10**400}, None),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, None),
    ],
)
def test_usage_counts_thinking_and_leaves_out_what_cannot_be(
    told: dict[str, Any], used: tuple[int, int] | None
) -> None:
    reply = parse_reply(completion(usage=told), request_id=None)
    assert reply is not None
    usage = reply.usage
    assert (usage and (usage.prompt_tokens, usage.completion_tokens)) == used


@pytest.mark.parametrize(
    ("message", "note"),
    [
        ({"content": [TEXT[:4], TEXT[4:]]}, None),
        ({"content": {"a": 1}}, "the content was an object"),
        ({"content": None, "reasoning": "hm", "tool_calls": [{"function": {"arguments": TEXT}}]},
         "a tool call's arguments"),
        ({"content": "", "tool_calls": [{"function": {"arguments": {"a": 1}}}]},
         "a tool call's arguments"),
    ],
)  # fmt: skip
def test_an_answer_is_found_where_it_stands(message: dict[str, Any], note: str | None) -> None:
    reply = parse_reply(completion(message), request_id=None)
    assert reply is not None
    assert json.loads(reply.text or "") == {"a": 1}
    assert (note or "") in "; ".join(reply.notes)
    assert bool(note) == bool(reply.notes)


def test_a_mark_before_the_json_is_skipped() -> None:
    answer, requests = asked(b"\xef\xbb\xbf" + json.dumps(completion()).encode())
    assert (answer.value, requests) == (1, 1)


@pytest.mark.parametrize("error", [{}, {"message": "", "code": None}, "", None])
def test_an_error_without_words_is_none(error: object) -> None:
    answer, requests = asked(json.dumps(completion(error=error)).encode())
    assert (answer.value, requests) == (1, 1)
    assert not any("error" in note for note in answer.notes)


def test_a_finished_answer_counts_though_an_error_stands_beside_it() -> None:
    answer, requests = asked(json.dumps(completion(error=ERROR)).encode())
    assert (answer.value, requests) == (1, 1)
    assert any("error beside" in note for note in answer.notes)


def test_an_error_beside_an_answer_that_broke_off_is_that_error() -> None:
    broken = completion(error=ERROR)
    broken["choices"][0]["finish_reason"] = "error"
    answer, requests = asked(json.dumps(broken).encode(), json.dumps(completion()).encode())
    assert requests == 2
    assert "upstream went away" in answer.records[0].errors[0]


@contextlib.contextmanager
def left_open(head: str, content: bytes) -> Iterator[str]:
    """Serve one response that announces more than it sends; the connection stays open."""
    announced = f"HTTP/1.1 {head}\r\ncontent-length: {2 * len(content)}\r\n\r\n".encode()
    is_over = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(1_000_000)
            connection.sendall(announced + content)
            is_over.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        is_over.set()
        thread.join(timeout=10)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(completion()).encode(),
        b"data: " + json.dumps({"choices": [{"delta": {"content": TEXT}}]}).encode()
        + b"\n\ndata: [DONE]\n\n",
    ],
)  # fmt: skip
def test_a_whole_answer_counts_though_its_connection_stays_open(content: bytes) -> None:
    with left_open("200 OK", content) as url:
        answer = ask_one(settings_for(url, api_timeout_sec=0.4))
    assert (answer.value, answer.attempts) == (1, 1)


def test_a_refusal_without_an_end_is_read_as_far_as_it_has_words() -> None:
    with (
        left_open("400 Bad Request", b"no room " * 10_000) as url,
        pytest.raises(RequestRejectedError, match="answered 400: no room"),
    ):
        ask_one(settings_for(url, api_timeout_sec=3))
