"""The matrix of numbered videos: every kind of file that people have, and the truth about each.

A case is written by an encoder and perhaps finished by something more (a remux, a cut, damage);
``numbers`` and ``times_sec`` say which frames a player shows then, and when.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.support.numbered_video import (
    Image,
    Numbered,
    decode_jpeg,
    read_number,
    run_ffmpeg,
    write_numbered,
)

Finish = Callable[[Path, Path], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of file.

    ``written_as`` is the suffix of the file that ``finish`` turns into the case; ``hidden`` of its
    first frames are not displayed; ``turned`` is how far a player turns it, in degrees clockwise;
    ``is_cut_off`` tells that its last frames are lost; ``last_stays_sec`` how long its last frame
    is shown, where that is not one over the rate.
    """

    spec: Numbered = field(default_factory=Numbered)
    written_as: str = ""
    finish: Finish | None = None
    hidden: int = 0
    turned: int = 0
    is_cut_off: bool = False
    last_stays_sec: float = 0.0

    @property
    def codec(self) -> str:
        """The name that the file's pictures have for ffmpeg."""
        return CODECS[self.spec.codec]

    @property
    def variable_rate(self) -> bool:
        """Whether the gaps between its frames differ."""
        gaps = np.diff(self.spec.times_sec[self.hidden :])
        return bool(np.ptp(gaps) > VARIABLE_FROM_SEC)

    @property
    def numbers(self) -> range:
        """The numbers of the frames that it displays, in order."""
        return range(self.hidden, len(self.spec.times_sec))

    @property
    def times_sec(self) -> list[float]:
        """When each of them is shown, zero at the first."""
        times = self.spec.times_sec[self.hidden :]
        return [time - times[0] for time in times]

    @property
    def end_sec(self) -> float:
        """The end of its last frame, which stays as long as its file says."""
        return self.times_sec[-1] + (self.last_stays_sec or 1 / self.spec.fps)

    def number_of(self, jpeg: bytes) -> int:
        """Read the number from an upright JPEG."""
        return self.read(decode_jpeg(jpeg))

    def read(self, image: Image) -> int:
        """Read the number from an upright picture: it was drawn into the frame as stored."""
        return read_number(np.ascontiguousarray(np.rot90(image, self.turned // 90)))


VARIABLE_FROM_SEC = 0.002
"""Times in whole milliseconds make gaps differ by one; that is no variable rate."""

CODECS = {
    "libx264": "h264",
    "libx265": "hevc",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "mpeg4": "mpeg4",
    "mpeg2video": "mpeg2video",
    "wmv2": "wmv2",
}

X265_QUIET = "log-level=none"
VP9_FAST = {"deadline": "realtime", "cpu-used": "8"}
VP9_HIDDEN = {"deadline": "good", "cpu-used": "8", "lag-in-frames": "16", "auto-alt-ref": "1"}
"""Pictures that are only referred to and never shown travel within the packets of others."""

CLOCK_OF_TS_ENDS_SEC = 2**33 / 90_000
"""Where the clock of a transport stream begins anew: after 33 bits of 90 kHz."""


def phone_like_times_ms(frames: int, seed: int) -> tuple[int, ...]:
    """Return times of a variable rate: bursts, single late frames, and holds of a second."""
    chance = random.Random(seed)
    usual, odd = (33, 34, 17), (1, 4, 100, 1000)
    gaps = [chance.choice(odd if i % 7 == 3 else usual) for i in range(frames - 1)]
    return tuple(itertools.accumulate(gaps, initial=0))


def remuxed(*arguments: str, before: Sequence[str] = ()) -> Finish:
    """Copy the streams into another file; ``before`` are options of the input."""

    def finish(source: Path, destination: Path) -> None:
        run_ffmpeg(*before, "-i", source, "-map", "0", "-c", "copy", *arguments, destination)

    return finish


def turned(degrees: str) -> Finish:
    """Say in the file that it is to be turned; ffmpeg counts against the clock."""
    return remuxed(before=("-display_rotation", degrees))


def cut_copy(start_frame: int, fps: int = 30) -> Finish:
    """Copy from a frame in the middle of a group: an edit list hides what lies before it."""
    return remuxed(before=("-ss", f"{start_frame / fps - 0.001:.6f}"))


def truncated(source: Path, destination: Path) -> None:
    """Keep the first half of the bytes."""
    content = source.read_bytes()
    destination.write_bytes(content[: len(content) // 2])


def with_cover(source: Path, destination: Path) -> None:
    """Attach a cover picture, larger than the video, before it."""
    cover = destination.with_name("cover.jpg")
    run_ffmpeg("-i", source, "-vf", "scale=800:480", "-frames:v", "1", cover)
    run_ffmpeg(
        *("-i", cover, "-i", source, "-map", "0", "-map", "1", "-c", "copy"),
        *("-disposition:v:0", "attached_pic", destination),
    )


def with_second_stream(source: Path, destination: Path) -> None:
    """Add a smaller video with other numbers before the main one."""
    other = write_numbered(destination.with_name("other.mp4"), SMALL_OTHER)
    run_ffmpeg(
        *("-i", other, "-i", source, "-map", "0:v", "-map", "1:v", "-c", "copy"),
        *("-disposition:v:0", "0", "-disposition:v:1", "default", destination),
    )


LONG = Numbered(frames=300, fps=10)
SMALL_OTHER = Numbered(size_px=(96, 64), first_number=2000)

HEVC = Numbered(codec="libx265", options={"x265-params": X265_QUIET})
VP9 = Numbered(codec="libvpx-vp9", b_frames=0, options=VP9_FAST)
MPEG2 = Numbered(codec="mpeg2video", fps=25, gop=12)
AV1 = Numbered(codec="libsvtav1", b_frames=0, options={"preset": "13"})
LATE = tuple(5000 + i * 40 for i in range(60))
LATE_PICTURES = tuple(500 + i * 33 for i in range(60))
OPEN = Numbered(b_frames=3, options={"x264-params": "open-gop=1"})
TEN_SEC_APART = tuple(i * 10_000 for i in range(12))

MATRIX: dict[str, Case] = {
    # H.264 in what most people have
    "h264.mp4": Case(),
    "h264 every frame a key frame.mp4": Case(spec=Numbered(gop=1, b_frames=0)),
    "h264 one key frame.mkv": Case(spec=Numbered(gop=250, b_frames=3, frames=120)),
    "h264 open groups.mp4": Case(spec=OPEN),
    "h264 with sound.mp4": Case(spec=Numbered(audio=True)),
    "h264 29.97.mkv": Case(
        spec=Numbered(times_ms=tuple(round(i * 1001 / 30) for i in range(60)))
    ),
    "h264.mov": Case(),
    "h264.m4v": Case(),
    "fragmented.mp4": Case(
        spec=Numbered(container_options={"movflags": "frag_keyframe+empty_moov"})
    ),
    # other codecs
    "mpeg4.mp4": Case(spec=Numbered(codec="mpeg4", gop=12)),
    "mpeg4.mkv": Case(spec=Numbered(codec="mpeg4", gop=12, b_frames=0)),
    "mpeg4 3 fps.mp4": Case(spec=Numbered(codec="mpeg4", gop=12, frames=40, fps=3)),
    "hevc.mp4": Case(spec=HEVC),
    "hevc open groups.mkv": Case(
        spec=replace(HEVC, b_frames=4, options={"x265-params": f"{X265_QUIET}:open-gop=1"})
    ),
    "hevc 10 bit.mp4": Case(spec=replace(HEVC, pixel_format="yuv420p10le")),
    "vp9.webm": Case(spec=VP9),
    "vp9 with hidden pictures.webm": Case(spec=replace(VP9, options=VP9_HIDDEN)),
    "vp9.mp4": Case(spec=VP9),
    "vp8.webm": Case(spec=replace(VP9, codec="libvpx")),
    "av1.mp4": Case(spec=AV1),
    "av1.mkv": Case(spec=AV1),
    "mpeg2.mkv": Case(spec=MPEG2),
    "mpeg2.mp4": Case(spec=MPEG2),
    "wmv2.wmv": Case(spec=Numbered(codec="wmv2", b_frames=0, gop=12)),
    # times
    "phone.mp4": Case(spec=Numbered(times_ms=phone_like_times_ms(90, 1))),
    "phone.mkv": Case(spec=Numbered(times_ms=phone_like_times_ms(90, 2), b_frames=3)),
    "phone hevc.mov": Case(spec=replace(HEVC, times_ms=phone_like_times_ms(90, 3))),
    "phone.webm": Case(spec=replace(VP9, times_ms=phone_like_times_ms(90, 4))),
    "phone.flv": Case(spec=Numbered(times_ms=phone_like_times_ms(90, 5))),
    "phone.ts": Case(spec=Numbered(times_ms=phone_like_times_ms(90, 6))),
    "slides.mp4": Case(spec=Numbered(times_ms=TEN_SEC_APART), last_stays_sec=10),
    "29.97 from mkv.mp4": Case(
        spec=Numbered(times_ms=tuple(round(i * 1001 / 30) for i in range(60))),
        written_as="mkv", finish=remuxed(),
    ),
    "late start.mkv": Case(spec=Numbered(fps=25, times_ms=LATE)),
    "late start.mp4": Case(spec=Numbered(fps=25, times_ms=LATE)),
    "sound first.mkv": Case(spec=Numbered(times_ms=LATE_PICTURES, audio=True)),
    "sound first.mp4": Case(spec=Numbered(times_ms=LATE_PICTURES, audio=True)),
    "sound first.ts": Case(spec=Numbered(times_ms=LATE_PICTURES, audio=True)),
    "hidden start.mp4": Case(written_as="mp4", finish=cut_copy(41), hidden=41),
    "hidden start.mov": Case(written_as="mp4", finish=cut_copy(41), hidden=41),
    "hidden start hevc.mp4": Case(
        spec=HEVC, written_as="mp4", finish=cut_copy(41), hidden=41
    ),
    "open start.mp4": Case(
        spec=replace(OPEN, frames=120),
        written_as="mp4", finish=remuxed("-use_editlist", "0", before=("-ss", "1.9")), hidden=30,
    ),
    "live.webm": Case(spec=replace(VP9, container_options={"live": "1"})),
    "live.mkv": Case(spec=Numbered(container_options={"live": "1"})),
    # transport streams and other containers without a trustworthy index
    "transport.ts": Case(),
    "hevc.ts": Case(spec=HEVC),
    "mpeg2 with sound.ts": Case(spec=replace(MPEG2, audio=True)),
    "interlaced.ts": Case(spec=replace(MPEG2, options={"flags": "+ilme+ildct"})),
    "clock begins anew.ts": Case(
        written_as="ts",
        finish=remuxed("-output_ts_offset", f"{CLOCK_OF_TS_ENDS_SEC - 2:.3f}"),
    ),
    "flash.flv": Case(),
    "h264.avi": Case(),
    "mpeg4.avi": Case(spec=Numbered(codec="mpeg4")),
    "h264 from mp4.avi": Case(written_as="mp4", finish=remuxed()),
    # pictures
    "turned 90.mp4": Case(written_as="mp4", finish=turned("-90"), turned=90),
    "turned 180.mp4": Case(written_as="mp4", finish=turned("180"), turned=180),
    "turned 270.mov": Case(written_as="mp4", finish=turned("90"), turned=270),
    "turned 90.mkv": Case(written_as="mp4", finish=turned("-90"), turned=90),
    "odd size.mkv": Case(spec=Numbered(size_px=(161, 97), pixel_format="yuv444p")),
    "odd size.webm": Case(spec=replace(VP9, size_px=(161, 97))),
    "wide pixels.mp4": Case(spec=Numbered(pixel_aspect=Fraction(4, 3))),
    "wide pixels turned.mp4": Case(
        spec=Numbered(pixel_aspect=Fraction(4, 3)), written_as="mp4", finish=turned("-90"),
        turned=90,
    ),
    "10 bit.mkv": Case(spec=Numbered(pixel_format="yuv420p10le")),
    # more than one stream
    "cover.mp4": Case(written_as="mp4", finish=with_cover),
    "two videos.mp4": Case(written_as="mp4", finish=with_second_stream),
    "two videos.mkv": Case(written_as="mp4", finish=with_second_stream),
    # cut off
    "cut off.mkv": Case(spec=LONG, written_as="mkv", finish=truncated, is_cut_off=True),
    "cut off.webm": Case(
        spec=replace(VP9, frames=300, fps=10), written_as="webm", finish=truncated,
        is_cut_off=True,
    ),
    "cut off.ts": Case(spec=LONG, written_as="ts", finish=truncated, is_cut_off=True),
    "cut off.mp4": Case(
        spec=replace(LONG, container_options={"movflags": "faststart"}),
        written_as="mp4", finish=truncated, is_cut_off=True,
    ),
    "cut off fragments.mp4": Case(
        spec=replace(LONG, container_options={"movflags": "frag_keyframe+empty_moov"}),
        written_as="mp4", finish=truncated, is_cut_off=True,
    ),
    "cut off.flv": Case(spec=LONG, written_as="flv", finish=truncated, is_cut_off=True),
}  # fmt: skip
"""By file name."""


def has_encoder(name: str) -> bool:
    """Tell whether this machine can write a case."""
    try:
        av.Codec(MATRIX[name].spec.codec, "w")
    except ValueError:
        return False
    return True


def make(name: str, folder: Path) -> Path:
    """Write a case's file into a folder of its own; return its path."""
    case = MATRIX[name]
    place = folder / name.replace(".", " ")
    place.mkdir()
    if case.finish is None:
        return write_numbered(place / name, case.spec)
    written = write_numbered(place / f"written.{case.written_as}", case.spec)
    case.finish(written, place / name)
    return place / name
