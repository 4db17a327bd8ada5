"""What the tests of this room share: numbered videos of every ordinary kind, and an ffmpeg."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.numbered_video import Numbered, run_ffmpeg, write_numbered
from three_stage.media import Ffmpeg, find_ffmpeg


def phone_like_times_ms(frames: int, seed: int) -> tuple[int, ...]:
    """Return times of a variable rate: bursts, single late frames, and holds of a second."""
    chance = random.Random(seed)
    usual, odd = (33, 34, 17), (1, 4, 100, 1000)
    gaps = [chance.choice(odd if i % 7 == 3 else usual) for i in range(frames - 1)]
    return tuple(itertools.accumulate(gaps, initial=0))


ORDINARY = {
    "h264.mp4": Numbered(),
    "h264 every frame a key frame.mp4": Numbered(gop=1, b_frames=0),
    "h264 one key frame.mkv": Numbered(gop=250, b_frames=3, frames=120),
    "h264 open groups.mp4": Numbered(b_frames=3, options={"x264-params": "open-gop=1"}),
    "h264 with sound.mp4": Numbered(audio=True),
    "mpeg4.mp4": Numbered(codec="mpeg4", gop=12),
    "mpeg4.mkv": Numbered(codec="mpeg4", gop=12, b_frames=0),
    "mpeg4 3 fps.mp4": Numbered(codec="mpeg4", gop=12, frames=40, fps=3),
    "h264 29.97.mkv": Numbered(times_ms=tuple(round(i * 1001 / 30) for i in range(60))),
    "phone.mp4": Numbered(times_ms=phone_like_times_ms(90, 1)),
    "phone.mkv": Numbered(times_ms=phone_like_times_ms(90, 2), b_frames=3),
    "late start.mkv": Numbered(fps=25, times_ms=tuple(5000 + i * 40 for i in range(60))),
    "sound first.mkv": Numbered(times_ms=tuple(500 + i * 33 for i in range(60)), audio=True),
    "sound first.mp4": Numbered(times_ms=tuple(500 + i * 33 for i in range(60)), audio=True),
    "fragmented.mp4": Numbered(container_options={"movflags": "frag_keyframe+empty_moov"}),
    "odd size.mkv": Numbered(size_px=(161, 97), pixel_format="yuv444p"),
    "wide pixels.mp4": Numbered(pixel_aspect=Fraction(4, 3)),
    "10 bit.mkv": Numbered(pixel_format="yuv420p10le"),
}
"""Ordinary files, and what costs little beyond them."""

NEVER_SOUGHT = {
    "transport.ts": Numbered(),
    "flash.flv": Numbered(),
    "h264.avi": Numbered(),
    "mpeg4.avi": Numbered(codec="mpeg4"),
}
"""Containers that are decoded from their start: their seeking or times cannot be trusted."""


@dataclass(frozen=True)
class Video:
    """A numbered video on disk and the true times of its displayed frames.

    ``first_number`` is the number of its first displayed frame; the others follow.
    """

    path: Path
    spec: Numbered
    first_number: int = 0

    @property
    def times_sec(self) -> list[float]:
        """True times, zero at the first displayed frame."""
        times = self.spec.times_sec[self.first_number :]
        return [time - times[0] for time in times]

    @property
    def numbers(self) -> range:
        """The numbers that it displays."""
        return range(self.first_number, len(self.spec.times_sec))


Videos = Callable[[str], Video]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Return a video by its name in ORDINARY or NEVER_SOUGHT, or a derived one; each made once."""
    folder = tmp_path_factory.mktemp("numbered")
    made: dict[str, Video] = {}

    def derive(name: str, *arguments: str, before: tuple[str, ...] = ()) -> Path:
        run_ffmpeg(*before, "-i", video("h264.mp4").path, "-c", "copy", *arguments, folder / name)
        return folder / name

    def make(name: str) -> Video:
        if name == "hidden start.mp4":
            # A stream copy from the middle of a group: an edit list hides what is before frame 41.
            start = f"{41 / 30 - 0.001:.6f}"
            return Video(derive(name, before=("-ss", start)), Numbered(), first_number=41)
        if name.startswith("turned "):
            turn = name.removeprefix("turned ").removesuffix(".mp4")
            return Video(derive(name, before=("-display_rotation", turn)), Numbered())
        spec = {**ORDINARY, **NEVER_SOUGHT}[name]
        return Video(write_numbered(folder / name, spec), spec)

    def video(name: str) -> Video:
        if name not in made:
            made[name] = make(name)
        return made[name]

    return video


@pytest.fixture(scope="session")
def ffmpeg() -> Ffmpeg:
    """Return the ffmpeg that a run would take."""
    return find_ffmpeg(None)


@pytest.fixture(scope="session")
def short_numbered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return a function that writes a video of so many frames."""
    folder = tmp_path_factory.mktemp("short")

    def write(frames: int) -> Path:
        spec = replace(Numbered(), frames=frames)
        return write_numbered(folder / f"{frames} frames.mp4", spec)

    return write
