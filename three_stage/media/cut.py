"""Segment → clip: one ffmpeg process, frame-exact, half-open, written beside and renamed."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path

from schemas.files import VideoInfo
from three_stage.media.containers import CONTAINERS, file_url, starts_seekable
from three_stage.media.editlist import end_edit_after
from three_stage.media.errors import CutError
from three_stage.media.ffmpeg import run_ffmpeg
from three_stage.media.timeline import MICROSECONDS, CutWindow, cut_window
from three_stage.media.values import ClipFacts, ClipSpan, Ffmpeg, SourceFacts
from three_stage.settings import CutSettings

TEMPORARY_PREFIX = ".cut-"
"""Of clips that are being written; what is left of them after a kill may be removed."""

AUDIO_BIT_RATE = "128k"

NAMED_TIME_BASE_LIBAVUTIL = (59, 0)
"""From ffmpeg 7 on, the encoder is told by name to keep the source's ticks; -1 said so before."""

INCREASING = "select='isnan(prev_selected_pts)+gt(pts,prev_selected_pts)'"
"""Frames whose time repeats or goes back are no displayed frames, in a clip neither."""

OVER_WHITE = (
    "split[below][shown];[below]drawbox=c=white:t=fill:replace=1[white];"
    "[white][shown]overlay=format=auto"
)
"""A picture over a copy of itself that is painted white, alpha too: same size, same time."""

EVEN_SIZE = "pad=ceil(iw/2)*2:ceil(ih/2)*2"
"""yuv420p halves the colours in both directions: an odd side gets one line more."""

INSTEAD_OF_COPY = "Use --cut-mode reencode, which is exact."
"""Not everything can be copied into an mp4 file, and not everywhere can a copy begin."""


async def cut_clip(
    ffmpeg: Ffmpeg,
    source: Path,
    destination: Path,
    *,
    start_sec: float,
    end_sec: float,
    video: VideoInfo,
    facts: SourceFacts,
    settings: CutSettings,
    timeout_sec: float,
) -> None:
    """Cut ``[start_sec, end_sec)`` of a video into an mp4 file, replacing what was there.

    Times are seconds from the first displayed frame of the source; ``video`` and ``facts`` (see
    source_facts) describe the source. Transparent pictures are encoded as they look over white
    (straight alpha, see picture.over_white) and copied as they are.
    The file appears whole or not at all. What it really holds, clip_span says.
    Raises CutError with ffmpeg's own words, CutTimeoutError among them; cancelling kills ffmpeg.
    """
    window = cut_window(
        start_sec,
        end_sec,
        first_frame_offset_sec=video.first_frame_offset_sec,
        clock_start_sec=facts.clock_start_sec,
        average_fps=video.average_fps,
    )
    temporary = destination.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}.mp4")
    copies = settings.cut_mode == "copy"
    seeks = window.seek_us > 0 and await asyncio.to_thread(starts_seekable, source)
    arguments = [
        *("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS),
        # Times as in the file: filters and ends are absolute. Counted from zero, they would depend
        # on what is cut: without its sound, a transport stream begins at its first picture.
        "-copyts",
        *(("-ss", f"{window.seek_us}us") if seeks else ()),
        *("-i", file_url(source)),
        *(_copying(window, settings) if copies else _encoding(window, settings, facts, ffmpeg)),
        *("-output_ts_offset", f"{-window.start_us}us"),
        *("-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
        *("-movflags", "+faststart", "-movie_timescale", str(MICROSECONDS)),
        *("-f", "mp4", "-y", file_url(temporary)),
    ]
    task = f"cutting {start_sec:.3f}-{end_sec:.3f} s of {source}"
    hint = INSTEAD_OF_COPY if copies else ""
    try:
        await run_ffmpeg(ffmpeg, arguments, timeout_sec=timeout_sec, task=task, hint=hint)
        shown_us = window.end_us - window.start_us if copies else None
        await asyncio.to_thread(_finish, temporary, destination, shown_us, task)
    finally:
        temporary.unlink(missing_ok=True)


def check_clip(
    path: Path,
    facts: ClipFacts,
    start_sec: float,
    end_sec: float,
    frames: int,
    settings: CutSettings,
) -> ClipSpan:
    """Check that a clip holds exactly ``frames`` displayed frames within ``[start_sec, end_sec)``.

    The times are those of the source. A long last frame may be recorded shorter than it is in the
    source: containers do not all say how long a frame stays.
    Raises CutError with what is wrong.
    """
    hint = INSTEAD_OF_COPY if settings.cut_mode == "copy" else ""
    if facts.displayed_frames != frames:
        raise CutError(
            f"{path} shows {facts.displayed_frames} frames; its segment has {frames} "
            f"({start_sec:.3f}-{end_sec:.3f} s of the source).",
            hint=hint,
        )
    if facts.frame_times_sec[-1] >= end_sec - start_sec:
        raise CutError(
            f"{path} lasts {facts.duration_sec:.3f} s; its segment {end_sec - start_sec:.3f} s.",
            hint=hint,
        )
    return ClipSpan(start_sec=start_sec, end_sec=end_sec, displayed_frames=frames)


def _encoding(
    window: CutWindow, settings: CutSettings, facts: SourceFacts, ffmpeg: Ffmpeg
) -> list[str]:
    ends = f"start={window.start_us}us:end={window.end_us}us"
    opaque = (OVER_WHITE,) if facts.has_alpha else ()
    pictures, sound = ",".join((INCREASING, f"trim={ends}", *opaque, EVEN_SIZE)), f"atrim={ends}"
    named = ffmpeg.libavutil >= NAMED_TIME_BASE_LIBAVUTIL
    sound_options = ["-af", sound, "-c:a", "aac", "-b:a", AUDIO_BIT_RATE]
    return [
        # Without these two, mp4 output is laid on a constant rate: frames doubled and dropped.
        *("-fps_mode", "passthrough", "-enc_time_base", "demux" if named else "-1"),
        *("-vf", pictures, "-c:v", "libx264", "-pix_fmt", "yuv420p"),
        *("-crf", str(settings.crf), "-preset", settings.preset),
        *(sound_options if settings.keep_audio else ["-an"]),
    ]


def _copying(window: CutWindow, settings: CutSettings) -> list[str]:
    return [
        *("-to", f"{window.end_us}us", "-c:v", "copy"),
        *(("-c:a", "copy") if settings.keep_audio else ("-an",)),
    ]


def _finish(temporary: Path, destination: Path, shown_us: int | None, task: str) -> None:
    """Give a finished file its own name, durably; hide what comes after ``shown_us``, if given."""
    if not temporary.is_file() or temporary.stat().st_size == 0:
        raise CutError(f"{task}: ffmpeg wrote nothing.")
    if shown_us is not None:
        end_edit_after(temporary, shown_us)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(destination)
    if os.name == "posix":
        _fsync_folder(destination.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
