"""A question to a model, and its checked answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from schemas.files import CallRecord, Usage

T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """A JPEG as it is sent, with its size in pixels; ``label`` is sent as text before it."""

    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int
    label: str | None = None


@dataclass(frozen=True)
class AskKey:
    """What an answer belongs to; it means nothing in this room but is written with every call."""

    video_id: str
    stage: Literal["stage1", "stage2", "stage3"]
    step_id: int | None = None

    def __str__(self) -> str:
        step = "" if self.step_id is None else f" step {self.step_id}"
        return f"{self.video_id} {self.stage}{step}"


@dataclass(frozen=True, kw_only=True)
class Question(Generic[T]):
    """One thing to ask.

    ``ask_key`` (SHA-256, hexadecimal) is its identity when a run is resumed. ``sent_schema`` is the
    reduced JSON Schema for the server; ``check`` turns parsed JSON into the value, or raises
    AnswerRejected. ``max_attempts`` counts answers, the first included.
    """

    key: AskKey
    ask_key: str
    system: str
    user: str
    pictures: tuple[Picture, ...] = ()
    schema_name: str
    sent_schema: Mapping[str, Any]
    check: Callable[[object], T]
    max_attempts: int


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[T]):
    """A checked answer.

    ``attempts`` counts the answers that this value took; ``usage`` and ``cost`` (None: no price is
    known) are of all its requests. When ``replayed``, all three are what the journal says of the
    stored answer, and nothing was asked or spent now. ``notes`` say what was repaired or guessed.
    ``records`` are the journal's lines of this ask, in order.
    """

    key: AskKey
    value: T
    raw: str
    attempts: int
    replayed: bool
    usage: Usage
    cost: float | None
    model_answered: str | None
    notes: tuple[str, ...]
    records: tuple[CallRecord, ...]
