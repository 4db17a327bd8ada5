"""Every picture of a pool is the frame that its time and index name."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.media.conftest import (
    NEVER_SOUGHT,
    ORDINARY,
    TELLING,
    TICK_SEC,
    Videos,
    assert_pictures_are_what_they_say,
    fast_on,
)
from tests.support.matrix import Case
from tests.support.numbered_video import (
    Numbered,
    decode_jpeg,
    decode_numbers,
    read_jpeg_number,
    read_number,
    write_numbered,
)
from three_stage.media import FramePool, grab_frames, nearest_index, probe_video, sample_pool
from three_stage.settings import SamplingSettings


def assert_every_picture_is_what_it_says(pool: FramePool, case: Case) -> None:
    """Check the pictures with a label too: it may lie on the number of one turned upside down."""
    assert_pictures_are_what_they_say(pool, case)
    for frame in pool.frames:
        assert frame.indexed_jpeg is not None
        assert case.number_of(frame.indexed_jpeg) == case.numbers[frame.original_frame_index]


ALL = (*ORDINARY, *NEVER_SOUGHT)
FAST_ON = fast_on((*TELLING, "turned 90.mp4", *NEVER_SOUGHT), of=ALL)


@pytest.mark.parametrize("name", FAST_ON)
@pytest.mark.parametrize("count", [9, 23, 500])
def test_each_picture_is_the_frame_that_its_time_names(
    videos: Videos, name: str, count: int
) -> None:
    video, numbers = videos(name), videos(name).case.numbers
    pool = sample_pool(video.path, SamplingSettings(max_frames=count))
    assert_every_picture_is_what_it_says(pool, video.case)
    assert len(pool.frames) == min(count, len(numbers))
    assert pool.displayed_frames == len(numbers)
    # The first and the last displayed frame are always there.
    assert pool.frames[0].timestamp_sec == 0.0
    assert pool.frames[0].original_frame_index == 0
    assert pool.frames[-1].original_frame_index == len(numbers) - 1
    assert pool.warnings == ()


@pytest.mark.parametrize("name", ALL)
def test_a_video_is_what_it_was_made_to_be(videos: Videos, name: str) -> None:
    video, case = videos(name), videos(name).case
    probe = probe_video(video.path)
    assert probe.displayed_frames == len(case.numbers)
    assert probe.last_frame_time_sec == pytest.approx(case.times_sec[-1], abs=TICK_SEC)
    assert probe.info.duration_sec == pytest.approx(case.end_sec, abs=2 * TICK_SEC)
    assert probe.info.average_fps == pytest.approx(len(case.numbers) / probe.info.duration_sec)
    assert probe.info.codec == case.codec
    assert probe.info.variable_frame_rate == case.variable_rate
    assert probe.info.rotation == case.turned
    assert probe.has_audio == case.spec.audio
    assert probe.warnings == ()


@pytest.mark.parametrize("name", ["h264.mp4", "phone.mkv", "h264 one key frame.mkv"])
def test_key_frame_pools_hold_key_frames_with_their_true_times(videos: Videos, name: str) -> None:
    video = videos(name)
    every = sample_pool(video.path, SamplingSettings(max_frames=500, pool_mode="exact"))
    pool = sample_pool(
        video.path, SamplingSettings(max_frames=500, pool_mode="keyframe"), fewest_frames=1
    )
    assert_every_picture_is_what_it_says(pool, video.case)
    assert [frame.original_frame_index for frame in pool.frames] == list(
        range(0, len(video.case.numbers), video.case.spec.gop)
    )
    assert "key frames" in pool.note
    assert pool.end_sec == every.end_sec


def test_too_few_key_frames_are_said_and_any_frame_is_taken(videos: Videos) -> None:
    video = videos("h264.mp4")
    pool = sample_pool(video.path, SamplingSettings(max_frames=12, pool_mode="keyframe"))
    assert len(pool.frames) == 12
    assert "only 3 are key frames" in pool.note
    assert_every_picture_is_what_it_says(pool, video.case)


def test_a_clip_is_sampled_in_the_seconds_of_its_source(videos: Videos) -> None:
    video = videos("phone.mp4")
    own = sample_pool(video.path, SamplingSettings())
    shifted = sample_pool(video.path, SamplingSettings(), origin_sec=12.5)
    assert [frame.timestamp_sec for frame in shifted.frames] == [
        12.5 + frame.timestamp_sec for frame in own.frames
    ]
    assert shifted.end_sec == 12.5 + own.end_sec
    assert shifted.info == own.info


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    gaps=st.lists(st.integers(1, 900), min_size=8, max_size=40),
    gop=st.sampled_from([1, 7, 250]),
    b_frames=st.integers(0, 3),
    open_groups=st.booleans(),
    suffix=st.sampled_from(["mp4", "mkv"]),
    count=st.integers(9, 41),
)
def test_any_rate_any_groups_any_pool_size(
    tmp_path_factory: pytest.TempPathFactory,
    gaps: list[int],
    gop: int,
    b_frames: int,
    open_groups: bool,
    suffix: str,
    count: int,
) -> None:
    spec = Numbered(
        times_ms=tuple(itertools.accumulate(gaps, initial=0)),
        gop=gop,
        b_frames=b_frames,
        options={"x264-params": "open-gop=1"} if open_groups else {},
    )
    path = write_numbered(tmp_path_factory.mktemp("any") / f"any.{suffix}", spec)
    pool = sample_pool(path, SamplingSettings(max_frames=count))
    assert_every_picture_is_what_it_says(pool, Case(spec=spec))
    assert pool.frames[-1].original_frame_index == len(gaps)


# Single frames by time


@pytest.mark.parametrize("name", FAST_ON)
def test_a_grabbed_frame_is_the_nearest_to_its_time(videos: Videos, name: str) -> None:
    video = videos(name)
    pool = sample_pool(video.path, SamplingSettings(max_frames=2000))
    times = [frame.timestamp_sec for frame in pool.frames]
    middles = [(before + after) / 2 for before, after in itertools.pairwise(times)]
    asked = [*times[::-5], -3.0, 1e6, *(m + 0.0004 for m in middles[::9]), *middles[1::11]]
    grabbed = grab_frames(video.path, asked)
    nearest = nearest_index(times, asked).tolist()
    for frame, index in zip(grabbed, nearest, strict=True):
        assert video.case.number_of(frame.jpeg) == video.case.numbers[index]
        assert frame.time_sec == times[index]


def test_key_frames_have_the_resolution_of_the_source(videos: Videos) -> None:
    video = videos("h264.mp4")
    pool = sample_pool(video.path, SamplingSettings(frame_max_side=64))
    assert (pool.width_px, pool.height_px) == (64, 38)
    (grabbed,) = grab_frames(video.path, [pool.frames[3].timestamp_sec])
    assert decode_jpeg(grabbed.jpeg).shape == (96, 160, 3)
    assert (grabbed.width_px, grabbed.height_px) == (160, 96)
    assert read_jpeg_number(grabbed.jpeg) == pool.frames[3].original_frame_index


# Upright and in shape


@pytest.mark.parametrize(
    ("name", "clockwise", "size"),
    [
        ("turned 90.mp4", 90, (96, 160)),
        ("turned 180.mp4", 180, (160, 96)),
        ("turned 270.mov", 270, (96, 160)),
    ],
)
def test_turned_videos_are_upright(
    videos: Videos, name: str, clockwise: int, size: tuple[int, int]
) -> None:
    path = videos(name).path
    pool = sample_pool(path, SamplingSettings(max_frames=9))
    assert pool.info.rotation == clockwise
    assert (pool.info.width, pool.info.height) == size == (pool.width_px, pool.height_px)
    (grabbed,) = grab_frames(path, [pool.frames[5].timestamp_sec])
    for jpeg in (pool.frames[5].clean_jpeg, grabbed.jpeg):
        picture = decode_jpeg(jpeg)
        assert picture.shape == (size[1], size[0], 3)
        # The number was drawn into the stored frame: turned back, it can be read.
        stored = np.ascontiguousarray(np.rot90(picture, clockwise // 90))
        assert read_number(stored) == pool.frames[5].original_frame_index


def test_pictures_have_the_shape_that_a_player_shows(videos: Videos) -> None:
    video = videos("wide pixels.mp4")
    probe = probe_video(video.path)
    assert (probe.info.width, probe.info.height) == (213, 96)
    assert video.case.spec.pixel_aspect == Fraction(4, 3)
    pool = sample_pool(video.path, SamplingSettings(max_frames=9))
    assert decode_jpeg(pool.frames[0].clean_jpeg).shape == (96, 213, 3)
    (grabbed,) = grab_frames(video.path, [0.0])
    assert decode_jpeg(grabbed.jpeg).shape == (96, 213, 3)


# Real clips


def test_real_clips_are_sampled_from_end_to_end(real_clips: list[Path]) -> None:
    for path in real_clips:
        pool = sample_pool(path, SamplingSettings())
        assert len(pool.frames) == 50
        assert pool.frames[0].timestamp_sec == 0.0
        assert pool.frames[-1].original_frame_index == pool.displayed_frames - 1
        assert len({frame.clean_jpeg for frame in pool.frames}) == 50
        assert pool.warnings == ()


def test_the_writer_of_numbered_videos_writes_what_it_says(videos: Videos) -> None:
    for name in ("h264.mp4", "mpeg4.mp4", "phone.mkv"):
        video = videos(name)
        assert decode_numbers(video.path) == list(video.case.numbers)
