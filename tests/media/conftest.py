"""What the tests of this room share: numbered videos of every kind, and an ffmpeg."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.support.drawn import drawn
from tests.support.matrix import MATRIX, Case, has_encoder, make
from tests.support.numbered_video import Numbered, write_numbered
from three_stage.media import Ffmpeg, FramePool, MediaWorkers, find_ffmpeg

WHOLE = drawn(tuple(name for name, case in MATRIX.items() if not case.is_cut_off), 14)
CUT_OFF = tuple(name for name, case in MATRIX.items() if case.is_cut_off)

TELLING = (
    "h264.mp4", "h264 one key frame.mkv", "h264 open groups.mp4", "mpeg4.mkv", "phone.mp4",
    "phone.mkv", "late start.mkv", "sound first.mp4", "fragmented.mp4", "hidden start.mp4",
)  # fmt: skip
"""What most people have, and what can go wrong with it; the fast tests take these."""

ORDINARY = (
    *TELLING, "h264 every frame a key frame.mp4", "h264 with sound.mp4", "mpeg4.mp4",
    "mpeg4 3 fps.mp4", "h264 29.97.mkv", "sound first.mkv", "odd size.mkv", "wide pixels.mp4",
    "10 bit.mkv", "turned 90.mp4",
)  # fmt: skip
"""What costs little beyond it too."""

NEVER_SOUGHT = ("transport.ts", "flash.flv", "h264.avi", "mpeg4.avi")
"""Containers that are decoded from their start: their seeking or times cannot be trusted."""


def fast_on(fast: Sequence[str], *, of: Sequence[str]) -> list[ParameterSet]:
    """Return all names as parameters; those that are not ``fast`` are slow, and CI draws some."""
    others = drawn([name for name in of if name not in fast], 3)
    return [
        *(pytest.param(name) for name in of if name in fast),
        *(pytest.param(name, marks=pytest.mark.slow) for name in others),
    ]


TICK_SEC = 0.001
"""Matroska and FLV write times in milliseconds; elsewhere they are finer."""


@dataclass(frozen=True)
class Video:
    """A numbered video on disk, and the truth about it."""

    path: Path
    case: Case


Videos = Callable[[str], Video]


def assert_pictures_are_what_they_say(pool: FramePool, case: Case) -> None:
    """Check every picture of a pool against the truth about its file."""
    times = case.times_sec
    for frame in pool.frames:
        index = frame.original_frame_index
        assert case.number_of(frame.clean_jpeg) == case.numbers[index]
        assert frame.timestamp_sec == pytest.approx(times[index], abs=TICK_SEC)
    assert [frame.index_1based for frame in pool.frames] == list(range(1, len(pool.frames) + 1))
    shown = [frame.timestamp_sec for frame in pool.frames]
    assert all(before < after for before, after in itertools.pairwise(shown))


@contextmanager
def workers_for_many_tests(workers: MediaWorkers) -> Iterator[Callable[[Awaitable[Any]], Any]]:
    """Start workers once; yields what waits for one of their jobs, in one event loop."""

    async def awaited(job: Awaitable[Any]) -> Any:
        return await job

    with asyncio.Runner() as runner:
        runner.run(workers.__aenter__())
        try:
            yield lambda job: runner.run(awaited(job))
        finally:
            runner.run(workers.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Return a video of the matrix by its name; each is made once."""
    folder = tmp_path_factory.mktemp("numbered")
    made: dict[str, Video] = {}

    def video(name: str) -> Video:
        if name not in made:
            if not has_encoder(name):
                pytest.skip(f"this build of PyAV has no encoder {MATRIX[name].spec.codec}")
            made[name] = Video(make(name, folder), MATRIX[name])
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
