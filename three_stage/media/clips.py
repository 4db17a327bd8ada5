"""What a clip file really holds, found by decoding it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from three_stage.media.cut import check_clip
from three_stage.media.errors import CutError
from three_stage.media.probe import describe
from three_stage.media.source import Source
from three_stage.media.table import (
    FrameTable,
    ScanContradictedError,
    decode_table,
    frames_at,
    read_table,
)
from three_stage.media.timeline import nearest_index, shown_at
from three_stage.media.values import ClipFacts, ClipSpan
from three_stage.settings import CutSettings

STRAY_FRAMES = 300
"""How far, in frames, a copied clip may begin or end away from where it should."""


def inspect_clip(path: Path) -> ClipFacts:
    """Decode all of a clip and say what it holds. Raises MediaError."""
    with Source(path) as source:
        table = decode_table(source)
        info = describe(source, table, source.first_frame())
        return ClipFacts(
            displayed_frames=len(table),
            first_time_sec=info.first_frame_offset_sec,
            duration_sec=table.end_sec,
            frame_times_sec=tuple(table.times_sec.tolist()),
            width=info.width,
            height=info.height,
        )


def clip_span(
    source: Path,
    clip: Path,
    *,
    start_sec: float,
    end_sec: float,
    frames: int,
    settings: CutSettings,
) -> ClipSpan:
    """Say which part of its source a fresh clip shows.

    An encoded clip must hold its segment exactly. A copied one may begin or end elsewhere: its
    pictures are compared with the source's, pixel by pixel, and the result says where.
    Raises CutError when a clip is not what it should be, MediaError when it cannot be decoded.
    """
    if settings.cut_mode != "copy":
        return check_clip(clip, inspect_clip(clip), start_sec, end_sec, frames, settings)
    copied = _pictures_of(clip)
    with Source(source) as opened:
        span = _span_of_copy(opened, copied, start_sec, end_sec)
    if span is None:
        raise CutError(
            f"{clip} shows pictures that {source} does not show around {start_sec:.3f} s: this "
            f"kind of file cannot be cut there without encoding.",
            hint="Use --cut-mode reencode.",
        )
    return span


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Displayed frames, by time and digest of their pixels."""

    times_sec: NDArray[np.float64]
    digests: tuple[bytes, ...]


def _pictures_of(clip: Path) -> _Pictures:
    with Source(clip) as source:
        table = decode_table(source)
        frames = frames_at(source, table, range(len(table)))
        return _Pictures(table.times_sec, tuple(_digest(frame) for _, frame in frames))


def _span_of_copy(
    source: Source, copied: _Pictures, start_sec: float, end_sec: float
) -> ClipSpan | None:
    table = read_table(source)
    first, after = nearest_index(table.times_sec, [start_sec, end_sec])
    around = range(max(0, first - STRAY_FRAMES), min(len(table), after + STRAY_FRAMES + 1))
    shown = _digests(source, table, around)
    times = table.times_sec[around.start : around.stop]
    starts = [place for place, digest in enumerate(shown) if digest == copied.digests[0]]
    for place in sorted(starts, key=lambda place: abs(float(times[place]) - start_sec)):
        places = shown_at(times, float(times[place]), copied.times_sec)
        if [shown[p] for p in places] == list(copied.digests):
            end = around.start + places[-1] + 1
            return ClipSpan(
                start_sec=float(times[place]),
                end_sec=float(table.times_sec[end]) if end < len(table) else table.end_sec,
                displayed_frames=len(places),
            )
    return None


def _digests(source: Source, table: FrameTable, indices: range) -> list[bytes]:
    try:
        return [_digest(frame) for _, frame in frames_at(source, table, indices)]
    except ScanContradictedError as error:
        raise CutError(f"{source.path} decodes differently each time.") from error


def _digest(frame: VideoFrame) -> bytes:
    return hashlib.blake2b(frame.to_ndarray(format="gray").tobytes(), digest_size=16).digest()
