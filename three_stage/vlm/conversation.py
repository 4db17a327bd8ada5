"""A conversation that a model goes on with, and what is told while it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.files import Usage
from three_stage.vlm.question import Picture


@dataclass(frozen=True)
class Remark:
    """One message of a conversation; ``parts`` are texts and groups of pictures, in order."""

    role: Literal["user", "assistant", "system"]
    parts: tuple[str | tuple[Picture, ...], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it: an answer that was stopped before its first word."""
        return not any(part.strip() if isinstance(part, str) else part for part in self.parts)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Every picture of every group, in order."""
        return tuple(
            picture for part in self.parts if not isinstance(part, str) for picture in part
        )


@dataclass(frozen=True, kw_only=True)
class Talk:
    """One answer that is wanted: the conversation so far, and how to go on with it.

    ``subject`` says in messages and logs who asks. ``model`` is the model that is asked.
    ``temperature`` None is not sent; ``max_tokens`` None is --max-tokens. ``extra`` are further
    fields of the body, sent as they are, except those that this room writes itself.
    """

    subject: str
    remarks: tuple[Remark, ...]
    model: str
    temperature: float | None = None
    max_tokens: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True)
class Thought:
    """The next piece of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True)
class Delay:
    """The request goes out again in ``wait_sec`` seconds; ``reason`` has no secret and no end."""

    reason: str
    wait_sec: float


@dataclass(frozen=True)
class End:
    """The answer is whole. ``usage`` is None when the endpoint does not tell.

    ``finish_reason`` is in OpenAI's words; None when the endpoint gives none. ``notes`` say what
    was not as it should be.
    """

    finish_reason: str | None
    usage: Usage | None
    model_answered: str | None
    notes: tuple[str, ...] = ()


TalkEvent = Piece | Thought | Delay | End
