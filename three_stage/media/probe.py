"""What a video is: its displayed frames, its size as displayed, its rate, and what is odd."""

from __future__ import annotations

from pathlib import Path

from av.video.frame import VideoFrame

from schemas.files import VideoInfo
from three_stage.media.errors import ImplausibleTimesError, TooShortError
from three_stage.media.picture import turn_of
from three_stage.media.sizes import display_size
from three_stage.media.source import Source
from three_stage.media.table import FrameTable, first_frame_of, with_table
from three_stage.media.timeline import MICROSECONDS, has_variable_rate
from three_stage.media.values import VideoProbe
from three_stage.settings import FEWEST_FRAMES

SECONDS_A_DAY = 86_400
LONGEST_SEC = 31 * SECONDS_A_DAY
"""Longer than any recording in one file; damaged times are off by orders of magnitude."""

FASTEST_FPS = 100_000
"""Above this, frames lie closer together than ffmpeg can be told in µs where to cut."""

LOST_SEC, LOST_SHARE = 1.0, 0.02
"""A video that ends this much earlier than its container says is reported as cut off."""


def probe_video(path: Path, *, fewest_frames: int = FEWEST_FRAMES) -> VideoProbe:
    """Say what a video is, reading its packets and decoding its first frame.

    Raises MediaError (see errors.py) for what cannot be opened, TooShortError when fewer than
    ``fewest_frames`` frames are displayed, and ImplausibleTimesError.
    """
    with Source(path) as source:
        return with_table(source, lambda table: _probe(source, table, fewest_frames))


def _probe(source: Source, table: FrameTable, fewest_frames: int) -> VideoProbe:
    info = describe(source, table, first_frame_of(source, table))
    refuse_unfit(source.path, table, fewest_frames)
    return VideoProbe(
        info=info,
        displayed_frames=len(table),
        last_frame_time_sec=float(table.times_sec[-1]),
        has_audio=source.has_audio,
        warnings=oddities(source, table, info),
    )


def refuse_unfit(path: Path, table: FrameTable, fewest_frames: int) -> None:
    """Refuse what cannot be worked on.

    Raises TooShortError when a video displays fewer frames than the task needs,
    ImplausibleTimesError when its times cannot be right.
    """
    refuse_short(path, table, fewest_frames)
    if table.end_sec > LONGEST_SEC:
        raise ImplausibleTimesError(
            f"{path}: by its times it lasts {table.end_sec / SECONDS_A_DAY:.0f} days; that cannot "
            "be right.",
            hint="Write its times anew, by encoding it again.",
        )
    if len(table) > FASTEST_FPS * table.end_sec:
        raise ImplausibleTimesError(
            f"{path}: by its times it shows {len(table) / table.end_sec:.0f} frames a second; that "
            "cannot be right.",
            hint="Write its times anew, by encoding it again.",
        )


def refuse_short(path: Path, table: FrameTable, fewest_frames: int) -> None:
    """Raise TooShortError when a video displays fewer frames than the task needs."""
    count = len(table)
    if count < fewest_frames:
        frames = "1 frame" if count == 1 else f"{count} frames"
        raise TooShortError(f"{path} displays {frames}; at least {fewest_frames} are needed.")


def describe(source: Source, table: FrameTable, first_frame: VideoFrame) -> VideoInfo:
    """Return what the video is, as displayed."""
    turn = turn_of(first_frame)
    width, height = display_size(
        first_frame.width,
        first_frame.height,
        source.stream.sample_aspect_ratio,
        transposed=turn.transposed,
    )
    offset_sec = float(table.ticks[0] * source.time_base) - source.container_start_sec
    return VideoInfo(
        duration_sec=table.end_sec,
        width=width,
        height=height,
        codec=source.codec_name,
        average_fps=len(table) / table.end_sec,
        variable_frame_rate=has_variable_rate(table.times_sec, float(source.time_base)),
        rotation=turn.rotation_deg,
        first_frame_offset_sec=round(offset_sec * MICROSECONDS) / MICROSECONDS,
    )


def oddities(source: Source, table: FrameTable, info: VideoInfo) -> tuple[str, ...]:
    """Return what a person should know about a file that could be read nevertheless."""
    found = []
    # Some containers count their length from zero, some from their first picture.
    begins_sec = max(0.0, float(table.ticks[0] * table.time_base))
    lost_sec = source.declared_duration_sec - (begins_sec + info.duration_sec)
    if lost_sec > max(LOST_SEC, LOST_SHARE * info.duration_sec):
        found.append(
            f"the file says that it lasts {source.declared_duration_sec:.1f} s, but its pictures "
            f"end after {info.duration_sec:.1f} s ({lost_sec:.1f} s are lost): it seems cut off"
        )
    if table.damaged_packets:
        found.append(f"{table.damaged_packets} damaged pieces of the file were left out")
    if table.left_out:
        found.append(
            f"{table.left_out} frames whose time repeats or goes back were left out: several "
            "recordings in one file, perhaps"
        )
    return tuple(found)
