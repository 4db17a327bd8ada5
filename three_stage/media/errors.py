"""What can go wrong between a video file and its pictures and clips.

MediaError
├── UnreadableFileError     not there, a folder, or not ours to read
├── NotAVideoError          empty, cut off, text, a playlist, or a container that we do not open
├── NoVideoStreamError      sound only
├── UnknownCodecError       no decoder for its pictures
├── PictureSizeError        declares more pixels than any video that we support
├── NothingDecodedError     opens, but shows no picture
├── InconsistentVideoError  decodes to other frames than it announces, or each time to others
├── TooShortError           fewer displayed frames than the task needs
├── ImplausibleTimesError   lasts for months, or shows more frames a second than can be told apart
├── PoolTooLargeError       the pictures do not fit into a request, however small
├── CutError                ffmpeg failed, or made another clip than asked
│   └── CutTimeoutError     ffmpeg took too long
└── WorkerError             a decoding process failed; it costs this one job
    ├── WorkerCrashedError  it died (a signal, a bug in a decoder)
    ├── WorkerTimeoutError  it did not come back in time
    └── WorkerMemoryError   it reached its memory limit

Every message is one line that names the file. All of them survive pickling, hint included, because
most are raised in a worker process.
"""

from __future__ import annotations

from typing import ClassVar

from three_stage.settings.errors import ThreeStageError


class MediaError(ThreeStageError):
    """A video cannot be read, sampled or cut."""

    failure_kind: ClassVar[str] = "video"


class UnreadableFileError(MediaError):
    """The path is no file that we may read."""


class NotAVideoError(MediaError):
    """The content is no video container that we open."""


class NoVideoStreamError(MediaError):
    """The container holds no moving pictures."""


class UnknownCodecError(MediaError):
    """There is no decoder for the pictures."""


class PictureSizeError(MediaError):
    """The pictures are larger than any that we decode."""


class NothingDecodedError(MediaError):
    """Not one picture could be decoded."""


class InconsistentVideoError(MediaError):
    """The decoder shows other frames than were listed; mostly a full decode resolves it."""


class TooShortError(MediaError):
    """The video displays fewer frames than the task needs."""


class ImplausibleTimesError(MediaError):
    """The times of the frames cannot be right."""


class PoolTooLargeError(MediaError):
    """The pictures of a pool cannot be made to fit into a request."""


class CutError(MediaError):
    """A clip could not be cut, or is not what was asked for."""

    failure_kind: ClassVar[str] = "cut"


class CutTimeoutError(CutError):
    """ffmpeg took longer than its time limit."""


class WorkerError(MediaError):
    """A decoding process failed."""

    failure_kind: ClassVar[str] = "worker"


class WorkerCrashedError(WorkerError):
    """A decoding process died."""


class WorkerTimeoutError(WorkerError):
    """A decoding process did not answer within its time limit."""


class WorkerMemoryError(WorkerError):
    """A decoding process reached its memory limit."""
