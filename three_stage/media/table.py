"""The table of a video's displayed frames: which there are, and when each is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from three_stage.media.errors import InconsistentVideoError, NothingDecodedError
from three_stage.media.source import Source
from three_stage.media.timeline import (
    continued,
    increasing_places,
    last_frame_duration,
    seconds_of_ticks,
    trustworthy_stamps,
)

Result = TypeVar("Result")

ONE_PACKET_ONE_FRAME = frozenset({"h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg"})
"""Codecs whose packets, in the containers that we seek in, each show exactly one frame."""

EMPTY_MPEG4_BYTES = 16
"""An MPEG-4 packet this small may be a placeholder ("not coded") that shows no frame."""

GUESSED_RATE = Fraction(25)
"""Only for a video of one frame that declares neither a duration nor a rate."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameTable:
    """All displayed frames in display order.

    ``ticks`` strictly increase; ``shown_as`` is each frame's place in the decoder's own output
    (frames whose time repeats or goes back are no displayed frames). ``from_scan`` tells that the
    table was read from packets: frames may be reached by seeking, and must be checked against it.
    ``damaged_packets`` counts what could not be read, ``left_out`` the frames whose time repeats or
    goes back.
    """

    ticks: NDArray[np.int64]
    is_key: NDArray[np.bool_]
    shown_as: NDArray[np.int64]
    last_duration_sec: float
    time_base: Fraction
    from_scan: bool
    damaged_packets: int
    left_out: int

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def times_sec(self) -> NDArray[np.float64]:
        """Seconds, zero at the first displayed frame."""
        return seconds_of_ticks(self.ticks, self.time_base)

    @property
    def end_sec(self) -> float:
        """The end of the video: the last frame's time and its duration."""
        return float(self.times_sec[-1]) + self.last_duration_sec


def with_table(source: Source, work: Callable[[FrameTable], Result]) -> Result:
    """Do work that needs the list of displayed frames: from the packets where they can be trusted.

    When the decoder then contradicts the list, the work is done again with one from a full decode.
    Raises NothingDecodedError when there are no frames, InconsistentVideoError when there are other
    ones each time.
    """
    table = scan_packets(source)
    if table is None:
        return work(decode_table(source))
    try:
        first_frame_of(source, table)  # the zero of all times: a cut may have left it undecodable
        return work(table)
    except InconsistentVideoError:
        return work(decode_table(source))


def scan_packets(source: Source) -> FrameTable | None:
    """List the displayed frames without decoding; None when the packets cannot be trusted.

    Packets that an edit list hides are flagged by the demuxer and show nothing.
    """
    if not source.can_seek or source.codec_name not in ONE_PACKET_ONE_FRAME:
        return None
    shown = []
    for packet in source.packets():
        if packet.pts is None or packet.is_corrupt or _may_show_nothing(source, packet):
            return None
        if not packet.is_discard:
            shown.append((packet.pts, packet.is_keyframe, packet.duration or 0))
    shown.sort()
    ticks = np.array([pts for pts, _, _ in shown], dtype=np.int64)
    if source.damaged_packets or not len(ticks) or not np.all(np.diff(ticks) > 0):
        return None
    return FrameTable(
        ticks=ticks,
        is_key=np.array([is_key for _, is_key, _ in shown], dtype=np.bool_),
        shown_as=np.arange(len(ticks)),
        last_duration_sec=_last_duration_sec(source, ticks, shown[-1][2]),
        time_base=source.time_base,
        from_scan=True,
        damaged_packets=0,
        left_out=0,
    )


