"""Labels, sizes, and a pool that fits into one request."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.media.conftest import Videos
from tests.support.numbered_video import decode_jpeg, read_jpeg_number
from three_stage.media import FramePool, PoolTooLargeError, pool_picture_size, sample_pool
from three_stage.media.fitting import Look, encode_both, encode_clean, encode_to_fit
from three_stage.media.picture import encode_jpeg, labelled, upright
from three_stage.media.pool import (
    TEXT_RESERVE_BYTES,
    TEXT_RESERVE_BYTES_A_PICTURE,
    pictures_of,
)
from three_stage.media.sizes import fit_within
from three_stage.media.source import Source
from three_stage.media.table import decode_table
from three_stage.settings import SamplingSettings

Image = NDArray[np.uint8]


def resized(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


# Labels


def test_only_the_indexed_picture_has_a_label(videos: Videos) -> None:
    pool = sample_pool(videos("h264.mp4").path, SamplingSettings(max_frames=12))
    for frame in pool.frames:
        assert frame.indexed_jpeg is not None
        clean, marked = decode_jpeg(frame.clean_jpeg), decode_jpeg(frame.indexed_jpeg)
        changed = np.abs(clean.astype(int) - marked.astype(int)).max(axis=2) > 60
        rows, columns = np.nonzero(changed)
        # In the upper left corner, and nowhere else.
        assert len(rows) > 100
        assert rows.max() < clean.shape[0] / 4
        assert columns.max() < clean.shape[1] * 0.7


def test_labels_can_be_switched_off(videos: Videos) -> None:
    asked = SamplingSettings(max_frames=12, no_embed_index=True)
    pool = sample_pool(videos("h264.mp4").path, asked)
    assert [frame.indexed_jpeg for frame in pool.frames] == [None] * 12
    with_labels = sample_pool(videos("h264.mp4").path, SamplingSettings(max_frames=12))
    assert [f.clean_jpeg for f in pool.frames] == [f.clean_jpeg for f in with_labels.frames]


@pytest.mark.parametrize("size", [(160, 96), (96, 160), (426, 240), (1024, 576), (2048, 1152)])
@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_label_is_legible_on_any_picture_of_any_size(size: tuple[int, int], shade: int) -> None:
    width, height = size
    marked = labelled(np.full((height, width, 3), shade, np.uint8), 7)
    box_width, box_height = label_box(marked, shade)
    label = marked[:box_height, :box_width]
    # Light letters on a dark box, also after JPEG, and in proportion to the picture.
    assert (label > 200).mean() > 0.05
    assert (label < 60).mean() > 0.4
    again = decode_jpeg(encode_jpeg(marked, 60))[:box_height, :box_width]
    assert np.abs(again.astype(int) - label.astype(int)).mean() < 25
    assert min(width, height) * 0.07 < box_height < min(width, height) * 0.28
    assert box_width < width * 0.75


def label_box(marked: Image, shade: int) -> tuple[int, int]:
    rows, columns = np.nonzero((marked != shade).any(axis=2) | (shade == 0) & (marked > 0).any(2))
    return int(columns.max()) + 1, int(rows.max()) + 1


def test_labels_of_different_pictures_differ() -> None:
    blank = np.full((240, 426, 3), 90, np.uint8)
    labels = {labelled(blank, index).tobytes() for index in (1, 7, 10, 17, 71, 100, 1999)}
    assert len(labels) == 7
    assert (blank == 90).all()


# Sizes


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(16, 4096))
def test_a_picture_is_shrunk_in_shape_and_never_enlarged(wide: int, high: int, most: int) -> None:
    width, height = fit_within(wide, high, most)
    assert 1 <= width <= wide
    assert 1 <= height <= high
    if max(wide, high) <= most:
        assert (width, height) == (wide, high)
    else:
        assert max(width, height) == most
        scale = most / max(wide, high)
        assert abs(width - wide * scale) <= 1
        assert abs(height - high * scale) <= 1


def test_the_longest_side_is_as_asked_and_0_is_the_videos_own_up_to_2048(videos: Videos) -> None:
    video = videos("h264.mp4")
    for asked, size in ((80, (80, 48)), (1024, (160, 96)), (0, (160, 96))):
        pool = sample_pool(video.path, SamplingSettings(max_frames=9, frame_max_side=asked))
        assert (pool.width_px, pool.height_px) == size
        assert decode_jpeg(pool.frames[3].clean_jpeg).shape == (size[1], size[0], 3)
        assert pool_picture_size(pool.info, SamplingSettings(frame_max_side=asked)) == size
    large = pool.info.model_copy(update={"width": 3840, "height": 2160})
    assert pool_picture_size(large, SamplingSettings(frame_max_side=0)) == (2048, 1152)
    assert pool_picture_size(large, SamplingSettings()) == (1024, 576)
    assert pool_picture_size(large, SamplingSettings(frame_max_side=8192)) == (3840, 2160)


# One request


def request_bytes(pool: FramePool) -> int:
    """Return what the pictures of one request take in base64, in the larger of their two forms."""
    clean = sum(len(base64.b64encode(frame.clean_jpeg)) for frame in pool.frames)
    indexed = sum(len(base64.b64encode(frame.indexed_jpeg or b"")) for frame in pool.frames)
    reserve = TEXT_RESERVE_BYTES + TEXT_RESERVE_BYTES_A_PICTURE * len(pool.frames)
    return max(clean, indexed) + reserve


@pytest.fixture(scope="session")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video that JPEG cannot make small."""
    path = tmp_path_factory.mktemp("noisy") / "noisy.mkv"
    chance = np.random.default_rng(4)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.bit_rate = 40_000_000
        for _ in range(20):
            small = chance.integers(0, 256, (180, 320, 3), np.uint8)
            image = resized(small, (640, 360))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def test_a_pool_that_fits_is_left_alone(noisy: Path) -> None:
    pool = sample_pool(noisy, SamplingSettings())
    assert pool.jpeg_quality == 90
    assert (pool.width_px, pool.height_px) == (640, 360)
    assert pool.warnings == ()


