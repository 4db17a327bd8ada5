"""An endpoint in a thread that tells a test's answers piece by piece, when the test says so.

with telling() as teller, running_chat(folder, endpoint=teller.options) as address:
    with teller.answers("Why?") as answer:      # a question with this text gets this answer
        ...ask...
        answer.says("Be")
        answer.says("cause", ends=True)
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.vlm.live_server import WHOLE, Exchange, chunk, live_server, says

_LOOKS_EVERY_SEC = 0.005
_WAITS_SEC = 20.0


class Answer:
    """What one question gets; ``left`` is set when the client closed its connection."""

    def __init__(self) -> None:
        self._bytes: queue.Queue[bytes | None] = queue.Queue()
        self.asked: queue.Queue[dict[str, Any]] = queue.Queue()
        self.left = threading.Event()
        self.refusal: tuple[int, str] | None = None

    def says(self, *texts: str, ends: bool = False) -> None:
        """Write pieces of text; with ``ends``, the end of the answer too."""
        self._bytes.put(says(*texts))
        if ends:
            self.writes(WHOLE)

    def thinks(self, text: str) -> None:
        """Write a piece of thinking."""
        self._bytes.put(chunk({"reasoning_content": text}))

    def writes(self, raw: bytes) -> None:
        """Write these bytes and close."""
        self._bytes.put(raw)
        self._bytes.put(None)

    def breaks_off(self) -> None:
        """Reset the connection after what was written."""
        self._bytes.put(b"")

    def body(self) -> dict[str, Any]:
        """Return the request's body; waits for it."""
        return self.asked.get(timeout=_WAITS_SEC)

    async def play(self, exchange: Exchange) -> None:
        """Tell it to one client."""
        self.asked.put(exchange.body)
        if self.refusal is not None:
            await exchange.refuse(*self.refusal)
            return
        leaving = asyncio.ensure_future(exchange.client_left())
        try:
            while not leaving.done():
                try:
                    raw = self._bytes.get_nowait()
                except queue.Empty:
                    await asyncio.wait({leaving}, timeout=_LOOKS_EVERY_SEC)
                    continue
                if raw is None:
                    return
                if not raw:
                    exchange.break_off()
                    return
                await exchange.write(raw)
            self.left.set()
        finally:
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leaving


class Teller:
    """The running endpoint; a question that no test expects gets "Yes."."""

    def __init__(self) -> None:
        self.url = ""
        self._expected: dict[str, Answer] = {}

    @property
    def options(self) -> dict[str, Any]:
        """Fields of the endpoint's settings."""
        return {
            "api_base": self.url, "model": "seeing-1", "concurrency": 20, "api_call_retries": 1,
            "api_call_retry_backoff_sec": 0.01, "api_key": "sk-0123456789-XQZJK-9876543210",
        }  # fmt: skip

    @contextmanager
    def answers(self, question: str) -> Iterator[Answer]:
        """Expect a question with this text while the context lasts."""
        answer = self._expected[question] = Answer()
        yield answer
        del self._expected[question]

    async def play(self, exchange: Exchange) -> None:
        """Answer as the test wants the last question answered."""
        if not exchange.raw:
            await exchange.refuse(404, "there is no list of models")
            return
        expected = self._expected.get(last_text(exchange.body["messages"]))
        if expected is None:
            expected = Answer()
            expected.says("Yes.", ends=True)
        await expected.play(exchange)


def last_text(messages: list[dict[str, Any]]) -> str:
    """Return the last text of the last message: the question."""
    content = messages[-1]["content"]
    if isinstance(content, str):
        return content
    return str([part["text"] for part in content if part["type"] == "text"][-1])


@contextmanager
def telling() -> Iterator[Teller]:
    """Serve an endpoint in a thread of this process while the context lasts."""
    teller = Teller()
    ready = threading.Event()
    ends: list[Any] = []

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(over.set))
        async with live_server(teller.play) as live:
            teller.url = live.url
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield teller
    ends[0]()
    thread.join(10)
