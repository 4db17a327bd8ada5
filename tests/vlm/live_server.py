"""A chat server on loopback whose answers are written byte by byte as a test wants them.

It runs in the loop of the test, on a socket of its own, so that a test sees when its client leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def chunk(delta: Mapping[str, Any], reason: str | None = None, **more: Any) -> bytes:
    """Return one event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    told = {"id": "x", "model": "test-model", "choices": [choice], **more}
    return f"data: {json.dumps(told)}\n\n".encode()


def says(*texts: str) -> bytes:
    """Return the events of these pieces of an answer."""
    return b"".join(chunk({"content": text}) for text in texts)


STOP = chunk({}, "stop")
TOLD = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n".encode()
WHOLE = STOP + TOLD + DONE


class Exchange:
    """One request, and the answer that is written to it; ``number`` counts from 1."""

    def __init__(
        self,
        number: int,
        raw: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self.raw = raw
        self.has_begun = False
        self._reader = reader
        self._writer = writer

    @property
    def body(self) -> dict[str, Any]:
        """The request's body, read as JSON."""
        read: dict[str, Any] = json.loads(self.raw)
        return read

    async def head(
        self, status: int = 200, kind: str = STREAM, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head; the body has no announced length and ends with the connection."""
        self.has_begun = True
        lines = {"Content-Type": kind, "Connection": "close", **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.write(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode())

    async def write(self, piece: bytes) -> None:
        """Send bytes as they are, the head first if it is not out yet."""
        if not self.has_begun:
            await self.head()
        self._writer.write(piece)
        await self._writer.drain()

    async def refuse(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with an error in OpenAI's form."""
        await self.head(status, "application/json", headers)
        await self.write(json.dumps({"error": {"message": message}}).encode())

    async def client_left(self) -> None:
        """Wait until the client closes its connection."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(1024):
                pass

    def break_off(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()


Script = Callable[[Exchange], Awaitable[None]]


class LiveServer:
    """What a test knows of the running server."""

    def __init__(self, script: Script, *, keeps_bodies: bool) -> None:
        self._script = script
        self._keeps_bodies = keeps_bodies
        self.url = ""
        self.exchanges: list[Exchange] = []
        self._serving: set[asyncio.Task[Any]] = set()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of every request, in the order of arrival."""
        return [exchange.body for exchange in self.exchanges]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which has one request."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            raw = await self._question(reader)
            exchange = Exchange(len(self.exchanges) + 1, raw, reader, writer)
            self.exchanges.append(exchange)
            await self._script(exchange)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._serving.discard(task)
            writer.close()

    async def end(self) -> None:
        """Leave every client that is still there."""
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)

    async def _question(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if self._keeps_bodies:
            return await reader.readexactly(length)
        while length > 0:
            length -= len(await reader.read(min(length, 65536)))
        return b"{}"


@asynccontextmanager
async def live_server(script: Script, *, keeps_bodies: bool = True) -> AsyncIterator[LiveServer]:
    """Serve ``script``, which is called once a request, while the context lasts."""
    live = LiveServer(script, keeps_bodies=keeps_bodies)
    server = await asyncio.start_server(live.serve, "127.0.0.1", 0)
    live.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield live
    finally:
        server.close()
        await live.end()


def in_turn(*scripts: Script) -> Script:
    """Return a script that plays these, one a request."""
    left = list(scripts)

    async def play(exchange: Exchange) -> None:
        await left.pop(0)(exchange)

    return play


def answering(*pieces: bytes) -> Script:
    """Return a script that writes these bytes and closes."""

    async def play(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.write(piece)
            await asyncio.sleep(0)

    return play


def refusing(status: int, message: str, **headers: str) -> Script:
    """Return a script that answers with an error."""

    async def play(exchange: Exchange) -> None:
        await exchange.refuse(status, message, headers)

    return play
