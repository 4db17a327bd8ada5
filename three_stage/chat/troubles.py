"""What went wrong with an answer or with pictures, as a value that is kept and shown."""

from __future__ import annotations

import re

from three_stage.chat.errors import ChatError
from three_stage.chat.folders import Folders
from three_stage.chat.uploads import refused
from three_stage.chat.values import Trouble, Video
from three_stage.media import MediaError, WorkerError
from three_stage.runs import OutputError
from three_stage.settings import ThreeStageError
from three_stage.vlm import (
    AnswerBlockedError,
    BrokenOffError,
    EmptyAnswerError,
    EndpointDownError,
    EndpointRefusedError,
    RequestFailedError,
    RequestRejectedError,
    RequestTooLargeError,
    VlmError,
)

_CODES: tuple[tuple[type[ThreeStageError], str], ...] = (
    (RequestTooLargeError, "size"),
    (AnswerBlockedError, "blocked"),
    (EmptyAnswerError, "empty"),
    (BrokenOffError, "broken_off"),
    (EndpointDownError, "endpoint_down"),
    (RequestFailedError, "upstream"),
    (EndpointRefusedError, "refused"),
    (RequestRejectedError, "refused"),
)
_AGAIN = "Ask again in a while: the endpoint itself has a problem."
_HINTS = {"endpoint_down": _AGAIN, "upstream": _AGAIN}
_RATE_LIMITED = 429
# Who runs the server finds it in the log; who looks at the page need not know it.
_KEY_TAIL = re.compile(r", key \.\.\.\S{4}")


def trouble_of(error: Exception, video: Video, folders: Folders) -> Trouble:
    """Say what a failure means to the person; paths of ours are left out."""
    if isinstance(error, WorkerError):
        return Trouble(code="unreadable", message=f"{video.name}: it could not be decoded: the "
                       "decoder failed.", hint=error.hint)  # fmt: skip
    if isinstance(error, MediaError):
        said = refused(error, folders.source(video.id), video.name)
        return Trouble(code="unreadable", message=said.message, hint=said.hint)
    if isinstance(error, (OutputError, OSError)):
        return Trouble(
            code="disk_full",
            message="The server could not read or write its data folder.",
            hint="Look at the server's log; is its disk full?",
        )
    if isinstance(error, ChatError):
        return Trouble(code=error.code, message=error.message, hint=error.hint)
    assert isinstance(error, ThreeStageError)  # noqa: S101 - for the type checker
    code = code_of(error)
    hint = error.hint or _HINTS.get(code, "")
    return Trouble(code=code, message=without_key_tail(str(error.args[0])), hint=hint)


def without_key_tail(message: str) -> str:
    """Return a message without the end of the key that it is told apart by."""
    return _KEY_TAIL.sub("", message)


def code_of(error: ThreeStageError) -> str:
    """Return the word for programs that says what an answer failed of."""
    if isinstance(error, ChatError):
        return error.code
    if isinstance(error, VlmError) and error.topic is not None:
        return error.topic
    if type(error) is RequestFailedError and error.status == _RATE_LIMITED:
        return "quota"
    if type(error) is RequestFailedError and error.status is None:
        return "endpoint_down"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "internal")