def decode_table(source: Source) -> FrameTable:
    """List the displayed frames by decoding the whole file.

    Raises NothingDecodedError when there are none.
    """
    shown = _all_shown(source)
    if source.damaged_packets and source.use_one_thread():
        shown = _all_shown(source)
    pts = [stamp for stamp, _, _, _ in shown]
    stamps = trustworthy_stamps(pts, continued([dts for _, dts, _, _ in shown]))
    displayed = increasing_places(stamps)
    if not displayed:
        raise NothingDecodedError(f"{source.path}: not one picture could be decoded.")
    ticks = np.array([stamps[i] for i in displayed], dtype=np.int64)
    return FrameTable(
        ticks=ticks,
        is_key=np.array([shown[i][2] for i in displayed], dtype=np.bool_),
        shown_as=np.array(displayed, dtype=np.int64),
        # Where there are no presentation times, what stands for a duration is one tick.
        last_duration_sec=_last_duration_sec(
            source, ticks, shown[displayed[-1]][3] if stamps is pts else 0
        ),
        time_base=source.time_base,
        from_scan=False,
        damaged_packets=source.damaged_packets,
        left_out=len(shown) - len(displayed),
    )


def _all_shown(source: Source) -> list[tuple[int | None, int | None, bool, int]]:
    """Decode all; return the stamps of each frame, whether it is a key frame, and its duration."""
    return [
        (frame.pts, frame.dts, bool(frame.key_frame), frame.duration or 0)
        for frame in source.frames()
    ]


def frames_at(
    source: Source, table: FrameTable, indices: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield (index, frame) for strictly increasing indices, decoding only what it must.

    Raises InconsistentVideoError when the decoder shows other frames than the table says.
    """
    if not table.from_scan:
        yield from _by_output_order(source, table, indices)
        return
    keys = np.flatnonzero(table.is_key)
    run: Iterator[tuple[int, VideoFrame]] = iter(())
    position = -1
    for index in indices:
        keys_up_to_it = int(np.searchsorted(keys, index, side="right"))
        nearest_key = keys[keys_up_to_it - 1] if keys_up_to_it else 0
        if position < 0 or nearest_key > position + 1:
            run = _checked_run(source, table, int(table.ticks[index]))
        position, frame = next((shown for shown in run if shown[0] >= index), (-1, None))
        if frame is None or position != index:
            raise _inconsistent(source, f"frame {index} was not shown")
        yield index, frame


def first_frame_of(source: Source, table: FrameTable) -> VideoFrame:
    """Decode the first displayed frame. Raises InconsistentVideoError as frames_at does."""
    return next(frames_at(source, table, [0]))[1]


def _by_output_order(
    source: Source, table: FrameTable, indices: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    wanted = {int(table.shown_as[index]): index for index in indices}
    for place, frame in enumerate(source.frames()):
        if place in wanted:
            yield wanted[place], frame
            if len(wanted) == 1:
                return
            del wanted[place]
    if wanted:
        raise _inconsistent(source, f"{len(wanted)} frames were not shown again")


def _checked_run(source: Source, table: FrameTable, tick: int) -> Iterator[tuple[int, VideoFrame]]:
    """Yield (index, frame) from a key frame at or before a tick on; gaps and strangers raise."""
    expected: int | None = None
    for frame in source.frames_from(tick):
        if expected is None:
            expected = int(np.searchsorted(table.ticks, frame.pts or 0))
        if expected >= len(table) or frame.pts != table.ticks[expected]:
            raise _inconsistent(source, f"the frame at tick {frame.pts} was not announced")
        yield expected, frame
        expected += 1


def _inconsistent(source: Source, what: str) -> InconsistentVideoError:
    return InconsistentVideoError(f"{source.path} does not decode as it announces: {what}.")


def _may_show_nothing(source: Source, packet: Packet[VideoStream]) -> bool:
    return packet.size <= EMPTY_MPEG4_BYTES and source.codec_name == "mpeg4"


def _last_duration_sec(source: Source, ticks: NDArray[np.int64], declared_ticks: int) -> float:
    rate = source.stream.average_rate or source.stream.guessed_rate or GUESSED_RATE
    return last_frame_duration(
        seconds_of_ticks(ticks, source.time_base),
        float(declared_ticks * source.time_base),
        float(1 / rate),
    )
