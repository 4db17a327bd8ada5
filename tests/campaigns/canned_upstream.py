"""An endpoint as a process of its own that streams canned answers at a steady pace.

``python -m tests.campaigns.canned_upstream PIECES SECONDS TOGETHER`` prints its address. The answer
to a question that says ``number 17`` is ``canned(17, PIECES)``; none begins before as many
questions are there as TOGETHER says. ``GET /sent`` returns when each piece of each answer was
written, in seconds of the machine's own clock.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_WORDS = (
    "the", "car", "**brakes**", "at", "a", "crossing,", "Frame", "8", "12.5 s", "lane", "left",
    "turns", "`stop`", "刹车", "green", "light.\n\n", "slowly", "- then", "truck", "ahead",
)  # fmt: skip


def canned(number: int, pieces: int) -> list[str]:
    """Return the pieces of an answer: another one for every number."""
    chosen = random.Random(number)
    return [f"{chosen.choice(_WORDS)} " for _ in range(pieces)]


def _chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    told = {"id": "x", "model": "canned", "choices": [choice]}
    return f"data: {json.dumps(told)}\n\n".encode()


class CannedUpstream:
    """Answers; ``most_at_once`` and ``most_body_bytes`` are what it saw."""

    def __init__(self, pieces: int, takes_sec: float, together: int) -> None:
        self._pieces = pieces
        self._takes_sec = takes_sec
        self._now = 0
        self._together = together
        self._all_there = asyncio.Event()
        self.sent_at_sec: dict[int, list[float]] = {}
        self.most_at_once = 0
        self.most_body_bytes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which has one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if head.startswith(b"get"):
                self._tell(writer)
            else:
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                self.most_body_bytes = max(self.most_body_bytes, length)
                await self._answer(await _asked(reader, length), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _tell(self, writer: asyncio.StreamWriter) -> None:
        known = {
            "sent_at_sec": self.sent_at_sec, "most_at_once": self.most_at_once,
            "most_body_bytes": self.most_body_bytes,
        }  # fmt: skip
        body = json.dumps(known).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)

    async def _answer(self, number: int, writer: asyncio.StreamWriter) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        sent = self.sent_at_sec.setdefault(number, [])
        if self._now >= self._together:
            self._all_there.set()
        await self._all_there.wait()
        began_sec = time.monotonic()
        writer.write(_HEAD)
        for place, piece in enumerate(canned(number, self._pieces)):
            due_sec = began_sec + self._takes_sec * place / self._pieces
            await asyncio.sleep(due_sec - time.monotonic())
            sent.append(time.monotonic())
            writer.write(_chunk({"content": piece}))
            await writer.drain()
        writer.write(_chunk({}, "stop") + b"data: [DONE]\n\n")
        self._now -= 1


async def _asked(reader: asyncio.StreamReader, length: int) -> int:
    """Read a request; return the number in the last question, which stands near its end."""
    last = b""
    while length > 0:
        piece = await reader.read(min(length, 65536))
        if not piece:
            raise ConnectionError("the request ended too early")
        length -= len(piece)
        last = (last + piece)[-65536:]
    found = re.findall(rb"number (\d+)", last)
    return int(found[-1])


async def _main(pieces: int, takes_sec: float, together: int) -> None:
    upstream = CannedUpstream(pieces, takes_sec, together)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
