"""Errors of a whole run.

BatchError
└── RefusedError   something about the inputs is wrong: every reason is listed; before any call
"""

from three_stage.settings import ThreeStageError


class BatchError(ThreeStageError):
    """Base of this room's errors."""


class RefusedError(BatchError):
    """The inputs cannot be worked on; ``reasons`` holds one line each (exit code 2)."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons
