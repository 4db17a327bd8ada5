"""Errors of output folders.

RunsError
├── FolderBusyError       another run holds the lock of this video's folder
├── SourceMismatchError   the folder holds the results of another video
├── UpstreamError         a stage that must be there already is absent or not valid
└── OutputError           a file or folder cannot be written or read
"""

from three_stage.settings import ThreeStageError


class RunsError(ThreeStageError):
    """Base of this room's errors."""


class FolderBusyError(RunsError):
    """Another process holds the folder; the message says who."""


class SourceMismatchError(RunsError):
    """Other path and other content than the folder was made from."""


class UpstreamError(RunsError):
    """The files of an earlier stage are absent or not valid."""


class OutputError(RunsError):
    """The disk refused: full, read-only, or a file in the way."""
