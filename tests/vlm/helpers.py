"""What the tests of this room share: a journal in memory, questions, and a run of one asker."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import cv2
import numpy as np

from schemas.files import CallRecord
from three_stage.settings import EndpointSettings
from three_stage.vlm import (
    Answer,
    AnswerRejected,
    Asker,
    AskEvent,
    AskKey,
    Budget,
    Picture,
    Question,
    resolve_endpoint,
)

T = TypeVar("T")

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
KEY = "sk-0123456789abcdefWXYZ"


class MemoryJournal:
    """Keeps records in a list; ``on_append`` sees each one before it counts as written."""

    def __init__(self, on_append: Callable[[CallRecord], None] | None = None) -> None:
        self.records: list[CallRecord] = []
        self._on_append = on_append
        self._lock = threading.Lock()

    def stored_answers(self, ask_key: str) -> Sequence[CallRecord]:
        return [
            record
            for record in self.records
            if record.event == "answer"
            and record.ask_key == ask_key
            and record.finish_reason != "length"
        ]

    def append(self, record: CallRecord) -> None:
        if self._on_append is not None:
            self._on_append(record)
        with self._lock:
            self.records.append(CallRecord.model_validate_json(record.model_dump_json()))

    @property
    def events(self) -> list[str]:
        return [record.event for record in self.records]


class Watcher:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[AskEvent] = []

    def observe(self, event: AskEvent) -> None:
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


def exactly_an_integer(value: object) -> int:
    """A strict check: {"a": integer} and nothing else."""
    if not isinstance(value, dict) or set(value) != {"a"}:
        raise AnswerRejected(("top level: exactly the key a is wanted",))
    if type(value["a"]) is not int:
        raise AnswerRejected((f"a: {value['a']!r} is no integer",))
    return value["a"]


def jpeg(width_px: int = 64, height_px: int = 48, *, level: int = 128) -> bytes:
    image = np.full((height_px, width_px, 3), level, np.uint8)
    done, data = cv2.imencode(".jpg", image)
    assert done
    return bytes(data.tobytes())


def pictures(
    count: int, *, width_px: int = 64, height_px: int = 48, labelled: bool = True
) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            jpeg(width_px, height_px, level=10 * index),
            width_px,
            height_px,
            f"Frame {index + 1:02d}" if labelled else None,
        )
        for index in range(count)
    )


def question(name: str = "video", **changes: Any) -> Question[int]:
    asked = Question(
        key=AskKey(name, "stage1", None),
        ask_key=hashlib.sha256(name.encode()).hexdigest(),
        system="You look at pictures.",
        user="How many?",
        pictures=(),
        schema_name="count",
        sent_schema=SCHEMA,
        check=exactly_an_integer,
        max_attempts=3,
    )
    return replace(asked, **changes)


def settings_for(base_url: str, **changes: Any) -> EndpointSettings:
    """Settings whose waits are short; a key that can be looked for."""
    quick: dict[str, Any] = {
        "api_base": base_url,
        "api_key": KEY,
        "model": "test-model",
        "api_call_retry_backoff_sec": 0.01,
        "api_timeout_sec": 5.0,
        "endpoint_patience_sec": 1.0,
    }
    return EndpointSettings(**{**quick, **changes})


async def ask_all(
    settings: EndpointSettings,
    questions: Sequence[Question[Any]],
    journal: MemoryJournal,
    *,
    budget: Budget | None = None,
    **asker_options: Any,
) -> list[Answer[Any] | BaseException]:
    """Ask everything at once with one asker; errors stand where their answers would."""
    endpoint = resolve_endpoint(settings)
    async with Asker(endpoint, settings, budget or Budget(), **asker_options) as asker:
        return await asyncio.gather(
            *(asker.ask(one, journal) for one in questions), return_exceptions=True
        )


def ask_one(
    settings: EndpointSettings,
    asked: Question[Any] | None = None,
    journal: MemoryJournal | None = None,
    **options: Any,
) -> Answer[Any]:
    """Ask one question; raises what the ask raises."""
    (outcome,) = run(
        ask_all(settings, [asked or question()], journal or MemoryJournal(), **options)
    )
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def run(work: Awaitable[T]) -> T:
    """Run a coroutine in a loop of its own."""

    async def awaited() -> T:
        return await work

    return asyncio.run(awaited())
