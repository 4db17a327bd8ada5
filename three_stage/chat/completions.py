"""The answers of the OpenAI protocol: one object, or a stream that ends with its usage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from three_stage.chat.errors import AnswerTooLongError, ChatError
from three_stage.chat.folders import new_id
from three_stage.chat.troubles import code_of, without_key_tail
from three_stage.settings import ThreeStageError
from three_stage.vlm import (
    AnswerBlockedError,
    End,
    EndpointDownError,
    Piece,
    RequestFailedError,
    RequestRejectedError,
    Talk,
    Talker,
    TalkEvent,
    Thought,
)

_STATUS_OF_CODE = {"size": 413, "quota": 429, "model": 404, "key": 502}
_STATUS: tuple[tuple[type[ThreeStageError], int], ...] = (
    (RequestRejectedError, 400),
    (AnswerBlockedError, 400),
    (EndpointDownError, 503),
    (RequestFailedError, 503),
)
_REFUSED = 502
SILENCES_A_WHOLE_ANSWER = 10
"""So many times the longest silence an answer may take that is waited for as a whole."""


@dataclass(frozen=True)
class _Head:
    """What every object of one answer says."""

    answer_id: str
    created: int
    model: str
    more: Mapping[str, Any]

    def fields(self, kind: str) -> dict[str, Any]:
        named = {"id": self.answer_id, "object": kind, "created": self.created}
        return {**named, "model": self.model, **self.more}


async def whole_answer(talker: Talker, talk: Talk) -> dict[str, Any]:
    """Wait for the answer and return it as one chat completion.

    Raises VlmError; AnswerTooLongError when it does not end, as with a model that repeats itself:
    who waits for the whole of it could not see that.
    """
    limit_sec = SILENCES_A_WHOLE_ANSWER * talker.silence_sec
    try:
        async with asyncio.timeout(limit_sec):
            return await _whole_answer(talker, talk)
    except TimeoutError:
        raise AnswerTooLongError(
            f"{talk.subject}: the answer did not end within {limit_sec:g} s "
            f"({SILENCES_A_WHOLE_ANSWER} times --api-timeout-sec).",
            hint="Set max_tokens, or ask with stream: true and read it while it is written.",
        ) from None


async def _whole_answer(talker: Talker, talk: Talk) -> dict[str, Any]:
    head, text, thoughts, end = _head(talk, {}), "", "", None
    async with contextlib.aclosing(talker.talk(talk)) as events:
        async for event in events:
            match event:
                case Piece(piece):
                    text += piece
                case Thought(thought):
                    thoughts += thought
                case End():
                    end = event
    message = {"role": "assistant", "content": text, "refusal": None}
    if thoughts:
        message["reasoning_content"] = thoughts
    reason = _reason(end)
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {**head.fields("chat.completion"), "choices": [choice], "usage": _usage(end)}


async def begun(events: AsyncIterator[TalkEvent]) -> tuple[TalkEvent, ...]:
    """Wait until an answer begins, so that what refuses it can still be told by a status."""
    first = []
    async for event in events:
        first.append(event)
        if isinstance(event, (Piece, Thought, End)):
            break
    return tuple(first)


async def chunks(
    talk: Talk, first: tuple[TalkEvent, ...], events: AsyncIterator[TalkEvent], *, with_usage: bool
) -> AsyncIterator[str]:
    """Yield an answer as server-sent events, as OpenAI's own servers write them.

    ``with_usage``: one chunk more tells what was used, and those before it that it is to come.
    """
    head = _head(talk, {"usage": None} if with_usage else {})
    yield _chunk(head, {"role": "assistant", "content": ""})
    end: End | None = None
    try:
        async for event in _chained(first, events):
            match event:
                case Piece(piece):
                    yield _chunk(head, {"content": piece})
                case Thought(thought):
                    yield _chunk(head, {"reasoning_content": thought})
                case End():
                    end = event
    except ThreeStageError as error:
        yield _line(failure_body(error))
        return
    yield _chunk(head, {}, reason=_reason(end))
    if with_usage:
        yield _line({**head.fields("chat.completion.chunk"), "choices": [], "usage": _usage(end)})
    yield "data: [DONE]\n\n"


def failure_status(error: ThreeStageError) -> int:
    """Return the HTTP status of an answer that did not come about."""
    if isinstance(error, ChatError):
        return error.status
    by_kind = next((status for kind, status in _STATUS if isinstance(error, kind)), _REFUSED)
    return _STATUS_OF_CODE.get(code_of(error), by_kind)


def failure_body(error: ThreeStageError) -> dict[str, Any]:
    """Return the error in OpenAI's form; it holds no secret."""
    status = failure_status(error)
    kind = "invalid_request_error" if status < 500 else "upstream_error"
    message = without_key_tail(str(error))
    return {"error": {"message": message, "type": kind, "param": None, "code": code_of(error)}}


async def _chained(
    first: tuple[TalkEvent, ...], events: AsyncIterator[TalkEvent]
) -> AsyncIterator[TalkEvent]:
    for event in first:
        yield event
    async for event in events:
        yield event


def _head(talk: Talk, more: Mapping[str, Any]) -> _Head:
    return _Head(f"chatcmpl-{new_id()}", int(time.time()), talk.model, more)


def _chunk(head: _Head, delta: Mapping[str, str], *, reason: str | None = None) -> str:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": reason, "logprobs": None}
    return _line({**head.fields("chat.completion.chunk"), "choices": [choice]})


def _line(data: Mapping[str, Any]) -> str:
    # In ASCII: readers take the line separators of Unicode for ends of lines too.
    return f"data: {json.dumps(data)}\n\n"


def _reason(end: End | None) -> str:
    return (None if end is None else end.finish_reason) or "stop"


def _usage(end: End | None) -> dict[str, int] | None:
    """Return what was used; None when the endpoint did not tell."""
    if end is None or end.usage is None:
        return None
    prompt, completion = end.usage.prompt_tokens, end.usage.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