def test_first_the_quality_is_lowered_as_little_as_needed(noisy: Path) -> None:
    whole = request_bytes(sample_pool(noisy, SamplingSettings()))
    asked = SamplingSettings(max_body_mb=whole * 0.75 / 1e6)
    pool = sample_pool(noisy, asked)
    assert 60 <= pool.jpeg_quality < 90
    assert (pool.width_px, pool.height_px) == (640, 360)
    assert asked.max_body_mb * 0.88e6 < request_bytes(pool) <= asked.max_body_mb * 1e6
    (warning,) = pool.warnings
    assert warning == (
        f"pictures have JPEG quality {pool.jpeg_quality} at 640x360 pixels instead of JPEG quality "
        f"90 at 640x360 pixels, so that a request fits into {asked.max_body_mb:g} MB"
    )
    # One quality for the whole pool: every picture has the tables of it.
    tables = {frame.clean_jpeg[: frame.clean_jpeg.index(b"\xff\xda")] for frame in pool.frames}
    assert len(tables) == 1


def test_then_the_pictures_are_made_smaller(noisy: Path) -> None:
    asked = SamplingSettings(max_body_mb=0.55)
    pool = sample_pool(noisy, asked)
    assert pool.jpeg_quality == 60
    assert 64 <= pool.width_px < 640
    assert pool.height_px == pytest.approx(pool.width_px * 9 / 16, abs=1)
    assert 0.44e6 < request_bytes(pool) <= 0.55e6
    assert decode_jpeg(pool.frames[0].clean_jpeg).shape == (pool.height_px, pool.width_px, 3)


def test_a_body_without_room_for_any_picture_is_refused(noisy: Path) -> None:
    with pytest.raises(PoolTooLargeError, match=r"20 pictures do not fit .* 0.21 MB") as caught:
        sample_pool(noisy, SamplingSettings(max_body_mb=0.21))
    assert "--max-body-mb" in caught.value.hint


def test_a_pool_too_large_to_keep_is_decoded_again(videos: Videos) -> None:
    with Source(videos("h264.mp4").path) as source:
        table = decode_table(source)
        indices, size = list(range(0, 90, 3)), (160, 96)
        again = pictures_of(source, table, indices, size, kept_pixels=0)
        kept = pictures_of(source, table, indices, size)
        assert [image.tobytes() for image in again(size)] == [
            image.tobytes() for image in kept(size)
        ]
        look, encoded = encode_to_fit(again, encode_both, Look(90, size), 30 * 2500)
    assert look.quality < 90
    assert [read_jpeg_number(picture.clean_jpeg) for picture in encoded] == indices


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(9, 30), st.floats(0.02, 1.5), st.booleans())
def test_whatever_the_budget_a_pool_fits_and_shares_one_look(
    seed: int, count: int, share: float, labels: bool
) -> None:
    chance = np.random.default_rng(seed)
    noise = [
        chance.integers(0, 256, (int(chance.integers(2, 60)), 90, 3), np.uint8)
        for _ in range(count)
    ]
    sources = [resized(image, (128, 128)) for image in noise]

    def pictures(size: tuple[int, int]) -> Iterator[Image]:
        return (resized(image, size) for image in sources)

    encode = encode_both if labels else encode_clean
    whole = sum(len(base64.b64encode(encode_jpeg(image, 90))) for image in sources)
    budget = max(int(whole * share), count * 4200)
    look, encoded = encode_to_fit(pictures, encode, Look(90, (128, 128)), budget)
    assert len(encoded) == count
    assert sum(len(base64.b64encode(picture.clean_jpeg)) for picture in encoded) <= budget
    assert sum(len(base64.b64encode(picture.indexed_jpeg or b"")) for picture in encoded) <= budget
    assert 60 <= look.quality <= 90
    if look.size_px != (128, 128):
        assert look.quality == 60
    if look == Look(90, (128, 128)):
        assert [picture.clean_jpeg for picture in encoded] == [
            encode_jpeg(image, 90) for image in sources
        ]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="threads are counted on Linux")
def test_pictures_leave_no_threads_behind(videos: Videos) -> None:
    """Hundreds of idle threads once reached a worker's memory limit."""

    def threads() -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("Threads:")[1].split()[0])

    with Source(videos("h264.mp4").path) as source:
        frames = list(source.frames())
        before = threads()
        pictures = [upright(frame, (80, 48)) for frame in frames]
    assert len(pictures) == 90
    assert threads() < before + 20
