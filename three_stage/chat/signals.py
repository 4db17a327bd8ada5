"""Who watches a conversation is woken when something in it changed, and looks for himself.

Nothing is put into queues: a slow watcher finds more at once instead of holding up memory.
"""

from __future__ import annotations

import asyncio


class Signal:
    """Wakes everybody who waits; ``revision`` counts changes other than growing text."""

    def __init__(self) -> None:
        self.revision = 0
        self.frames_revision = 0
        self.is_gone = False
        self.is_closing = False
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """What is set at the next change; take it before looking, then wait for it."""
        return self._next

    def wake(self) -> None:
        """Tell that the answer's text grew."""
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    def changed(self) -> None:
        """Tell that messages, title or settings changed."""
        self.revision += 1
        self.wake()

    def frames_changed(self) -> None:
        """Tell that the pictures are there, or failed."""
        self.frames_revision += 1
        self.wake()

    def gone(self) -> None:
        """Tell that the conversation was deleted."""
        self.is_gone = True
        self.wake()


class Signals:
    """The signals of all conversations; one that nobody watches any more is dropped."""

    def __init__(self) -> None:
        self._of: dict[str, Signal] = {}
        self._watchers: dict[str, int] = {}

    def watch(self, conversation_id: str) -> Signal:
        """Return a conversation's signal; every watch ends with ``leave``."""
        self._watchers[conversation_id] = self._watchers.get(conversation_id, 0) + 1
        return self._of.setdefault(conversation_id, Signal())

    def leave(self, conversation_id: str) -> None:
        """End one watch."""
        self._watchers[conversation_id] -= 1
        if not self._watchers[conversation_id]:
            del self._watchers[conversation_id], self._of[conversation_id]

    def of(self, conversation_id: str) -> Signal:
        """Return a conversation's signal to tell something; without watchers nobody hears it."""
        return self._of.get(conversation_id) or Signal()

    def close(self) -> None:
        """End everybody's watch: the server goes away, and the conversations stay."""
        for signal in self._of.values():
            signal.is_closing = True
            signal.wake()
