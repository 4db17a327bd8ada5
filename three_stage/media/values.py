"""The values that leave this room. Plain and picklable: they cross a process border."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.files import VideoInfo


@dataclass(frozen=True, kw_only=True)
class VideoProbe:
    """What a video is and how long it is, before anything is sampled.

    ``last_frame_time_sec`` is the last displayed frame's time; the end of the video,
    ``info.duration_sec``, is that plus the frame's own duration.
    """

    info: VideoInfo
    displayed_frames: int
    last_frame_time_sec: float
    has_audio: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PoolFrame:
    """One picture of a pool, encoded for each of its uses.

    ``original_frame_index`` is 0-based in display order in the sampled file. ``indexed_jpeg`` has
    "Frame NN" drawn on it; it is None when labels are switched off.
    """

    index_1based: int
    timestamp_sec: float
    original_frame_index: int
    clean_jpeg: bytes
    indexed_jpeg: bytes | None


@dataclass(frozen=True, kw_only=True)
class FramePool:
    """The pictures of a video that a model sees.

    ``timestamp_sec`` of the frames and ``end_sec`` (the end of the sampled video) share the origin
    that the caller gave; ``info`` describes the sampled file itself. ``displayed_frames`` counts
    those of the file. ``width_px`` and ``height_px`` are the pictures' own.
    """

    frames: tuple[PoolFrame, ...]
    info: VideoInfo
    displayed_frames: int
    end_sec: float
    jpeg_quality: int
    width_px: int
    height_px: int
    note: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GrabbedFrame:
    """A displayed frame at the source's own resolution, upright, as JPEG of quality 95.

    ``time_sec`` is the frame's true time, zero at the first displayed frame of the file.
    """

    time_sec: float
    jpeg: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True)
class Still:
    """A single picture as a model sees it: JPEG, upright, and its size in pixels."""

    jpeg: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What a cut must know of its source, told without decoding it.

    ``clock_start_sec`` is where the container's own clock starts; ``has_alpha`` tells that its
    pictures may be transparent.
    """

    clock_start_sec: float
    has_alpha: bool


@dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What a clip file holds, found by decoding all of it.

    ``first_time_sec`` is the first displayed frame's time from the start of the container, all
    other times count from that frame; ``duration_sec`` is the end of the last frame.
    """

    displayed_frames: int
    first_time_sec: float
    duration_sec: float
    frame_times_sec: tuple[float, ...]
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class ClipSpan:
    """Which part of its source a clip shows: half-open, in seconds of the source."""

    start_sec: float
    end_sec: float
    displayed_frames: int


@dataclass(frozen=True, kw_only=True)
class Ffmpeg:
    """The ffmpeg to run, what it calls its version, and its libavutil's (builds of a day too)."""

    path: str
    version: str
    libavutil: tuple[int, int]
