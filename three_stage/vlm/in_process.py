"""Reaches an ASGI application in this process as a server: its answer is read while it is written.

The transport that comes with the client collects a whole answer before it shows any of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx2

_Message = MutableMapping[str, Any]
_Application = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[_Message]],
        Callable[[_Message], Awaitable[None]],
    ],
    Awaitable[None],
]
_PIECES_AHEAD = 4
_GRACE_SEC = 0.1


class InProcess(httpx2.AsyncBaseTransport):
    """Hands requests to an application; who closes an answer early is to it a client that left."""

    def __init__(self, application: _Application) -> None:
        self._application = application

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return when the application has sent the head. Raises what it raises before."""
        exchange = _Exchange(self._application, request)
        try:
            status, headers = await exchange.head()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx2.Response(status, headers=headers, stream=exchange)


class _Exchange(httpx2.AsyncByteStream):
    """One request to the application, and the body of its answer."""

    def __init__(self, application: _Application, request: httpx2.Request) -> None:
        assert isinstance(request.stream, AsyncIterable)  # noqa: S101 - for the type checker
        self._question: AsyncIterator[bytes] | None = aiter(request.stream)
        self._head: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_AHEAD)
        self._has_left = asyncio.Event()
        self._working = asyncio.ensure_future(
            self._work(application, _scope(request), wants_body=request.method != "HEAD")
        )

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Wait for the answer's status and headers."""
        either: set[asyncio.Future[Any]] = {self._head, self._working}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._head.done():
            self._working.result()
            raise httpx2.RemoteProtocolError("the application ended without an answer")
        return self._head.result()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it is written."""
        while True:
            piece = await self._pieces.get()
            if piece is None:
                break
            yield piece
        try:
            await self._working
        except Exception as error:
            raise httpx2.ReadError(f"the application failed: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Leave: the application is told, and what it does not end by itself is ended soon."""
        self._has_left.set()
        while not self._pieces.empty():
            self._pieces.get_nowait()
        await asyncio.wait({self._working}, timeout=_GRACE_SEC)
        self._working.cancel()
        await asyncio.wait({self._working})
        if not self._working.cancelled():
            self._working.exception()

    async def _work(self, application: _Application, scope: _Message, *, wants_body: bool) -> None:
        async def send(message: _Message) -> None:
            if message["type"] == "http.response.start":
                self._head.set_result((message["status"], list(message.get("headers", []))))
            elif message["type"] == "http.response.body":
                piece = message.get("body", b"")
                if piece and wants_body and not self._has_left.is_set():
                    await self._pieces.put(piece)
                if not message.get("more_body", False):
                    self._has_left.set()

        failure: Exception | None = None
        try:
            await application(scope, self._receive, send)
        except Exception as error:
            failure = error
        self._question = None
        self._has_left.set()
        await self._pieces.put(None)
        if failure is not None:
            raise failure

    async def _receive(self) -> _Message:
        """Return the next piece of the question; after the last one, that the client has left."""
        if self._question is None:
            await self._has_left.wait()
            return {"type": "http.disconnect"}
        piece = await anext(self._question, None)
        if piece is None:
            self._question = None
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}


def _scope(request: httpx2.Request) -> _Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
    }
