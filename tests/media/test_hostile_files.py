"""Tiny files that declare huge things: a clear error, within the limits of a worker."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.media.conftest import workers_for_many_tests
from tests.support.numbered_video import Numbered, run_ffmpeg, write_numbered
from three_stage.media import (
    FramePool,
    ImplausibleTimesError,
    MediaError,
    MediaWorkers,
    NotAVideoError,
    NothingDecodedError,
    PictureSizeError,
    TooShortError,
    WorkerMemoryError,
)
from three_stage.settings import SamplingSettings

LIMIT_SEC, LIMIT_BYTES = 60, 2 * 1024**3
WIDTH, HEIGHT = 160, 96


Sample = Callable[[Path], FramePool]


@pytest.fixture(scope="module")
def sample() -> Iterator[Sample]:
    """Return a function that samples a file in a worker with limits, which all tests here share."""
    limited = MediaWorkers(1, timeout_sec=LIMIT_SEC, memory_limit_bytes=LIMIT_BYTES)
    with workers_for_many_tests(limited) as run:
        yield lambda path: run(limited.sample_pool(path, SamplingSettings()))


def assert_refused(sample: Sample, path: Path, kind: type[MediaError], words: str) -> None:
    assert path.stat().st_size < 1_000_000
    with pytest.raises(MediaError) as caught:
        sample(path)
    assert type(caught.value) is kind, caught.value
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def patched(content: bytes, box: bytes, offset: int, layout: str, *values: int) -> bytes:
    """Write values into an mp4 box, at an offset from its name."""
    changed = bytearray(content)
    struct.pack_into(layout, changed, content.index(box) + offset, *values)
    return bytes(changed)


def full_box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


# Pictures


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an AVI of raw pictures: nothing in it but its header says how large they are."""
    folder = tmp_path_factory.mktemp("raw")
    source = write_numbered(folder / "source.mp4", Numbered(frames=12))
    run_ffmpeg("-i", source, "-c:v", "rawvideo", folder / "raw.avi")
    return (folder / "raw.avi").read_bytes()


@pytest.mark.parametrize(
    ("side", "kind", "words"),
    [
        (12_000, PictureSizeError, "declares pictures of 12000x12000"),
        # ffmpeg itself does not believe this one, and then there is nothing to decode.
        (30_000, NothingDecodedError, "not one picture could be decoded"),
        (8_000, NothingDecodedError, "not one picture could be decoded"),
    ],
)
def test_giant_pictures_are_refused(
    sample: Sample, raw: bytes, tmp_path: Path, side: int, kind: type[MediaError], words: str
) -> None:
    size, giant = struct.pack("<II", WIDTH, HEIGHT), struct.pack("<II", side, side)
    path = tmp_path / "giant.avi"
    path.write_bytes(raw.replace(size, giant))
    assert_refused(sample, path, kind, words)


def test_a_size_that_only_the_container_declares_is_not_believed(
    sample: Sample, tmp_path: Path
) -> None:
    path = write_numbered(tmp_path / "video.mp4", Numbered(frames=30))
    path.write_bytes(patched(path.read_bytes(), b"avc1", 28, ">HH", 30_000, 30_000))
    pool = sample(path)
    assert (pool.info.width, pool.info.height, pool.displayed_frames) == (WIDTH, HEIGHT, 30)


# Counts


def test_a_billion_frames_that_only_the_header_declares_are_not_believed(
    sample: Sample, raw: bytes, tmp_path: Path
) -> None:
    content = bytearray(raw)
    struct.pack_into("<I", content, raw.index(b"avih") + 24, 10**9)
    struct.pack_into("<I", content, raw.index(b"strh") + 40, 10**9)
    path = tmp_path / "billion.avi"
    path.write_bytes(content)
    pool = sample(path)
    assert pool.displayed_frames == 12
    assert any("are lost" in line for line in pool.warnings)


def test_a_billion_frames_of_one_byte_are_refused(sample: Sample, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "video.mp4", Numbered(frames=30))
    content = patched(path.read_bytes(), b"stts", 12, ">I", 10**9)
    content = patched(content, b"stsz", 8, ">II", 1, 10**9)
    path.write_bytes(patched(content, b"stsc", 16, ">I", 10**9))
    assert_refused(sample, path, NothingDecodedError, "not one picture could be decoded")


def fragment_of(count: int, frame_bytes: int) -> bytes:
    """Return a fragment that declares so many frames in 60 bytes (ISO/IEC 14496-12, 8.8)."""
    defaults = 0x020000 | 0x08 | 0x10 | 0x20
    header = full_box(b"mfhd", struct.pack(">II", 0, 1))
    track = full_box(
        b"traf",
        full_box(b"tfhd", struct.pack(">IIIII", defaults, 1, 512, frame_bytes, 0x02000000)),
        full_box(b"tfdt", struct.pack(">II", 0, 0)),
        full_box(b"trun", struct.pack(">IIi", 1, count, 0)),
    )
    return full_box(b"moof", header, track) + full_box(b"mdat", b"\0" * 1000)


@pytest.mark.parametrize(
    ("count", "kind", "words"),
    [
        (10**9, NotAVideoError, "is not a video that can be opened"),
        (2 * 10**8, WorkerMemoryError, "needs more memory than 2.0 GiB"),
        (10**7, NothingDecodedError, "not one picture could be decoded"),
    ],
)
def test_a_fragment_that_declares_many_frames_costs_no_more_than_a_worker_may_take(
    sample: Sample, tmp_path: Path, count: int, kind: type[MediaError], words: str
) -> None:
    spec = Numbered(frames=30, container_options={"movflags": "frag_keyframe+empty_moov"})
    path = write_numbered(tmp_path / "fragment.mp4", spec)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moof") - 4] + fragment_of(count, 1))
    assert_refused(sample, path, kind, words)


# Times


def late_frames(path: Path) -> Path:
    """Write a video whose second half comes 30 years later."""
    early, late = range(0, 600, 33), range(10**12, 10**12 + 600, 33)
    return write_numbered(path.with_suffix(".mkv"), Numbered(times_ms=(*early, *late)))


def no_time_at_all(path: Path) -> Path:
    """Write a video whose frames all have one time."""
    write_numbered(path, Numbered(frames=30))
    path.write_bytes(patched(path.read_bytes(), b"mdhd", 16, ">I", 0))
    return path


@pytest.mark.parametrize(
    ("write", "kind", "words"),
    [
        (late_frames, ImplausibleTimesError, "lasts 11574 days; that cannot be right"),
        (no_time_at_all, TooShortError, "displays 1 frame; at least 9 are needed"),
    ],
)
def test_absurd_times_are_refused(
    sample: Sample,
    tmp_path: Path,
    write: Callable[[Path], Path],
    kind: type[MediaError],
    words: str,
) -> None:
    assert_refused(sample, write(tmp_path / "video.mp4"), kind, words)


@pytest.mark.parametrize(
    ("rate", "scale", "words"),
    [(2**31 - 1, 1, "lasts 298262 days"), (1, 2**31 - 1, "shows 2147483647 frames a second")],
)
def test_absurd_rates_are_refused(
    sample: Sample, raw: bytes, tmp_path: Path, rate: int, scale: int, words: str
) -> None:
    content = bytearray(raw)
    struct.pack_into("<II", content, raw.index(b"strh") + 28, rate, scale)
    path = tmp_path / "rate.avi"
    path.write_bytes(content)
    assert_refused(sample, path, ImplausibleTimesError, words)
