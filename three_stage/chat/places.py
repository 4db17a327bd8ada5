"""How far a reader of a conversation has come, as the id of the last event that he saw."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from three_stage.chat.values import Message

_END = "end"
_ID = re.compile(r"(\d{1,15})\.(\d{1,9})\.(\d{1,9}|end)")


@dataclass(frozen=True)
class Place:
    """Everything before ``message`` was seen, and ``seen`` characters of it, or all (``is_whole``).

    Written ``MESSAGE.VERSION.CHARACTERS``, or ``MESSAGE.VERSION.end``.
    """

    message: int = 0
    version: int = 0
    seen: int = 0
    is_whole: bool = False

    def __str__(self) -> str:
        return f"{self.message}.{self.version}.{_END if self.is_whole else self.seen}"

    @classmethod
    def parse(cls, text: str | None) -> Place | None:
        """Read an event id; None for what is none of ours."""
        match = _ID.fullmatch(text or "")
        if match is None:
            return None
        is_whole = match[3] == _END
        return cls(int(match[1]), int(match[2]), 0 if is_whole else int(match[3]), is_whole)

    @classmethod
    def after(cls, messages: Sequence[Message]) -> Place:
        """Return the place of a reader who has just read all messages."""
        if not messages:
            return cls()
        last = messages[-1]
        return cls(last.id, last.version, len(last.text), last.state.is_final)
