"""All arithmetic between ticks, seconds and indices. Pure functions.

A *displayed frame* is one that a player shows. Its time is its presentation time in seconds, zero
at the first displayed frame; its index is 0-based in display order. Pictures of a pool are
numbered from 1, as a model sees them. Ranges are half-open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

MICROSECONDS = 1_000_000

CUT_LEAD_MICROSECONDS = 2
"""How much earlier than the frame itself both ends of a cut are aimed (see cut_window)."""

REORDERED_FRAMES = 17
"""H.264 and HEVC hold back at most 16 frames to bring them into display order."""

SEEK_BACK_SEC = 2.0
"""How far before a cut to seek, at least."""

WHOLE_MILLISECONDS_SEC = 0.0015
"""How far two gaps between times in whole milliseconds can differ, and a little."""

STEADY_SHARE = 0.02
"""How far a gap between frames may lie from the usual one, as a share of it, at a constant rate."""


def seconds_of_ticks(ticks: ArrayLike, time_base: Fraction) -> NDArray[np.float64]:
    """Turn presentation ticks in display order into seconds, zero at the first.

    One multiplication and one division of whole numbers: the nearest float to the exact value.
    """
    whole = np.asarray(ticks, dtype=np.int64)
    if len(whole) == 0:
        return np.zeros(0)
    exact: NDArray[np.float64] = (whole - whole[0]) * time_base.numerator / time_base.denominator
    return exact


def ticks_of_seconds(seconds: float, first_tick: int, time_base: Fraction) -> int:
    """Return the presentation tick nearest to a time; the first displayed frame is time zero."""
    return first_tick + round(Fraction(seconds) / time_base)


def trustworthy_stamps(
    pts: Sequence[int | None], dts: Sequence[int | None]
) -> Sequence[int | None]:
    """Return the presentation stamps, or the decoding ones where only those run in order.

    In AVI there are no presentation times: what stands there is the order of decoding, and
    decoders hand out the decoding stamps in display order.
    """
    return dts if len(increasing_places(dts)) > len(increasing_places(pts)) else pts


def continued(stamps: Sequence[int | None]) -> list[int | None]:
    """Give a stamp to the last frames, which a decoder hands out when no packet comes any more.

    A frame without a stamp follows the one before it by the usual gap: what such files say of a
    frame's duration is one tick, whatever a tick is.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    gaps = np.diff(np.array(known, dtype=np.int64))
    gap = max(1, round(float(np.median(gaps)))) if len(gaps) else 1
    filled: list[int | None] = []
    for stamp in stamps:
        before = filled[-1] if filled else None
        filled.append(before + gap if stamp is None and before is not None else stamp)
    return filled


def increasing_places(stamps: Sequence[int | None]) -> list[int]:
    """Return the places of the stamps that are larger than all before them."""
    places: list[int] = []
    latest: int | None = None
    for place, stamp in enumerate(stamps):
        if stamp is not None and (latest is None or stamp > latest):
            latest = stamp
            places.append(place)
    return places


def targets(last_time_sec: float, count: int) -> list[float]:
    """Return ``count`` times spread evenly from 0 to the last displayed frame: T·i/(N-1).

    The last one is ``last_time_sec`` itself, not a rounding of it. One target is time zero.
    """
    if count < 1:
        raise ValueError(f"a pool has at least one picture, not {count}")
    if count == 1:
        return [0.0]
    return [last_time_sec * i / (count - 1) for i in range(count - 1)] + [last_time_sec]


def nearest_index(times: ArrayLike, wanted: ArrayLike) -> NDArray[np.int64]:
    """Return for each wanted time the index of the nearest of ``times`` (the earlier, if equal).

    ``times`` strictly increase and are not empty; ``wanted`` may be in any order.
    """
    known = np.asarray(times, dtype=np.float64)
    asked = np.asarray(wanted, dtype=np.float64)
    after = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    before = np.maximum(after - 1, 0)
    nearer_after = np.abs(known[after] - asked) < np.abs(known[before] - asked)
    return np.where(nearer_after, after, before).astype(np.int64)


def nearest_increasing(times: ArrayLike, wanted: ArrayLike) -> list[int]:
    """Choose one of ``times`` for each wanted time: indices strictly increase, no time twice.

    Of all such choices it is one with the least total absolute deviation; where the nearest times
    already differ, it is exactly those. Both inputs are in seconds and sorted, ``times`` strictly.
    Raises ValueError when there are more wanted times than times.
    """
    known = np.asarray(times, dtype=np.float64)
    asked = np.asarray(wanted, dtype=np.float64)
    if len(asked) > len(known):
        raise ValueError(f"{len(asked)} different frames wanted, only {len(known)} there")
    nearest = nearest_index(known, asked)
    if not np.all(np.diff(nearest) > 0):
        nearest = _least_total_deviation(known, asked, nearest)
    return [int(index) for index in nearest]


