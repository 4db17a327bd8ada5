"""What happens to requests while a run goes on, for a progress display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from schemas.files import Usage
from three_stage.vlm.question import AskKey


@dataclass(frozen=True, kw_only=True)
class RequestStarted:
    """A request goes out."""

    key: AskKey
    call_id: str
    attempt: int
    pictures: int
    request_bytes: int


@dataclass(frozen=True, kw_only=True)
class RequestFinished:
    """An answer came; what it used and cost (None: no price is known)."""

    key: AskKey
    call_id: str
    usage: Usage
    cost: float | None
    latency_sec: float


@dataclass(frozen=True, kw_only=True)
class RequestFailed:
    """No answer came."""

    key: AskKey
    call_id: str
    reason: str
    will_retry: bool


@dataclass(frozen=True, kw_only=True)
class LimitChanged:
    """The number of requests that may be in flight changed."""

    old: int
    new: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class RunPaused:
    """The endpoint looks down: one request at a time tries it, the next in ``next_try_in_sec``."""

    reason: str
    next_try_in_sec: float


@dataclass(frozen=True, kw_only=True)
class RunResumed:
    """The endpoint answers again."""

    paused_sec: float


AskEvent = RequestStarted | RequestFinished | RequestFailed | LimitChanged | RunPaused | RunResumed


class AskObserver(Protocol):
    """Somebody who watches; called in the event loop, so it must return at once."""

    def observe(self, event: AskEvent) -> None:
        """Take note of an event."""
        ...


class SilentObserver:
    """Watches nothing."""

    def observe(self, event: AskEvent) -> None:
        """Do nothing."""
