"""Errors of output folders.

RunsError
├── FolderBusyError       another run holds the lock of this video's folder
├── SourceMismatchError   the folder holds the results of another video
├── FormatVersionError    the folder was written by a version that writes other files
├── UpstreamError         a stage that must be there already is absent or not valid
└── OutputError           a file or folder cannot be written or read
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from three_stage.settings import ThreeStageError


class RunsError(ThreeStageError):
    """Base of this room's errors."""

    failure_kind: ClassVar[str] = "folder"


class FolderBusyError(RunsError):
    """Another process holds the folder; the message says who."""

    failure_kind: ClassVar[str] = "busy"


class SourceMismatchError(RunsError):
    """Other path and other content than the folder was made from."""


class FormatVersionError(RunsError):
    """The folder is of another format version."""


class UpstreamError(RunsError):
    """The files of an earlier stage are absent or not valid."""


class OutputError(RunsError):
    """The disk refused: full, read-only, or a file in the way."""

    failure_kind: ClassVar[str] = "disk"

    @classmethod
    def of(cls, error: OSError, folder: Path) -> Self:
        """Explain what the system said about something in a video's folder."""
        where = error.filename2 or error.filename or folder
        return cls(
            f"{where}: {error.strerror or error}.",
            hint="Check the free space and the permissions, and whether a file lies where a folder "
            "should be, or a folder where a file should: remove it and run again.",
        )
