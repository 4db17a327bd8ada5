"""A chat-completions server on loopback that does what a script says, faults included.

A script is a list of steps, taken in the order in which requests arrive, or a function, perhaps a
coroutine function, from the Received request to a step. Steps: Say (an answer), Status (any status
and body), Raw (bytes as they are, with an end as wanted), Reset (the connection breaks), CutBody
(the answer stops before its announced end), Hang (no answer until the client leaves). Each may wait
first (``delay_sec``). When a list is at its end the server answers 500 with the words "the script
is at its end".

    with ScriptedServer([Status(429, headers={"retry-after": "1"}), Say('{"a": 1}')]) as server:
        ask(server.base_url)
    assert server.requests[0].body["model"] == "m"

Every request is recorded with body, headers, arrival time (``time.monotonic``) and how many were
in flight then. The server runs uvicorn in a thread of this process; a subprocess may use it too.
Given a ``port``, it takes that one, so that a server can come back where another one was.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

JSON_TYPE = "application/json"
_TRANSPORTS = "three_stage.tests.transports"


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request to /chat/completions; ``number`` counts from 1."""

    number: int
    body: dict[str, Any]
    raw: bytes
    headers: Mapping[str, str]
    arrived_sec: float
    in_flight: int

    @property
    def texts(self) -> list[str]:
        """Every text of every message, in order."""
        found: list[str] = []
        for message in self.body["messages"]:
            content = message["content"]
            if isinstance(content, str):
                found.append(content)
            else:
                found += [part["text"] for part in content if part["type"] == "text"]
        return found


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the server does with one request, after ``delay_sec``."""

    delay_sec: float = 0.0


@dataclass(frozen=True)
class Say(Step):
    """A chat completion with this content; ``usage`` None leaves the usage out."""

    text: str | None
    finish_reason: str | None = "stop"
    reasoning: str | None = None
    refusal: str | None = None
    usage: Mapping[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 20}
    )
    model: str | None = None
    has_choices: bool = True
    delay_sec: float = field(default=0.0, kw_only=True)

    def completion(self, received: Received) -> dict[str, Any]:
        """Return the body as a server writes it."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.reasoning is not None:
            message["reasoning_content"] = self.reasoning
        if self.refusal is not None:
            message["refusal"] = self.refusal
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        completion = {
            "id": f"chatcmpl-{received.number}",
            "object": "chat.completion",
            "created": 0,
            "model": self.model or received.body.get("model"),
            "choices": [choice] if self.has_choices else [],
        }
        return completion if self.usage is None else {**completion, "usage": dict(self.usage)}


@dataclass(frozen=True)
class Status(Step):
    """Any status; a dict is sent as JSON, a string as it is."""

    status: int
    body: Mapping[str, Any] | list[Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    delay_sec: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class Raw(Step):
    """Status 200 with exactly these bytes.

    After them all is well, or the connection is reset, or it closes before the end that was
    announced (``missing``) or without the mark that ends an answer of unknown length (``unended``).
    """

    content: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    end: Literal["whole", "reset", "missing", "unended"] = "whole"
    delay_sec: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class Reset(Step):
    """The connection is reset: before the body is read, before the answer, or within it."""

    when: Literal["before", "after", "middle"] = "after"
    delay_sec: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class CutBody(Step):
    """The head announces more than is sent, then the connection closes in good order."""

    text: str = '{"a": 1}'
    delay_sec: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class Hang(Step):
    """No answer; with ``drip_sec`` a blank every so often instead, without an end."""

    drip_sec: float | None = None
    delay_sec: float = field(default=0.0, kw_only=True)


Script = Iterable[Step] | Callable[[Received], Step | Awaitable[Step]]
_Message = MutableMapping[str, Any]


class _Protocol(H11Protocol):
    """Remembers each connection's transport, so that a step can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state.setdefault(_TRANSPORTS, {})[self.client] = transport


class _Server(uvicorn.Server):
    """Ends as soon as it is told to, instead of looking every tenth of a second."""

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_over = asyncio.Event()
        await self._is_over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)

    def end(self) -> None:
        self.should_exit = self.force_exit = True
        self._loop.call_soon_threadsafe(self._is_over.set)


class ScriptedServer:
    """Serves a script while it is used as a context manager."""

    def __init__(self, script: Script, *, models: tuple[str, ...] = (), port: int = 0) -> None:
        self._next = script if callable(script) else _in_order(list(script))
        self._port = port
        self._models = models
        self._lock = threading.Lock()
        self._in_flight = 0
        self.requests: list[Received] = []
        self.most_in_flight = 0
        self.base_url = ""

    def __enter__(self) -> Self:
        config = uvicorn.Config(
            self._app, host="127.0.0.1", port=self._port, http=_Protocol, ws="none", loop="asyncio",
            lifespan="off", interface="asgi3", log_config=None, log_level="critical",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.001)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.end()
        self._thread.join(timeout=10)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of every request, in the order of arrival."""
        return [received.body for received in self.requests]

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("/models"):
            listed = {"object": "list", "data": [{"id": name} for name in self._models]}
            await _send(send, 200, json.dumps(listed).encode(), {"content-type": JSON_TYPE})
            return
        transport = scope["state"][_TRANSPORTS][tuple(scope["client"])]
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            received = await self._receive(scope, receive)
            step = self._next(received)
            if inspect.isawaitable(step):
                step = await step
            await self._play(step, received, transport, receive, send)
        finally:
            with self._lock:
                self._in_flight -= 1

    async def _receive(self, scope: Any, receive: Any) -> Received:
        raw = bytearray()
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        with self._lock:
            received = Received(
                number=len(self.requests) + 1, body=json.loads(bytes(raw)), raw=bytes(raw),
                headers=headers, arrived_sec=time.monotonic(), in_flight=self._in_flight,
            )  # fmt: skip
            self.requests.append(received)
        return received

    async def _play(
        self, step: Step, received: Received, transport: asyncio.Transport, receive: Any, send: Any
    ) -> None:
        await asyncio.sleep(step.delay_sec)
        as_json = {"content-type": JSON_TYPE}
        match step:
            case Say():
                await _send(send, 200, json.dumps(step.completion(received)).encode(), as_json)
            case Status():
                text = step.body if isinstance(step.body, str) else json.dumps(step.body)
                headers = {"content-type": step.content_type, **step.headers}
                await _send(send, step.status, text.encode(), headers)
            case Raw():
                await _send_raw(step, transport, send)
            case Reset(when=when):
                if when == "middle":
                    await _send_part(send, b'{"choices": [{"mess')
                _reset(transport)
            case CutBody():
                whole = json.dumps(Say(step.text).completion(received)).encode()
                await _send_part(send, whole[: len(whole) // 2])
                transport.close()
            case Hang():
                await _hang(step, receive, send)


def _in_order(steps: list[Step]) -> Callable[[Received], Step]:
    lock = threading.Lock()

    def following(_received: Received) -> Step:
        with lock:
            over = Status(500, {"error": {"message": "the script is at its end"}})
            return steps.pop(0) if steps else over

    return following


async def _send(send: Any, status: int, content: bytes, headers: Mapping[str, str]) -> None:
    head = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    head.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content})


async def _send_raw(step: Raw, transport: asyncio.Transport, send: Any) -> None:
    headers = {"content-type": step.content_type, **step.headers}
    if step.end in ("whole", "reset"):
        await _send(send, 200, step.content, headers)
        if step.end == "reset":
            _reset(transport)
        return
    if step.end == "missing":
        headers["content-length"] = str(len(step.content) + 1)
    head = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": step.content, "more_body": True})
    transport.close()


async def _send_part(send: Any, content: bytes) -> None:
    """Announce twice as much as is sent."""
    head = [(b"content-type", b"application/json")]
    head.append((b"content-length", str(2 * len(content)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await asyncio.sleep(0.02)


async def _hang(step: Hang, receive: Any, send: Any) -> None:
    """Wait until the client leaves; a drip keeps a part of an answer coming."""
    leaving = asyncio.ensure_future(receive())
    if step.drip_sec is not None:
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
    while not leaving.done():
        await asyncio.wait({leaving}, timeout=step.drip_sec)
        if step.drip_sec is not None and not leaving.done():
            await send({"type": "http.response.body", "body": b" ", "more_body": True})


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the client gets a reset instead of an orderly end."""
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
