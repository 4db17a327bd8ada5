"""What can go wrong between a person at the page and an answer.

ChatError                  code, HTTP status, message, hint: what the page and programs are told
├── NotFoundError          404  no such video, conversation, message or picture
├── BusyError              409  an answer is being written
├── TooManyUploadsError    503  as many uploads as are taken at once are under way
├── TooLargeError          413  a file or a body passes its limit
├── NoSuchPartError        416  a Range header names no part of the file
├── NotAVideoError         415  what was sent is no video that can be read
├── BadRequestError        400  what was asked makes no sense
├── ForbiddenError         403  another site's page, a foreign host name, a private address
├── UnauthorizedError      401  no token, or the wrong one
├── SlowSenderError        408  an upload that stands still
├── AnswerTooLongError     504  an answer that is waited for as a whole does not end
├── GoneError              410  the video's file is not there any more
└── DiskError              507  the disk is full or refuses
"""

from __future__ import annotations

from typing import ClassVar

from three_stage.settings import ThreeStageError


class ChatError(ThreeStageError):
    """Something that a person or a program is told; ``code`` is for programs."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    @property
    def message(self) -> str:
        """What was wrong, without the hint."""
        return str(self.args[0])


class NotFoundError(ChatError):
    """What was named is not there."""

    code: ClassVar[str] = "not_found"
    status: ClassVar[int] = 404


class BusyError(ChatError):
    """The conversation's answer is still being written."""

    code: ClassVar[str] = "busy"
    status: ClassVar[int] = 409


class TooManyUploadsError(ChatError):
    """As many uploads as are taken at once are under way."""

    code: ClassVar[str] = "busy"
    status: ClassVar[int] = 503


class TooLargeError(ChatError):
    """More bytes than are taken."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413


class NotAVideoError(ChatError):
    """What was sent cannot be read as a video."""

    code: ClassVar[str] = "not_a_video"
    status: ClassVar[int] = 415


class NoSuchPartError(ChatError):
    """A part of a file that there is not."""

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 416


class BadRequestError(ChatError):
    """What was asked makes no sense."""

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400


class ForbiddenError(ChatError):
    """Who asks may not."""

    code: ClassVar[str] = "forbidden"
    status: ClassVar[int] = 403


class UnauthorizedError(ChatError):
    """The token is missing or wrong."""

    code: ClassVar[str] = "unauthorized"
    status: ClassVar[int] = 401


class SlowSenderError(ChatError):
    """An upload stood still for too long."""

    code: ClassVar[str] = "timeout"
    status: ClassVar[int] = 408


class AnswerTooLongError(ChatError):
    """An answer that is waited for as a whole did not end."""

    code: ClassVar[str] = "timeout"
    status: ClassVar[int] = 504


class GoneError(ChatError):
    """A file of ours was taken away."""

    code: ClassVar[str] = "gone"
    status: ClassVar[int] = 410


class DiskError(ChatError):
    """The disk is full or refuses."""

    code: ClassVar[str] = "disk_full"
    status: ClassVar[int] = 507
