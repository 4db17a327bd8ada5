"""The values of this room: videos, pools, conversations and messages, as they are kept.

Times are seconds, zero at the first displayed frame; numbers of frames count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


class MessageState(StrEnum):
    """How far an answer is; a question is always DONE."""

    WAITING = "waiting"
    """Nothing of it is there: the video is looked at, or the endpoint has not begun."""
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    """The person stopped it."""
    INTERRUPTED = "interrupted"
    """The server ended in the middle of it."""
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more comes."""
        return self not in (MessageState.WAITING, MessageState.WRITING)


@dataclass(frozen=True)
class TimeRange:
    """A part of a video, half-open."""

    start_sec: float
    end_sec: float


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why there is no answer, or no pool: for programs, and for people with what they can do."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Video:
    """An uploaded video. ``name`` is what the person's file was called, and never a path."""

    id: str
    name: str
    size_bytes: int
    duration_sec: float
    width: int
    height: int
    codec: str
    media_type: str
    has_audio: bool
    displayed_frames: int
    warnings: tuple[str, ...]
    created_at: str


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One picture of a pool as it lies on disk."""

    index: int
    time_sec: float
    file_name: str


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Which pictures a model sees; ``key`` names the pool among those of its video."""

    video_id: str
    key: str
    frames: tuple[Frame, ...]
    width_px: int
    height_px: int
    end_sec: float
    note: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation about one video, and how its questions are asked.

    ``model`` is None while none was chosen: then it is the server's, whichever that is by then.
    """

    id: str
    video_id: str
    title: str
    model: str | None
    temperature: float
    max_frames: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What an answer used, as the endpoint told it."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """A question or an answer. ``version`` counts how often an answer was asked for anew.

    ``pool_key`` and ``part_key`` name the pictures that an answer was given on: those of the whole
    video, and of the part that its question names.
    """

    id: int
    conversation_id: str
    role: Role
    text: str
    state: MessageState
    version: int = 1
    trouble: Trouble | None = None
    range: TimeRange | None = None
    model: str | None = None
    finish_reason: str | None = None
    tokens: Tokens | None = None
    notes: tuple[str, ...] = ()
    pool_key: str | None = None
    part_key: str | None = None
    created_at: str
