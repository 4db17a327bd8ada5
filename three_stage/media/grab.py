"""Single frames of a video by time, clean and at its own resolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from av.video.frame import VideoFrame

from three_stage.media.errors import InconsistentVideoError
from three_stage.media.picture import encode_jpeg, turn_of, upright
from three_stage.media.sizes import display_size
from three_stage.media.source import Source
from three_stage.media.table import FrameTable, frames_at, with_table
from three_stage.media.timeline import nearest_index, seconds_of_ticks, ticks_of_seconds
from three_stage.media.values import GrabbedFrame

KEY_FRAME_QUALITY = 95


def grab_frames(path: Path, times_sec: Sequence[float]) -> tuple[GrabbedFrame, ...]:
    """Return for each time the displayed frame nearest to it (the earlier, if equal).

    Times are in seconds from the first displayed frame, in any order; a time after the end gives
    the last frame. Only the pictures around each time are decoded where the file allows it.
    Raises MediaError.
    """
    with Source(path) as source:
        if source.can_seek:
            try:
                return _grab_around(source, times_sec)
            except InconsistentVideoError:
                pass
        return with_table(source, lambda table: _grab_listed(source, table, times_sec))


def _grab_around(source: Source, times_sec: Sequence[float]) -> tuple[GrabbedFrame, ...]:
    """Seek to each time and decode up to it; no list of all frames is needed."""
    first_tick = source.first_frame().pts
    if first_tick is None:
        raise InconsistentVideoError("the first frame has no time")
    grabbed = []
    for time_sec in times_sec:
        true_sec, frame = _nearest_to(source, first_tick, time_sec)
        grabbed.append(_grabbed(source, frame, true_sec))
    return tuple(grabbed)


def _nearest_to(source: Source, first_tick: int, time_sec: float) -> tuple[float, VideoFrame]:
    tick = max(first_tick, ticks_of_seconds(time_sec, first_tick, source.time_base))
    around: list[tuple[int, VideoFrame]] = []
    for shown in _increasing(source.frames_from(tick)):
        around = [*around[-1:], shown]
        if shown[0] >= tick:
            break
    if source.damaged_packets:
        raise InconsistentVideoError(f"damaged before {time_sec} s")
    if not around or around[0][0] > tick:
        raise InconsistentVideoError(f"no frame at or before {time_sec} s")
    known = seconds_of_ticks([first_tick, *(shown[0] for shown in around)], source.time_base)[1:]
    chosen = int(nearest_index(known, [time_sec])[0])
    return float(known[chosen]), around[chosen][1]


def _increasing(frames: Iterator[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
    """Yield (tick, frame); a frame whose tick is absent or does not increase raises."""
    latest: int | None = None
    for frame in frames:
        if frame.pts is None or (latest is not None and frame.pts <= latest):
            raise InconsistentVideoError(f"tick {frame.pts} is shown after {latest}")
        latest = frame.pts
        yield frame.pts, frame


def _grab_listed(
    source: Source, table: FrameTable, times_sec: Sequence[float]
) -> tuple[GrabbedFrame, ...]:
    """Find the frames in a full list and decode the file up to the last of them."""
    times = table.times_sec
    nearest = [int(index) for index in nearest_index(times, times_sec)]
    found = {
        index: _grabbed(source, frame, float(times[index]))
        for index, frame in frames_at(source, table, sorted(set(nearest)))
    }
    return tuple(found[index] for index in nearest)


def _grabbed(source: Source, frame: VideoFrame, time_sec: float) -> GrabbedFrame:
    width, height = display_size(
        frame.width,
        frame.height,
        source.stream.sample_aspect_ratio,
        transposed=turn_of(frame).transposed,
    )
    jpeg = encode_jpeg(upright(frame, (width, height)), KEY_FRAME_QUALITY)
    return GrabbedFrame(time_sec=time_sec, jpeg=jpeg, width_px=width, height_px=height)
