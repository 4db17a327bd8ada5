"""The root of every error that a person is meant to read.

ThreeStageError
├── UsageError            an option, a file name or a setting is wrong: exit code 2, before any call
├── media.MediaError      a video cannot be read, sampled or cut
├── vlm.VlmError          an endpoint or an answer failed
├── runs.RunsError        an output folder cannot be used
└── batch.BatchError      a whole run had to stop
"""

from typing import ClassVar


class ThreeStageError(Exception):
    """Base of our errors: the message says what was wrong and with what; ``hint`` what to do.

    ``failure_kind`` says what failed when it costs a video (schemas.files.FailureKind).
    """

    failure_kind: ClassVar[str] = "fault"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.hint}" if self.hint else message


class UsageError(ThreeStageError):
    """Something that the person set is wrong; found before the first call (exit code 2)."""
