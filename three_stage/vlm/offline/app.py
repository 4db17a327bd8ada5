"""The protocol: HTTP in, HTTP out. What is answered is decided in ``answers``, in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from three_stage.vlm.offline.errors import RequestError, error_body
from three_stage.vlm.offline.request import ChatRequest, read_request, text_tokens

MODEL = "offline"
MOST_BODY_BYTES = 64 * 1024 * 1024
MOST_AT_ONCE = 8
"""Requests that are measured at the same time; each needs up to 300 MB of memory."""

_PIECE_CHARACTERS = 256
_CHARACTERS_A_TOKEN = 4


def create_app() -> Starlette:
    """Return the application; several may live in one process, and each in several event loops."""
    model = _Model()
    return Starlette(
        routes=[
            Route("/v1/chat/completions", model.chat, methods=["POST"]),
            Route("/v1/models", _list_models),
            Route("/v1/models/{name:path}", _show_model),
            Route("/healthz", _say_healthy),
        ],
        exception_handlers={HTTPException: _http_error, RequestError: _request_error},
    )


@dataclass(frozen=True)
class _Completion:
    """One answer with everything that the protocol says around it."""

    answer_id: str
    created: int
    model: str
    text: str
    finish_reason: str
    usage: Mapping[str, int]

    def head(self, kind: str) -> dict[str, Any]:
        """Return the fields that every object of this answer has."""
        return {
            "id": self.answer_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": MODEL,
        }


class _Model:
    """Answers chat completion requests; as many are measured at a time as there are cores."""

    def __init__(self) -> None:
        # Own threads: the loop's default ones are many, and each holds a request's pictures.
        self._threads = ThreadPoolExecutor(
            min(os.cpu_count() or 1, MOST_AT_ONCE), thread_name_prefix="offline-model"
        )

    async def chat(self, request: Request) -> Response:
        """Answer POST /v1/chat/completions."""
        body = await _read_body(request)
        answer_id = hashlib.sha256(body).hexdigest()[:24]
        loop = asyncio.get_running_loop()
        try:
            asked, completion = await loop.run_in_executor(
                self._threads, _complete, body, answer_id
            )
        except RequestError:
            raise
        except Exception as error:  # a client must get the protocol's error form
            return JSONResponse(
                error_body(f"{type(error).__name__}: {error}", "server_error", None, "internal"),
                status_code=500,
            )
        headers = {"x-request-id": f"req-{answer_id}"}
        if asked.is_stream:
            pieces = _stream(completion, with_usage=asked.wants_usage)
            return StreamingResponse(pieces, headers=headers, media_type="text/event-stream")
        return JSONResponse(_whole(completion), headers=headers)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise RequestError(
                f"The body is larger than {MOST_BODY_BYTES:,} bytes. Send fewer or smaller "
                "pictures.",
                status=413,
                code="request_too_large",
            )
    return bytes(body)


def _complete(body: bytes, answer_id: str) -> tuple[ChatRequest, _Completion]:
    # numpy and OpenCV are only loaded when there is something to measure.
    from three_stage.vlm.offline.answers import answer  # noqa: PLC0415

    asked = read_request(body)
    found = answer(asked)
    text, finish_reason = found.text, "stop"
    if asked.most_tokens is not None and text_tokens(text) > asked.most_tokens:
        text, finish_reason = text[: asked.most_tokens * _CHARACTERS_A_TOKEN], "length"
    prompt_tokens = asked.text_tokens + found.picture_tokens
    completion_tokens = text_tokens(text)
    return asked, _Completion(
        answer_id=f"chatcmpl-{answer_id}",
        created=int(time.time()),
        model=asked.model,
        text=text,
        finish_reason=finish_reason,
        usage={
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    )


def _whole(completion: _Completion) -> dict[str, Any]:
    return {
        **completion.head("chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": completion.text},
                "finish_reason": completion.finish_reason,
                "logprobs": None,
            }
        ],
        "usage": dict(completion.usage),
    }


async def _stream(completion: _Completion, *, with_usage: bool) -> AsyncIterator[str]:
    """Yield server-sent events: the text in pieces, the reason for the end, then the usage."""
    text = completion.text
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[start : start + _PIECE_CHARACTERS]}
               for start in range(0, len(text), _PIECE_CHARACTERS)]  # fmt: skip
    for delta in deltas:
        yield _event(completion, [{"index": 0, "delta": delta, "finish_reason": None}])
    end = {"index": 0, "delta": {}, "finish_reason": completion.finish_reason}
    yield _event(completion, [end])
    if with_usage:
        yield _event(completion, [], {"usage": dict(completion.usage)})
    yield "data: [DONE]\n\n"


def _event(
    completion: _Completion, choices: list[dict[str, Any]], more: Mapping[str, Any] | None = None
) -> str:
    chunk = {**completion.head("chat.completion.chunk"), "choices": choices, **(more or {})}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _model_card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "three-stage"}


async def _list_models(_request: Request) -> Response:
    return JSONResponse({"object": "list", "data": [_model_card(MODEL)]})


async def _show_model(request: Request) -> Response:
    return JSONResponse(_model_card(request.path_params["name"]))


async def _say_healthy(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _request_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101 - Starlette's handlers are typed wider
    body = error_body(error.message, "invalid_request_error", error.param, error.code)
    return JSONResponse(body, status_code=error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's handlers are typed wider
    message = f"{request.method} {request.url.path}: {error.detail}."
    body = error_body(message, "invalid_request_error", None, "not_found")
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)
