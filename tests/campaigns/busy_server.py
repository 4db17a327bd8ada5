"""An endpoint that works on so many requests at once; what comes beyond is refused, or waits.

It answers with what the embedded model said to the same words before, so that hundreds of answers
cost no computing time and come exactly when they are due.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.loopback import on_loopback
from three_stage.vlm.offline import create_app

_CHAT = "/chat/completions"
_OPENED_AGAIN_EVERY_SEC = 0.01


@dataclass(frozen=True)
class Capacity:
    """How many requests are worked on at once: (from this second on, so many), ascending."""

    phases: tuple[tuple[float, int], ...]

    def at(self, second: float) -> int:
        """Return how many are allowed at a second of the run."""
        return [most for start_sec, most in self.phases if start_sec <= second][-1]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A request that came: when (seconds of the run), and whether it was refused."""

    at_sec: float
    digest: str
    was_refused: bool
    retry_after_sec: float | None = None


@dataclass(kw_only=True)
class BusyServer:
    """What the server is told, and what it saw; ``begin`` sets the clock of the run to zero."""

    capacity: Capacity
    beyond: Literal["refused", "waits"]
    latency_sec: Callable[[], float]
    retry_after: str | None
    answers: dict[str, bytes]
    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    answered_at_sec: list[float] = field(default_factory=list)
    _under_way: int = 0
    _line: deque[object] = field(default_factory=deque)
    _began_sec: float = 0.0

    def begin(self) -> None:
        """Start the clock."""
        self._began_sec = time.monotonic()

    @property
    def now_sec(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began_sec

    @property
    def _is_full(self) -> bool:
        return self._under_way >= self.capacity.at(self.now_sec)

    async def handle(self, body: bytes, send: Any) -> bool:
        """Answer or refuse one request; False when the words were never heard before."""
        digest = hashlib.sha256(body).hexdigest()
        canned = self.answers.get(words_of(body))
        if canned is None:
            return False
        if self.beyond == "refused" and self._is_full:
            await self._refuse(digest, send)
            return True
        self.arrivals.append(Arrival(at_sec=self.now_sec, digest=digest, was_refused=False))
        await self._take_place()
        try:
            await asyncio.sleep(self.latency_sec())
        finally:
            self._under_way -= 1
        await _send(send, 200, canned, {})
        self.answered_at_sec.append(self.now_sec)
        return True

    async def _take_place(self) -> None:
        """Wait in line; first come, first served."""
        ticket = object()
        self._line.append(ticket)
        while self._line[0] is not ticket or self._is_full:  # noqa: ASYNC110 - time opens it
            await asyncio.sleep(_OPENED_AGAIN_EVERY_SEC)
        self._line.popleft()
        self._under_way += 1

    async def _refuse(self, digest: str, send: Any) -> None:
        wait = self.retry_after
        self.arrivals.append(
            Arrival(
                at_sec=self.now_sec, digest=digest, was_refused=True,
                retry_after_sec=None if wait is None else float(wait),
            )
        )  # fmt: skip
        said = {"error": {"message": "Too many requests at once.", "type": "rate_limit_exceeded"}}
        headers = {} if wait is None else {"retry-after": wait}
        await _send(send, 429, json.dumps(said).encode(), headers)


def words_of(body: bytes) -> str:
    """Return a digest of a request's words: everything but its pictures."""
    request = json.loads(body)
    said: list[object] = []
    for message in request["messages"]:
        content = message["content"]
        parts = [content] if isinstance(content, str) else content
        said += [part for part in parts if isinstance(part, str) or part["type"] == "text"]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@contextmanager
def serving(server: BusyServer) -> Iterator[BusyServer]:
    """Serve on loopback; words that are new are answered by the embedded model, and kept."""
    with on_loopback(_application(server)) as server.url:
        yield server


def _application(server: BusyServer) -> Callable[[Any, Any, Any], Awaitable[None]]:
    model = create_app()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(_CHAT):
            await model(scope, receive, send)
            return
        body = await _whole(receive)
        if not await server.handle(body, send):
            server.answers[words_of(body)] = await _heard(model, scope, body, send)

    return application


async def _heard(model: Any, scope: Any, body: bytes, send: Any) -> bytes:
    """Let the embedded model answer, and return what it said."""
    said: list[bytes] = []
    asked: Sequence[Mapping[str, Any]] = [{"type": "http.request", "body": body}]
    messages = iter(asked)

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def listen(message: Any) -> None:
        said.append(message.get("body", b""))
        await send(message)

    await model(scope, receive, listen)
    return b"".join(said)


async def _whole(receive: Any) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Any, status: int, content: bytes, headers: Mapping[str, str]) -> None:
    head = [(b"content-type", b"application/json")]
    head += [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content})
