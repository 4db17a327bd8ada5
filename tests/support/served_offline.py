"""The embedded model as a real server on loopback, which counts, delays and spoils on demand."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.support.loopback import on_loopback
from three_stage.vlm.offline import create_app

Body = dict[str, Any]


@dataclass
class Served:
    """A running server: its base URL and the body of every question that it got."""

    url: str = ""
    bodies: list[Body] = field(default_factory=list)
    most_at_once: int = 0
    _under_way: int = 0

    @property
    def requests(self) -> int:
        """How many questions came."""
        return len(self.bodies)


@contextmanager
def served_offline(
    *,
    delay_sec: Callable[[Body], float] = lambda _body: 0.0,
    instead: Callable[[int, Body], str | None] = lambda _number, _body: None,
) -> Iterator[Served]:
    """Serve the embedded model; ``instead`` may give the text of an answer in its place.

    ``number`` counts questions from 1. Nothing but loopback is listened to. A question that this
    process has served before gets the answer of then: the model would measure its pictures again
    and answer the same.
    """
    served = Served()
    with on_loopback(_spoiled(_remembering_model(), served, delay_sec, instead)) as served.url:
        yield served


class _Remembering:
    """An application that answers an equal question with the bytes of its first answer."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._answers: dict[bytes, list[Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    async def answer(self, raw: bytes, scope: Any, receive: Any, send: Any) -> None:
        """Answer a question whose body was read already."""
        question = hashlib.sha256(raw).digest()
        if question not in self._answers:
            said: list[Any] = []

            async def listen(message: Any) -> None:
                said.append(message)

            await self._app(scope, _again(raw, receive), listen)
            if said[0]["status"] == 200:
                self._answers[question] = said
        else:
            said = self._answers[question]
        for message in said:
            await send(message)


@cache
def _remembering_model() -> _Remembering:
    return _Remembering(create_app())


def _spoiled(
    app: _Remembering,
    served: Served,
    delay_sec: Callable[[Body], float],
    instead: Callable[[int, Body], str | None],
) -> Callable[[Any, Any, Any], Awaitable[None]]:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/chat/completions"):
            await app(scope, receive, send)
            return
        raw = await _whole_body(receive)
        if raw is None:
            return
        body = json.loads(raw)
        served.bodies.append(body)
        number = served.requests
        served._under_way += 1
        served.most_at_once = max(served.most_at_once, served._under_way)
        try:
            await asyncio.sleep(delay_sec(body))
            text = instead(number, body)
            if text is None:
                await app.answer(raw, scope, receive, send)
            else:
                await _answer(send, text, body["model"])
        finally:
            served._under_way -= 1

    return wrapped


async def _whole_body(receive: Any) -> bytes | None:
    """Return the body of a question, or None when its client was killed while it sent it."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(raw: bytes, then: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    whole: list[dict[str, Any]] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> Any:
        return whole.pop() if whole else await then()

    return receive


async def _answer(send: Any, text: str, model: str) -> None:
    message = {"role": "assistant", "content": text}
    completion = {
        "id": "chatcmpl-spoiled", "object": "chat.completion", "created": 0, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }  # fmt: skip
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(completion).encode()})


def stage_of(body: Body) -> str:
    """Tell which stage a question is of, from the name of the schema that it carries."""
    names = {"draft_plan": "stage1", "localization": "stage2", "refined_step": "stage3"}
    return names[body["response_format"]["json_schema"]["name"]]
