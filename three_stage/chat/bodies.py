"""A request's body on its way in: bounded, not too slow, and left in good order when refused.

Who is refused in the middle of sending must still be able to read why: the connection is closed
only after a moment in which what he sends is thrown away, and never later, however much he has.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from three_stage.chat.errors import BadRequestError, SlowSenderError, TooLargeError

LONGEST_SILENCE_SEC = 60.0
LINGER_SEC = 2.0
LINGER_BYTES = 32_000_000
_BODY, _GONE = "http.request", "http.disconnect"


class IncomingBody:
    """One request's body; ``limit`` bounds its bytes and its silence, None bounds neither.

    Raises TooLargeError and BadRequestError for what is announced.
    """

    def __init__(self, receive: Receive, headers: Headers, limit: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0
        self._kept: list[Message] = []
        announced = headers.get("content-length")
        self.is_whole = announced in (None, "0") and "transfer-encoding" not in headers
        self._is_held_back = headers.get("expect", "").lower() == "100-continue"

    def check_announced(self, announced: str | None) -> None:
        """Refuse by what the sender says of the length. Raises TooLargeError, BadRequestError."""
        if announced is None or self._limit is None:
            return
        if not (announced.isascii() and announced.isdigit()):
            raise BadRequestError("Content-Length is no number.")
        if len(announced) > len(str(self._limit)) or int(announced) > self._limit:
            raise _too_large(self._limit)

    async def receive(self) -> Message:
        """Return what comes next, for the application.

        Raises TooLargeError, and SlowSenderError when nothing comes for too long.
        """
        if self._kept:
            return self._kept.pop(0)
        return await self._next()

    async def read_ahead(self) -> bool:
        """Take the whole body in before anybody reads it; False when the sender left.

        Raises what ``receive`` raises.
        """
        while not self.is_whole:
            message = await self._next()
            self._kept.append(message)
            if message["type"] == _GONE:
                return False
        return True

    async def let_go(self) -> None:
        """Throw away what still comes, for a moment, so that the sender reads our answer."""
        if self._is_held_back and not self._seen:
            return
        self._limit = None
        most = self._seen + LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SEC):
                while not self.is_whole and self._seen < most:
                    await self._next()
        except TimeoutError:
            return

    async def _next(self) -> Message:
        is_bounded = self._limit is not None and not self.is_whole
        try:
            async with asyncio.timeout(LONGEST_SILENCE_SEC if is_bounded else None):
                message = await self._receive()
        except TimeoutError:
            if not is_bounded:
                raise
            raise SlowSenderError(f"Nothing arrived for {LONGEST_SILENCE_SEC:g} s.") from None
        self._seen += len(message.get("body", b""))
        self.is_whole = self.is_whole or not message.get("more_body", False)
        if self._limit is not None and self._seen > self._limit:
            raise _too_large(self._limit)
        return message


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {limit / 1e6:g} MB.", hint="Send less.")
