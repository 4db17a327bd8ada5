"""Video file → frame pool; segment → clip; picture → JPEG. Knows nothing of models.

Names are imported when they are first used: decoders and image libraries take longer to load than
a command needs to print its help.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from three_stage.media.clips import clip_span, inspect_clip
    from three_stage.media.cut import TEMPORARY_PREFIX, check_clip, cut_clip
    from three_stage.media.errors import (
        CutError,
        CutTimeoutError,
        ImplausibleTimesError,
        InconsistentVideoError,
        MediaError,
        NotAVideoError,
        NothingDecodedError,
        NoVideoStreamError,
        PictureSizeError,
        PoolTooLargeError,
        TooShortError,
        UnknownCodecError,
        UnreadableFileError,
        WorkerCrashedError,
        WorkerError,
        WorkerMemoryError,
        WorkerTimeoutError,
    )
    from three_stage.media.ffmpeg import find_ffmpeg
    from three_stage.media.grab import grab_frames
    from three_stage.media.opening import refuse_unusable, source_facts
    from three_stage.media.pool import sample_pool
    from three_stage.media.probe import probe_video
    from three_stage.media.sizes import pool_picture_size
    from three_stage.media.still import read_still
    from three_stage.media.timeline import (
        frames_between,
        nearest_increasing,
        nearest_index,
        segment_times,
        source_time,
        targets,
    )
    from three_stage.media.values import (
        ClipFacts,
        ClipSpan,
        Ffmpeg,
        FramePool,
        GrabbedFrame,
        PoolFrame,
        SourceFacts,
        Still,
        VideoProbe,
    )
    from three_stage.media.workers import MediaWorkers

_ROOMS = {
    "clips": ("clip_span", "inspect_clip"),
    "cut": ("TEMPORARY_PREFIX", "check_clip", "cut_clip"),
    "errors": (
        "CutError",
        "CutTimeoutError",
        "ImplausibleTimesError",
        "InconsistentVideoError",
        "MediaError",
        "NoVideoStreamError",
        "NotAVideoError",
        "NothingDecodedError",
        "PictureSizeError",
        "PoolTooLargeError",
        "TooShortError",
        "UnknownCodecError",
        "UnreadableFileError",
        "WorkerCrashedError",
        "WorkerError",
        "WorkerMemoryError",
        "WorkerTimeoutError",
    ),
    "ffmpeg": ("find_ffmpeg",),
    "grab": ("grab_frames",),
    "pool": ("sample_pool",),
    "opening": ("refuse_unusable", "source_facts"),
    "probe": ("probe_video",),
    "sizes": ("pool_picture_size",),
    "still": ("read_still",),
    "timeline": (
        "frames_between",
        "nearest_increasing",
        "nearest_index",
        "segment_times",
        "source_time",
        "targets",
    ),
    "values": (
        "ClipFacts",
        "ClipSpan",
        "Ffmpeg",
        "FramePool",
        "GrabbedFrame",
        "PoolFrame",
        "SourceFacts",
        "Still",
        "VideoProbe",
    ),
    "workers": ("MediaWorkers",),
}

_MODULE_OF = {name: module for module, names in _ROOMS.items() for name in names}

__all__ = [
    "TEMPORARY_PREFIX",
    "ClipFacts",
    "ClipSpan",
    "CutError",
    "CutTimeoutError",
    "Ffmpeg",
    "FramePool",
    "GrabbedFrame",
    "ImplausibleTimesError",
    "InconsistentVideoError",
    "MediaError",
    "MediaWorkers",
    "NoVideoStreamError",
    "NotAVideoError",
    "NothingDecodedError",
    "PictureSizeError",
    "PoolFrame",
    "PoolTooLargeError",
    "SourceFacts",
    "Still",
    "TooShortError",
    "UnknownCodecError",
    "UnreadableFileError",
    "VideoProbe",
    "WorkerCrashedError",
    "WorkerError",
    "WorkerMemoryError",
    "WorkerTimeoutError",
    "check_clip",
    "clip_span",
    "cut_clip",
    "find_ffmpeg",
    "frames_between",
    "grab_frames",
    "inspect_clip",
    "nearest_increasing",
    "nearest_index",
    "pool_picture_size",
    "probe_video",
    "read_still",
    "refuse_unusable",
    "sample_pool",
    "segment_times",
    "source_facts",
    "source_time",
    "targets",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