def _least_total_deviation(
    known: NDArray[np.float64], asked: NDArray[np.float64], nearest: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Solve nearest_increasing by dynamic programming over a window around each nearest index.

    A window of count - 1 to both sides is enough: a choice further out leaves a free index between
    it and the nearest one, and moving it (with the neighbours in between) there costs nothing.
    """
    count, last = len(asked), len(known) - 1
    order = np.arange(count)
    low = np.maximum(order, nearest - (count - 1))
    high = np.minimum(last - (count - 1) + order, nearest + (count - 1))
    best = [np.abs(known[low[0] : high[0] + 1] - asked[0])]
    for i in range(1, count):
        cheapest_so_far = np.minimum.accumulate(best[-1])
        predecessor = np.arange(low[i], high[i] + 1) - 1 - low[i - 1]
        reachable = np.minimum(predecessor, len(cheapest_so_far) - 1)
        before = np.where(predecessor >= 0, cheapest_so_far[reachable], np.inf)
        best.append(before + np.abs(known[low[i] : high[i] + 1] - asked[i]))
    chosen = np.zeros(count, dtype=np.int64)
    end = len(best[-1])
    for i in range(count - 1, -1, -1):
        chosen[i] = low[i] + int(np.argmin(best[i][:end]))
        end = chosen[i] - low[i - 1] if i else 0
    return chosen


def segment_times(
    pool_times_sec: Sequence[float], end_sec: float, start_1based: int, end_1based: int
) -> tuple[float, float]:
    """Return the seconds of a half-open range of pool pictures; index N + 1 is ``end_sec``.

    ``pool_times_sec`` and ``end_sec`` (the end of the video) share one origin.
    Raises ValueError for a range that is not 1 ≤ start < end ≤ N + 1.
    """
    _refuse_bad_range(len(pool_times_sec), start_1based, end_1based)
    stops = [*pool_times_sec, end_sec]
    return stops[start_1based - 1], stops[end_1based - 1]


def frames_between(
    pool_frame_indices_0based: Sequence[int],
    displayed_frames: int,
    start_1based: int,
    end_1based: int,
) -> int:
    """Return how many displayed source frames a half-open range of pool pictures covers.

    ``displayed_frames`` is how many the video has: index N + 1 stands for its end.
    Raises ValueError for a range that is not 1 ≤ start < end ≤ N + 1.
    """
    _refuse_bad_range(len(pool_frame_indices_0based), start_1based, end_1based)
    stops = [*pool_frame_indices_0based, displayed_frames]
    return stops[end_1based - 1] - stops[start_1based - 1]


def _refuse_bad_range(pool_size: int, start_1based: int, end_1based: int) -> None:
    if not 1 <= start_1based < end_1based <= pool_size + 1:
        raise ValueError(
            f"range [{start_1based}, {end_1based}) is not within the {pool_size} pictures of a pool"
        )


def source_time(origin_sec: float, clip_time_sec: float) -> float:
    """Turn a time within a clip into a time in its source, where the clip starts at ``origin``."""
    return origin_sec + clip_time_sec


@dataclass(frozen=True)
class CutWindow:
    """Where ffmpeg must cut, in whole µs.

    It seeks to ``seek_us`` after the start of the container, and keeps the frames of
    ``[start_us, end_us)`` by the file's own clock.
    """

    seek_us: int
    start_us: int
    end_us: int


def cut_window(
    start_sec: float,
    end_sec: float,
    *,
    first_frame_offset_sec: float,
    clock_start_sec: float,
    average_fps: float,
) -> CutWindow:
    """Turn a segment in our seconds into ffmpeg's µs.

    ``clock_start_sec`` is where the container's clock starts, ``first_frame_offset_sec`` how much
    later its first frame is shown. ffmpeg rounds µs to the ticks of the file. Both ends are aimed
    2 µs before the frame: that rounds to the frame's own tick, or falls into the gap before it; an
    error upwards could land after the frame and lose it. Seeking goes by the order of decoding and
    can land on a key frame that is shown after the start (usual failure: the frame just before a
    key frame is lost), so it goes back by more frames than any codec reorders, never below 0.
    Raises ValueError when nothing lies between start and end.
    """
    if not start_sec < end_sec:
        raise ValueError(f"nothing between {start_sec} s and {end_sec} s")
    start_us = round((start_sec + first_frame_offset_sec) * MICROSECONDS) - CUT_LEAD_MICROSECONDS
    end_us = round((end_sec + first_frame_offset_sec) * MICROSECONDS) - CUT_LEAD_MICROSECONDS
    back_us = round(max(SEEK_BACK_SEC, REORDERED_FRAMES / average_fps) * MICROSECONDS)
    clock_us = round(clock_start_sec * MICROSECONDS)
    return CutWindow(max(0, start_us - back_us), clock_us + start_us, clock_us + end_us)


def has_variable_rate(times_sec: ArrayLike, tick_sec: float) -> bool:
    """Tell whether the gaps between displayed frames differ by more than rounding to ticks.

    ``tick_sec`` is the file's time unit: one time can be off by half of it, a gap by one.
    """
    gaps = np.diff(np.asarray(times_sec, dtype=np.float64))
    if len(gaps) == 0:
        return False
    usual = float(np.median(gaps))
    # Times that once were whole milliseconds stay so in a file with finer ticks.
    allowed = max(1.5 * tick_sec, WHOLE_MILLISECONDS_SEC, STEADY_SHARE * usual)
    return bool(np.max(np.abs(gaps - usual)) > allowed)


def last_frame_duration(times_sec: ArrayLike, declared_sec: float, average_gap_sec: float) -> float:
    """Return how long the last frame stays: as declared, else the usual gap, else the average.

    A duration that is absent is 0. ``average_gap_sec`` (one over the declared rate) must be > 0.
    """
    if declared_sec > 0:
        return declared_sec
    gaps = np.diff(np.asarray(times_sec, dtype=np.float64))
    return float(np.median(gaps)) if len(gaps) else average_gap_sec


def shown_at(source_times: ArrayLike, start_sec: float, clip_times: ArrayLike) -> list[int]:
    """Return which source frames a clip shows that starts at ``start_sec`` of the source.

    Both lists are in seconds, strictly increasing; the clip's count from its own first frame.
    """
    wanted = start_sec + np.asarray(clip_times, dtype=np.float64)
    return [int(index) for index in nearest_index(source_times, wanted)]
