"""What a clip file really holds, found by decoding it."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from three_stage.media.cut import check_clip
from three_stage.media.errors import CutError, NothingDecodedError, NoVideoStreamError
from three_stage.media.picture import pixels
from three_stage.media.probe import describe
from three_stage.media.source import Source
from three_stage.media.table import (
    FrameTable,
    decode_table,
    first_frame_of,
    frames_at,
    with_table,
)
from three_stage.media.timeline import nearest_index, shown_at
from three_stage.media.values import ClipFacts, ClipSpan
from three_stage.settings import CutSettings

STRAY_FRAMES = (8, 300)
"""How far, in frames, to look for a copied clip around where it should be: mostly it is there."""


def inspect_clip(path: Path) -> ClipFacts:
    """Decode all of a clip and say what it holds. Raises MediaError."""
    with Source(path) as source:
        table = decode_table(source)
        info = describe(source, table, first_frame_of(source, table))
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
    span = None
    with Source(source) as opened, contextlib.suppress(NothingDecodedError, NoVideoStreamError):
        copied = _pictures_of(clip)
        span = with_table(
            opened, lambda table: _span_of_copy(opened, table, copied, start_sec, end_sec)
        )
    if span is not None:
        return span
    raise CutError(
        f"{clip} shows nothing, or pictures that {source} does not show around {start_sec:.3f} s: "
        f"this kind of file cannot be cut there without encoding.",
        hint="Use --cut-mode reencode.",
    )


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


def _around(table: FrameTable, start_sec: float, end_sec: float, stray: int) -> range:
    first, after = nearest_index(table.times_sec, [start_sec, end_sec])
    return range(max(0, first - stray), min(len(table), after + stray + 1))


def _span_of_copy(
    source: Source, table: FrameTable, copied: _Pictures, start_sec: float, end_sec: float
) -> ClipSpan | None:
    for stray in STRAY_FRAMES:
        among = _around(table, start_sec, end_sec, stray)
        shown = [_digest(frame) for _, frame in frames_at(source, table, among)]
        places = _places_of_copy(shown, table.times_sec[among], copied, start_sec)
        if places:
            end = among.start + places[-1] + 1
            span = ClipSpan(
                start_sec=float(table.times_sec[among.start + places[0]]),
                end_sec=float(table.times_sec[end]) if end < len(table) else table.end_sec,
                displayed_frames=len(places),
            )
            overlaps = span.start_sec < end_sec and start_sec < span.end_sec
            return span if overlaps else None
    return None


def _places_of_copy(
    shown: list[bytes], times_sec: NDArray[np.float64], copied: _Pictures, start_sec: float
) -> list[int]:
    """Find the source frames that a clip shows; where they repeat, those nearest to its start.

    A clip that leaves out a frame in its middle, or shows one twice, is found nowhere.
    """
    starts = [place for place, digest in enumerate(shown) if digest == copied.digests[0]]
    for start in sorted(starts, key=lambda place: abs(float(times_sec[place]) - start_sec)):
        places = shown_at(times_sec, float(times_sec[start]), copied.times_sec)
        without_holes = places == list(range(places[0], places[0] + len(places)))
        if without_holes and [shown[place] for place in places] == list(copied.digests):
            return places
    return []


def _digest(frame: VideoFrame) -> bytes:
    return hashlib.blake2b(pixels(frame, "gray").tobytes(), digest_size=16).digest()
