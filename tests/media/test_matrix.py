"""The matrix of numbered videos: pictures, seconds, indices, clips and key frames always agree.

Every property is checked on every kind of file, for sizes, ranges and segments that are drawn; and
against other decoders than ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.conftest import (
    CUT_OFF,
    TICK_SEC,
    WHOLE,
    Video,
    Videos,
    assert_pictures_are_what_they_say,
)
from tests.support.matrix import Case
from tests.support.numbered_video import decode_jpeg
from tests.support.second_decoder import Shown, shown_by_ffmpeg, shown_by_opencv
from three_stage.media import (
    ClipSpan,
    CutError,
    Ffmpeg,
    FramePool,
    clip_span,
    cut_clip,
    grab_frames,
    nearest_index,
    probe_video,
    sample_pool,
    source_facts,
)
from three_stage.runs import key_frame_name
from three_stage.settings import CutSettings, SamplingSettings

pytestmark = pytest.mark.slow

FAST = CutSettings(preset="ultrafast")
COPY = CutSettings(cut_mode="copy")
EVERY_FRAME = SamplingSettings(max_frames=2000)
NAMED_SECONDS = re.compile(r"_ts_(\d+\.\d\d)s\.jpg$")


# Pools


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=4)
@given(count=st.integers(9, 130))
def test_pools_of_any_size_hold_the_frames_that_their_times_name(
    videos: Videos, name: str, count: int
) -> None:
    path, case = videos(name).path, videos(name).case
    pool = sample_pool(path, SamplingSettings(max_frames=count))
    assert_pictures_are_what_they_say(pool, case)
    assert len(pool.frames) == min(count, len(case.numbers))
    assert pool.displayed_frames == len(case.numbers)
    assert pool.frames[0].original_frame_index == 0
    assert pool.frames[-1].original_frame_index == len(case.numbers) - 1
    assert pool.frames[0].timestamp_sec == 0.0
    assert pool.end_sec == pytest.approx(case.end_sec, abs=2 * TICK_SEC)
    assert pool.warnings == ()


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_is_described_as_it_was_made(videos: Videos, name: str) -> None:
    probe, case = probe_video(videos(name).path), videos(name).case
    assert probe.displayed_frames == len(case.numbers)
    assert probe.last_frame_time_sec == pytest.approx(case.times_sec[-1], abs=TICK_SEC)
    assert probe.info.duration_sec == pytest.approx(case.end_sec, abs=2 * TICK_SEC)
    assert probe.info.codec == case.codec
    assert probe.info.variable_frame_rate == case.variable_rate
    assert probe.info.rotation == case.turned
    assert probe.has_audio == case.spec.audio
    assert probe.warnings == ()


@pytest.mark.parametrize("name", WHOLE)
def test_key_frame_pools_tell_the_true_time_of_true_key_frames(videos: Videos, name: str) -> None:
    path, case = videos(name).path, videos(name).case
    pool = sample_pool(path, SamplingSettings(max_frames=9, pool_mode="keyframe"), fewest_frames=1)
    assert_pictures_are_what_they_say(pool, case)
    keys = [shown.number for shown in by_ffmpeg(videos(name)) if shown.is_key]
    assert {case.number_of(frame.clean_jpeg) for frame in pool.frames} <= set(keys)
    assert len(pool.frames) == min(9, len(keys))


# Clips, and what stage 3 makes of them


def segments(displayed_frames: int) -> st.SearchStrategy[list[int]]:
    """Draw three ends of two neighbouring segments, of at least one frame each."""
    ends = st.integers(0, displayed_frames)
    return st.lists(ends, min_size=3, max_size=3, unique=True).map(sorted)


def cut(
    video: Video, pool: FramePool, start: int, end: int, cutting: CutSettings, clip: Path,
    ffmpeg: Ffmpeg,
) -> ClipSpan:  # fmt: skip
    """Cut the frames of [start, end) and let the product say what the clip holds."""
    ends = [*(frame.timestamp_sec for frame in pool.frames), pool.end_sec]
    work = cut_clip(
        ffmpeg, video.path, clip, start_sec=ends[start], end_sec=ends[end], video=pool.info,
        facts=source_facts(video.path),
        settings=cutting, timeout_sec=60,
    )  # fmt: skip
    asyncio.run(work)
    return clip_span(
        video.path, clip, start_sec=ends[start], end_sec=ends[end], frames=end - start,
        settings=cutting,
    )  # fmt: skip


def copied(
    video: Video, pool: FramePool, start: int, end: int, clip: Path, ffmpeg: Ffmpeg
) -> ClipSpan | CutError:
    """Cut without encoding; return what the clip holds, or why it cannot be."""
    try:
        return cut(video, pool, start, end, COPY, clip, ffmpeg)
    except CutError as error:
        return error


def numbers_in(clip: Path, case: Case) -> list[int]:
    """Read the numbers of all frames that a clip displays, counted from the first displayed."""
    pool = sample_pool(clip, EVERY_FRAME, fewest_frames=1)
    return [case.number_of(frame.clean_jpeg) - case.numbers[0] for frame in pool.frames]


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=2)
@given(data=st.data())
def test_any_clip_holds_exactly_its_frames_and_stage_3_names_them(
    videos: Videos,
    name: str,
    ffmpeg: Ffmpeg,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    video, case = videos(name), videos(name).case
    pool = sample_pool(video.path, EVERY_FRAME)
    first, middle, last = data.draw(segments(pool.displayed_frames))
    clip = tmp_path_factory.mktemp("clip") / "clip.mp4"
    held = []
    for start, end in ((first, middle), (middle, last)):
        span = cut(video, pool, start, end, FAST, clip, ffmpeg)
        held += numbers_in(clip, case)
        assert_stage_3_names_the_source_frames(video, pool, clip, span, start)
    assert held == list(range(first, last)), "no frame twice, none lost"


def assert_stage_3_names_the_source_frames(
    video: Video, source: FramePool, clip: Path, span: ClipSpan, start: int
) -> None:
    """Sample a clip as stage 3 does, and take two key frames from the source."""
    case, times = video.case, [frame.timestamp_sec for frame in source.frames]
    pool = sample_pool(
        clip, SamplingSettings(max_frames=7), origin_sec=span.start_sec, fewest_frames=1
    )
    for frame in pool.frames:
        named = int(nearest_index(times, [frame.timestamp_sec])[0])
        assert named == start + frame.original_frame_index
        assert case.number_of(frame.clean_jpeg) == case.numbers[named]
    chosen = [pool.frames[0], pool.frames[-1]]
    key_frames = grab_frames(video.path, [frame.timestamp_sec for frame in chosen])
    for frame, key_frame in zip(chosen, key_frames, strict=True):
        assert case.number_of(key_frame.jpeg) == case.number_of(frame.clean_jpeg)
        assert decode_jpeg(key_frame.jpeg).shape == (source.info.height, source.info.width, 3)
        named_sec = NAMED_SECONDS.search(key_frame_name(frame.index_1based, frame.timestamp_sec))
        assert named_sec is not None
        assert float(named_sec[1]) == pytest.approx(key_frame.time_sec, abs=0.005 + TICK_SEC)


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=2)
@given(data=st.data())
def test_what_a_copied_clip_holds_is_told_truthfully(
    videos: Videos,
    name: str,
    ffmpeg: Ffmpeg,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    video, case = videos(name), videos(name).case
    pool = sample_pool(video.path, EVERY_FRAME)
    start, end, _ = data.draw(segments(pool.displayed_frames))
    clip = tmp_path_factory.mktemp("copy") / "clip.mp4"
    told = copied(video, pool, start, end, clip, ffmpeg)
    if isinstance(told, CutError):
        assert "--cut-mode reencode" in str(told)
        return
    ends = [*(frame.timestamp_sec for frame in pool.frames), pool.end_sec]
    held = numbers_in(clip, case)
    assert held == list(range(held[0], held[-1] + 1))
    assert (ends[held[0]], ends[held[-1] + 1]) == (told.start_sec, told.end_sec)
    assert len(held) == told.displayed_frames


# Files that were cut off: what decodes is used, and what is lost is said


@pytest.mark.parametrize("name", CUT_OFF)
def test_what_is_left_of_a_file_is_used_truly(
    videos: Videos, name: str, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    video, case = videos(name), videos(name).case
    pool = sample_pool(video.path, EVERY_FRAME)
    left = pool.displayed_frames
    assert 100 < left < 200
    assert [f.timestamp_sec for f in pool.frames] == pytest.approx(case.times_sec[:left], abs=0.001)
    # The very last picture may be half a picture; all others are whole.
    assert [case.number_of(f.clean_jpeg) for f in pool.frames[:-1]] == list(
        case.numbers[: left - 1]
    )
    # A transport stream does not say how long it should be.
    assert any("are lost" in line for line in pool.warnings) == (not name.endswith(".ts"))
    clip = tmp_path / "clip.mp4"
    cut(video, pool, left - 40, left - 5, FAST, clip, ffmpeg)
    assert numbers_in(clip, case) == list(range(left - 40, left - 5))


# Independent truth

OPENCV_DISAGREES = {
    "av1.mp4": "OpenCV's build has no AV1 decoder that works without special hardware",
    "av1.mkv": "OpenCV's build has no AV1 decoder that works without special hardware",
    "interlaced.ts": "OpenCV hands out no pictures of interlaced video",
    "h264.avi": "AVI has no presentation times; OpenCV gives the last frames the time 0",
    "mpeg4.avi": "AVI has no presentation times; OpenCV gives the last frames the time 0",
    "h264 from mp4.avi": "AVI has no presentation times; OpenCV gives the last frames the time 0",
    "two videos.mp4": "OpenCV takes the first stream, ffmpeg and we the main one",
    "two videos.mkv": "OpenCV takes the first stream, ffmpeg and we the main one",
}
"""Where OpenCV shows something else than ffmpeg and we do, and why; docs/time.md has it too."""


def by_ffmpeg(video: Video) -> list[Shown]:
    return shown_by_ffmpeg(video.path, video.case.read)


def is_as_made(shown: Sequence[Shown], case: Case) -> bool:
    """Tell whether a decoder shows the numbers of a case at its times."""
    numbers = [frame.number for frame in shown]
    times = [frame.time_sec for frame in shown]
    return numbers == list(case.numbers) and times == pytest.approx(case.times_sec, abs=TICK_SEC)


@pytest.mark.parametrize("name", WHOLE)
def test_ffmpeg_shows_the_same_frames_at_the_same_times(videos: Videos, name: str) -> None:
    video = videos(name)
    assert is_as_made(by_ffmpeg(video), video.case)


@pytest.mark.parametrize("name", WHOLE)
def test_opencv_agrees_wherever_no_reason_is_known(videos: Videos, name: str) -> None:
    video = videos(name)
    shown = shown_by_opencv(video.path, video.case.read)
    assert is_as_made(shown, video.case) == (name not in OPENCV_DISAGREES)


@pytest.mark.parametrize("name", CUT_OFF)
def test_ffmpeg_saves_as_much_of_a_file_that_was_cut_off(videos: Videos, name: str) -> None:
    video = videos(name)
    pool = sample_pool(video.path, EVERY_FRAME)
    shown = by_ffmpeg(video)
    assert len(shown) == pool.displayed_frames
    assert [frame.timestamp_sec for frame in pool.frames] == pytest.approx(
        [frame.time_sec for frame in shown], abs=TICK_SEC
    )
