"""What happens in a conversation, as server-sent events that lose nothing.

There is no log of events to keep or to overflow: who comes back with the id of the last event that
he saw (see ``places``) is sent what has been written since, from memory or from the database, also
when the server was killed in between. A slow reader is sent more at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator

from pydantic import BaseModel

from three_stage.chat.errors import NotFoundError
from three_stage.chat.places import Place
from three_stage.chat.service import ChatService
from three_stage.chat.signals import Signal, Signals
from three_stage.chat.values import Message, Role

KEEP_ALIVE_SEC = 15.0
RETRY_MS = 1000


class Feed:
    """The events of one conversation for one reader."""

    def __init__(
        self, service: ChatService, signals: Signals, conversation_id: str, place: Place | None
    ) -> None:
        self._service = service
        self._signals = signals
        self._conversation_id = conversation_id
        self._place = place
        self._note = ""
        self._rendered = 0

    async def events(self) -> AsyncIterator[str]:
        """Yield events as text, until the conversation is deleted or the reader leaves."""
        signal = self._signals.watch(self._conversation_id)
        try:
            yield f"retry: {RETRY_MS}\n\n"
            async for event in self._follow(signal):
                yield event
        except NotFoundError:
            yield _event("deleted", {})
        finally:
            self._signals.leave(self._conversation_id)

    async def _follow(self, signal: Signal) -> AsyncIterator[str]:
        revision = frames_revision = -1
        while True:
            changed = signal.next
            if signal.is_closing:
                return
            if signal.is_gone:
                raise NotFoundError("The conversation was deleted.")
            # Told at the beginning too: the page was loaded a moment before, or is back again.
            if frames_revision != signal.frames_revision:
                frames_revision = signal.frames_revision
                yield await self._frames()
            if revision != signal.revision:
                revision = signal.revision
                async for event in self._what_changed():
                    yield event
            else:
                async for event in self._what_grew():
                    yield event
            wait_sec = self._until_rendering_sec()
            if await _set_in_time(changed, min(wait_sec, KEEP_ALIVE_SEC)):
                continue
            if wait_sec >= KEEP_ALIVE_SEC:
                yield ": still here\n\n"

    def _until_rendering_sec(self) -> float:
        """Return how soon the reader is due a rendering of what he has read; infinite if never."""
        live, place = self._service.live(self._conversation_id), self._place
        if live is None or place is None or place.message != live.message.id:
            return math.inf
        return live.until_rendering_sec() if self._rendered < len(live.text) else math.inf

    async def _what_changed(self) -> AsyncIterator[str]:
        """Yield the conversation's head, and what the reader has not seen of all messages."""
        conversation = await self._service.conversation(self._conversation_id)
        yield _event("conversation", await self._service.head(conversation))
        messages = await self._service.messages(self._conversation_id)
        if self._place is None:
            self._place = Place.after(messages)
        for message in messages:
            async for event in self._of_message(message):
                yield event

    async def _what_grew(self) -> AsyncIterator[str]:
        live = self._service.live(self._conversation_id)
        if live is not None:
            async for event in self._of_message(live.now()):
                yield event

    async def _of_message(self, message: Message) -> AsyncIterator[str]:
        place = self._place
        if place is None or message.id < place.message:
            return
        is_same = (message.id, message.version) == (place.message, place.version)
        if is_same and place.is_whole:
            return
        if message.state.is_final:
            self._place = Place(message.id, message.version, 0, is_whole=True)
            name = "message" if message.role is Role.USER else "finished"
            yield _event(name, await self._view(message), self._place)
            return
        live = self._service.live(self._conversation_id)
        note = "" if live is None else live.note
        begins = bool(message.text) and not place.seen  # its state is another one now
        if not is_same or note != self._note or begins:
            self._note = note
            self._rendered = 0 if not is_same else self._rendered
            self._place = Place(message.id, message.version, len(message.text))
            yield _event("message", await self._view(message), self._place)
        elif len(message.text) > place.seen:
            self._place = Place(message.id, message.version, len(message.text))
            data = {"message_id": message.id, "text": message.text[place.seen :]}
            yield _event("delta", data, self._place)
        if live is not None and message.text:
            html, length = live.rendered()
            if length > self._rendered:
                self._rendered = length
                yield _event("rendered", {"message_id": message.id, "html": html})

    async def _view(self, message: Message) -> BaseModel:
        conversation = await self._service.conversation(self._conversation_id)
        video = await self._service.video(conversation.video_id)
        return await self._service.message_view(conversation, video, message)

    async def _frames(self) -> str:
        conversation = await self._service.conversation(self._conversation_id)
        video = await self._service.video(conversation.video_id)
        return _event("frames", await self._service.strip(conversation, video))


async def _set_in_time(changed: asyncio.Event, within_sec: float) -> bool:
    """Wait for a change; False when there was none in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_sec):
            await changed.wait()
            return True
    return False


def _event(name: str, data: BaseModel | dict[str, object], place: Place | None = None) -> str:
    """Return one event as text; JSON has no line breaks, so its data is one line."""
    body = data.model_dump_json() if isinstance(data, BaseModel) else json.dumps(data)
    head = "" if place is None else f"id: {place}\n"
    return f"{head}event: {name}\ndata: {body}\n\n"
