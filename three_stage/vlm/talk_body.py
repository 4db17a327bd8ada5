"""The body of a request that goes on with a conversation, and its one way over the wire."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.conversation import Remark, Talk
from three_stage.vlm.dialects import Media, build_media
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.words import Words

_SLICE_BYTES = 256 * 1024


class OneWayBody:
    """A body's bytes, which are let go of as they are sent: it can be sent once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = deque(piece for piece in pieces if piece)
        self._sent_of_first = 0
        self._when_gone: Callable[[], None] | None = None
        self.size_bytes = sum(map(len, self._pieces))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next slice."""
        if not self._pieces:
            raise StopAsyncIteration
        start = self._sent_of_first
        first = self._pieces[0]
        self._sent_of_first += _SLICE_BYTES
        if self._sent_of_first >= len(first):
            self._pieces.popleft()
            self._sent_of_first = 0
            if not self._pieces:
                self.let_go()
        return first[start : start + _SLICE_BYTES]

    def let_go(self) -> None:
        """Keep nothing of it: who has answered needs no more of the question."""
        self._pieces.clear()
        told, self._when_gone = self._when_gone, None
        if told is not None:
            told()

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Call ``tell``, once, when nothing of the body is kept any more."""
        self._when_gone = tell


def encode_talk(
    talk: Talk, endpoint: Endpoint, options: WireOptions, words: Words, *, max_tokens: int
) -> OneWayBody:
    """Return the request's body: UTF-8 JSON, the messages before all that may differ.

    A longer conversation's messages begin with the same bytes as a shorter one's, which is what a
    server's prefix cache wants. Takes long: call it in a thread. Raises RequestRejectedError and
    RequestTooLargeError as ``build_media`` does.
    """
    urls: dict[bytes, bytes] = {}
    media_fields: dict[str, Any] = {}
    messages = []
    for remark in _in_order(talk.remarks):
        content, groups = _content(remark, endpoint, words)
        messages.append({"role": remark.role, "content": content})
        for media in groups:
            urls.update(media.urls)
            media_fields.update(media.body_fields)
    if not options.sends_frame_rate:
        media_fields = {}
    ours: dict[str, Any] = {
        "model": talk.model,
        "messages": messages,
        "stream": True,
        options.tokens_field: max_tokens,
    }
    if options.sends_stream_options:
        ours["stream_options"] = {"include_usage": True}
    if options.sends_temperature and talk.temperature is not None:
        ours["temperature"] = talk.temperature
    body = {**ours, **media_fields, **talk.extra, **ours}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    whole = Media((), urls=urls)
    return OneWayBody(whole.filled_pieces(text.encode("utf-8", "replace")))


def _in_order(remarks: tuple[Remark, ...]) -> list[Remark]:
    """Return what was said, the system's words first; a remark without anything is left out."""
    spoken = [remark for remark in remarks if not remark.is_empty]
    return sorted(spoken, key=lambda remark: remark.role != "system")


def _content(
    remark: Remark, endpoint: Endpoint, words: Words
) -> tuple[str | list[dict[str, Any]], list[Media]]:
    """Return a message's content, and the pictures that stand in it under short names."""
    if len(remark.parts) == 1 and isinstance(remark.parts[0], str):
        return remark.parts[0], []
    parts: list[dict[str, Any]] = []
    groups: list[Media] = []
    for part in remark.parts:
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        else:
            media = build_media(part, endpoint, words)
            groups.append(media)
            parts += media.parts
    return parts, groups
