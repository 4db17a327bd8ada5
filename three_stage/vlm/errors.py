"""What can go wrong when a model is asked.

VlmError
├── AnswerRejected             raised by a check: the errors go back to the model
│   └── UnreadableAnswer       no JSON object could be read from the text
├── NoValidAnswerError         every attempt was used up: costs this question
├── EmptyAnswerError           the answer of a conversation holds no text
├── AnswerBlockedError         a refusal or a content filter: costs this question
├── RequestRejectedError       the endpoint refuses this request (400, 413, 422 ...): costs this one
│   └── RequestTooLargeError   found before sending
├── RequestFailedError         this request fails again and again while others pass: costs this one
│   └── BrokenOffError         an answer that was being shown broke off
└── RunEndingError             no further request has a chance; everything done so far is kept
    ├── EndpointDownError      silent or failing for longer than the patience (exit code 3)
    ├── EndpointRefusedError   refuses the key, the model or the address (exit code 3)
    └── BudgetReachedError     the next request would pass the cap (exit code 1)
"""

from __future__ import annotations

from typing import ClassVar

from three_stage.settings import ThreeStageError
from three_stage.vlm.faults import Topic

_ERRORS_SHOWN = 5


class VlmError(ThreeStageError):
    """An endpoint or an answer failed; ``topic`` is what it is about, if that is known."""

    failure_kind: ClassVar[str] = "request"

    topic: Topic | None = None

    def __init__(self, message: str, *, hint: str = "", topic: Topic | None = None) -> None:
        super().__init__(message, hint=hint)
        if topic is not None:
            self.topic = topic


class AnswerRejected(VlmError):  # noqa: N818 - a verdict, which a check raises as its normal work
    """An answer broke rules; ``errors`` are written for the model, one rule each."""

    def __init__(self, errors: tuple[str, ...], *, hint: str = "") -> None:
        if not errors:
            raise ValueError("a rejected answer needs at least one error")
        super().__init__("; ".join(errors), hint=hint)
        self.errors = errors


class UnreadableAnswer(AnswerRejected):
    """An answer holds no JSON object that could be read."""


class NoValidAnswerError(VlmError):
    """No attempt gave a valid answer; ``errors`` are those of the last one."""

    failure_kind: ClassVar[str] = "answer"

    def __init__(self, subject: str, *, attempts: int, errors: tuple[str, ...], hint: str) -> None:
        shown = "; ".join(errors[:_ERRORS_SHOWN])
        more = len(errors) - _ERRORS_SHOWN
        tail = f" (and {more} more)" if more > 0 else ""
        count = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        super().__init__(
            f"{subject}: no valid answer in {count}. The last one: {shown}{tail}.", hint=hint
        )
        self.attempts = attempts
        self.errors = errors


class EmptyAnswerError(VlmError):
    """The model ended its answer without a word of text."""

    failure_kind: ClassVar[str] = "answer"


class AnswerBlockedError(VlmError):
    """The model refused, or a content filter stopped the answer."""

    failure_kind: ClassVar[str] = "refusal"

    topic = "blocked"


class RequestRejectedError(VlmError):
    """The endpoint refuses this request, whatever we do; ``status`` is None if never sent."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        hint: str = "",
        topic: Topic | None = None,
    ) -> None:
        super().__init__(message, hint=hint, topic=topic)
        self.status = status


class RequestTooLargeError(RequestRejectedError):
    """The body would be larger than allowed; found before sending."""

    topic = "size"


class RequestFailedError(VlmError):
    """One request failed on every try, while the endpoint served others.

    ``status`` is the last one; None when the connection broke or nothing came in time.
    """

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class BrokenOffError(RequestFailedError):
    """The answer broke off after its first piece; ``characters`` of its text had come by then."""

    def __init__(
        self, message: str, *, characters: int, status: int | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, status=status, hint=hint)
        self.characters = characters


class RunEndingError(VlmError):
    """The whole run ends: no further request has a chance."""

    failure_kind: ClassVar[str] = "endpoint"

    exit_code: ClassVar[int] = 3


class EndpointDownError(RunEndingError):
    """The endpoint gave no answer for longer than the patience."""


class EndpointRefusedError(RunEndingError):
    """The endpoint refuses the key, the model or the address."""


class BudgetReachedError(RunEndingError):
    """The next request would pass the cap."""

    failure_kind: ClassVar[str] = "budget"

    exit_code: ClassVar[int] = 1
