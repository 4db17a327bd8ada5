"""Why a request got no answer, as a value: what kind of trouble, and what to do about it."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Literal

from three_stage.vlm.capabilities import Feature

Topic = Literal["key", "quota", "model", "size", "blocked"]
"""What a refusal is about, where the server's words or its status say it."""


class FaultKind(Enum):
    """Who is concerned, and so what happens next."""

    TRANSIENT = "transient"
    """Try again: time-outs, broken connections, 408, 409, 5xx."""
    RATE_LIMITED = "rate_limited"
    """Try again, with fewer at once: 429."""
    CAPABILITY = "capability"
    """Ask in another way: the endpoint refuses a feature of the request."""
    REQUEST = "request"
    """This request never works: costs one question."""
    ENDPOINT = "endpoint"
    """No request works: the key, the model or the address is refused."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One request without an answer.

    ``retry_after_sec`` is the server's own wish. ``was_read``: the server got the whole request and
    may have worked on it (and may bill it). ``is_strange``: a success (2xx) came with what is no
    chat completion; ``is_web_page``: with HTML. ``is_unknown_host``: nobody has the address's name.
    ``may_be_of_one_request``: what is refused says nothing of key, account or model, as when a
    firewall dislikes one body. ``topic`` is what a refusal is about, if that is known.
    """

    kind: FaultKind
    message: str
    hint: str = ""
    status: int | None = None
    retry_after_sec: float | None = None
    refused: Feature | None = None
    was_read: bool = False
    is_strange: bool = False
    is_web_page: bool = False
    may_be_of_one_request: bool = False
    is_unknown_host: bool = False
    request_id: str | None = None
    topic: Topic | None = None

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    @property
    def is_worth_a_retry(self) -> bool:
        """Whether the same request may pass later."""
        return self.kind in (FaultKind.TRANSIENT, FaultKind.RATE_LIMITED)


def retry_after_sec(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` (seconds or an HTTP date, RFC 9110) or ``retry-after-ms``, if sane.

    A date is measured from the response's own ``Date``, because clocks differ; without one from
    our clock.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    date = _date(text)
    now = _date(headers.get("date")) or datetime.now(UTC)
    return None if date is None else max(0.0, (date - now).total_seconds())


def _date(text: str | None) -> datetime | None:
    """Read an HTTP date; None for what is none, and for one that no calendar holds."""
    try:
        date = email.utils.parsedate_to_datetime(text or "")
        return date.astimezone(UTC) if date.tzinfo is not None else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
