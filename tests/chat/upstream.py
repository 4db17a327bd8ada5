"""An endpoint on loopback whose answers a test sets, and which notes what it was asked.

with upstream() as up:
    up.reply = Reply(pieces=(says("Hello"), STOP, DONE))
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.loopback import on_loopback

STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 70, "completion_tokens": 3, "total_tokens": 73}
_EVERY_SEC = 0.02


def chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
    """Return one event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({'id': 'x', 'model': 'm', 'choices': [choice]})}\n\n".encode()


def says(*texts: str) -> bytes:
    """Return the events of these pieces of an answer."""
    return b"".join(chunk({"content": text}) for text in texts)


STOP = chunk({}, "stop")
TOLD = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n".encode()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What comes back: the pieces, one by one; then the end, a break, or the last one for ever."""

    status: int = 200
    kind: str = STREAM
    pieces: tuple[bytes, ...] = (says("A red", " car."), STOP, TOLD, DONE)
    breaks_off: bool = False
    goes_on: bool = False


def refusal(status: int, message: str, **more: Any) -> Reply:
    """Return an error in OpenAI's form."""
    body = json.dumps({"error": {"message": message, **more}}).encode()
    return Reply(status=status, kind="application/json", pieces=(body,))


@dataclass
class Upstream:
    """A running endpoint; ``left`` is set when a client leaves an answer that goes on."""

    url: str = ""
    reply: Reply = field(default_factory=Reply)
    models: tuple[str, ...] = ("seeing-1", "seeing-2")
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def last(self) -> dict[str, Any]:
        """The newest question's body."""
        return self.bodies[-1]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as an ASGI application."""
        if scope["path"].endswith("/models"):
            listed = json.dumps({"data": [{"id": name} for name in self.models]}).encode()
            await _head(send, 200, "application/json")
            await send({"type": "http.response.body", "body": listed})
            return
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(json.loads(raw))
        await self._play(self.reply, receive, send)

    async def _play(self, reply: Reply, receive: Any, send: Any) -> None:
        if reply.pieces:
            await _head(send, reply.status, reply.kind)
        for piece in reply.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if reply.goes_on:
            leaving = asyncio.ensure_future(receive())
            while not leaving.done():
                if reply.pieces:
                    last = {"body": reply.pieces[-1], "more_body": True}
                    await send({"type": "http.response.body", **last})
                await asyncio.wait({leaving}, timeout=_EVERY_SEC)
            self.left.set()
        elif not reply.breaks_off:
            await send({"type": "http.response.body", "body": b""})


async def _head(send: Any, status: int, kind: str) -> None:
    headers = [(b"content-type", kind.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Serve an endpoint while the context lasts."""
    up = Upstream()
    with on_loopback(up) as up.url:
        yield up
