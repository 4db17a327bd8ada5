"""The protocol: HTTP in, HTTP out. What is answered is decided in ``answers``, in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
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

PIECE_PAUSE_SEC = 0.008
"""Between two words of an answer to a person, so that it is seen being written."""
MOST_WRITING_SEC = 1.2
"""That the pauses of one answer take together."""

_PIECE_CHARACTERS = 256
_WRITTEN_WITHOUT_BLANKS = r"\u3000-\u9fff\uff00-\uffef"
_WORDS = re.compile(
    rf"\s*[{_WRITTEN_WITHOUT_BLANKS}]{{1,4}}|\s*[^\s{_WRITTEN_WITHOUT_BLANKS}]+|\s+"
)
_CHARACTERS_A_TOKEN = 4


def create_app() -> Starlette:
    """Return the application; several may live in one process, and each in several event loops."""
    model = _Model()
    return Starlette(
        routes=[
            Route("/v1/chat/completions", model.chat, methods=["POST"]),
            Route("/v1/models", model.list_models),
            Route("/v1/models/{name:path}", _show_model),
            Route("/healthz", _say_healthy),
        ],
        exception_handlers={HTTPException: _http_error, RequestError: _request_error},
    )


@dataclass(frozen=True)
class _Completion:
    """One answer with everything that the protocol says around it.

    ``pieces`` of the text are streamed with a pause before each.
    """

    answer_id: str
    created: int
    model: str
    text: str
    pieces: Sequence[str]
    pause_sec: float
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

    async def list_models(self, _request: Request) -> Response:
        """Answer GET /v1/models, and make ready: who asks this is about to ask a question."""
        self._threads.submit(_make_ready)
        return JSONResponse({"object": "list", "data": [_model_card(MODEL)]})

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


def _make_ready() -> None:
    """Load what the first answer would have to load: half a second on a slow machine."""
    from three_stage.vlm.offline.words import colour_table  # noqa: PLC0415

    colour_table()
    importlib.import_module("three_stage.vlm.offline.answers")


def _complete(body: bytes, answer_id: str) -> tuple[ChatRequest, _Completion]:
    # numpy and OpenCV are only loaded when there is something to measure.
    from three_stage.vlm.offline.answers import answer  # noqa: PLC0415

    asked = read_request(body)
    found = answer(asked)
    text, finish_reason = found.text, "stop"
    if asked.most_tokens is not None and text_tokens(text) > asked.most_tokens:
        text, finish_reason = text[: asked.most_tokens * _CHARACTERS_A_TOKEN], "length"
    pieces = _WORDS.findall(text) if found.is_conversation else _blocks(text)
    pause_sec = PIECE_PAUSE_SEC if found.is_conversation else 0.0
    prompt_tokens = asked.text_tokens + found.picture_tokens
    completion_tokens = text_tokens(text)
    return asked, _Completion(
        answer_id=f"chatcmpl-{answer_id}",
        created=int(time.time()),
        model=asked.model,
        text=text,
        pieces=pieces,
        pause_sec=min(pause_sec, MOST_WRITING_SEC / max(len(pieces), 1)),
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
    loop = asyncio.get_running_loop()
    started_sec = loop.time()
    yield _delta(completion, {"role": "assistant", "content": ""})
    for number, piece in enumerate(completion.pieces):
        yield _delta(completion, {"content": piece})
        # By the clock: a system whose shortest sleep is longer than a pause writes no slower.
        due_sec = started_sec + (number + 1) * completion.pause_sec
        if due_sec > loop.time():
            await asyncio.sleep(due_sec - loop.time())
    end = {"index": 0, "delta": {}, "finish_reason": completion.finish_reason}
    yield _event(completion, [end])
    if with_usage:
        yield _event(completion, [], {"usage": dict(completion.usage)})
    yield "data: [DONE]\n\n"


def _blocks(text: str) -> list[str]:
    return [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)]


def _delta(completion: _Completion, delta: Mapping[str, str]) -> str:
    return _event(completion, [{"index": 0, "delta": delta, "finish_reason": None}])


def _event(
    completion: _Completion, choices: list[dict[str, Any]], more: Mapping[str, Any] | None = None
) -> str:
    chunk = {**completion.head("chat.completion.chunk"), "choices": choices, **(more or {})}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _model_card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "three-stage"}


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
